"""Stability over time: how much a prediction changes from one frame to the next beyond what the motion of the video explains.

Both frames come as block means of one picture, the earlier one moved by the optical flow onto the later one. Changes are
compared at one scale for every prediction: block means, smoothed again by SMOOTH_BLOCKS. Detail finer than that counts
for nobody, so a blurred prediction gains nothing by it.

What moves all of a picture at once has a figure of its own, since a moving camera causes it as well: the common factor of
depth (scale drift), and the common rotation of normals (turn).
"""

# B x B blocks of a picture, C channels

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

BLOCKS = 32
"""Blocks per side, as those of an energy."""
SMOOTH_BLOCKS = 1.25
"""Standard deviation of the smoothing, blocks: with the block itself 4 % of the picture's side, 10 px of 256. Blurring white
noise by 4 px then changes its figure by 7 %."""
LEAST_VISIBLE = 0.25
"""Least share of a block's surroundings that must have been visible in the frame before."""
LEAST_FOUND = 0.4
"""Least share of the picture that must be found in the frame before; with less, this is a cut, or motion beyond the flow's."""
N_REFINEMENTS = 3
"""Steps from the least squares rotation to that of least total angle, which a part of the picture does not pull away."""

LEAST_RADIANS = 1e-3
"""Angles below this one weigh the same in the common rotation."""
RIDGE = 1e-6
"""Keeps the common rotation small where the directions do not decide it, as those of one wall do not."""
LEAST_LENGTH = 1e-6
"""Mean normals shorter than this have no direction."""


@dataclass(frozen=True)
class Change:
    """What changed in one frame."""

    mean: float
    """Mean over the blocks that were visible before: percent of depth, or degrees; NaN without such blocks."""
    common: float
    """What all blocks have in common, and `mean` leaves out: the factor of depth in percent, signed, or the rotation of normals
    in degrees; NaN without blocks."""
    blocks: np.ndarray
    """The change of each block, float32 (B, B); NaN where too little was visible before."""


NOTHING = Change(float("nan"), float("nan"), np.full((BLOCKS, BLOCKS), np.nan, np.float32))
"""The first frame of a clip or after a cut: there is nothing to compare it with."""


def depth_change(before: np.ndarray, now: np.ndarray, visible: np.ndarray) -> Change:
    """The change of depth in percent (100 times that of its natural logarithm).

    `before`, `now`: sums over each block's visible pixels of the logarithm of depth, float (B, B). `visible`: their number
    as a share of the block, float (B, B).
    """
    change = _smoothed(now - before, visible)
    is_known = np.isfinite(change)
    if not is_known.any():
        return NOTHING
    common = _weighted_median(change[is_known], visible[is_known])
    return _change(100 * np.abs(change - common), 100 * common, visible)


def normal_change(before: np.ndarray, now: np.ndarray, visible: np.ndarray) -> Change:
    """The angle between the mean normals of each block, degrees.

    `before`, `now`: sums over each block's visible pixels of the normals, float (B, B, 3). `visible`: as of `depth_change`.
    """
    both = _smoothed(np.concatenate([before, now], axis=-1), visible)  # at once: most of the time is calls, not numbers
    start, end = (np.ascontiguousarray(both[..., part].reshape(-1, 3).T) for part in (np.s_[:3], np.s_[3:]))  # (3, B B)
    lengths = np.sqrt(_dots(start, start)), np.sqrt(_dots(end, end))
    is_known = (lengths[0] > LEAST_LENGTH) & (lengths[1] > LEAST_LENGTH)  # NaN is no length
    if not is_known.any():
        return NOTHING
    start, end = (
        np.where(is_known, values / length, 1.0) for values, length in zip((start, end), lengths, strict=True)
    )
    turn, moved = _common_rotation(start, end, np.where(is_known, visible.ravel(), 0.0))
    angle = np.where(is_known, _angles_degrees(moved, end), np.nan)
    return _change(angle.reshape(visible.shape), _rotation_degrees(turn), visible)


