"""Computes the sources of a run, one after the other, and reports to whoever listens."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import torch

from analysis.shifts import Shift
from analysis.summaries.briefs import keep_summaries
from cache.records import StoreError
from cache.requests.uploads import Uploads
from cache.store import Store
from consistency.zoo.records import Zoo
from precompute.failures import SourceError
from precompute.jobs import precision
from precompute.jobs.compute_clip import compute_clip
from precompute.jobs.device_worker import all_devices
from precompute.jobs.events import (
    UNHEARD,
    Downloading,
    Events,
    Failed,
    Note,
    Planned,
    Resolved,
    RunEnded,
    RunStarted,
    Started,
    Stored,
    name_error,
)
from precompute.jobs.measures.aligned import add_aligned
from precompute.jobs.measures.of_clip import add_stability
from precompute.jobs.output.packs import pack_frames
from precompute.jobs.output.resume import state_trust, units_left_nothing
from precompute.jobs.output.tracks import STATED_LATER
from precompute.jobs.plan import Plan, make_plan
from precompute.jobs.predict import Compute, Networks, Precision, dtype_name
from precompute.jobs.units import WHOLE_CLIP, Shard, Unit
from precompute.media.sampling import Sampling
from precompute.media.sources import Source, resolve
from precompute.net.limits import USUAL_LIMITS, Limits
from precompute.signals import Stop
from precompute.text import count

FREE_SPACE_FACTOR = 1.2
"""A source starts only if this many times its estimated size is free."""
BATCH_SIZE = {"cpu": 8, "cuda": 32}
"""Frames per run of the networks: on CPUs more only leave the caches, on GPUs fewer leave it idle."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What to compute on every source of a run."""

    zoo: Zoo
    patterns: tuple[str, ...]
    """Globs on `zoo/method/path`."""
    sampling: Sampling
    device: torch.device
    """A plain `cuda` means every GPU."""
    batch_size: int | None = None
    """Frames per run of the networks; None for BATCH_SIZE."""
    limits: Limits = USUAL_LIMITS
    """Limits of a download."""
    shifts: tuple[Shift, ...] = ()
    """What is done to the frames of each source, once by itself each, after the source without it."""
    keeps_pictures: bool = True
    """Whether the pictures of predictions under a shift are stored; False: their numbers and energies are."""


def run_job(
    store: Store,
    sources: Sequence[str],
    settings: Settings,
    *,
    remarks: Sequence[str] = (),
    shard: Shard | None = None,
    events: Events = UNHEARD,
    stop: Stop | None = None,
) -> int:
    """Compute several sources; returns how many failed. A failing source does not stop the rest.

    `remarks` are reported before the first source. A `shard` computes its part of them; the last one to end completes a clip.

    Raises KeyboardInterrupt once `stop` is set and the current pack is stored. Another process may call this at any
    time for the same store: clips have locks.
    """
    stop = stop or Stop()
    n_failed = 0
    networks = Networks()
    events.emit(RunStarted(tuple(sources)))
    try:
        for remark in (*remarks, *missing_networks(settings.zoo)):
            events.emit(Note(remark))
        for position, source in enumerate(sources):
            stop.raise_if_set()  # also if the source before failed meanwhile
            events.emit(Started(source))
            try:
                if shard is None:
                    done = compute_source(store, source, settings, networks, events=events, stop=stop)
                else:
                    done = compute_shard(store, source, settings, networks, shard, position, events=events, stop=stop)
                events.emit(done)
            except Exception as error:  # nothing that stops one source may stop the others
                log.debug("%s failed", source, exc_info=error)
                n_failed += 1
                events.emit(Failed(source, name_error(source, error)))
        stop.raise_if_set()
    finally:
        events.emit(RunEnded())
    return n_failed


def missing_networks(zoo: Zoo) -> Iterator[str]:
    """A remark where networks of the zoo are not installed."""
    if zoo.missing:
        n_missing = len({edge.weights for edge in zoo.missing})
        yield f"zoo {zoo.name} lacks {count(n_missing, 'network')}; tracks that need them are left out"


def compute_source(
    store: Store, source: str, settings: Settings, networks: Networks, *, events: Events = UNHEARD, stop: Stop
) -> Stored:
    """Compute one source: a file, a URL or a bundled clip's name. Raises as `compute_found` does."""
    stop.has_unsaved_frames = False  # an earlier source may have failed in the middle of a pack
    found = find_source(store, source, settings, events)
    stored = compute_found(store, found, settings, networks, events=events, stop=stop)
    if settings.shifts:
        stored = _compute_ladders(store, found, settings, networks, stored, events=events, stop=stop)
    return replace(stored, source=source)


