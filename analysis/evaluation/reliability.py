"""Whether an expected error holds: the coverage that it states against the coverage found on clips with ground truth."""

# N frames, L levels

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from analysis.evaluation.resampling import LEAST_UNITS, Units, lengths_of, units_of
from analysis.expected_error import SMALLEST
from analysis.noise import NORMAL_QUANTILE

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Found:
    """The coverage of one level."""

    stated: float
    share: float
    """Share of the frames inside; each clip counts alike where the units are clips. NaN without frames."""
    low: float
    """Ends of Wilson's 95 % interval for as many trials as there are units; NaN with fewer than LEAST_UNITS."""
    high: float
    is_measured: bool
    """Whether the zoo states an interval of this coverage; else its width follows from that one, if logarithms of errors
    spread normally."""


@dataclass(frozen=True)
class Reliability:
    """Stated and found coverage on frames like those of the calibration."""

    levels: tuple[Found, ...]
    """By rising stated coverage."""
    units: Units
    n_frames: int
    """Frames with an expected error and a true one that are like the calibration."""
    n_unlike: int
    """Frames left out, as the expected error has no interval there."""

    @property
    def stated(self) -> Found:
        """The level that the zoo states."""
        return next(level for level in self.levels if level.is_measured)


def reliability(
    expected: np.ndarray,
    error: np.ndarray,
    is_unlike: np.ndarray,
    lengths: Sequence[int],
    factor: float,
    coverage: float,
) -> Reliability:
    """Compare (N,) expected and true errors, clip by clip, with intervals from expected / factor to expected * factor, which the
    zoo states to hold for a share `coverage`. Frames that are not finite, or `is_unlike` the calibration (N,), are left out."""
    is_known = np.isfinite(expected) & np.isfinite(error)
    kept = is_known & ~is_unlike
    log = [np.log(np.maximum(one[kept], SMALLEST)) for one in (expected, error)]
    off = np.abs(log[1] - log[0])
    known = lengths_of(kept, lengths)
    units = units_of(known, off)
    levels = sorted({*LEVELS, coverage})
    found = [_found(off, known, units, factor, coverage, level) for level in levels]
    return Reliability(tuple(found), units, len(off), int((is_known & is_unlike).sum()))


def _found(
    off: np.ndarray, lengths: Sequence[int], units: Units, factor: float, coverage: float, level: float
) -> Found:
    reach = math.log(factor) * half_width(level) / half_width(coverage)
    is_inside = (off <= reach + 1e-12).astype(np.float64)
    if units.kind == "clips":
        ends = np.cumsum(lengths)
        shares = [is_inside[end - n : end].mean() for end, n in zip(ends, lengths, strict=True) if n]
        share = float(np.mean(shares))
    else:
        share = float(is_inside.mean()) if len(is_inside) else float("nan")
    low, high = wilson(share, units.n) if units.n >= LEAST_UNITS else (float("nan"), float("nan"))
    return Found(level, share, low, high, level == coverage)


def half_width(level: float) -> float:
    """Standard deviations around the mean within which a normal variable lies with that chance."""
    return NormalDist().inv_cdf((1 + level) / 2)


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval (1927) of a share of n >= 1 independent trials; within [0, 1] also at its ends."""
    z = NORMAL_QUANTILE
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)
