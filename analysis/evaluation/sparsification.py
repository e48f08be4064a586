"""Sparsification: how well a confidence orders errors, as the field plots and names it (Ilg et al., ECCV 2018, section 6).

Remove the most uncertain share of the samples and plot the mean error of the rest, relative to that of all. The oracle
removes by the error itself, chance at random. AUSE is the area between the confidence and the oracle (0 is ideal), AURG the
one between chance and the confidence (0 is no better than chance; below it, worse), as in Poggi et al., CVPR 2020.
"""

# K samples: frames, blocks or pixels

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.statistics import mean_within_ties

N_BINS = 50
"""Shares that are removed: 0, 1/50, ..., 49/50."""


@dataclass(frozen=True)
class Sparsification:
    """The curves of one confidence; all are NaN where no sample has both numbers, or no error is above 0."""

    removed: np.ndarray
    """(N_BINS,) share of the samples removed, from 0 to 0.98."""
    remaining: np.ndarray
    """(N_BINS,) mean error of the rest, as a share of the mean error of all: 1 where nothing is removed."""
    oracle: np.ndarray
    """(N_BINS,) the same if the error itself decides what is removed."""
    n_samples: int
    """Samples that have both numbers."""
    mean_error: float
    """The mean over all samples, in the unit of the error."""
    is_constant: bool
    """Whether all samples are equally uncertain, which orders nothing."""

    @property
    def ause(self) -> float:
        """Area between confidence and oracle, by trapezoids."""
        return _area(self.remaining - self.oracle, self.removed)

    @property
    def aurg(self) -> float:
        """Area between chance and confidence, by trapezoids."""
        return _area(1 - self.remaining, self.removed)


def sparsification(uncertainty: np.ndarray, error: np.ndarray) -> Sparsification:
    """The curves of (K,) uncertainties, such as energies, and (K,) errors; pairs that are not finite are left out.

    Equally uncertain samples have no order, so each of them counts with their mean error.
    """
    uncertainty, error = np.ravel(uncertainty).astype(np.float64), np.ravel(error).astype(np.float64)
    is_known = np.isfinite(uncertainty) & np.isfinite(error)
    uncertainty, error = uncertainty[is_known], error[is_known]
    removed = np.arange(N_BINS) / N_BINS
    n = len(error)
    mean_error = float(error.mean()) if n else float("nan")
    is_constant = n == 0 or bool(np.ptp(uncertainty) == 0)
    if not mean_error > 0:
        unknown = np.full(N_BINS, np.nan)
        return Sparsification(removed, unknown, unknown, n, mean_error, is_constant)
    n_kept = n - np.arange(N_BINS) * n // N_BINS
    by_confidence = mean_within_ties(uncertainty, error)[np.argsort(uncertainty, kind="stable")]
    remaining, oracle = (np.cumsum(kept)[n_kept - 1] / n_kept / mean_error for kept in (by_confidence, np.sort(error)))
    return Sparsification(removed, remaining, oracle, n, mean_error, is_constant)


def _area(heights: np.ndarray, at: np.ndarray) -> float:
    return float(np.trapezoid(heights, at))
