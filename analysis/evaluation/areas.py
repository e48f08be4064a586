"""AUSE and AURG of a confidence with intervals, and the risk of the frames that it keeps."""

# N frames, K resamples at a time, B bins of frames alike

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.evaluation.resampling import Estimate, Units, bins_of, lengths_of, units_of, weights, with_interval
from analysis.evaluation.sparsification import N_BINS, Sparsification, sparsification
from analysis.statistics import RiskCoverage, risk_coverage

STATED_COVERAGE = 0.8
"""Share of frames kept, whose risk stands for the curve in tables."""


@dataclass(frozen=True)
class Areas:
    """How well a confidence orders the errors of some clips."""

    curve: Sparsification
    risk: RiskCoverage
    ause: Estimate
    aurg: Estimate

    @property
    def risk_at_stated_coverage(self) -> float:
        """Mean error of the STATED_COVERAGE of the frames that are most certain; NaN without frames."""
        n = len(self.risk.risk)
        return float(self.risk.risk[max(int(STATED_COVERAGE * n), 1) - 1]) if n else float("nan")


def areas(uncertainty: np.ndarray, error: np.ndarray, lengths: Sequence[int]) -> Areas:
    """The curves of (N,) uncertainties and errors, clip by clip; pairs that are not finite are left out."""
    uncertainty, error = np.asarray(uncertainty, np.float64), np.asarray(error, np.float64)
    is_known = np.isfinite(uncertainty) & np.isfinite(error)
    known = lengths_of(is_known, lengths)
    uncertainty, error = uncertainty[is_known], error[is_known]
    units = units_of(known, uncertainty, error)
    curve = sparsification(uncertainty, error)
    is_flat = curve.is_constant or not np.isfinite(curve.ause)
    drawn = np.zeros((0, 2)) if is_flat else _resampled(uncertainty, error, units)
    ause = with_interval(curve.ause, drawn[:, 0], units, "plain")
    aurg = with_interval(curve.aurg, drawn[:, 1], units, "plain")
    return Areas(curve, risk_coverage(uncertainty, error), ause, aurg)


def _resampled(uncertainty: np.ndarray, error: np.ndarray, units: Units) -> np.ndarray:
    """AUSE and AURG of each resample, float64 (R, 2)."""
    by_confidence, by_error = bins_of(uncertainty), bins_of(error)
    removed = np.arange(N_BINS) / N_BINS
    found = []
    for (some,) in weights(units):
        remaining, oracle = (
            _remaining(units.sums_by_bin(some, bins), units.sums_by_bin(some, bins, error), removed)
            for bins in (by_confidence, by_error)
        )
        found.append([np.trapezoid(remaining - oracle, removed), np.trapezoid(1 - remaining, removed)])
    return np.concatenate(found, axis=1).T


def _remaining(some: np.ndarray, errors: np.ndarray, removed: np.ndarray) -> np.ndarray:
    """Mean error of what remains as a share of the mean of all, float64 (K, N_BINS), for the weight and the sum of errors in
    each bin, from certain to uncertain, (K, B). Frames of one bin count with their mean error."""
    kept, total = (np.cumsum(one, axis=1) for one in (some, errors))
    at = kept[:, -1:] * (1 - removed)
    zero = np.zeros((len(kept), 1))
    kept, total = np.concatenate([zero, kept], axis=1), np.concatenate([zero, total], axis=1)
    sums = np.stack([np.interp(*one) for one in zip(at, kept, total, strict=True)])
    with np.errstate(all="ignore"):
        return sums / at / (total[:, -1:] / kept[:, -1:])