def find_source(store: Store, source: str, settings: Settings, events: Events = UNHEARD) -> Source:
    """The source as a file on this disk, downloaded if need be. Raises SourceError."""
    found = resolve(
        source,
        media_dir=store.media_dir,
        limits=settings.limits,
        progress=lambda n_bytes, n_total: events.emit(Downloading(n_bytes, n_total)),
    )
    events.emit(Resolved())
    return found


def compute_shard(
    store: Store,
    source: str,
    settings: Settings,
    networks: Networks,
    shard: Shard,
    position: int,
    *,
    events: Events = UNHEARD,
    stop: Stop,
) -> Stored:
    """Compute a shard's part of the source at that position of the list, and complete the clip if the others have computed theirs
    and no network failed.

    Sources under shifts, which are compared with the finished clip, go to one shard each, whole. Raises as `compute_found` does.
    """
    stop.has_unsaved_frames = False
    if settings.shifts:
        if position % shard.of == shard.number - 1:
            return compute_source(store, source, settings, networks, events=events, stop=stop)
        return Stored(source, source, "", 0, is_partial=True)
    found = find_source(store, source, settings, events)
    plan = plan_found(store, found, settings)
    unit = shard.unit(position, plan.clip.n_frames, pack_frames(plan.clip)) if plan.pending else WHOLE_CLIP
    done = Stored(source, plan.title, plan.clip.key, len(plan.specs), is_partial=True)
    if unit is not None and not unit.is_whole_clip:
        done = replace(compute_unit(store, plan, settings, networks, unit, events=events, stop=stop), source=source)
    is_mine = unit is not None and unit.is_whole_clip
    if not is_mine and not units_left_nothing(store, plan.pending):
        return done
    whole = compute_found(store, found, settings, networks, events=events, stop=stop)
    n_frames, seconds = done.n_frames_computed + whole.n_frames_computed, done.seconds + whole.seconds
    return replace(whole, source=source, n_frames_computed=n_frames, seconds=seconds)


def plan_found(store: Store, found: Source, settings: Settings, shift: Shift | None = None) -> Plan:
    """What the store lacks of a source that is a file on this disk now. Raises SourceError and ZooError."""
    return make_plan(
        store,
        found,
        settings.sampling,
        settings.zoo,
        list(settings.patterns),
        shift,
        keeps_pictures=settings.keeps_pictures,
    )


def compute_unit(
    store: Store,
    plan: Plan,
    settings: Settings,
    networks: Networks,
    unit: Unit,
    *,
    events: Events = UNHEARD,
    stop: Stop,
) -> Stored:
    """Compute some packs of a clip; returns what was computed, as a part of it. Raises as `compute_found` does."""
    began = time.perf_counter()
    compute = _prepare(store, plan, settings, networks, unit, events)
    computed = compute_clip(store, plan, compute, unit=unit, events=events, stop=stop)
    stop.has_unsaved_frames = False
    stop.raise_if_set()
    if computed.failed is not None:
        raise computed.failed
    return Stored(
        str(plan.source.path),
        plan.title,
        plan.clip.key,
        len(plan.specs),
        n_frames_computed=computed.n_frames,
        seconds=time.perf_counter() - began,
        is_partial=True,
    )


def _compute_ladders(
    store: Store,
    found: Source,
    settings: Settings,
    networks: Networks,
    stored: Stored,
    *,
    events: Events,
    stop: Stop,
) -> Stored:
    """Compute the source under every shift; `stored`: what was computed of it without. A strength that fails does not stop the
    others; the first failure is raised in the end."""
    failed: list[tuple[Shift, Exception]] = []
    for shift in settings.shifts:
        stop.raise_if_set()
        try:
            one = compute_found(store, found, settings, networks, shift=shift, events=events, stop=stop)
        except Exception as error:
            log.debug("%s failed", shift.spelling, exc_info=error)
            failed.append((shift, error))
            continue
        stored = replace(
            stored,
            n_tracks=stored.n_tracks + one.n_tracks,
            n_tracks_computed=stored.n_tracks_computed + one.n_tracks_computed,
            n_frames_computed=stored.n_frames_computed + one.n_frames_computed,
            seconds=stored.seconds + one.seconds,
            n_shifts=stored.n_shifts + 1,
        )
    if failed:
        shift, error = failed[0]
        named = name_error(", ".join(shift.spelling for shift, _ in failed), error)
        raise SourceError(named.code, named.found, named.next_step) from error
    return stored


