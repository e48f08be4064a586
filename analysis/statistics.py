"""Statistics of measured numbers: correlation, ROC AUC, risk against coverage, confidence intervals.

Plain functions of arrays. A result that the data cannot give (too few values, no spread) is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAST_FOR_CORRELATION = 3
CONFIDENCE = 0.95


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, float64 (K,); equal values share the mean of their ranks."""
    _, group, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[group]


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation over the pairs in which both are finite; NaN where one side does not vary."""
    is_known = np.isfinite(a) & np.isfinite(b)
    a, b = np.asarray(a, float)[is_known], np.asarray(b, float)[is_known]
    if len(a) < LEAST_FOR_CORRELATION or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation of the ranks, over the pairs in which both are finite."""
    is_known = np.isfinite(a) & np.isfinite(b)
    return pearson(ranks(np.asarray(a)[is_known]), ranks(np.asarray(b)[is_known]))


def roc_auc(inside: np.ndarray, outside: np.ndarray) -> float:
    """The probability that a random member of `outside` exceeds one of `inside`; ties count half."""
    inside, outside = inside[np.isfinite(inside)], outside[np.isfinite(outside)]
    if not len(inside) or not len(outside):
        return float("nan")
    n_out = len(outside)
    wins = ranks(np.concatenate([inside, outside]))[len(inside) :].sum() - n_out * (n_out + 1) / 2
    return float(wins / (len(inside) * n_out))


@dataclass(frozen=True)
class RiskCoverage:
    """The mean error of the frames that remain as those of the highest energy are dropped."""

    coverage: np.ndarray
    """(K,) share of frames kept, rising to 1."""
    risk: np.ndarray
    """(K,) mean error of that share."""
    oracle: np.ndarray
    """(K,) the same when the error itself decides what to drop."""
    random: float
    """The same when chance decides: the mean error at every coverage."""

    @property
    def area(self) -> float:
        """Mean risk over all coverages."""
        return float(self.risk.mean())

    @property
    def oracle_area(self) -> float:
        """Mean risk of the oracle over all coverages."""
        return float(self.oracle.mean())

    @property
    def gain(self) -> float:
        """Position of the energy between chance (0) and the oracle (1); NaN where all errors are equal."""
        room = self.random - self.oracle_area
        return (self.random - self.area) / room if room > 0 else float("nan")


def risk_coverage(energy: np.ndarray, error: np.ndarray) -> RiskCoverage:
    """Risk over coverage of (K,) energies and (K,) errors; pairs that are not finite are left out.

    Equal energies have no order, so each of them counts with their mean error.
    """
    is_known = np.isfinite(energy) & np.isfinite(error)
    energy, error = energy[is_known], np.asarray(error, float)[is_known]
    kept = np.arange(1, len(error) + 1)
    return RiskCoverage(
        coverage=kept / max(len(error), 1),
        risk=np.cumsum(mean_within_ties(energy, error)[np.argsort(energy, kind="stable")]) / kept,
        oracle=np.cumsum(np.sort(error)) / kept,
        random=float(error.mean()) if len(error) else float("nan"),
    )


def mean_within_ties(keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Each value replaced by the mean of the values with the same key."""
    _, group = np.unique(keys, return_inverse=True)
    return (np.bincount(group, values) / np.bincount(group))[group] if len(values) else values


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and its 95 % confidence interval."""

    mean: float
    half_width: float
    """Half of the interval by Student's t; NaN for fewer than two values."""
    n: int

    @property
    def low(self) -> float:
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        return self.mean + self.half_width


def interval(values: Sequence[float]) -> Interval:
    """Mean and 95 % interval of independent values."""
    found = np.asarray(values, float)
    n = len(found)
    if n < 2:
        return Interval(float(found.mean()) if n else float("nan"), float("nan"), n)
    quantile = student_t_quantile(CONFIDENCE, n - 1)
    return Interval(float(found.mean()), float(quantile * found.std(ddof=1) / np.sqrt(n)), n)


def student_t_quantile(confidence: float, degrees: int) -> float:
    """The t that |T| stays below with probability `confidence`, for whole degrees of freedom.

    Bisects the finite series of Abramowitz and Stegun, 26.7.3 and 26.7.4, down to float64's resolution.
    """
    low, high = 0.0, math.pi / 2  # of arctan(t / sqrt(degrees)), which is bounded where t is not
    while (middle := (low + high) / 2) not in (low, high):
        if _probability_within(middle, degrees) < confidence:
            low = middle
        else:
            high = middle
    return math.sqrt(degrees) * math.tan(middle)


def _probability_within(angle: float, degrees: int) -> float:
    """P(|T| < sqrt(degrees) tan(angle)) for `degrees` >= 1."""
    is_odd = degrees % 2
    term, total = (math.cos(angle) if is_odd else 1.0), 0.0
    for k in range(1 + is_odd, degrees, 2):
        total += term
        term *= math.cos(angle) ** 2 * k / (k + 1)
    return 2 / math.pi * (angle + math.sin(angle) * total) if is_odd else math.sin(angle) * total
