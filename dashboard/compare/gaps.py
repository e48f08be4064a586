"""The gap between two series: both means, the noise floor below which nobody is lower, and how often each is lower."""

# N frames

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.noise import LEAST_FRAMES, noise_floor
from dashboard.compare.memory import kept_by_content
from dashboard.numbers import number, percent
from dashboard.player_data import Series
from dashboard.text import counted


@dataclass(frozen=True)
class Gap:
    """What two series say of each other over the frames that both have."""

    first: str
    """Letter."""
    second: str
    first_mean: float
    """NaN without common frames, like the others."""
    second_mean: float
    floor: float
    """Half-width of the 95 % interval of the mean gap; NaN for too few frames."""
    n_first_lower: int
    n_second_lower: int
    n_frames: int

    @property
    def size(self) -> float:
        """The absolute value of the mean gap."""
        return abs(self.first_mean - self.second_mean)

    @property
    def share(self) -> float:
        """The gap as a share of the higher mean, of errors: 0.19 is 19 % less. 0 if both are 0."""
        higher = max(self.first_mean, self.second_mean)
        return self.size / higher if higher > 0 else 0.0

    @property
    def is_beyond(self) -> bool:
        """True if the gap is larger than the noise."""
        return self.size > self.floor

    @property
    def is_equal(self) -> bool:
        """True if both are equal on every frame."""
        return self.n_frames > 0 and self.n_first_lower == self.n_second_lower == 0

    @property
    def lower(self) -> str:
        """Letter of the lower mean."""
        return self.first if self.first_mean < self.second_mean else self.second

    def words(self, unit: str) -> str:
        """`B is 0.12 σ lower, beyond the noise floor of 0.05 σ`; what is within the noise is called no difference."""
        if self.n_frames == 0:
            return "no frame has a value for both"
        if self.is_equal:
            return f"both are equal on {'the only frame' if self.n_frames == 1 else f'all {self.n_frames} frames'}"
        size, floor = number(self.size, unit), number(self.floor, unit)
        if self.n_frames < LEAST_FRAMES:
            return f"gap {size}; {counted(self.n_frames, 'frame')} cannot show whether that is noise"
        if not self.is_beyond:
            return f"no difference beyond the noise (gap {size}, noise floor {floor})"
        return f"{self.lower} is {size} lower, beyond the noise floor of {floor}"

    def words_with_share(self, unit: str) -> str:
        """The same, with the share of frames on which the one with the lower mean is lower."""
        if self.n_frames < LEAST_FRAMES or self.is_equal:
            return self.words(unit)
        count = self.n_first_lower if self.lower == self.first else self.n_second_lower
        return f"{self.words(unit)}; {self.lower} is lower on {percent(count, self.n_frames)} of {self.n_frames} frames"


def gap_between(first: Series, second: Series) -> Gap:
    """The gap over the frames at which both have a value."""
    n_frames = min(len(first.values), len(second.values))
    return Gap(first.letter, second.letter, *_figures(first.values[:n_frames], second.values[:n_frames]))


@kept_by_content
def _figures(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float, int, int, int]:
    """Both means, noise floor of their gap, frames on which each is lower, and all, of (N,) and (N,) values."""
    both = np.stack([np.asarray(one, np.float64) for one in (first, second)])
    both = both[:, np.isfinite(both).all(axis=0)]  # (2, N)
    if both.shape[1] == 0:
        nan = float("nan")
        return nan, nan, nan, 0, 0, 0
    gap = both[0] - both[1]
    means = both.mean(axis=1)
    floor = noise_floor(gap)
    return float(means[0]), float(means[1]), floor, int((gap < 0).sum()), int((gap > 0).sum()), both.shape[1]