def compute_found(
    store: Store,
    found: Source,
    settings: Settings,
    networks: Networks,
    *,
    shift: Shift | None = None,
    is_unlisted: bool = False,
    events: Events = UNHEARD,
    stop: Stop,
) -> Stored:
    """Compute a source that is a file on this disk now, under a `shift` if one is given. `networks` keeps what it loads for the
    next source. Unless `is_unlisted`, lists name its clip from now on, and it is no longer deleted with the visitor's request that
    first made it.

    Raises KeyboardInterrupt once `stop` is set, and SourceError, ZooError, StoreError, OSError and torch's errors.
    """
    stop.has_unsaved_frames = False
    plan = plan_found(store, found, settings, shift)
    stored, began = Stored(str(found.path), found.title, plan.clip.key, len(plan.specs)), time.perf_counter()
    if not is_unlisted:
        Uploads(store.root).relist(plan.clip.key)
    _state_trust(store, plan)
    if not plan.pending:
        stored = _with_stability(store, plan, stored, began, events, stop)
        keep_summaries(store, plan.clip.key)
        return stored
    compute = _prepare(store, plan, settings, networks, WHOLE_CLIP, events)
    began = time.perf_counter()
    computed = compute_clip(store, plan, compute, events=events, stop=stop)
    stop.has_unsaved_frames = False
    stop.raise_if_set()
    stored = replace(stored, n_tracks_computed=computed.n_tracks, n_frames_computed=computed.n_frames)
    stored = _with_stability(store, plan, stored, began, events, stop)
    keep_summaries(store, plan.clip.key)
    if computed.failed is not None:
        raise computed.failed
    return stored


def _prepare(store: Store, plan: Plan, settings: Settings, networks: Networks, unit: Unit, events: Events) -> Compute:
    """Choose how the clip is computed, and report what is planned. Raises SourceError if it does not fit the disk."""
    _require_space(store, plan)
    compute, accuracy = _choose_compute(store, plan, settings, networks)
    planned = Planned(
        plan.title,
        plan.clip.key,
        n_frames=plan.clip.n_frames if unit.end is None else unit.end,
        n_tracks=len(plan.specs),
        n_pending=len(plan.pending),
        estimated_bytes=plan.estimated_bytes,
        device=compute.device.type,
        dtype=dtype_name(compute.precision.dtype),
        accuracy=str(accuracy),
        first_frame=unit.start,
    )
    events.emit(planned)
    log.info("%s", planned)
    return compute


def _with_stability(store: Store, plan: Plan, stored: Stored, began: float, events: Events, stop: Stop) -> Stored:
    """What is stored of the clip, with flow, stability and the errors of relative depth, which are computed here. `began`: seconds of the performance counter."""
    if plan.shift is not None:  # the flow of distorted frames says how they are distorted, not how the scene moves
        return replace(stored, seconds=time.perf_counter() - began)
    keys = [spec.head.key for spec in plan.specs]
    added = add_stability(store, keys, events=events, stop=stop)
    stop.raise_if_set()
    add_aligned(store, keys, only_relative=True, events=events, stop=stop)
    stop.raise_if_set()
    return replace(
        stored,
        n_tracks=stored.n_tracks + added.n_tracks,
        n_tracks_computed=stored.n_tracks_computed + added.n_computed,
        n_tracks_measured=added.n_computed,
        seconds=time.perf_counter() - began,
    )


def _state_trust(store: Store, plan: Plan) -> None:
    """Bring the manifests of the clip's finished energies up to date; the next run does, where another job writes it."""
    pending = {spec.head.key for spec in plan.pending}
    finished = [
        spec
        for spec in plan.specs
        if spec.head.key not in pending and any(name in spec.head.constants for name in STATED_LATER)
    ]
    if finished:
        with suppress(StoreError), store.writing(plan.clip.key):
            state_trust(store, finished)


def _choose_compute(
    store: Store, plan: Plan, settings: Settings, networks: Networks
) -> tuple[Compute, precision.Measured]:
    """The precision that the clip is computed in, and what it costs; its networks are then loaded."""
    # Comparing the networks with float32 takes longer than any still.
    wanted = torch.float32 if plan.clip.n_frames == 1 else precision.choose_dtype(settings.device)
    dtype = precision.clip_dtype(store, plan, wanted)
    first = all_devices(settings.device)[0]  # where its networks then stay
    accuracy = precision.measured(store.root, settings.zoo, plan.specs, first, dtype, networks)
    # Batches are filled up, so that those of a still would hold it many times.
    batch_size = min(settings.batch_size or BATCH_SIZE[settings.device.type], max(plan.clip.n_frames, 1))
    return Compute(settings.device, Precision(dtype, accuracy.exact), batch_size, networks), accuracy


def _require_space(store: Store, plan: Plan) -> None:
    free = store.free_bytes()
    needed = FREE_SPACE_FACTOR * plan.estimated_bytes
    if free < needed:
        raise SourceError(
            "disk_full",
            f"{plan.title}: needs about {needed / 1e9:.1f} GB in {store.address}, but only {free / 1e9:.1f} GB free",
            "free space, use fewer frames (--fps, --max-frames) or configurations, or choose another --store",
        )
