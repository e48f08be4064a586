"""Whether the lower of two confidences has the lower error: a claim about methods, measured on rooms with ground truth.

Over the frames of one method an energy can tell good from bad and still rank methods wrongly: networks that share a trunk agree
with each other whatever they predict.
"""

# N frames, U units

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLINGS = 2000
CHANCE = 0.5


@dataclass(frozen=True)
class Ranking:
    """How often the lower confidence of two methods has the lower error."""

    share: float
    """The share among frames in which both differ; NaN without any."""
    low: float
    high: float
    """Ends of its 95 % interval, a bootstrap over units."""
    n_frames: int
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
        return Ranking(float("nan"), float("nan"), float("nan"), 0, same_mean=False)
    agrees = (np.sign(energy_gap) == np.sign(error_gap))[known]
    low, high = interval_of_units(agrees.astype(np.float64), np.asarray(units)[known], seed)
    same_mean = np.sign(energy_gap[known].mean()) == np.sign(error_gap[known].mean())
    return Ranking(float(agrees.mean()), low, high, int(known.sum()), bool(same_mean))


def interval_of_units(values: np.ndarray, units: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Ends of the 95 % interval of the mean of (N,) values, by resampling whole units: frames of one repeat each other."""
    _, group = np.unique(units, return_inverse=True)
    sums, counts = np.bincount(group, values), np.bincount(group)
    drawn = np.random.default_rng(seed).integers(0, len(counts), (RESAMPLINGS, len(counts)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
