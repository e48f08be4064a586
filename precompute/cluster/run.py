"""Computes the sources of a run on the nodes of a cluster, and reports as a run on one machine does."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from cache.records import StoreError
from cache.store import Store
from precompute.cluster.messages import Job, identity_of
from precompute.cluster.ray_nodes import RayNodes
from precompute.cluster.tasks import Progress, Tasks, describe
from precompute.jobs.compute_clip import UNUSABLE
from precompute.jobs.events import (
    UNHEARD,
    Computing,
    Events,
    Failed,
    Nodes,
    Note,
    Planned,
    Resolved,
    RunEnded,
    RunStarted,
    Started,
    name_error,
)
from precompute.jobs.job import Settings, find_source, missing_networks, plan_found
from precompute.jobs.output.packs import pack_frames
from precompute.jobs.plan import Plan
from precompute.jobs.units import WHOLE_CLIP, Unit, units_of
from precompute.media.sources import bundled_clips, local_path
from precompute.net.urls import address_of
from precompute.signals import Stop

UNIT_PACKS = 2
"""Packs of a unit. A unit decodes its source from the beginning, and leaves the frames before it without pictures: with fewer
packs that would be done more often, with more the last workers idle at the end of a clip."""
TASKS_AHEAD = 8
"""Tasks that wait before further sources are planned."""
WAIT_SECONDS = 0.5
SHOW_SECONDS = 1.0
STOP_SECONDS = 120.0
"""How long the workers of a stopped run may take for their current packs."""
ALONE_SECONDS = 15.0
"""Without a worker for that long, a remark says so."""

log = logging.getLogger(__name__)


def run_on_cluster(
    store: Store,
    sources: Sequence[str],
    settings: Settings,
    job: Job,
    address: str,
    *,
    remarks: Sequence[str] = (),
    events: Events = UNHEARD,
    stop: Stop | None = None,
) -> int:
    """Compute several sources on the Ray cluster at that address; returns how many failed.

    Raises NoRay, and KeyboardInterrupt once `stop` is set and the workers have stored their current packs.
    """
    stop = stop or Stop()
    with RayNodes(address, job, identity_of(settings.zoo)) as nodes:
        events.emit(RunStarted(tuple(sources)))
        try:
            for remark in (*remarks, *missing_networks(settings.zoo)):
                events.emit(Note(remark))
            run = _Run(store, sources, settings, nodes, events)
            stop.has_unsaved_frames = True
            with ThreadPoolExecutor(1, "plan") as planner:
                run.until_done(planner, stop)
            return run.n_failed
        finally:
            stop.has_unsaved_frames = False
            events.emit(RunEnded())


class _Run:
    """One run, as far as it is."""

    def __init__(
        self, store: Store, sources: Sequence[str], settings: Settings, nodes: RayNodes, events: Events
    ) -> None:
        self._store, self._sources, self._settings = store, sources, settings
        self._nodes, self._events = nodes, events
        self._tasks = Tasks()
        self._plans: dict[int, Plan] = {}
        self._shown = -1
        """Position of the source that events are about: they tell of one after the other, though several are computed."""
        self._last_shown = 0.0
        self._alone_since: float | None = time.monotonic()
        self.n_failed = 0

    def until_done(self, planner: ThreadPoolExecutor, stop: Stop) -> None:
        planned: list[Future[None]] = []
        while self._shown < len(self._sources):
            if stop.is_set():
                self._stop(planner)
            if all(future.done() for future in planned) and len(planned) < len(self._sources):
                for future in planned[-1:]:
                    future.result()
                if len(self._tasks) < TASKS_AHEAD:
                    planned.append(planner.submit(self._plan, len(planned)))
            while self._nodes.idle() and (task := self._tasks.next()) is not None:
                log.info("%s: %s", self._tasks.of[task.position].source, describe(task))
                of = self._tasks.of[task.position]
                self._nodes.give(task, of.source, of.clip)
            for answer in self._nodes.wait(WAIT_SECONDS, len(self._tasks)):
                if answer.outcome is None:
                    of = self._tasks.of[answer.task.position]
                    self._say(
                        f"{of.source}: {describe(answer.task)} lost its worker ({answer.why}); another one does it"
                    )
                    self._tasks.lost(answer.task, answer.why)
                else:
                    self._tasks.done(answer.task, answer.outcome)
            self._show()

    def _plan(self, position: int) -> None:
        """Find a source and split it; in a thread of its own, since that downloads and hashes."""
        source = everywhere(self._sources[position])
        try:
            found = find_source(self._store, source, self._settings)
            plan = plan_found(self._store, found, self._settings)
            units = [WHOLE_CLIP] if self._settings.shifts or not plan.pending else split(plan)
            self._plans[position] = plan
            self._tasks.add(position, source, plan.clip.key, plan.clip.n_frames, units)
        except Exception as error:  # nothing that stops one source may stop the others
            log.debug("%s failed", source, exc_info=error)
            self._tasks.add_failed(position, source, name_error(self._sources[position], error))

    def _show(self) -> None:
        """Report what is new, about the first source that is not done."""
        for note in self._nodes.notes:
            self._say(note)
        self._nodes.notes.clear()
        self._show_loneliness()
        while self._shown < len(self._sources):
            of = self._tasks.of.get(self._shown)
            if of is not None and of.is_over:
                self._end(self._shown, of)
            elif self._shown >= 0:
                break
            self._shown += 1
            if self._shown < len(self._sources):
                self._events.emit(Started(self._sources[self._shown]))
                self._begin(self._shown)
        of = self._tasks.of.get(self._shown)
        if of is not None and time.monotonic() - self._last_shown >= SHOW_SECONDS:
            self._last_shown = time.monotonic()
            self._begin(self._shown)
            n_frames = of.n_done + self._nodes.frames_of(self._shown)
            self._events.emit(Computing(min(n_frames, of.n_frames or n_frames), 0, of.n_frames or None))
            self._events.emit(Nodes(self._nodes.rates()))

    def _begin(self, position: int) -> None:
        """Report the plan of the source, once there is one."""
        plan = self._plans.pop(position, None)
        if plan is None:
            return
        self._events.emit(Resolved())
        if plan.pending:
            planned = Planned(
                plan.title,
                plan.clip.key,
                n_frames=plan.clip.n_frames,
                n_tracks=len(plan.specs),
                n_pending=len(plan.pending),
                estimated_bytes=plan.estimated_bytes,
                device="cluster",
                dtype="each node's dtype",
                accuracy="",
            )
            self._events.emit(planned)

    def _end(self, position: int, of: Progress) -> None:
        self._begin(position)
        for note in dict.fromkeys(of.notes):
            self._say(note)
        source = self._sources[position]
        if of.stored is not None:
            seconds = time.monotonic() - of.began
            self._events.emit(replace(of.stored, source=source, n_frames_computed=of.n_done, seconds=seconds))
        elif of.failure is not None:
            self.n_failed += 1
            if of.failure.code in UNUSABLE:
                self._discard(of.clip)
            self._events.emit(Failed(source, of.failure))

    def _discard(self, clip: str) -> None:
        """Remove what units stored of a source that cannot be used."""
        with suppress(StoreError, OSError), self._store.writing(clip):
            self._store.remove([track.head.key for track in self._store.tracks(clip=clip) if not track.is_complete])

    def _show_loneliness(self) -> None:
        if self._nodes.n_workers:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > ALONE_SECONDS:
            self._say("no node takes part yet; waiting for one with a CPU or GPU to spare")
            self._alone_since = float("inf")

    def _stop(self, planner: ThreadPoolExecutor) -> None:
        """Let the workers store their current packs. Raises KeyboardInterrupt."""
        planner.shutdown(wait=False, cancel_futures=True)
        self._nodes.stop()
        latest = time.monotonic() + STOP_SECONDS
        while self._nodes.n_busy and time.monotonic() < latest:
            self._nodes.wait(WAIT_SECONDS, 0)
        raise KeyboardInterrupt

    def _say(self, text: str) -> None:
        self._events.emit(Note(text))


def split(plan: Plan) -> list[Unit]:
    """The units of a clip."""
    pack_size = pack_frames(plan.clip)
    return units_of(plan.clip.n_frames, pack_size, -(-plan.clip.n_frames // (UNIT_PACKS * pack_size)))


def everywhere(source: str) -> str:
    """The source as every node finds it: a file by its whole path."""
    path = local_path(source)
    is_file = address_of(source) is None and (source not in bundled_clips() or path.is_file())
    return str(path.absolute()) if is_file else source
