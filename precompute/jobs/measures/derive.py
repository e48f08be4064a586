"""Computes the measures of a clip from its stored tracks. Resumable; packs are computed side by side."""

# N frames

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

import cv2
import numpy as np

from cache.pack import BadPack
from cache.records import StoreError, Track
from cache.store import Store
from cache.writer import TrackWriter
from precompute.jobs.events import UNHEARD, Events, Waiting
from precompute.jobs.measures.optical_flow import Motion
from precompute.jobs.measures.spec import Measured, MeasureSpec, Moment
from precompute.jobs.output.encode import encode_image, start_encoder
from precompute.jobs.output.packs import n_encoders, pack_frames
from precompute.jobs.output.stored_frames import StoredFrames
from precompute.signals import Stop

log = logging.getLogger(__name__)

A = TypeVar("A")
B = TypeVar("B")


def compute_measures(
    store: Store,
    input_track: Track,
    specs: Sequence[MeasureSpec],
    *,
    flow: str = "",
    events: Events = UNHEARD,
    stop: Stop | None = None,
) -> int:
    """Compute those that the store lacks; returns how many it has completed.

    All read finished tracks of one clip, `input_track` among them. `flow`: the key of the clip's flow, which is read
    instead of computed where it is stored. A frame needs the one before, so each pack reads one frame of the pack before
    it. Raises StoreError and OSError.
    """
    stop = stop or Stop()
    with store.writing(input_track.head.clip.key, on_wait=lambda: events.emit(Waiting())), ExitStack() as stack:
        pending = [spec for spec in specs if not store.holds(spec.head.key)]
        if not pending:
            return 0
        motion = store.get(flow) if flow and store.holds(flow) else None
        sources = _Sources(store, input_track, tuple(pending), motion)
        writers = [TrackWriter(store, replace(spec.head, computed_on=_describe(spec))) for spec in pending]
        pool = stack.enter_context(ThreadPoolExecutor(n_encoders(), "measure", start_encoder))
        size, n_frames = pack_frames(input_track.head.clip), input_track.n_frames
        starts = range(min(writer.n_frames for writer in writers), n_frames, size)
        log.info("%d measures of '%s' from frame %d", len(pending), input_track.head.clip.title, starts.start)
        ranges = ((start, min(start + size, n_frames)) for start in starts)
        for pack in _in_order(pool, sources.pack, ranges, n_encoders() + 1):
            for writer, (images, columns) in zip(writers, pack.parts, strict=True):
                if writer.n_frames == pack.start:  # others were stored by an earlier run
                    writer.append(pack.start, images, columns)
            if stop.is_set():
                pool.shutdown(cancel_futures=True)
                return 0
        for writer in writers:
            writer.finish()
        return len(writers)


def _describe(spec: MeasureSpec) -> dict[str, str]:
    """How the frames were computed, for the manifest: like those they follow from, and with OpenCV."""
    time = datetime.now(UTC).isoformat(timespec="seconds")
    return {**spec.of[0].head.computed_on, "opencv": cv2.__version__, "time": time}


@dataclass(frozen=True)
class _Pack:
    """The frames of one pack of every measure."""

    start: int
    parts: list[tuple[list[bytes], dict[str, np.ndarray]]]
    """Images and columns of each measure, in the order of the specs."""


@dataclass(frozen=True)
class _Sources:
    """Reads the frames that the measures need."""

    store: Store
    input_track: Track
    specs: tuple[MeasureSpec, ...]
    flow: Track | None
    """The clip's flow where it is stored."""

    def pack(self, frames: tuple[int, int]) -> _Pack:
        """The measures of the frames from the first to before the last. Raises StoreError."""
        start, end = frames
        measured: list[list[Measured]] = [[] for _ in self.specs]
        times = StoredFrames(self.store, self.input_track)
        try:
            for at, moment in self._moments(start, end):
                if at >= start:
                    for found, spec in zip(measured, self.specs, strict=True):
                        found.append(spec.score(moment))
            pts_seconds = np.array([times.row("pts_seconds", at) for at in range(start, end)], np.float64)
        except (BadPack, ValueError, KeyError, IndexError) as error:
            title = self.input_track.head.clip.title
            raise StoreError(
                f"a track of '{title}' cannot be read ({error})", "run: python -m precompute verify"
            ) from error
        return _Pack(start, [_coded(found, pts_seconds) for found in measured])

    def _moments(self, start: int, end: int) -> Iterator[tuple[int, Moment]]:
        """The frames, and the one before the first."""
        tracks = {track.head.key: track for spec in self.specs for track in spec.of}
        uses_motion = any(spec.uses_motion for spec in self.specs)
        if uses_motion and self.flow is None:
            tracks[self.input_track.head.key] = self.input_track
        frames = {key: StoredFrames(self.store, track) for key, track in tracks.items()}
        flow = StoredFrames(self.store, self.flow) if uses_motion and self.flow else None
        before: Moment | None = None
        for at in range(max(start - uses_motion, 0), end):
            codes = {key: track.image(at) for key, track in frames.items()}
            motion = _motion(flow, at) if flow and before else None
            moment = Moment(codes, self.input_track.head.key, before, motion)
            yield at, moment
            before = replace(moment, before=None)  # or memory would grow with the frames


def _motion(flow: StoredFrames, at: int) -> Motion:
    return Motion(flow.row("flow", at), (flow.image(at) > 127).astype(np.uint8))


def _coded(measured: Sequence[Measured], pts_seconds: np.ndarray) -> tuple[list[bytes], dict[str, np.ndarray]]:
    """The images and columns of a pack, as its writer wants them."""
    columns = {name: np.stack([_stored(found.columns[name]) for found in measured]) for name in measured[0].columns}
    return [encode_image(found.image) for found in measured], {"pts_seconds": pts_seconds, **columns}


def _stored(value: float | np.ndarray) -> np.ndarray:
    """Numbers in 32 bits, arrays in 16."""
    return np.asarray(value, np.float16 if np.ndim(value) else np.float32)


def _in_order(pool: ThreadPoolExecutor, work: Callable[[A], B], items: Iterable[A], n_ahead: int) -> Iterator[B]:
    """The results in the order of the items, of which at most `n_ahead` are being worked on."""
    waiting: deque[Future[B]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) >= n_ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
