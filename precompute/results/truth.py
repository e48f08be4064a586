"""Errors against a stored truth: of results as they are added, and of predictions that were stored before their truth."""

# N frames, H x W pixels, C channels

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from analysis.alignment import KIND_TITLES, NEEDED, Alignment, fit, fitted_frames, pooled
from analysis.codes import codes_of, meant_domain, stored_values
from cache.keys import track_key
from cache.pack import BadPack, read_images, read_previews
from cache.records import BadRecord, StoreError, Track
from cache.store import Store
from cache.writer import TrackWriter
from consistency.domains import Domain
from precompute.jobs.measures.errors import error_columns
from precompute.jobs.output.stored_frames import StoredFrames
from precompute.jobs.output.tracks import ERRORS_VERSION

KINDS = ("prediction", "readout")


class Truth:
    """The frames of a stored track as values: those of a truth, or of a prediction that is compared with one."""

    def __init__(self, store: Store, track: Track) -> None:
        self.track = track
        self._domain = meant_domain(track.head)
        self._frames = StoredFrames(store, track)

    def values(self, at: int) -> np.ndarray:
        """Depth in metres, float32 (H, W), or normals (H, W, 3); NaN where unknown. Raises StoreError."""
        return stored_values(self.codes(at), self._domain)

    def codes(self, at: int) -> np.ndarray:
        """Codes on the scale of 0 to 255, as `stored_values` takes them. Raises StoreError."""
        try:
            return self._frames.image(at)
        except (BadPack, ValueError, IndexError) as error:
            raise StoreError(
                f"{self.track.head.label} cannot be read ({error})", "run: python -m precompute verify --fix"
            ) from error


def newest_truth(store: Store, clip: str, domain: str) -> Track | None:
    """The finished truth of that domain on a clip, as the page finds it; None if there is none."""
    return next((t for t in store.tracks(clip=clip, kind="truth") if t.is_complete and t.head.path == domain), None)


@dataclass(frozen=True)
class Against:
    """How predictions are compared with a truth."""

    truth: Truth
    domain: Domain
    """The domain of the codes that are compared: the prediction's own, or the truth's once a relative depth is aligned to it."""
    alignment: Alignment | None = None
    """One for the clip; None for values that are compared as they are."""

    def columns(self, at: int, values: np.ndarray) -> dict[str, np.ndarray]:
        """The errors of frame `at`: name -> float32 (1,). `values`: of its domain, (H, W) or (H, W, 3); NaN: unknown, infinity: sky."""
        domain, is_sky = self.domain, np.isposinf(values)
        if self.alignment is not None:
            values = self.alignment.apply(values, domain.lo, domain.hi)
        values = np.where(is_sky, domain.hi, values)  # sky is as far as the range reaches
        mine, true = (codes_of(one, domain.record())[None] for one in (values, self.truth.values(at)))
        return error_columns(domain, mine, true)

    def described(self) -> dict[str, dict[str, str]]:
        """Name -> title and unit of the columns."""
        from consistency.metrics import measures_of

        found = measures_of(self.domain)
        if self.alignment is None:
            return found
        added = f", {KIND_TITLES[self.alignment.kind]} per clip"
        return {name: {**row, "title": row["title"] + added} for name, row in found.items()}

    def words(self) -> str:
        """What pages say of the alignment beside the method."""
        return f", compared with {KIND_TITLES[self.alignment.kind]} per clip" if self.alignment else ""

    def record(self) -> dict[str, Any]:
        """What the manifest states of the alignment."""
        if self.alignment is None:
            return {}
        one = self.alignment
        return {"alignment": {"kind": one.kind, "scale": one.scale, "shift": one.shift, "per": "clip", "to": "truth"}}


def aligned_to(truth: Truth, relative: str, frames: Iterable[tuple[int, np.ndarray]]) -> Against:
    """How a relative depth is compared: aligned to the truth on those frames, (index, values in the range it is stored in).

    Raises ValueError, in words, where there is no alignment.
    """
    known = ((np.where(np.isfinite(values), values, np.nan), truth.values(at)) for at, values in frames)
    found = fit(NEEDED[relative], *pooled(known))
    if found.problem:
        raise ValueError(f"cannot be aligned to the truth: {found.problem}")
    return Against(truth, Domain(**truth.track.head.domain), found)


