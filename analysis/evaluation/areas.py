"""AUSE and AURG of a confidence with intervals, and the risk of the frames that it keeps."""

# N frames, K resamples at a time

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.evaluation.resampling import Estimate, lengths_of, units_of, weights, with_interval
from analysis.sparsification import N_BINS, Sparsification, sparsification
from analysis.statistics import RiskCoverage, mean_within_ties, risk_coverage

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
    drawn = np.zeros((0, 2)) if is_flat else _resampled(uncertainty, error, weights(units))
    ause = with_interval(curve.ause, drawn[:, 0], units, "plain")
    aurg = with_interval(curve.aurg, drawn[:, 1], units, "plain")
    return Areas(curve, risk_coverage(uncertainty, error), ause, aurg)


def _resampled(uncertainty: np.ndarray, error: np.ndarray, drawn: Iterable[tuple[np.ndarray, ...]]) -> np.ndarray:
    """AUSE and AURG of each resample, float64 (R, 2). Orders and ties are those of all frames."""
    by_confidence = np.argsort(uncertainty, kind="stable")
    by_error = np.argsort(error, kind="stable")
    within_ties = mean_within_ties(uncertainty, error)[by_confidence]
    removed = np.arange(N_BINS) / N_BINS
    found = []
    for (some,) in drawn:
        for row in some:
            remaining = _remaining(row[by_confidence], within_ties, removed)
            oracle = _remaining(row[by_error], error[by_error], removed)
            found.append([np.trapezoid(remaining - oracle, removed), np.trapezoid(1 - remaining, removed)])
    return np.asarray(found)


def _remaining(some: np.ndarray, error: np.ndarray, removed: np.ndarray) -> np.ndarray:
    """Mean error of what remains as a share of the mean of all, for weights (N,) and errors (N,) from certain to uncertain."""
    kept, total = np.cumsum(some), np.cumsum(some * error)
    at = kept[-1] * (1 - removed)
    with np.errstate(all="ignore"):
        return np.interp(at, kept, total) / at / (total[-1] / kept[-1])
