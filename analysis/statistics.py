"""How do measured numbers go together? Correlations, ROC, risk against coverage, intervals: plain functions of arrays.

A figure that cannot be had (too few values, no spread) is NaN, never a guess.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEAST_FOR_CORRELATION = 3
CONFIDENCE = 0.95


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Of the pairs in which both are finite; NaN where one side does not vary."""
    is_known = np.isfinite(a) & np.isfinite(b)
    a, b = np.asarray(a, float)[is_known], np.asarray(b, float)[is_known]
    if len(a) < LEAST_FOR_CORRELATION or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation of the ranks; ties share theirs."""
    is_known = np.isfinite(a) & np.isfinite(b)
    return pearson(stats.rankdata(np.asarray(a)[is_known]), stats.rankdata(np.asarray(b)[is_known]))


def roc_auc(inside: np.ndarray, outside: np.ndarray) -> float:
    """The chance that a random member of `outside` exceeds one of `inside`, ties counting half."""
    inside, outside = inside[np.isfinite(inside)], outside[np.isfinite(outside)]
    if not len(inside) or not len(outside):
        return float("nan")
    ranks = stats.rankdata(np.concatenate([inside, outside]))
    n_out = len(outside)
    wins = ranks[len(inside) :].sum() - n_out * (n_out + 1) / 2
    return float(wins / (len(inside) * n_out))


@dataclass(frozen=True)
class RiskCoverage:
    """The mean error of what is kept, as more of what has the highest energy is dropped."""

    coverage: np.ndarray
    """(K,) share kept, rising to 1."""
    risk: np.ndarray
    """(K,) mean error of that share."""
    oracle: np.ndarray
    """(K,) the same where the error itself says what to drop."""
    random: float
    """The same where chance does: the mean error, whatever is kept."""

    @property
    def area(self) -> float:
        """Mean risk over all coverages."""
        return float(self.risk.mean())

    @property
    def oracle_area(self) -> float:
        return float(self.oracle.mean())

    @property
    def gain(self) -> float:
        """How much of the way from chance (0) to the oracle (1) the energy goes; NaN where all errors are alike."""
        room = self.random - self.oracle_area
        return (self.random - self.area) / room if room > 0 else float("nan")


def risk_coverage(energy: np.ndarray, error: np.ndarray) -> RiskCoverage:
    """(K,) and (K,); pairs that are not finite are left out. Among equal energies the order is chance's: their mean error."""
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
    """Each value replaced by the mean of those with the same key."""
    _, group = np.unique(keys, return_inverse=True)
    return (np.bincount(group, values) / np.bincount(group))[group] if len(values) else values


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and how far it can be trusted."""

    mean: float
    half_width: float
    """Of the 95 % interval by Student's t; NaN for fewer than two values."""
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
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)
    return Interval(float(found.mean()), float(quantile * found.std(ddof=1) / np.sqrt(n)), n)
