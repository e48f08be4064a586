"""Whether normals have the axes, and depth the meaning, that a zoo states: compared with known truth in every sign and order.

N frames, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product

import torch
import torch.nn.functional as F
from torch import Tensor

AXES = ("x", "y", "z")
CONVENTIONS: tuple[tuple[str, ...], ...] = tuple(
    tuple(sign + axis for sign, axis in zip(signs, order, strict=True))
    for order in permutations(AXES)
    for signs in product(("", "-"), repeat=3)
)
"""What the three channels of normals can be: the 48 signs and orders of the axes."""
UNLIKE_DEGREES = 40.0
"""A best mean angle above this is not of normals that anything can be said about: facing the camera everywhere has about 50°."""
CLEAR_DEGREES = 4.0
"""By so much another convention must fit better for the stated one to be refused."""
LIKE_SPEARMAN = 0.6
"""Rank correlations of depth and truth, per frame, from which on (or below minus it) its direction is certain."""
METRES_FACTOR = 2.0
"""A median scale beyond this, or below 1 over it, is not that of metres."""
SAME_ENDS = 1e-3
"""Frames whose lowest numbers are this close together, in shares of the range, and whose highest are: min-max of each picture."""
MIN_FRAMES = 4
SIDE_PX = 96
"""Pictures are compared at this size: axes need no detail."""


@dataclass(frozen=True)
class AxesVerdict:
    """Which axes a network's normals have."""

    stated: tuple[str, ...]
    stated_degrees: float
    """Mean angle to the truth, read as stated."""
    best: tuple[str, ...]
    best_degrees: float
    second_degrees: float
    """The mean angle of the best convention but that one."""

    @property
    def is_like_normals(self) -> bool:
        return self.best_degrees <= UNLIKE_DEGREES

    @property
    def is_refused(self) -> bool:
        """Whether the stated axes clearly lose."""
        return self.is_like_normals and self.stated_degrees - self.best_degrees > CLEAR_DEGREES

    def __str__(self) -> str:
        found = f"axes {list(self.best)} fit best: {self.best_degrees:.1f}° from the truth on average, {self.margin:.1f}° ahead of the next"
        if not self.is_like_normals:
            return f"no axes can be told: even the best, {list(self.best)}, are {self.best_degrees:.1f}° from the truth on average"
        return (
            found
            if self.best == self.stated
            else f"{found}; stated are {list(self.stated)}, with {self.stated_degrees:.1f}°"
        )

    @property
    def margin(self) -> float:
        return self.second_degrees - self.best_degrees


def axes_of(normals: Tensor, truth: Tensor, is_valid: Tensor, stated: Sequence[str] = AXES) -> AxesVerdict:
    """Compare normals with the truth under all 48 conventions.

    `normals`: read as stated, and `truth`: vectors (N, 3, H, W) of any length above 0, in the frame x right, y down, z forward.
    `is_valid`: (N, H, W), where the truth is known.
    """
    ours, true = (F.normalize(vectors.float(), dim=1).movedim(1, -1)[is_valid] for vectors in (normals, truth))
    stated = tuple(stated) or AXES
    channels = torch.stack([_along(ours, axis) for axis in stated], dim=1)  # what the network gave
    degrees = {}
    for axes in CONVENTIONS:
        cosine = sum(channels[:, i] * _along(true, axis) for i, axis in enumerate(axes))
        degrees[axes] = float(torch.rad2deg(torch.acos(torch.as_tensor(cosine).clamp(-1, 1))).mean())
    ranked = sorted(degrees, key=lambda axes: degrees[axes])
    return AxesVerdict(stated, degrees[stated], ranked[0], degrees[ranked[0]], degrees[ranked[1]])


@dataclass(frozen=True)
class DepthVerdict:
    """What a network's depth is."""

    spearman: float
    """Mean over frames of the rank correlation with true depth."""
    scale: float
    """Median over frames of the factor to metres."""
    is_min_max: bool
    """Whether the numbers of every frame have the same lowest and the same highest one."""

    def problems(self, known_up_to: str) -> list[str]:
        """What of it contradicts a zoo."""
        found = []
        if self.is_min_max:
            found.append(
                "its numbers reach the same lowest and the same highest value in every frame: each picture was scaled to its own minimum "
                "and maximum, so that frames cannot be compared; save the network without that step"
            )
        if self.spearman < -LIKE_SPEARMAN:
            found.append(
                f"it falls with distance (rank correlation {self.spearman:.2f} with true depth): it is inverse depth, or its range is "
                "turned round; use scale = 'inverse', or swap the ends of `range`"
            )
        is_metric = not known_up_to and self.spearman > LIKE_SPEARMAN
        if is_metric and not self.is_min_max and not 1 / METRES_FACTOR <= self.scale <= METRES_FACTOR:
            found.append(
                f"it is not in metres: true depth is {self.scale:.3g} times as large; correct `physical`, or state what it lacks with "
                "known_up_to"
            )
        return found

    def __str__(self) -> str:
        if abs(self.spearman) < LIKE_SPEARMAN:
            return f"depth cannot be told: its rank correlation with true depth is {self.spearman:.2f}"
        turn = "grows" if self.spearman > 0 else "falls"
        return f"depth {turn} with distance (rank correlation {self.spearman:.2f}), true metres are {self.scale:.3g} times as large"


def depth_of(metres: Tensor, numbers: Tensor, truth: Tensor, is_valid: Tensor) -> DepthVerdict:
    """Compare depth with the truth. `metres`: as stated, `truth`: metres, (N, H, W); `numbers`: the network's own, (N, ...)."""
    ranks, scales = [], []
    for made, true, known in zip(metres.float(), truth.float(), is_valid, strict=True):
        ranks.append(_spearman(made[known], true[known]))
        scales.append(float((true[known] / made[known].clamp(min=1e-6)).median()))
    flat = numbers.float().flatten(1)
    low, high = flat.amin(dim=1), flat.amax(dim=1)
    width = float((high - low).mean())
    is_same = max(float(low.max() - low.min()), float(high.max() - high.min())) <= SAME_ENDS * width
    return DepthVerdict(
        sum(ranks) / len(ranks), sorted(scales)[len(scales) // 2], len(flat) >= MIN_FRAMES and width > 0 and is_same
    )


def _along(vectors: Tensor, axis: str) -> Tensor:
    """The component of (P, 3) vectors along an axis such as `-y`."""
    component = vectors[:, AXES.index(axis[-1])]
    return -component if axis.startswith("-") else component


def _spearman(a: Tensor, b: Tensor) -> float:
    if len(a) < 3 or float(a.max()) == float(a.min()) or float(b.max()) == float(b.min()):
        return 0.0
    ranks = torch.stack([_ranks(a), _ranks(b)])
    return float(torch.corrcoef(ranks)[0, 1])


def _ranks(values: Tensor) -> Tensor:
    """The mean rank of equal values."""
    _, place, count = values.unique(return_inverse=True, return_counts=True)
    return (count.cumsum(0) - (count - 1) / 2)[place]
