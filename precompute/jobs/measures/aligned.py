"""Errors of aligned depth as tracks of a clip: for every alignment to the truth, one fit for the clip or one for each frame."""

# H x W pixels

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.alignment import (
    KIND_TITLES,
    KINDS,
    PERS,
    Alignment,
    Kind,
    Per,
    aligned_column,
    fit,
    fitted_frames,
    needed_by,
    pooled,
)
from analysis.codes import codes_of, meant_domain, stored_values
from cache.keys import track_key
from cache.pack import BadPack
from cache.records import Head, StoreError, Track
from cache.store import Store
from consistency.domains import Domain
from precompute.jobs.events import UNHEARD, Events
from precompute.jobs.measures.agreement import is_log_depth
from precompute.jobs.measures.derive import compute_measures
from precompute.jobs.measures.errors import error_columns
from precompute.jobs.measures.spec import PTS, Measured, MeasureSpec, Moment
from precompute.jobs.output.encode import CODEC
from precompute.jobs.output.stored_frames import StoredFrames
from precompute.signals import Stop

ALIGNED = "aligned"
"""The kind of these tracks."""
ALIGNED_VERSION = 1
"""Part of the keys: another number means other values."""
LEFT_OUT = ("error", "absrel_scaled")
"""Measures that say nothing of an aligned depth: of codes, and of one that is scaled once more."""
FITTED: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind != "none")
BLANK = Domain(ALIGNED, "Errors of aligned depth", "", 1, 0.0, 1.0, "linear", "", "scalar", "grey")
"""Only numbers are stored: the page aligns the pictures itself."""


def add_aligned(
    store: Store,
    keys: Sequence[str],
    *,
    only_relative: bool = False,
    events: Events = UNHEARD,
    stop: Stop | None = None,
) -> int:
    """Compute the aligned errors of the finished depths among the tracks with those keys; returns how many tracks were completed.

    `only_relative`: of those that need an alignment before they can be compared. Clips without a true depth have none. Raises
    StoreError and OSError.
    """
    tracks = [track for key in keys if (track := store.get(key)) is not None and track.is_complete]
    input_track = next((track for track in tracks if track.head.kind == "input"), None)
    if input_track is None:
        return 0
    depths = [
        track
        for track in tracks
        if track.head.kind in ("prediction", "readout")
        and is_log_depth(track.head.domain)
        and track.n_frames == input_track.n_frames
        and (not only_relative or needed_by(track.head.constants) != "none")
    ]
    if not depths:
        return 0
    truths = store.tracks(clip=input_track.head.clip.key, kind="truth")
    specs = [
        aligned_spec(store, track, truth)
        for track in depths
        if (truth := _truth_of(track, truths)) is not None and not store.holds(_key(track, truth))
    ]
    if not specs:
        return 0
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # packs are computed side by side
    try:
        return compute_measures(store, input_track, specs, events=events, stop=stop)
    finally:
        torch.set_num_threads(n_threads)


def _truth_of(track: Track, truths: Sequence[Track]) -> Track | None:
    """The newest finished truth of the track's domain, if it is a depth of as many frames."""
    path = track.head.path.rsplit("-", 1)[-1]
    truth = next((one for one in truths if one.is_complete and one.head.path == path), None)
    fits = truth is not None and is_log_depth(truth.head.domain) and truth.n_frames == track.n_frames
    return truth if fits else None


def _key(prediction: Track, truth: Track) -> str:
    head = prediction.head
    inputs: dict[str, Any] = {"of": head.key, "truth": truth.head.key, "version": ALIGNED_VERSION}
    if head.constants.get("has_mask"):  # it may have been stated later, and what it excludes is not fitted
        inputs["has_mask"] = True
    return track_key(head.clip.key, ALIGNED, head.zoo, head.method, head.path, inputs)


def aligned_spec(store: Store, prediction: Track, truth: Track) -> MeasureSpec:
    """The aligned errors of a finished depth with as many frames as the truth. Raises StoreError."""
    head, true_key = prediction.head, truth.head.key
    domain = Domain(**truth.head.domain)
    of_clip = _of_clip(store, prediction, truth)
    blank = np.zeros((head.clip.height, head.clip.width, 1), np.uint8)
    mine, true = meant_domain(head), meant_domain(truth.head)

    def score(moment: Moment) -> Measured:
        depth = stored_values(moment.codes[head.key], mine)
        reference = stored_values(moment.codes[true_key], true)
        x, y = pooled([(np.where(np.isfinite(depth), depth, np.nan), reference)], depth.size)
        of_frame = {kind: fit(kind, x, y) for kind in FITTED}
        fits: list[tuple[Kind, Per, Alignment]] = [
            (kind, per, (of_clip if per == "clip" else of_frame)[kind]) for kind in FITTED for per in PERS
        ]
        codes = [codes_of(_brought(one, depth, domain), domain.record()) for _, _, one in fits]
        found = error_columns(domain, np.stack(codes), np.stack([codes_of(reference, domain.record())] * len(fits)))
        columns = {
            aligned_column(kind, per, measure): float("nan") if one.problem else float(values[at])
            for at, (kind, per, one) in enumerate(fits)
            for measure, values in found.items()
            if measure not in LEFT_OUT
        }
        return Measured(blank, columns)

    made = Head(
        key=_key(prediction, truth),
        kind=ALIGNED,
        clip=head.clip,
        zoo=head.zoo,
        method=head.method,
        path=head.path,
        domain=BLANK.record(),
        codec=CODEC,
        edges=head.edges,
        constants={
            "of": head.key,
            "truth": true_key,
            "versions": {"aligned": ALIGNED_VERSION},
            "per_clip": {
                kind: {"scale": one.scale, "shift": one.shift, "problem": one.problem} for kind, one in of_clip.items()
            },
        },
        columns={"pts_seconds": PTS, **_described(domain)},
    )
    return MeasureSpec(made, (prediction, truth), score)


def _described(domain: Domain) -> dict[str, dict[str, str]]:
    """Name -> title and unit of the columns."""
    from consistency.metrics import measures_of

    return {
        aligned_column(kind, per, name): {**row, "title": f"{row['title']}, {KIND_TITLES[kind]} per {per}"}
        for kind in FITTED
        for per in PERS
        for name, row in measures_of(domain).items()
        if name not in LEFT_OUT
    }


def _brought(alignment: Alignment, depth: np.ndarray, domain: Domain) -> np.ndarray:
    """The depth on the truth's scale; sky is as far as its range reaches."""
    is_sky = np.isposinf(depth)
    return np.where(is_sky, domain.hi, alignment.apply(np.where(is_sky, 1, depth), domain.lo, domain.hi))


def _of_clip(store: Store, prediction: Track, truth: Track) -> dict[Kind, Alignment]:
    """One fit of each kind for the clip, from the frames that the page uses. Raises StoreError."""
    frames = [(StoredFrames(store, track), meant_domain(track.head)) for track in (prediction, truth)]
    try:
        values = [
            [stored_values(one.image(at), domain) for one, domain in frames]
            for at in fitted_frames(prediction.n_frames)
        ]
    except (BadPack, ValueError, IndexError) as error:
        raise StoreError(
            f"{prediction.head.label} cannot be read ({error})", "run: python -m precompute verify --fix"
        ) from error
    x, y = pooled((np.where(np.isfinite(depth), depth, np.nan), reference) for depth, reference in values)
    return {kind: fit(kind, x, y) for kind in FITTED}
