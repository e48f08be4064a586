"""Computes one clip: read, predict, score, encode, store. Resumable; its memory does not grow with the clip."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from cache.pack import BadPack
from cache.records import StoreError
from cache.store import Store
from cache.writer import PartWriter, TrackWriter
from consistency.path_graph import Graph
from consistency.zoo.records import Chain, ZooError
from precompute.failures import SourceError
from precompute.jobs import precision
from precompute.jobs.batches import FrameBatch, FrameRange, Remarks, read_batches
from precompute.jobs.device_worker import DeviceWorker, all_devices, in_order
from precompute.jobs.events import UNHEARD, Events, Note, Waiting
from precompute.jobs.output.encode import start_encoder
from precompute.jobs.output.failed_tracks import FailedTracks
from precompute.jobs.output.packs import PackBuilder, PackWriter, encode_chunks, n_encoders, pack_frames
from precompute.jobs.output.resume import open_parts, open_tracks
from precompute.jobs.output.stored_frames import StoredFrames
from precompute.jobs.output.tracks import TrackChunk, TrackSpec, chains_of, not_finite, truth_chains_of
from precompute.jobs.pace import Pace
from precompute.jobs.plan import Plan
from precompute.jobs.precision import DTYPES, clip_dtype
from precompute.jobs.predict import Compute, Precision, Predictions, make_graph
from precompute.jobs.units import Unit
from precompute.media import sources
from precompute.signals import Stop

UNUSABLE = ("truncated", "damaged", "bad_truth", "no_frames")
"""Failures of the source itself, after which nothing of it stays. After others, such as a full disk, a run can resume."""

log = logging.getLogger(__name__)


class Computed(NamedTuple):
    """What a call of `compute_clip` has done."""

    n_tracks: int
    """Tracks completed."""
    n_frames: int
    """Frames computed."""
    failed: ZooError | None = None
    """Which of the tracks that were asked for are not stored, since a network failed or gave values that are not finite."""


def compute_clip(
    store: Store,
    plan: Plan,
    compute: Compute,
    *,
    unit: Unit | None = None,
    events: Events = UNHEARD,
    stop: Stop | None = None,
) -> Computed:
    """Compute the pending tracks of a clip, or only a unit of it, beside other machines that compute others.

    Reading, each device, encoding and writing have threads of their own, so that all work at once; at most two batches
    wait before each device and before the encoders, and one pack before the disk. Once `stop` is set, the run ends with
    the current pack. Interrupted at any moment, the store keeps every finished pack, and the next run resumes there, in
    the clip's dtype, so that its tracks stay comparable. Packs that units left are used. Raises SourceError, ZooError,
    StoreError and OSError.
    """
    stop = stop or Stop()
    with ExitStack() as lock:
        lock.enter_context(store.writing(plan.clip.key, on_wait=lambda: events.emit(Waiting())))
        # Another job may have completed some of them while this one waited.
        pending = [spec for spec in plan.pending if not store.holds(spec.head.key)]
        if not pending:
            return Computed(0, 0)
        compute = _in_dtype_of_clip(store, plan, compute)
        if unit is None:
            writers = open_tracks(store, pending, compute, plan.zoo.version)
            start = min((writer.n_frames for writer in writers if not writer.lacks_nothing), default=None)
        else:
            writers = open_parts(store, pending, compute, plan.zoo.version)
            start = _first_missing(writers, unit, pack_frames(plan.clip))
            lock.close()  # each pack is put whole, wherever it lies
            compute = _in_dtype_of_parts(store, plan, writers, compute)
        remarks = Remarks()
        with closing(PackWriter(writers)) as disk:
            if start is not None:
                work = _Work(
                    store, plan, compute, pending, {writer.head.key: writer for writer in writers}, start, unit
                )
                found = _compute_from(work, disk, remarks, events, stop)
            elif unit is None:  # units left all of it
                disk.finish(remarks)
                found = Computed(len(pending), 0)
            else:
                found = Computed(0, 0)
    _tell(plan, remarks, events)
    return found


class _Work(NamedTuple):
    """What is to be computed of a clip."""

    store: Store
    plan: Plan
    compute: Compute
    pending: list[TrackSpec]
    writers: Mapping[str, TrackWriter | PartWriter]
    """Key -> of each pending track."""
    start: int
    """The first frame that one of them lacks."""
    unit: Unit | None


def _compute_from(work: _Work, disk: PackWriter, remarks: Remarks, events: Events, stop: Stop) -> Computed:
    store, plan, compute, pending, writers, start, unit = work
    pack_size, stamps = pack_frames(plan.clip), dict(plan.stamps)
    with ExitStack() as stack:
        workers = []
        for device in all_devices(compute.device):
            workers.append(_new_worker(plan, pending, compute, device, events))
            stack.enter_context(closing(workers[-1]))
        log.info(
            "%s: from frame %d, %d per pack, on %s", plan.clip.title, start, pack_size, [w.device for w in workers]
        )
        encoders = stack.enter_context(ThreadPoolExecutor(n_encoders(), "encode", start_encoder))
        batches = stack.enter_context(closing(read_batches(_wanted_frames(work), remarks)))  # read

        def unstored(frames: FrameBatch) -> list[TrackSpec]:
            pack_start = frames.start - (frames.start - start) % pack_size
            return [spec for spec in pending if not writers[spec.head.key].holds(pack_start)]

        def is_needed(frames: FrameBatch) -> bool:
            return bool(unstored(frames))  # not where another machine computed them

        def score(predictions: Predictions) -> dict[str, TrackChunk]:
            return {spec.head.key: spec.score(predictions).to_host() for spec in unstored(predictions.frames)}

        pack, n_frames, n_computed = PackBuilder(start), start, 0
        names = {spec.head.key: spec.head.configuration for spec in pending}
        failed = FailedTracks(store if unit is None else None, names)
        pace = Pace(unit.end if unit and unit.end else plan.clip.n_frames, start)
        try:
            for scored in in_order(batches, workers, score, is_needed):  # predict, score
                scored.wait()
                disk.wait()  # so that at most one pack is computed and not yet safe
                failed.give_up(not_finite(scored.chunks), scored.frames.start, pack, disk)
                pack.add(encode_chunks(failed.others(scored.chunks), encoders))  # encode
                n_frames += len(scored.frames)
                n_computed += len(scored.frames) if scored.chunks else 0
                stop.has_unsaved_frames = True
                pace.report(n_frames, events)
                if n_frames - pack.start >= pack_size:
                    _require_unchanged(stamps, is_last=False)
                    disk.put(pack)  # store
                    pack = PackBuilder(n_frames)
                    if stop.is_set():
                        disk.wait()
                        return Computed(0, n_computed)
            _require_unchanged(stamps)
        except SourceError as error:
            if _is_unusable(error, stamps):  # known perhaps only at its end
                disk.close()
                with suppress(StoreError), nullcontext() if unit is None else store.writing(plan.clip.key):
                    store.remove(list(writers))
            raise
        disk.put(pack)
        disk.finish(remarks)
        error = failed.error(worker.graph for worker in workers)
    return Computed(0 if unit else len(pending) - len(failed), n_computed, error)


def _wanted_frames(work: _Work) -> FrameRange:
    store, plan, compute, pending, _, start, unit = work
    return FrameRange(
        plan.source,
        plan.sampling,
        start,
        compute.batch_size,
        pack_frames(plan.clip),
        plan.shift,
        {spec.clean: _clean_reader(store, spec.clean) for spec in pending if spec.clean},
        end=unit.end if unit else None,
        may_be_empty=unit is not None,
    )


def _first_missing(writers: Sequence[PartWriter], unit: Unit, pack_size: int) -> int | None:
    """Where the first pack of the unit begins that a track lacks; None if there is none."""
    start = unit.start
    while all(writer.holds(start) for writer in writers):
        start += pack_size
        is_behind = all(writer.is_behind(start) for writer in writers)
        if is_behind or (unit.end is not None and start >= unit.end):
            return None
    return start


def _in_dtype_of_parts(store: Store, plan: Plan, writers: Sequence[PartWriter], compute: Compute) -> Compute:
    """In the dtype of the machine that began the tracks."""
    begun = Counter(writer.head.computed_on.get("dtype", "") for writer in writers)
    return _in_dtype(store, plan, compute, DTYPES.get(begun.most_common(1)[0][0], compute.precision.dtype))


def _clean_reader(store: Store, key: str) -> Callable[[int], np.ndarray]:
    """Reads the codes of a frame of a finished track, uint8 (H, W, C). Raises StoreError."""
    track = store.get(key)
    if track is None:
        raise StoreError("the clip without the shift was removed meanwhile", "run the same command again")
    frames = StoredFrames(store, track)

    def read(at: int) -> np.ndarray:
        try:
            codes = frames.image(at)
        except (BadPack, ValueError, IndexError) as error:
            raise StoreError(
                f"{track.head.label} cannot be read ({error})", "run: python -m precompute verify"
            ) from error
        return codes if codes.ndim == 3 else codes[..., None]

    return read


def _new_worker(
    plan: Plan, pending: Sequence[TrackSpec], compute: Compute, device: torch.device, events: Events
) -> DeviceWorker:
    """The device with the networks that the pending tracks run on frames and on ground truth."""

    def graph_of(chains: Sequence[Chain]) -> Graph:
        return make_graph(chains, device, compute.precision, compute.networks, keeps_going=True)

    of_truth = {name: graph_of(chains) for name, chains in truth_chains_of(pending).items()}
    graph = graph_of(chains_of(pending))
    return DeviceWorker(graph, device, plan.zoo.size_multiple, compute.batch_size, events, of_truth)


def _is_unusable(error: SourceError, stamps: Mapping[Path, sources.Stamp]) -> bool:
    """Whether nothing of the source may stay. Of a file that is numbered anew, a change may be older than the last pack."""
    is_late = error.code == "changed" and any(stamp.is_unstable for stamp in stamps.values())
    return error.code in UNUSABLE or is_late


def _in_dtype_of_clip(store: Store, plan: Plan, compute: Compute) -> Compute:
    return _in_dtype(store, plan, compute, clip_dtype(store, plan, compute.precision.dtype))


def _in_dtype(store: Store, plan: Plan, compute: Compute, dtype: torch.dtype) -> Compute:
    """In that dtype, and with those networks in float32 that need it where the others compute in that dtype."""
    if dtype == compute.precision.dtype:
        return compute
    device = all_devices(compute.device)[0]
    exact = precision.measured(store.root, plan.zoo, plan.specs, device, dtype, compute.networks).exact
    return replace(compute, precision=Precision(dtype, exact))


def _tell(plan: Plan, remarks: Remarks, events: Events) -> None:
    """Report what was chosen, passed over and changed in the source."""
    for note in remarks.notes:
        events.emit(Note(f"{plan.title}: {note}"))


def _require_unchanged(stamps: dict[Path, sources.Stamp], *, is_last: bool = True) -> None:
    """Raise SourceError if a file is no longer the one that was hashed; checked before each pack is stored."""
    for path, stamp in stamps.items():
        stamps[path] = sources.require_unchanged(path, stamp, is_last=is_last)
