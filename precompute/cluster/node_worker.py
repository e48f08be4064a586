"""What one process of a node does: it computes units of clips and completes clips, and reports plain values."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from cache.records import StoreError
from cache.store import Store
from consistency.zoo.records import ZooError
from precompute.cluster.messages import Job, identity_of, settings_of, unknown_identity
from precompute.failures import SourceError
from precompute.jobs.events import Computing, Event, Note, Stored, name_error
from precompute.jobs.job import compute_source, compute_unit, find_source, plan_found
from precompute.jobs.predict import Networks
from precompute.jobs.units import Unit
from precompute.media.decoder import FORKS
from precompute.media.sources import Source
from precompute.signals import Stop

log = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """What became of a task."""

    n_frames: int = 0
    """Frames computed."""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    """Remarks for people."""
    stored: Mapping[str, Any] | None = None
    """The fields of `Stored`, where a clip was completed."""
    failure: tuple[str, str, str] | None = None
    """Code, what was found and the next step."""
    was_stopped: bool = False
    """Whether the run was stopped before the task was done."""


class NodeWorker:
    """Keeps networks, plans and digests of sources for the next task."""

    def __init__(self, job: Job, n_threads: int = 0) -> None:
        """`n_threads`: of torch; 0 for its own choice."""
        import torch

        if n_threads:
            torch.set_num_threads(n_threads)
        self._open = ExitStack()
        self._open.enter_context(FORKS.ready())
        self._stop, self._networks, self._progress = Stop(), Networks(), _Progress()
        self._found: dict[str, Source] = {}
        self._error = ""
        try:
            self._settings = settings_of(job)
            self._store = _shared_store(Path(job["store"]))
        except (ZooError, StoreError, ValueError) as error:
            self._error = str(error)

    def identity(self) -> dict[str, Any]:
        """The fields of `Identity`."""
        return asdict(unknown_identity(self._error) if self._error else identity_of(self._settings.zoo))

    def compute(self, source: str, clip: str, start: int, end: int | None, completes: bool) -> tuple[Any, ...]:
        """Compute a unit of a clip or, if `completes`, what is missing of all of it; `clip` is its key. Returns an Outcome as
        plain values."""
        self._progress.begin()
        try:
            if completes:
                return self._complete(source)
            return self._compute_unit(source, clip, Unit(start, end))
        except KeyboardInterrupt:
            return tuple(Outcome(was_stopped=True))
        except Exception as error:
            log.debug("%s failed", source, exc_info=error)
            named = name_error(source, error)
            return tuple(Outcome(failure=(named.code, named.found, named.next_step)))

    def progress(self) -> int:
        """Frames that the current task has computed so far."""
        return self._progress.n_frames

    def stop(self) -> None:
        """End the current task with its current pack."""
        self._stop.set()

    def _complete(self, source: str) -> tuple[Any, ...]:
        done = compute_source(
            self._store, source, self._settings, self._networks, events=self._progress, stop=self._stop
        )
        notes = tuple(self._progress.notes)
        return tuple(Outcome(done.n_frames_computed, done.seconds, notes, stored=_plain(done)))

    def _compute_unit(self, source: str, clip: str, unit: Unit) -> tuple[Any, ...]:
        if source not in self._found:
            self._found[source] = find_source(self._store, source, self._settings)
        plan = plan_found(self._store, self._found[source], self._settings)
        if plan.clip.key != clip:
            raise SourceError("changed", f"{source}: this node finds another file under that name")
        try:
            done = compute_unit(
                self._store, plan, self._settings, self._networks, unit, events=self._progress, stop=self._stop
            )
        except ZooError:  # a network fails: the rest of the unit is stored, and completing the clip reports it
            return tuple(Outcome())
        return tuple(Outcome(done.n_frames_computed, done.seconds))


class _Progress:
    """Hears the events of a task."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.n_frames = 0
        self.notes: list[str] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, Computing):
            self.n_frames = event.n_frames - event.n_resumed
        elif isinstance(event, Note):
            self.notes.append(event.text)


def _shared_store(root: Path) -> Store:
    """The run's store, as this node sees it. Raises StoreError if it is not there: creating it would hide a missing mount."""
    if not (root / "tracks").is_dir():
        raise StoreError(f"the store {root} is not there", "mount the store's folder at the same place on every node")
    return Store(root)


def _plain(done: Stored) -> dict[str, Any]:
    return asdict(done)