def add_errors(store: Store, truth: Track) -> tuple[list[str], list[str]]:
    """Give every finished prediction and readout of the truth's domain on its clip the columns of its errors; returns the configurations
    that gained them, and a note for each that could not be read or written.

    The frames are the same and not encoded again. As always, a track with another truth is another track: the one without stays
    stored, and pages show the newest. The caller holds `store.writing` of the clip.
    """
    gained, notes = [], []
    newest: dict[tuple[str, str], Track] = {}
    for track in store.tracks(clip=truth.head.clip.key):
        head = track.head
        if head.kind in KINDS and head.path.rsplit("-", 1)[-1] == truth.head.path and track.is_complete:
            newest.setdefault((head.configuration, head.kind), track)
    for track in newest.values():
        try:
            if track.n_frames == truth.n_frames and _add_errors(store, track, truth):
                gained.append(track.head.configuration)
        except (StoreError, BadPack, BadRecord, OSError) as error:
            notes.append(f"{track.head.configuration} has no errors: {error}")
    return gained, notes


def _add_errors(store: Store, track: Track, truth: Track) -> bool:
    head = track.head
    try:
        against = _against(store, track, Truth(store, truth))
    except (BadPack, BadRecord):
        raise
    except ValueError:
        return False
    described = against.described()
    others = {name: title for name, title in head.columns.items() if name not in described}
    of = head.constants.get("errors_of", head.key)
    inputs = {"errors_of": of, "truth": truth.head.key, "columns": sorted(described), "errors": ERRORS_VERSION}
    key = track_key(head.clip.key, head.kind, head.zoo, head.method, head.path, inputs)
    if head.key == key or head.constants.get("truth") == truth.head.key:
        return False
    constants = {**head.constants, "truth": truth.head.key, "errors_of": of}
    if against.alignment:
        constants["results"] = {**constants["results"], **against.record()}
        constants["training"] = {"networks": "", "method": f"computed elsewhere{against.words()}"}
    time = time_after(head.computed_on.get("time", ""))
    computed_on = {**head.computed_on, "time": time}
    new = replace(head, key=key, columns={**others, **described}, constants=constants, computed_on=computed_on)
    store.remove([key])  # what a killed run left, or what is written again to be the newest
    stored = Truth(store, track)
    try:
        writer = TrackWriter(store, new)
        for pack in track.packs:
            path = store.pack_path(head.key, pack.sha256)
            images, frames = read_images(path), range(pack.start, pack.start + pack.n_frames)
            found = [against.columns(at, stored.values(at)) for at in frames]
            columns = {name: np.concatenate([one[name] for one in found]) for name in described}
            columns |= {name: column(store, track, name)[frames.start : frames.stop] for name in others}
            writer.append(pack.start, images, columns, read_previews(path))
        writer.finish()
    except BaseException:
        store.remove([key])
        raise
    return True


def _against(store: Store, track: Track, truth: Truth) -> Against:
    """How the stored frames of a track are compared. Raises ValueError where a relative depth cannot be aligned."""
    relative = track.head.constants.get("results", {}).get("relative")
    if relative is None:
        return Against(truth, Domain(**track.head.domain))
    stored, n_frames = Truth(store, track), track.n_frames
    chosen = fitted_frames(n_frames)
    return aligned_to(truth, relative, ((at, stored.values(at)) for at in chosen))


def time_after(text: str) -> str:
    """Now, or a second after a time that is not before: pages show the newest track of a configuration."""
    now = datetime.now(UTC).replace(microsecond=0)
    with suppress(ValueError, TypeError, OverflowError):  # another program's spelling
        now = max(now, datetime.fromisoformat(text) + timedelta(seconds=1))
    return now.isoformat(timespec="seconds")


def column(store: Store, track: Track, name: str) -> np.ndarray:
    """A column of a track. Raises StoreError."""
    try:
        return store.column(track, name)
    except (KeyError, ValueError, BadPack) as error:
        raise StoreError(
            f"{track.head.label} cannot be read ({error})", "run: python -m precompute verify --fix"
        ) from error
