"""Columns of the store as one number per frame, with their titles and units."""

# N frames, P paths of an energy

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import numpy as np

from analysis.energy import Scale, Unreadable, Weighting, energy
from analysis.expected_error import ExpectedError, features_of, predict
from cache.pack import BadPack
from cache.records import StoreError, Track
from cache.store import Store

MAX_KEPT = 256
"""Columns kept in memory: a page shows a dozen, its graph reads tens, and one takes 40 kB on a clip of 5,000 frames."""


class Columns:
    """The columns of a store, each read once: packs never change, so their hashes identify the values for good."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()  # sessions are threads
        self._kept: OrderedDict[tuple[str, tuple[str, ...]], np.ndarray] = OrderedDict()

    def column(self, track: Track, name: str) -> np.ndarray:
        """Column `name` over all ready frames, (N, ...). Raises Unreadable."""
        known = (name, tuple(pack.sha256 for pack in track.packs))
        with self._lock:
            if known in self._kept:
                self._kept.move_to_end(known)
                return self._kept[known]
        try:
            values = self._store.column(track, name)
        except (StoreError, BadPack) as error:
            raise Unreadable(str(error)) from error
        except (KeyError, ValueError, OSError) as error:
            raise Unreadable(f"column '{name}' cannot be read ({error}); run `python -m precompute verify`") from error
        with self._lock:
            self._kept[known] = values
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return values

    def series(self, track: Track, name: str, scale: Scale, weighting: Weighting | None = None) -> np.ndarray:
        """One number per ready frame, float64 (N,); `scale` and `weighting` affect energies only. Raises Unreadable."""
        values = self.column(track, name)
        if track.head.kind == "energy":
            return energy(values, track.head.constants, scale, weighting)
        if values.ndim != 1:
            raise Unreadable(f"column '{name}' has shape {values.shape}, expected one number per frame")
        return values.astype(np.float64)

    def pts_seconds(self, track: Track) -> list[float]:
        """Presentation time of each ready frame, in seconds from the start of the clip. Raises Unreadable."""
        return self.column(track, "pts_seconds").astype(np.float64).reshape(-1).tolist()


def expected_errors(
    columns: Columns, track: Track, energy: Track, model: ExpectedError
) -> tuple[np.ndarray, np.ndarray]:
    """The expected error of each ready frame and the energies that say which are unlike the calibration, each float64 (N,).

    `track` holds the features of the model. Raises Unreadable.
    """
    names = [name for name in ("terms", *model.features) if name in track.head.columns]
    found = {name: columns.column(track, name) for name in names}
    try:
        features = features_of(model, [str(path) for path in track.head.constants.get("paths", ())], found)
    except (KeyError, IndexError, ValueError) as error:
        raise Unreadable(f"it needs {error}, which is not stored; run the job again") from error
    energies = columns.series(energy, "terms", "standardised")
    n_frames = min(len(features), len(energies))
    return predict(model, features[:n_frames]), energies[:n_frames]


def series_title(track: Track, name: str) -> str:
    """Title of a series, from the manifest, or the column's name if it has none; an energy is named by its domain."""
    described = track.head.domain if track.head.kind == "energy" else track.head.columns.get(name, {})
    return str(described.get("title") or name)


def series_unit(track: Track, name: str, scale: Scale) -> str:
    """Unit of a series, from the manifest; "" if it has none. A standardised energy has that of its domain."""
    is_standardised = track.head.kind == "energy" and scale == "standardised"
    described = track.head.domain if is_standardised else track.head.columns.get(name, {})
    return str(described.get("unit") or "")


def with_expected_times(pts_seconds: Sequence[float], n_frames: int) -> list[float]:
    """`pts_seconds` of the ready frames, then the times that the rest of `n_frames` would have at the same pace.

    The time line thus spans the whole clip while a job is still writing it.
    """
    times = list(pts_seconds)
    step = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1 / 30
    start = times[-1] if times else -step
    return times + [start + step * k for k in range(1, n_frames - len(times) + 1)]