def cuts(found: np.ndarray) -> np.ndarray:
    """The frames that do not follow from the one before: (N,) shares of the picture found there -> their indices.

    Scene cuts, and motion beyond what the flow follows. The first frame has no share (NaN) and is none.
    """
    return np.flatnonzero(np.asarray(found) < LEAST_FOUND)


def total_drift(drift: np.ndarray) -> np.ndarray:
    """Scale of depth against the first frame, percent: (N,) `common` changes of depth -> float64 (N,).

    A frame that has none (a cut) continues with the scale before.
    """
    return 100 * np.expm1(np.nancumsum(np.asarray(drift, np.float64)) / 100)


def _change(blocks: np.ndarray, common: float, visible: np.ndarray) -> Change:
    is_known = np.isfinite(blocks)
    mean = float((blocks[is_known] * visible[is_known]).sum() / visible[is_known].sum())
    return Change(mean, float(common), blocks.astype(np.float32))


def _smoothed(sums: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Means of the visible pixels around each block; NaN where these are too few: sums (B, B) or (B, B, C) -> the same shape."""
    kernel = _kernel(len(visible))
    share = kernel @ visible @ kernel.T
    share = np.where((share >= LEAST_VISIBLE) & (visible > 0), share, np.nan)
    if sums.ndim == 2:
        return kernel @ sums @ kernel.T / share
    rows = (kernel @ sums.reshape(len(sums), -1)).reshape(sums.shape)
    return kernel @ rows / share[..., None]  # along the second axis, each row on its own


def _kernel(n_blocks: int) -> np.ndarray:
    """The smoothing along one axis, (B, B): each row sums to 1."""
    found = _KERNELS.get(n_blocks)
    if found is None:
        at = np.arange(n_blocks)
        weights = np.exp(-(((at[:, None] - at) / SMOOTH_BLOCKS) ** 2) / 2)
        found = _KERNELS[n_blocks] = weights / weights.sum(axis=1, keepdims=True)
    return found


_KERNELS: dict[int, np.ndarray] = {}


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


# Below, vectors are columns: rows of K numbers are the fastest to compute with.


def _dots(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Scalar products of (3, K) vectors, (K,)."""
    return np.einsum("ik,ik->k", a, b)


def _angles_degrees(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles between (3, K) directions, (K,); by their distance, as acos loses small ones to rounding."""
    apart = a - b
    return np.degrees(2 * np.arcsin(np.minimum(np.sqrt(_dots(apart, apart)) / 2, 1)))


def _common_rotation(start: np.ndarray, end: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rotation that takes the (3, K) directions nearest to the others, (3, 3): the smallest one where several do. With the
    directions that it takes them to."""
    turn, moved = _UNTURNED, start
    for _ in range(N_REFINEMENTS):
        sine = np.sqrt(np.maximum(1 - _dots(moved, end) ** 2, 0))
        # A total of angles, not of squares: each direction weighs less the farther it is off.
        weight = weights / np.maximum(sine, LEAST_RADIANS)
        weighted = moved * weight
        square = weight.sum() * (1 + RIDGE) * _UNTURNED - weighted @ moved.T
        outer = weighted @ end.T  # its skew part is the sum of the cross products
        cross = np.array([outer[1, 2] - outer[2, 1], outer[2, 0] - outer[0, 2], outer[0, 1] - outer[1, 0]])
        turn = _rotation(np.linalg.solve(square, cross)) @ turn
        moved = turn @ start
    return turn, moved


_UNTURNED = np.eye(3)


def _rotation(axis: np.ndarray) -> np.ndarray:
    """Rodrigues' formula: the rotation about `axis`, (3,), by its length in radians."""
    angle = math.hypot(*axis.tolist())
    if angle == 0:
        return _UNTURNED
    x, y, z = axis / angle
    skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return _UNTURNED + np.sin(angle) * skew + (1 - np.cos(angle)) * skew @ skew


def _rotation_degrees(turn: np.ndarray) -> float:
    sine = np.linalg.norm([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    return float(np.degrees(np.arctan2(sine, np.trace(turn) - 1)))
