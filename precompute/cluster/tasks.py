"""Which tasks of a run can be done, are being done and are done; decides what a lost or failed one means. Knows no cluster."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from precompute.cluster.node_worker import Outcome
from precompute.failures import KINDS, SourceError
from precompute.jobs.events import Stored
from precompute.jobs.units import WHOLE_CLIP, Unit

MAX_LOST = 5
"""A task is given up when it has lost this many workers: it may be what ends them."""
MAX_TRIES = 2
"""A task that fails for a reason that may pass is tried so often."""


class Task(NamedTuple):
    """What one worker does at a time."""

    position: int
    """Index of its source in the list."""
    unit: Unit
    completes: bool
    """Whether it computes what is missing of the whole clip, and completes it."""


@dataclass
class Progress:
    """How far a source is."""

    source: str
    clip: str
    n_frames: int
    """Estimated; 0 if unknown."""
    units: set[Unit]
    """Those that are not done."""
    n_done: int = 0
    """Frames that finished tasks computed."""
    began: float = field(default_factory=time.monotonic)
    """When it was planned, seconds of the monotonic clock."""
    n_lost: dict[Task, int] = field(default_factory=dict)
    n_tries: dict[Task, int] = field(default_factory=dict)
    stored: Stored | None = None
    failure: SourceError | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return self.stored is not None or self.failure is not None


class Tasks:
    """Those of all sources that are planned so far."""

    def __init__(self) -> None:
        self.of: dict[int, Progress] = {}
        """Position -> its source."""
        self._waiting: deque[Task] = deque()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def add(self, position: int, source: str, clip: str, n_frames: int, units: list[Unit]) -> None:
        """A source with its units; a single one computes and completes the clip."""
        self.of[position] = Progress(source, clip, n_frames, set(units) if len(units) > 1 else set())
        if len(units) > 1:
            self._waiting.extend(Task(position, unit, completes=False) for unit in units)
        else:
            self._waiting.append(Task(position, WHOLE_CLIP, completes=True))

    def add_failed(self, position: int, source: str, failure: SourceError) -> None:
        """A source that cannot be planned."""
        self.of[position] = Progress(source, "", 0, set(), failure=failure)

    def next(self) -> Task | None:
        """The next one to be done; None if none waits."""
        while self._waiting:
            task = self._waiting.popleft()
            if not self.of[task.position].is_over:
                return task
        return None

    def done(self, task: Task, outcome: Outcome) -> None:
        """A worker has answered."""
        of = self.of[task.position]
        of.n_done += outcome.n_frames
        of.notes += outcome.notes
        if outcome.was_stopped or of.is_over:
            return
        if outcome.failure is not None:
            self._failed(task, SourceError(*outcome.failure))
        elif outcome.stored is not None:
            of.stored = Stored(**outcome.stored)
        else:
            of.units.discard(task.unit)
            if not of.units:
                self._waiting.appendleft(Task(task.position, WHOLE_CLIP, completes=True))

    def lost(self, task: Task, why: str) -> None:
        """The worker that did it is gone: another one does it, whose packs are the same."""
        of = self.of[task.position]
        of.n_lost[task] = of.n_lost.get(task, 0) + 1
        if of.n_lost[task] < MAX_LOST:
            self._waiting.appendleft(task)
        elif not of.is_over:
            of.failure = SourceError("worker_lost", f"{of.source}: {describe(task)} lost {MAX_LOST} workers ({why})")

    def _failed(self, task: Task, error: SourceError) -> None:
        of = self.of[task.position]
        of.n_tries[task] = of.n_tries.get(task, 0) + 1
        if KINDS[error.code].can_retry and of.n_tries[task] < MAX_TRIES:
            self._waiting.append(task)
        else:
            of.failure = error


def describe(task: Task) -> str:
    """The task in messages."""
    if task.completes:
        return "completing the clip"
    return (
        f"frames from {task.unit.start}"
        if task.unit.end is None
        else f"frames {task.unit.start} to {task.unit.end - 1}"
    )
