"""Frames of a clip in batches, decoded in a thread while the networks compute."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread
from typing import Literal

import numpy as np

from consistency.domains import get_domain
from precompute.failures import SourceError
from precompute.jobs.batches import Batch
from precompute.jobs.plan import Plan
from precompute.media import decoder
from precompute.media.sampling import Frame, Sampling

BATCHES_AHEAD = 2
"""Decoded batches waiting for the networks."""


def frame_batches(
    plan: Plan, start: int, batch_size: int, chunk_size: int, stopped: Event, on_damage: Callable[[str], None]
) -> Generator[Batch]:
    """The clip's frames from `start` on, with their ground truth, in batches that end where chunks end.

    Setting `stopped` ends it, also while frames before `start` are skipped. `on_damage` hears where a tolerant one ended.
    """
    with ExitStack() as stack:

        def decode(path: Path, sampling: Sampling, channels: Literal[1, 3] | None = None) -> Generator[Frame]:
            frames = decoder.frames(path, sampling, channels=channels, stopped=stopped, on_damage=on_damage)
            return stack.enter_context(closing(frames))

        n_frames = 0
        rgb = decode(plan.source.path, plan.sampling)
        strict = replace(plan.sampling, is_tolerant=False)
        truth = {name: decode(path, strict, get_domain(name).channels) for name, path in plan.source.truth.items()}
        held: list[tuple[Frame, dict[str, np.ndarray]]] = []
        for frame in rgb:
            n_frames += 1
            codes = {}
            for name, frames in truth.items():
                true_frame = next(frames, None)
                if true_frame is None and stopped.is_set():
                    return
                if true_frame is None:
                    raise SourceError(
                        "bad_truth",
                        f"{plan.source.title}: ground truth of {name} ends before the clip, at frame {frame.index}",
                    )
                codes[name] = true_frame.rgb
            if frame.index < start:
                continue
            held.append((frame, codes))
            if len(held) == batch_size or (frame.index + 1 - start) % chunk_size == 0:
                yield _stack(held)
                held = []
        if stopped.is_set():
            return
        if held:
            yield _stack(held)
        if n_frames < max(start, 1):
            raise SourceError(
                "no_frames",
                f"{plan.source.title}: has {n_frames} frames in the requested range, {start} are stored",
                "change --start or --end, or remove its tracks",
            )


def _stack(held: list[tuple[Frame, dict[str, np.ndarray]]]) -> Batch:
    return Batch(
        rgb=np.stack([frame.rgb for frame, _ in held]),
        pts_seconds=np.array([frame.pts_seconds for frame, _ in held]),
        truth={name: np.stack([codes[name] for _, codes in held]) for name in held[0][1]},
        outputs={},
        start=held[0][0].index,
    )


def read_ahead(read_batches: Callable[[Event], Generator[Batch]]) -> Generator[Batch]:
    """The batches, decoded in a thread while the caller computes; its errors are raised here. Closing it sets the event
    that `read_batches` is given."""
    queue: Queue[Batch | BaseException | None] = Queue(BATCHES_AHEAD)
    stopped = Event()

    def put(item: Batch | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                return queue.put(item, timeout=0.1)
            except Full:
                continue

    def read() -> None:
        try:
            with closing(read_batches(stopped)) as batches:
                for batch in batches:
                    put(batch)
                    if stopped.is_set():
                        return
            put(None)
        except BaseException as error:
            put(error)

    thread = Thread(target=read, name="decode", daemon=True)
    thread.start()
    try:
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
