"""Errors against a stored truth: of results as they are added, and of predictions that were stored before their truth."""

# N frames, H x W pixels, C channels

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from cache.keys import track_key
from cache.pack import BadPack, read_images, read_previews
from cache.records import StoreError, Track
from cache.store import Store
from cache.writer import TrackWriter
from consistency.domains import Domain
from precompute.jobs.output.encode import decode_image
from precompute.jobs.output.packs import n_encoders
from precompute.jobs.output.stored_frames import StoredFrames
from precompute.results.storing import stored_values

KINDS = ("prediction", "readout")


class Truth:
    """The frames of a stored truth, as codes of whatever range a prediction has."""

    def __init__(self, store: Store, track: Track) -> None:
        self.track = track
        self._frames = StoredFrames(store, track)

    def values(self, at: int) -> np.ndarray:
        """Depth in metres, float32 (H, W), or normals (H, W, 3); NaN where unknown. Raises StoreError."""
        try:
            return stored_values(self._frames.image(at), self.track.head.domain)
        except (BadPack, ValueError, IndexError) as error:
            raise StoreError(
                f"{self.track.head.label} cannot be read ({error})", "run: python -m precompute verify --fix"
            ) from error


def newest_truth(store: Store, clip: str, domain: str) -> Track | None:
    """The finished truth of that domain on a clip, as the page finds it; None if there is none."""
    return next((t for t in store.tracks(clip=clip, kind="truth") if t.is_complete and t.head.path == domain), None)


def codes_of(values: np.ndarray, domain: Mapping[str, Any]) -> np.ndarray:
    """Values, NaN where unknown -> codes, float32 (H, W, C), not clipped: what lies beyond the range is no less wrong."""
    lo, hi = float(domain["lo"]), float(domain["hi"])
    with np.errstate(invalid="ignore", divide="ignore"):
        codes = np.log(values / lo) / np.log(hi / lo) if domain.get("scale") == "log" else (values - lo) / (hi - lo)
    return (codes if codes.ndim == 3 else codes[..., None]).astype(np.float32)


def error_columns(domain: Domain, predicted: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Name -> float32 (N,), as the job computes them. `predicted`, `truth`: codes (N, H, W, C), NaN where unknown."""
    import torch

    from consistency.metrics import frame_errors

    def tensor(codes: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.nan_to_num(codes)).permute(0, 3, 1, 2)

    known = np.isfinite(predicted).all(axis=-1) & np.isfinite(truth).all(axis=-1)
    found = frame_errors(domain, tensor(predicted), tensor(truth), torch.from_numpy(known))
    return {name: values.numpy().astype(np.float32) for name, values in found.items()}


def described_errors(domain: Domain) -> dict[str, dict[str, str]]:
    """Name -> title and unit of the columns of `error_columns`."""
    from precompute.jobs.output.tracks import COLUMN_TITLES

    some = np.zeros((1, 4, 4, domain.channels), np.float32)
    return {name: dict(COLUMN_TITLES[name]) for name in error_columns(domain, some, some)}


def add_errors(store: Store, truth: Track) -> list[str]:
    """Give every finished prediction and readout of the truth's domain on its clip the columns of its errors; returns the configurations
    that gained them.

    The frames are the same and not encoded again. As always, a track with another truth is another track: the one without stays
    stored, and pages show the newest. The caller holds `store.writing` of the clip. Raises StoreError and OSError.
    """
    gained = []
    newest: dict[tuple[str, str], Track] = {}
    for track in store.tracks(clip=truth.head.clip.key):
        head = track.head
        if head.kind in KINDS and head.path.rsplit("-", 1)[-1] == truth.head.path and track.is_complete:
            newest.setdefault((head.configuration, head.kind), track)
    for track in newest.values():
        if _is_metric(track) and track.n_frames == truth.n_frames and _add_errors(store, track, truth):
            gained.append(track.head.configuration)
    return gained


def _is_metric(track: Track) -> bool:
    """Whether values can be compared with a truth as they are."""
    return "relative" not in track.head.constants.get("results", {})


def _add_errors(store: Store, track: Track, truth: Track) -> bool:
    head = track.head
    domain = Domain(**head.domain)
    described = described_errors(domain)
    others = {name: title for name, title in head.columns.items() if name not in described}
    constants = {**head.constants, "truth": truth.head.key}
    of = head.constants.get("errors_of", head.key)
    inputs = {"errors_of": of, "truth": truth.head.key, "columns": sorted(described)}
    key = track_key(head.clip.key, head.kind, head.zoo, head.method, head.path, inputs)
    if store.holds(key) or head.key == key or head.constants.get("truth") == truth.head.key:
        return False
    time = _time_after(head.computed_on.get("time", ""))
    new = replace(
        head,
        key=key,
        columns={**others, **described},
        constants={**constants, "errors_of": of},
        computed_on={**head.computed_on, "time": time},
    )
    store.remove([key])  # what a killed run left
    frames = Truth(store, truth)
    try:
        writer = TrackWriter(store, new)
        with ThreadPoolExecutor(n_encoders(), "errors") as pool:
            for pack in track.packs:
                path = store.pack_path(head.key, pack.sha256)
                images = read_images(path)
                levels = list(pool.map(decode_image, images))
                theirs = [frames.values(at) for at in range(pack.start, pack.start + pack.n_frames)]
                found = _errors_of_pack(domain, levels, theirs)
                kept = {name: column(store, track, name)[pack.start : pack.start + pack.n_frames] for name in others}
                writer.append(pack.start, images, {**kept, **found}, read_previews(path))
        writer.finish()
    except BaseException:
        store.remove([key])
        raise
    return True


def _time_after(text: str) -> str:
    """Now, or a second after a time that is not before: pages show the newest track of a configuration."""
    now = datetime.now(UTC).replace(microsecond=0)
    with suppress(ValueError, TypeError, OverflowError):  # another program's spelling
        now = max(now, datetime.fromisoformat(text) + timedelta(seconds=1))
    return now.isoformat(timespec="seconds")


def _errors_of_pack(domain: Domain, levels: list[np.ndarray], truths: list[np.ndarray]) -> dict[str, np.ndarray]:
    parts = []
    for image, values in zip(levels, truths, strict=True):  # a frame at a time: memory stays bounded
        codes = image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)
        parts.append(error_columns(domain, codes[None], codes_of(values, domain.record())[None]))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def column(store: Store, track: Track, name: str) -> np.ndarray:
    """A column of a track. Raises StoreError."""
    try:
        return store.column(track, name)
    except (KeyError, ValueError, BadPack) as error:
        raise StoreError(
            f"{track.head.label} cannot be read ({error})", "run: python -m precompute verify --fix"
        ) from error
