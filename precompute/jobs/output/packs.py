"""The frames of one pack of every track: encoded while the networks compute, then written by threads of their own."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from cache.pack import MAX_FRAMES
from cache.records import Clip
from cache.writer import PartWriter, TrackWriter
from precompute.jobs.batches import Remarks
from precompute.jobs.output.encode import encode_image, encode_preview
from precompute.jobs.output.tracks import TrackChunk

PACK_PIXELS = 64 * 256 * 256
"""Pixels per pack and track, 64 frames of 256x256: the most that a killed job computes again, and its bound on memory."""
ENCODED_TOGETHER = 8
"""Images of a track that one encoder handles at a time: with fewer, the threads cost more than the work."""
DISK_THREADS = 16
"""Files written to the disk at a time."""

log = logging.getLogger(__name__)


def pack_frames(clip: Clip) -> int:
    """Frames per pack of a clip."""
    return max(1, min(MAX_FRAMES, PACK_PIXELS // (clip.width * clip.height)))


def n_encoders() -> int:
    """Threads that encode: the codecs release Python's lock, and so do networks on a GPU."""
    return max(2, (os.cpu_count() or 2) - 1)


@dataclass(frozen=True)
class EncodedChunk:
    """What one track gains from one batch, being encoded."""

    images: list[Future[list[tuple[bytes, bytes]]]]
    """Each the images of some consecutive frames and their previews."""
    columns: dict[str, np.ndarray]


def encode_chunks(chunks: Mapping[str, TrackChunk], encoders: ThreadPoolExecutor) -> dict[str, EncodedChunk]:
    """Start encoding what each track gains. The chunks are in host memory."""
    return {key: _encode_chunk(chunk, encoders) for key, chunk in chunks.items()}


def _encode_chunk(chunk: TrackChunk, encoders: ThreadPoolExecutor) -> EncodedChunk:
    images = np.asarray(chunk.images)
    starts = range(0, len(images), ENCODED_TOGETHER)
    futures = [encoders.submit(_encode, images[first : first + ENCODED_TOGETHER]) for first in starts]
    return EncodedChunk(futures, {name: np.asarray(values) for name, values in chunk.columns.items()})


def _encode(images: np.ndarray) -> list[tuple[bytes, bytes]]:
    return [(encode_image(image), encode_preview(image)) for image in images]


class PackBuilder:
    """Collects the frames of one pack of every track while they are being encoded."""

    def __init__(self, start: int) -> None:
        self.start = start
        """Index of the pack's first frame in the clip."""
        self._chunks: dict[str, list[EncodedChunk]] = {}
        self._encoding: list[Future[list[tuple[bytes, bytes]]]] = []

    def add(self, chunks: Mapping[str, EncodedChunk]) -> None:
        """Append a batch; returns once the batch before is encoded, so that no more than two are held."""
        before, self._encoding = self._encoding, [future for chunk in chunks.values() for future in chunk.images]
        for key, chunk in chunks.items():
            self._chunks.setdefault(key, []).append(chunk)
        for future in before:
            future.result()

    def drop(self, keys: Iterable[str]) -> None:
        """Forget what was collected of those tracks."""
        for key in keys:
            self._chunks.pop(key, None)

    def write(self, writer: TrackWriter | PartWriter) -> None:
        """Store the pack of one track, once it is encoded."""
        if chunks := self._chunks.get(writer.head.key):
            columns = {name: np.concatenate([chunk.columns[name] for chunk in chunks]) for name in chunks[0].columns}
            encoded = [pair for chunk in chunks for future in chunk.images for pair in future.result()]
            images, previews = zip(*encoded, strict=True)
            writer.append(self.start, images, columns, previews)


class PackWriter:
    """Writes packs while the next frames are computed, many tracks at a time: a disk is slow to confirm that a file is
    safe, and confirms many files as fast as one."""

    def __init__(self, writers: Sequence[TrackWriter] | Sequence[PartWriter]) -> None:
        self._writers = tuple(writers)
        self._disk = ThreadPoolExecutor(DISK_THREADS, "disk")
        self._writing: list[Future[None]] = []

    def put(self, pack: PackBuilder) -> None:
        """Start writing, once the pack before is written. Raises any error of that one."""
        self.wait()
        log.debug("writing the packs that start at frame %d of %d tracks", pack.start, len(self._writers))
        self._writing = [self._disk.submit(pack.write, writer) for writer in self._writers]

    def wait(self) -> None:
        """Return once everything is written. Raises any error of the writing."""
        writing, self._writing = self._writing, []
        for future in writing:
            future.result()
        if writing:
            log.debug("packs written")

    def drop(self, keys: Collection[str]) -> None:
        """Write nothing more of those tracks, once what was begun is written."""
        self.wait()
        self._writers = tuple(writer for writer in self._writers if writer.head.key not in keys)

    def finish(self, remarks: Remarks) -> None:
        """Once everything is written, mark every track as complete, with what is known about its source; of parts, state the end
        of the clip if it was reached."""
        self.wait()

        def finish(writer: TrackWriter | PartWriter) -> None:
            if isinstance(writer, TrackWriter):
                known = remarks.texts or (writer.end.remarks if writer.end else {})
                writer.head = replace(writer.head, computed_on={**writer.head.computed_on, **known})
                writer.finish(remarks.n_frames)
            elif remarks.n_frames is not None:
                writer.finish(remarks.n_frames, remarks.texts)

        list(self._disk.map(finish, self._writers))
        log.info("%d tracks complete", len(self._writers))

    def close(self) -> None:
        """Wait for what is being written, and end the threads."""
        self._disk.shutdown()
