"""Intervals of statistics over frames that repeat each other: a bootstrap over whole clips, or over blocks of neighbouring frames.

A resample is a weight for each row: a clip, or a frame of a block. Every statistic that follows from weighted sums gets its
interval in the same way. Clips are resampled where there are enough to show how clips differ. With fewer, blocks of frames are,
within each clip: the interval then speaks of these clips alone.
"""

# N frames, U rows that are weighted: clips or frames; K resamples at a time, B bins, M measures

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.noise import block_length
from analysis.statistics import CONFIDENCE, student_t_quantile

LEAST_CLIPS = 5
"""Fewer clips do not show how clips differ."""
LEAST_UNITS = 3
"""Fewer independent units do not show how much they differ."""
MOST_RESAMPLES, LEAST_RESAMPLES = 1000, 200
"""A thousand give the spread to 2 %, two hundred to 5 %."""
MOST_WEIGHTS = 10_000_000
"""Weights of all resamples together: above it fewer are drawn, which keeps the time to seconds."""
WEIGHTS_AT_ONCE = 500_000
"""4 MB."""
ROUNDING = 1e-9
MOST_BINS = 1000
"""Bins of the order over which resamples are compared. Where there are fewer distinct values, each has a bin of its own."""

Scale = Literal["correlation", "share", "plain"]
"""Where the statistic lies, which decides on what scale it is about normal: in [-1, 1], in [0, 1], or anywhere."""


