"""The noise floor of a mean over frames: how far it could be off, as neighbouring frames repeat each other.

A mean gap between two configurations that is smaller than its noise floor is no difference.
"""

# N frames

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from analysis.statistics import CONFIDENCE, student_t_quantile

LEAST_FRAMES = 3
"""Fewer frames do not say how much frames differ."""
MOST_LIKENESS = 0.97
"""Cap on the correlation of neighbours that is divided out, as in Andrews & Monahan (1992): nearer 1 the floor is a guess."""
MOST_DEGREES = 200
"""Student's quantile is then within 0.7 % of the normal one, and takes time to compute for more."""
NORMAL_QUANTILE = 1.96
"""Standard deviations within which 95 % of normal noise lies."""


def noise_floor(values: np.ndarray) -> float:
    """Half-width of the 95 % interval of the mean of (N,) values in order of time; NaN for fewer than three finite ones.

    A circular block bootstrap over frames (Politis & Romano 1992): resampling whole blocks keeps the likeness of
    neighbours in the noise. Its variance is known in closed form, so nothing is drawn at random and equal values give
    equal floors. Short clips hold no block long enough, which makes their floor too small; there, what neighbours share
    (an AR(1) with Kendall's correction) is divided out before and multiplied back (prewhitening, Andrews & Monahan 1992).
    The larger of both floors counts, and never more than that of a single frame: a mean is no worse than one of its values.
    """
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    n_frames = len(known)
    if n_frames < LEAST_FRAMES:
        return float("nan")
    if np.ptp(known) == 0:
        return 0.0
    spread = known - known.mean()
    likeness = _likeness(spread)
    own = spread[1:] - likeness * spread[:-1]  # what a frame does not share with the one before
    independent = n_frames * (1 - likeness) / (1 + likeness)
    whitened = _block_floor(own - own.mean(), independent) / (1 - likeness)
    of_a_frame = NORMAL_QUANTILE * float(known.std(ddof=1))
    return min(max(_block_floor(spread, n_frames), whitened), of_a_frame)


def _block_floor(spread: np.ndarray, independent: float) -> float:
    """The floor of the mean of (N,) values around 0, by the means of all blocks, one beginning at each frame.

    The half-width is Student's, with the degrees of freedom of overlapping blocks (Meketon & Schmeiser 1984), and at most
    those of that many `independent` frames.
    """
    n_frames, block = len(spread), block_length(spread)
    sums = np.cumsum(np.concatenate([[0.0], spread, spread[: block - 1]]))
    means = (sums[block:] - sums[:-block]) / block
    # Blocks are compared with the mean of the clip, which they make up: without `1 - block / N`, too small a variance.
    variance = block * float(np.mean(means**2)) / (1 - block / n_frames) / n_frames
    degrees = math.floor(min(n_frames - 1, 1.5 * (n_frames / block - 1), independent, MOST_DEGREES))
    return _student_t(max(1, degrees)) * math.sqrt(variance)


def block_length(values: np.ndarray) -> int:
    """Frames of a block for the mean of (N,) finite values, N >= 2, by the rule of Politis & White.

    "Automatic block-length selection for the dependent bootstrap" (2004), for circular blocks, with the correction of
    Patton, Politis & White (2009). At least N^(1/3), as short clips hide their autocorrelation, and at most N/3.
    """
    n_frames = len(values)
    longest = max(1, min(math.ceil(3 * math.sqrt(n_frames)), n_frames // 3))
    covariance = _autocovariance(values)
    if covariance[0] <= 0:
        return 1
    n_quiet = max(5, math.ceil(math.sqrt(math.log10(n_frames))))
    loud = np.abs(covariance[1:] / covariance[0]) >= 2 * math.sqrt(math.log10(n_frames) / n_frames)
    n_lags = max(1, min(2 * _before_quiet(loud, n_quiet), n_frames - 1))
    lag = np.arange(1, n_lags + 1)
    weighted = np.minimum(1.0, 2 * (1 - lag / n_lags)) * covariance[lag]  # flat up to half of the lags, then down to 0
    bias, density = 2 * float((lag * weighted).sum()), float(covariance[0] + 2 * weighted.sum())
    ideal = (1.5 * (bias / density) ** 2 * n_frames) ** (1 / 3) if density > 0 else float(longest)
    return int(min(longest, max(math.ceil(n_frames ** (1 / 3)), round(ideal))))


def _likeness(spread: np.ndarray) -> float:
    """Correlation of each frame with the next, 0 to MOST_LIKENESS, with Kendall's (1954) correction for short series."""
    found = float((spread[1:] * spread[:-1]).sum() / (spread**2).sum())
    return min(max(found + (1 + 3 * found) / len(spread), 0.0), MOST_LIKENESS)


def _autocovariance(values: np.ndarray) -> np.ndarray:
    """(N,) values -> (N,) covariance of each frame with the one `lag` frames on, over N, by the Fourier transform."""
    n_frames = len(values)
    size = 1 << (2 * n_frames - 1).bit_length()
    spectrum = np.fft.rfft(values - values.mean(), size)
    return np.fft.irfft(spectrum * spectrum.conj(), size)[:n_frames] / n_frames


def _before_quiet(loud: np.ndarray, n_quiet: int) -> int:
    """How many lags come before the first `n_quiet` in a row that are not loud; all loud ones where there is no such run."""
    run = 0
    for at, is_loud in enumerate(loud.tolist()):
        run = 0 if is_loud else run + 1
        if run == n_quiet:
            return at + 1 - n_quiet
    return int(np.flatnonzero(loud)[-1]) + 1 if loud.any() else 0


@lru_cache(maxsize=MOST_DEGREES)
def _student_t(degrees: int) -> float:
    return student_t_quantile(CONFIDENCE, degrees)
