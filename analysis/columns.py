"""What are the numbers of a curve, frame by frame? Columns of the store as one value per frame."""

# N frames, P paths of an energy

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np

from cache.pack import BadPack
from cache.records import Track
from cache.store import Store, StoreError
from dashboard.choices import Curve
from dashboard.state import Scale

MAX_KEPT = 256
"""Columns kept in memory: a page shows a dozen and its graph reads some tens, of 40 kB each on a clip of 5,000 frames."""


class Unreadable(Exception):
    """The numbers of a track are not what its manifest promises; the message says why and what to do."""


class Columns:
    """Columns of a store, each read once: packs never change, so their hashes name the values for good."""

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

    def series(self, curve: Curve, scale: Scale) -> np.ndarray:
        """One value per ready frame, (N,) float64; `scale` matters to energies alone. Raises Unreadable."""
        values = self.column(curve.track, curve.column)
        if curve.track.head.kind == "energy":
            return energy(values, curve.track.head.constants, scale)
        if values.ndim != 1:
            raise Unreadable(f"column '{curve.column}' has shape {values.shape}, expected one number per frame")
        return values.astype(np.float64)

    def pts_seconds(self, track: Track) -> list[float]:
        """When each ready frame is shown, in seconds from the clip's start. Raises Unreadable."""
        return self.column(track, "pts_seconds").astype(np.float64).reshape(-1).tolist()


def energy(terms: np.ndarray, constants: Mapping[str, Any], scale: Scale) -> np.ndarray:
    """The consistency energy of each frame, (N,) float64, of raw `terms` (N, P).

    Standardised: the mean over paths of (term - mu) / sigma (Zamir et al. 2020, section 4), in sigma. Raw: of terms.
    """
    if terms.size == 0:
        return np.zeros((0,), np.float64)
    if terms.ndim != 2:
        raise Unreadable(f"energy terms have shape {terms.shape}, expected frames x paths")
    if scale == "raw":
        return terms.astype(np.float64).mean(axis=1)  # (N,)
    try:
        mu = np.asarray(constants.get("mu"), np.float64)
        sigma = np.asarray(constants.get("sigma"), np.float64)
    except (TypeError, ValueError) as error:
        raise Unreadable(f"the energy's constants are not numbers ({error}); run the job again") from error
    if mu.shape != terms.shape[1:] or sigma.shape != mu.shape or not (sigma > 0).all():
        raise Unreadable(f"the energy has {terms.shape[1]} terms, but not as many constants; run the job again")
    return ((terms.astype(np.float64) - mu) / sigma).mean(axis=1)  # (N,)


def with_expected_times(pts_seconds: Sequence[float], n_frames: int) -> list[float]:
    """`pts_seconds` of the ready frames, then the times that the rest of `n_frames` would have at the same pace.

    So the whole clip has its place on the time line while a job still writes it.
    """
    times = list(pts_seconds)
    step = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1 / 30
    start = times[-1] if times else -step
    return times + [start + step * k for k in range(1, n_frames - len(times) + 1)]


def same_constants(a: Track, b: Track, names: Sequence[str] = ("paths", "mu", "sigma")) -> bool:
    """Are the energies of both on one scale, as far as those constants decide it?"""
    return all(a.head.constants.get(name) == b.head.constants.get(name) for name in names)
