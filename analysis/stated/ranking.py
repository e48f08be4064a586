"""Whether the lower of two confidences has the lower error: a claim about methods, measured on rooms with ground truth.

Over the frames of one method an energy can tell good from bad and still rank methods wrongly: networks that share a trunk agree
with each other whatever they predict.
"""

# N frames, U units

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.stated.trust import number_within
from cache.records import Track

RESAMPLINGS = 2000
CHANCE = 0.5
CONFIDENCES = ("paper", "weighted", "expected error")
"""What may rank: the paper's energy, the weighted one, the error that is expected."""
MAX_LETTERS, MAX_FRAMES = 80, 100_000_000


@dataclass(frozen=True)
class Ranking:
    """How often the lower confidence of two methods has the lower error."""

    share: float
    """The share among frames in which both differ; NaN without any."""
    low: float
    high: float
    """Ends of its 95 % interval, a bootstrap over units."""
    n_frames: int
    n_units: int
    """Rooms or clips that the interval is over."""
    same_mean: bool
    """Whether the method with the lower mean confidence also has the lower mean error."""

    @property
    def is_above_chance(self) -> bool:
        """Whether it ranks these methods; where not, no winner may be drawn."""
        return bool(self.low > CHANCE and self.same_mean)


def ranking(
    confidence: tuple[np.ndarray, np.ndarray], error: tuple[np.ndarray, np.ndarray], units: np.ndarray, seed: int = 0
) -> Ranking:
    """Compare two methods on the same frames: confidences and errors (N,) of each, and the room or clip of each frame (N,)."""
    energy_gap, error_gap = (np.subtract(*map(np.asarray, pair)).astype(np.float64) for pair in (confidence, error))
    known = np.isfinite(energy_gap) & np.isfinite(error_gap) & (energy_gap != 0) & (error_gap != 0)
    if not known.any():
        return Ranking(float("nan"), float("nan"), float("nan"), 0, 0, same_mean=False)
    agrees = (np.sign(energy_gap) == np.sign(error_gap))[known]
    rooms = np.asarray(units)[known]
    low, high = interval_of_units(agrees.astype(np.float64), rooms, seed)
    same_mean = np.sign(energy_gap[known].mean()) == np.sign(error_gap[known].mean())
    return Ranking(float(agrees.mean()), low, high, int(known.sum()), len(np.unique(rooms)), bool(same_mean))


def interval_of_units(values: np.ndarray, units: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Ends of the 95 % interval of the mean of (N,) values, by resampling whole units: frames of one repeat each other."""
    _, group = np.unique(units, return_inverse=True)
    sums, counts = np.bincount(group, values), np.bincount(group)
    drawn = np.random.default_rng(seed).integers(0, len(counts), (RESAMPLINGS, len(counts)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@dataclass(frozen=True)
class MethodRanking:
    """What the manifests of two methods' tracks state: whether confidences rank these methods on rooms with ground truth."""

    by: Mapping[str, Ranking]
    """Confidence, of CONFIDENCES -> how it ranks them; those that were not measured, as the energy of `merged`, are left out."""
    error: str
    """The column of the error that was compared, such as `angle_degrees`."""
    shared_trunk: tuple[str, ...]
    """Those of the two methods that predict several targets with one network: their paths agree whatever they predict."""


def stated_ranking(a: Track, b: Track) -> MethodRanking | None:
    """What was measured of two methods that predict the same target; the order changes nothing.

    `a`, `b`: tracks that state it, which are the energies of a zoo's methods, and the prediction of `merged`. None for tracks
    of different zoos or targets, if it was not measured, or if the manifest holds what no job writes.
    """
    if (a.head.zoo, a.head.path) != (b.head.zoo, b.head.path):
        return None
    for one, other in ((a, b), (b, a)):
        stated = one.head.constants.get("rankings")
        row = stated.get(other.head.method) if isinstance(stated, Mapping) else None
        found = _method_ranking(row, (a.head.method, b.head.method)) if isinstance(row, Mapping) else None
        if found is not None:
            return found
    return None


def _method_ranking(row: Mapping[str, Any], methods: tuple[str, str]) -> MethodRanking | None:
    error, by, trunk = (row.get(name) for name in ("error", "by", "shared_trunk"))
    if not isinstance(error, str) or not isinstance(by, Mapping) or not isinstance(trunk, list):
        return None
    found = {name: one for name in CONFIDENCES if (one := _ranking(by.get(name))) is not None}
    shared = tuple(method for method in methods if method in trunk)
    return MethodRanking(found, error[:MAX_LETTERS], shared) if found else None


def _ranking(row: Any) -> Ranking | None:
    if not isinstance(row, Mapping) or not isinstance(row.get("same_mean"), bool):
        return None
    ends = [number_within(row.get(name), MAX_FRAMES) for name in ("low", "share", "high")]
    n_frames, n_units = (number_within(row.get(name), MAX_FRAMES) for name in ("n_frames", "n_units"))
    low, share, high = (math.nan if end is None else end for end in ends)
    if not 0 <= low <= share <= high <= 1 or n_frames is None or n_units is None or not 1 <= n_units <= n_frames:
        return None
    return Ranking(share, low, high, int(n_frames), int(n_units), row["same_mean"])
