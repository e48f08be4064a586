"""Pearson's r and Spearman's rho of two measures over frames, with intervals."""

# N frames, K resamples at a time

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.evaluation.resampling import Estimate, Units, lengths_of, units_of, weights, with_interval
from analysis.statistics import pearson, ranks, spearman


def correlations(a: np.ndarray, b: np.ndarray, lengths: Sequence[int]) -> tuple[Estimate, Estimate]:
    """r and rho of (N,) and (N,) values, clip by clip; `lengths` are the frames of each clip. Pairs that are not finite are left out."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    is_known = np.isfinite(a) & np.isfinite(b)
    known = lengths_of(is_known, lengths)
    a, b = a[is_known], b[is_known]
    units = units_of(known, a, b)
    values = pearson(a, b), spearman(a, b)
    if not np.isfinite(values).all():
        return _without(values[0], units), _without(values[1], units)
    # The ranks are those of all frames: ranking each resample again takes a hundred times as long, for the same ends.
    rank_a, rank_b = ranks(a), ranks(b)
    drawn = [
        (weighted_pearson(a, b, units, some), weighted_pearson(rank_a, rank_b, units, some))
        for (some,) in weights(units)
    ]
    r, rho = (np.concatenate(some) for some in zip(*drawn, strict=True))
    return with_interval(values[0], r, units, "correlation"), with_interval(values[1], rho, units, "correlation")


def weighted_pearson(a: np.ndarray, b: np.ndarray, units: Units, some: np.ndarray) -> np.ndarray:
    """Pearson's r of (N,) and (N,) with each row of weights (K, U), float64 (K,); NaN where one side does not vary."""
    a, b = a - a.mean(), b - b.mean()  # so that the differences below lose no digits
    measures = np.stack([np.ones_like(a), a, b, a * a, b * b, a * b], axis=1)
    total, sum_a, sum_b, aa, bb, ab = units.sums(some, measures).T
    with np.errstate(all="ignore"):
        covariance = ab - sum_a * sum_b / total
        found = covariance / np.sqrt((aa - sum_a**2 / total) * (bb - sum_b**2 / total))
    return np.clip(found, -1, 1)


def _without(value: float, units: Units) -> Estimate:
    return with_interval(value, np.zeros(0), units, "correlation")