@dataclass(frozen=True)
class Units:
    """What is resampled as a whole."""

    kind: Literal["clips", "blocks"]
    lengths: tuple[int, ...]
    """Frames of each clip, in the order of the values."""
    blocks: tuple[int, ...]
    """Frames of a block in each clip; the clip's length where whole clips are resampled."""

    @property
    def n(self) -> int:
        """Independent units: clips, or blocks in clips of at least three frames."""
        if self.kind == "clips":
            return len(self.lengths)
        pairs = zip(self.lengths, self.blocks, strict=True)
        return sum(length // block for length, block in pairs if length >= LEAST_UNITS)

    @property
    def n_frames(self) -> int:
        return sum(self.lengths)

    @property
    def n_rows(self) -> int:
        return len(self.lengths) if self.kind == "clips" else self.n_frames

    def sums(self, some: np.ndarray, measures: np.ndarray) -> np.ndarray:
        """Weighted sums of measures (N, M) by weights (K, U), float64 (K, M)."""
        if self.kind == "clips":
            starts = np.cumsum([0, *self.lengths[:-1]], dtype=np.intp)
            measures = np.add.reduceat(measures, starts, axis=0)
        return some @ measures

    def sums_by_bin(self, some: np.ndarray, bins: np.ndarray, values: np.ndarray | None = None) -> np.ndarray:
        """Weighted sums of values (N,), or of ones, in each bin, float64 (K, B); `bins` (N,) are 0 to B - 1, none of them empty."""
        values = np.ones(len(bins)) if values is None else values
        if self.kind == "clips":
            n_bins, clip = int(bins.max()) + 1, np.repeat(np.arange(len(self.lengths)), self.lengths)
            table = np.bincount(clip * n_bins + bins, values, minlength=len(self.lengths) * n_bins)
            return some @ table.reshape(-1, n_bins)
        order = np.argsort(bins, kind="stable")
        starts = np.flatnonzero(np.diff(bins[order], prepend=-1))
        return np.add.reduceat(some[:, order] * values[order], starts, axis=1)


def bins_of(values: np.ndarray) -> np.ndarray:
    """The place of each of (N,) values in their order, in at most MOST_BINS bins of about as many values, int (N,)."""
    distinct, place = np.unique(values, return_inverse=True)
    if len(distinct) <= MOST_BINS:
        return place
    return np.unique(place * MOST_BINS // len(distinct), return_inverse=True)[1]


@dataclass(frozen=True)
class Estimate:
    """A statistic with its 95 % interval."""

    value: float
    """NaN where the data cannot give it."""
    low: float
    """NaN, like `high`, where there are too few units or nothing varies among the resamples."""
    high: float
    n_frames: int
    n_clips: int
    n_units: int
    """Clips or blocks that the interval is over."""
    kind: Literal["clips", "blocks"]

    @property
    def has_interval(self) -> bool:
        return bool(np.isfinite(self.low) and np.isfinite(self.high))


def units_of(lengths: Sequence[int], *columns: np.ndarray) -> Units:
    """The units of frames that lie clip by clip in each of the `columns`, (N,) finite values; `lengths` sums to N.

    A block is as long as the likeness of neighbours in any of the columns asks for (noise.block_length).
    """
    found = tuple(int(length) for length in lengths if length > 0)
    if len(found) >= LEAST_CLIPS:
        return Units("clips", found, found)
    ends = np.cumsum(found)
    parts = [[column[end - length : end] for column in columns] for end, length in zip(ends, found, strict=True)]
    return Units("blocks", found, tuple(_block(series) for series in parts))


def lengths_of(is_kept: np.ndarray, lengths: Sequence[int]) -> list[int]:
    """How many frames of each clip are kept, of bool (N,)."""
    ends = np.cumsum(np.asarray(lengths, int))
    return [int(is_kept[end - length : end].sum()) for end, length in zip(ends, lengths, strict=True)]


def _block(series: Sequence[np.ndarray]) -> int:
    return max((block_length(np.asarray(one, np.float64)) for one in series if len(one) >= 2), default=1)


def weights(*groups: Units) -> Iterator[tuple[np.ndarray, ...]]:
    """Weights of the rows of each group, float64 (K, U) each, a few resamples at a time; groups are drawn independently.

    The same groups have the same weights in every call.
    """
    n_rows = max(sum(units.n_rows for units in groups), 1)
    left = min(MOST_RESAMPLES, max(LEAST_RESAMPLES, MOST_WEIGHTS // n_rows))
    generator = np.random.default_rng(0)
    while left > 0:
        count = min(left, max(1, WEIGHTS_AT_ONCE // n_rows))
        left -= count
        yield tuple((_of_clips if units.kind == "clips" else _of_blocks)(units, count, generator) for units in groups)


def _of_clips(units: Units, count: int, generator: np.random.Generator) -> np.ndarray:
    n_clips = len(units.lengths)
    return generator.multinomial(n_clips, np.full(n_clips, 1 / n_clips), size=count).astype(np.float64)


def _of_blocks(units: Units, count: int, generator: np.random.Generator) -> np.ndarray:
    """Circular blocks (Politis & Romano 1992), as many as cover each clip."""
    parts = [np.zeros((count, 0))]
    for length, block in zip(units.lengths, units.blocks, strict=True):
        starts = generator.integers(0, length, (count, -(-length // block)))
        steps = np.zeros((count, 2 * length + 1))
        row = np.arange(count)[:, None]
        np.add.at(steps, (row, starts), 1)
        np.add.at(steps, (row, starts + block), -1)
        covered = np.cumsum(steps, axis=1)
        parts.append(covered[:, :length] + covered[:, length : 2 * length])
    return np.concatenate(parts, axis=1)


def with_interval(value: float, drawn: np.ndarray, units: Units, scale: Scale) -> Estimate:
    """The interval from the spread of the (R,) resampled values: Student's t on the scale where the statistic is about normal.

    A plain percentile interval of few units is too narrow; this one widens with Student's quantile of as many.
    """
    low, high = float("nan"), float("nan")
    there, back = _SCALES[scale]
    with np.errstate(all="ignore"):
        centre, spread = there(np.float64(value)), there(drawn)
    spread = spread[np.isfinite(spread)]
    if units.n >= LEAST_UNITS and np.isfinite(centre) and len(spread) >= LEAST_RESAMPLES // 2 and _varies(spread):
        # Resampled units vary less than units do, by (U - 1) / U.
        error = float(spread.std(ddof=1)) * np.sqrt(units.n / (units.n - 1))
        half = student_t_quantile(CONFIDENCE, min(units.n - 1, 200)) * error
        low, high = float(back(centre - half)), float(back(centre + half))
    return Estimate(float(value), low, high, units.n_frames, len(units.lengths), units.n, units.kind)


def _varies(spread: np.ndarray) -> bool:
    """Whether (R,) values differ by more than rounding: clips that are copies of each other would give an interval of no width."""
    return bool(np.ptp(spread) > ROUNDING * max(1.0, float(np.abs(spread).max())))


def _logit(share: np.ndarray) -> np.ndarray:
    return np.log(share / (1 - share))


def _logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -700, 700)))


_SCALES: dict[Scale, tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]] = {
    "correlation": (np.arctanh, np.tanh),
    "share": (_logit, _logistic),
    "plain": (np.asarray, np.asarray),
}
