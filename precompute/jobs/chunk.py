"""The frames of one pack of every track: encoded beside the networks, stored behind them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from cache.pack import MAX_FRAMES
from cache.records import Clip
from cache.writer import TrackWriter
from precompute.jobs.batches import TrackChunk
from precompute.jobs.encode import encode_image, encode_preview

CHUNK_PIXELS = 64 * 256 * 256
"""Pixels per pack and track, 64 frames of 256x256: what a killed job does again at most, and what bounds its memory."""
ENCODED_TOGETHER = 8
"""Images of a track that one encoder takes at a time: fewer cost the threads more than the work."""
DISK_THREADS = 16
"""Files pushed to the disk at a time."""


def chunk_frames(clip: Clip) -> int:
    """Frames per pack of a clip."""
    return max(1, min(MAX_FRAMES, CHUNK_PIXELS // (clip.width * clip.height)))


def n_encoders() -> int:
    """Threads that encode: the codecs let others run, and so do networks on a GPU."""
    return max(2, (os.cpu_count() or 2) - 1)


class PackBuilder:
    """The frames of one pack of every track, being encoded."""

    def __init__(self, start: int) -> None:
        self.start = start
        self._images: dict[str, list[Future[list[tuple[bytes, bytes]]]]] = {}
        self._columns: dict[str, list[dict[str, np.ndarray]]] = {}
        self._encoding: list[Future[list[tuple[bytes, bytes]]]] = []

    def add(self, products: Mapping[str, TrackChunk], encoders: ThreadPoolExecutor) -> None:
        """Start encoding; returns once the batch before is coded, so that no more than two are held."""
        before, self._encoding = self._encoding, []
        for key, product in products.items():
            images = np.asarray(product.images)
            for first in range(0, len(images), ENCODED_TOGETHER):
                self._encoding.append(encoders.submit(encode, images[first : first + ENCODED_TOGETHER]))
                self._images.setdefault(key, []).append(self._encoding[-1])
            self._columns.setdefault(key, []).append(
                {name: np.asarray(values) for name, values in product.columns.items()}
            )
        for future in before:
            future.result()

    def write(self, writer: TrackWriter) -> None:
        """Store this chunk of one track, once it is coded."""
        key = writer.head.key
        if parts := self._columns.get(key):
            columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            coded = [pair for future in self._images[key] for pair in future.result()]
            images, previews = zip(*coded, strict=True)
            writer.append(self.start, images, columns, previews)


class PackWriter:
    """Stores chunks while the next frames are computed, many tracks at a time: a disk is slow to say that something is
    safe, and says it of many files as soon as of one."""

    def __init__(self, writers: Iterable[TrackWriter]) -> None:
        self._writers = tuple(writers)
        self._disk = ThreadPoolExecutor(DISK_THREADS, "disk")
        self._writing: list[Future[None]] = []

    def put(self, chunk: PackBuilder) -> None:
        """Write it, once the chunk before is written. Raises what stopped that one."""
        self.wait()
        self._writing = [self._disk.submit(chunk.write, writer) for writer in self._writers]

    def wait(self) -> None:
        """Until all is written. Raises what stopped it."""
        writing, self._writing = self._writing, []
        for future in writing:
            future.result()

    def finish(self, damages: Sequence[str]) -> None:
        """Call every track complete, with what is known of damage to its source."""

        def finish(writer: TrackWriter) -> None:
            for damage in damages:
                writer.head = replace(writer.head, computed_on={**writer.head.computed_on, "damage": damage})
            writer.finish()

        list(self._disk.map(finish, self._writers))

    def close(self) -> None:
        self._disk.shutdown()


def encode(images: np.ndarray) -> list[tuple[bytes, bytes]]:
    """Images of codes as they are, each with its preview."""
    return [(encode_image(image), encode_preview(image)) for image in images]
