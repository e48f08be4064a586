"""Which of several configurations is lower, and which cannot be told apart: means, paired gaps and places with intervals.

Gaps are paired, as some clips are hard for everyone. With few clips an interval says how much frames vary, not how much clips do.
"""

# C configurations, U units (clips), K parts of a clip

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.noise import NORMAL_QUANTILE, noise_floor
from analysis.statistics import CONFIDENCE, student_t_quantile

RESAMPLINGS = 2000
LEAST_UNITS = 5
"""Clips below which resampling them says nothing: of four, one in 256 samples holds the highest value alone."""


@dataclass(frozen=True)
class Gaps:
    """Means, and the gaps of all pairs, each with the ends of its 95 % interval. `gap[i, j]` is the mean of i minus that of j."""

    mean: np.ndarray
    """(C,)"""
    low: np.ndarray
    """(C,) NaN where nothing says how much the values vary."""
    high: np.ndarray
    gap: np.ndarray
    """(C, C)"""
    gap_low: np.ndarray
    """(C, C)"""
    gap_high: np.ndarray

    def is_lower(self, i: int, j: int) -> bool:
        """Whether i is lower than j beyond the noise: the interval of their gap does not contain 0."""
        return bool(self.gap_high[i, j] < 0)

    def place(self, i: int) -> tuple[int, int]:
        """The best and the worst place that i may have, from 1: those surely lower are before it, those surely higher behind it."""
        n = len(self.mean)
        before = sum(self.is_lower(j, i) for j in range(n))
        behind = sum(self.is_lower(i, j) for j in range(n))
        return 1 + before, n - behind


def gaps_over_clips(values: np.ndarray, spread: np.ndarray | None = None, seed: int = 0) -> Gaps:
    """From one value of each configuration on each clip, (C, U) finite, by a bootstrap over clips.

    Percentiles of resampled means are too narrow for few clips; they are taken farther out, as far as Student's t is than the
    normal distribution (the expanded percentile interval of Hesterberg 2015, section 4.1). `spread` (C, U): standard deviation
    of what is not known of each value, independent of the others.
    """
    n_units = values.shape[1]
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(n_units, np.full(n_units, 1 / n_units), RESAMPLINGS) / n_units  # (R, U)
    mean = values.mean(axis=1)
    ends = _tail(n_units), 1 - _tail(n_units)
    gap = np.array([(one - values).mean(axis=1) for one in values])
    # Equal configurations share one row, so that rounding cannot make a gap between them.
    distinct, same = np.unique(values, axis=0, return_inverse=True)
    means = (distinct @ weights.T)[same.reshape(-1)]  # (C, R)
    low, high = np.quantile(means, ends, axis=1)
    gap_low, gap_high = np.zeros_like(gap), np.zeros_like(gap)
    for i in range(1, len(values)):
        gap_low[i, :i], gap_high[i, :i] = np.quantile(means[i] - means[:i], ends, axis=1)
        gap_low[:i, i], gap_high[:i, i] = -gap_high[i, :i], -gap_low[i, :i]
    return _widened(Gaps(mean, low, high, gap, gap_low, gap_high), _variance(values, spread))


def gaps_over_frames(values: np.ndarray, clips: Sequence[np.ndarray], spread: np.ndarray | None = None) -> Gaps:
    """From the values (C, U) on few clips and the parts of each, (C, K) in order of time, by the block bootstrap of
    analysis/noise.py within clips.

    The interval says nothing of other clips. NaN where a clip has fewer than three parts in common: one frame does not say how
    much frames vary. `spread` (C, U) as of `gaps_over_clips`.
    """
    n_configurations = len(values)
    mean = values.mean(axis=1)
    own = _half_width([np.array([noise_floor(row) for row in parts]) for parts in clips])
    half = np.zeros((n_configurations, n_configurations))
    for i in range(n_configurations):
        for j in range(i):
            half[i, j] = half[j, i] = _half_width([np.array(noise_floor(parts[i] - parts[j])) for parts in clips])
    gap = np.array([(one - values).mean(axis=1) for one in values])
    return _widened(Gaps(mean, mean - own, mean + own, gap, gap - half, gap + half), _variance(values, spread))


def _variance(values: np.ndarray, spread: np.ndarray | None) -> np.ndarray:
    """What is not known of each mean, (C,): a variance."""
    return np.zeros(len(values)) if spread is None else (spread**2).sum(axis=1) / values.shape[1] ** 2


def _widened(gaps: Gaps, variance: np.ndarray) -> Gaps:
    """The intervals with what is not known of the values themselves, (C,) variances."""
    own = NORMAL_QUANTILE**2 * variance
    pair = own[:, None] + own[None]
    np.fill_diagonal(pair, 0.0)
    return Gaps(
        gaps.mean,
        gaps.mean - np.sqrt((gaps.mean - gaps.low) ** 2 + own),
        gaps.mean + np.sqrt((gaps.high - gaps.mean) ** 2 + own),
        gaps.gap,
        gaps.gap - np.sqrt((gaps.gap - gaps.gap_low) ** 2 + pair),
        gaps.gap + np.sqrt((gaps.gap_high - gaps.gap) ** 2 + pair),
    )


def _tail(n_units: int) -> float:
    """The share of resampled means beyond each end of the expanded interval."""
    reach = math.sqrt(n_units / (n_units - 1)) * student_t_quantile(CONFIDENCE, n_units - 1)
    return 0.5 * math.erfc(reach / math.sqrt(2))


def _half_width(floors: Sequence[np.ndarray]) -> np.ndarray:
    """That of a mean over clips, each of which has its own noise floor."""
    return np.sqrt(np.sum(np.square(floors), axis=0)) / len(floors)
