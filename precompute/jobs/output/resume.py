"""How a job resumes: what an earlier run left of each track, and writers that continue there."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import torch

from cache.growing import read_end, read_parts
from cache.records import BadRecord, Head
from cache.store import Store
from cache.writer import PartWriter, TrackWriter
from precompute.jobs.output.packs import DISK_THREADS
from precompute.jobs.output.tracks import STATED_LATER, TrackSpec
from precompute.jobs.predict import Compute, dtype_name

READING_MARK = "reading"
"""Name, in `computed_on`, of how the source's picture was read. Versions before 0.2.0 did not write it: they read every video
as its first stream is decoded."""


def n_stored_frames(store: Store, spec: TrackSpec) -> int:
    """Frames that an earlier run, or other machines, left of an incomplete track; 0 if its manifest cannot be read."""
    try:
        track = store.get(spec.head.key)
    except BadRecord:
        return 0
    if track is None or track.is_complete:
        return 0
    packs = {pack.start: pack for pack in track.packs} | read_parts(store.track_folder(spec.head.key))
    return sum(pack.n_frames for pack in packs.values())


def units_left_nothing(store: Store, specs: Sequence[TrackSpec]) -> bool:
    """Whether units have computed every frame of those tracks, so that they need only be completed."""
    for spec in specs:
        track, end = store.get(spec.head.key), read_end(store.track_folder(spec.head.key))
        if track is None or not (track.is_complete or (end is not None and track.n_frames == end.n_frames)):
            return False
    return True


def state_trust(store: Store, specs: Sequence[TrackSpec]) -> int:
    """Write what was measured of a zoo (STATED_LATER) into manifests of finished tracks that state something else; returns how
    many were changed. It is no part of the key: a zoo may be evaluated after its tracks were computed.

    The caller holds `store.writing` of the clip.
    """
    n_changed = 0
    for spec in specs:
        track = store.get(spec.head.key)
        stated = {name: spec.head.constants[name] for name in STATED_LATER if name in spec.head.constants}
        if track is None or not track.is_complete or stated.items() <= track.head.constants.items():
            continue
        head = replace(track.head, constants={**track.head.constants, **stated})
        store.complete(replace(track, head=head))
        n_changed += 1
    return n_changed


def open_tracks(store: Store, specs: Sequence[TrackSpec], compute: Compute, zoo_version: str) -> list[TrackWriter]:
    """A writer for each track, at the end of what an earlier run left of it."""
    with ThreadPoolExecutor(DISK_THREADS, "disk") as disk:
        return list(disk.map(partial(TrackWriter, store), _heads(specs, compute, zoo_version)))


def open_parts(store: Store, specs: Sequence[TrackSpec], compute: Compute, zoo_version: str) -> list[PartWriter]:
    """A writer of parts for each track."""
    with ThreadPoolExecutor(DISK_THREADS, "disk") as disk:
        return list(disk.map(partial(PartWriter, store), _heads(specs, compute, zoo_version)))


def _heads(specs: Sequence[TrackSpec], compute: Compute, zoo_version: str) -> list[Head]:
    return [replace(spec.head, computed_on=_describe(spec, compute, zoo_version)) for spec in specs]


def _describe(spec: TrackSpec, compute: Compute, zoo_version: str) -> dict[str, str]:
    """How the frames were computed, for the manifest."""
    device, precision = compute.device, compute.precision
    exact = {edge.name for chain in spec.chains for edge in chain if edge.network_digest in precision.exact}
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "dtype": dtype_name(precision.dtype),
        **({"in_float32": ", ".join(sorted(exact))} if exact else {}),
        READING_MARK: str(spec.head.clip.sampling.get("reading", "as decoded")),
        "torch": torch.__version__,
        "zoo_version": zoo_version,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
