"""The layer behind a depth picture: what the near side of each tear hides, invented from the far side."""

# The same as dashboard/web/surfaces/filling.mjs. H x W pixels; codes are float, UNKNOWN where there is no depth.

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

UNKNOWN = -1.0
REACH = 1 / 12
"""How far behind the near side the layer reaches, a share of the picture's longer side."""
FAR_DEPTH = 4
"""How deep the far side is read, pixels. Its first pixel is left out: right at a tear, colours are blends of both sides."""
_STEPS = ((0, 1), (0, -1), (1, 0), (-1, 0))
_EDGES = (((0, 0), (0, 1)), ((0, 0), (1, 0)), ((0, 1), (1, 0)))
"""The edges of the triangles of a cell, as (row, column) of both ends; the last is the diagonal."""


@dataclass(frozen=True)
class Limits:
    """What two neighbours may differ by: the far one is torn off where it is beyond ratio * near + offset, in codes."""

    ratio: float
    offset: float

    def torn(self, near: np.ndarray, far: np.ndarray) -> np.ndarray:
        return far > self.ratio * near + self.offset


@dataclass(frozen=True)
class Layer:
    """What lies behind."""

    codes: np.ndarray
    """(H, W) float, UNKNOWN where the layer is not. Pixels that nothing hides repeat the surface where it is torn,
    so that the layer meets it."""
    rgb: np.ndarray
    """(H, W, 3) uint8."""
    is_invented: np.ndarray
    """(H, W) bool: of the colour at least. The blend at a tear's far side keeps its depth."""


def fill_behind(codes: np.ndarray, rgb: np.ndarray, limits: Limits) -> Layer:
    """The layer of a picture: codes (H, W) float, rgb (H, W, 3) uint8."""
    near, far = tears(codes, limits)
    reach = max(1, round_half_up(REACH * max(codes.shape)))
    hidden = _flood(near, codes, reach, is_beyond=limits.torn, sign=1)
    known = _flood(far, codes, FAR_DEPTH, is_beyond=lambda code, carried: limits.torn(carried, code), sign=-1)
    is_hidden = hidden >= 0
    is_blend = (far >= 0) & ~is_hidden
    is_deep = (known >= 0) & (far < 0) & ~is_hidden
    is_known = is_deep if is_deep.any() else is_blend
    channels = np.concatenate([codes[..., None], rgb], axis=2).astype(np.float32)
    spread = push_pull(channels, is_known.astype(np.float32))
    behind = np.maximum(spread[..., 0], limits.ratio * codes + limits.offset)  # never before what hides it
    drawn = np.where(is_hidden, behind, np.where(_corners_torn(codes, limits), codes, UNKNOWN))
    is_invented = (is_hidden | is_blend) & ~is_known & (drawn >= 0)
    colours = np.where(is_invented[..., None], np.floor(spread[..., 1:] + 0.5), rgb)
    return Layer(drawn, colours.clip(0, 255).astype(np.uint8), is_invented)


def push_pull(channels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Spreads what is known, (H, W, C) with weights (H, W) of 0 or 1, over all of the picture: averages of 2 x 2 pixels down to
    one, then what is missing from the coarser picture, interpolated (Gortler et al., The Lumigraph, 1996, section 3.4.4)."""
    height, width = weights.shape
    if height <= 1 and width <= 1:
        return channels
    half = (-(-height // 2), -(-width // 2))
    padded = np.pad(weights, ((0, height % 2), (0, width % 2)))
    weighted = np.pad(channels * weights[..., None], ((0, height % 2), (0, width % 2), (0, 0)))
    total = padded.reshape(half[0], 2, half[1], 2).sum((1, 3))
    sums = weighted.reshape(half[0], 2, half[1], 2, -1).sum((1, 3))
    coarse = push_pull(sums / np.where(total > 0, total, 1)[..., None], np.minimum(total, 1))
    for axis, side in ((0, height), (1, width)):
        # Bilinear: the fine pixel's middle lies a quarter of a coarse pixel off its own coarse one's.
        at = np.arange(side)
        other = np.clip(at // 2 + np.where(at % 2 == 0, -1, 1), 0, half[axis] - 1)
        coarse = 0.75 * np.take(coarse, at // 2, axis) + 0.25 * np.take(coarse, other, axis)
    return weights[..., None] * channels + (1 - weights[..., None]) * coarse


def round_half_up(value: float) -> int:
    """As JavaScript rounds, so that both renderers reach equally far."""
    return int(np.floor(value + 0.5))


def tears(codes: np.ndarray, limits: Limits) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel on a near side the farthest code across a tear, for each on a far side the nearest one; else UNKNOWN."""
    height, width = codes.shape
    near = np.full(codes.shape, UNKNOWN)
    far = np.full(codes.shape, np.inf)
    for ends in _EDGES:
        down, across = (max(end[axis] for end in ends) for axis in (0, 1))
        first, second = (
            (slice(row, height - down + row), slice(column, width - across + column)) for row, column in ends
        )
        a, b = codes[first], codes[second]
        is_torn = (a >= 0) & (b >= 0) & limits.torn(np.minimum(a, b), np.maximum(a, b))
        for own, mine, other in ((first, a, b), (second, b, a)):
            near[own] = np.where(is_torn & (mine < other), np.maximum(near[own], other), near[own])
            far[own] = np.where(is_torn & (mine > other), np.minimum(far[own], other), far[own])
    return near, np.where(np.isfinite(far), far, UNKNOWN)


def _corners_torn(codes: np.ndarray, limits: Limits) -> np.ndarray:
    """(H, W) whether a pixel is a corner of a triangle that is torn."""
    found = np.zeros(codes.shape, bool)
    here, right, below, across = (
        (slice(None, -1), slice(None, -1)),
        (slice(None, -1), slice(1, None)),
        (slice(1, None), slice(None, -1)),
        (slice(1, None), slice(1, None)),
    )
    for corners in ((here, right, below), (right, below, across)):
        values = np.stack([codes[corner] for corner in corners])
        is_torn = (values.min(0) >= 0) & limits.torn(values.min(0), values.max(0))
        for corner in corners:
            found[corner] |= is_torn
    return found


def _flood(
    seeds: np.ndarray,
    codes: np.ndarray,
    steps: int,
    *,
    is_beyond: Callable[[np.ndarray, np.ndarray], np.ndarray],
    sign: int,
) -> np.ndarray:
    """The seed value that spreads to each pixel within `steps` steps; UNKNOWN where none arrives.

    `sign`: where two values meet, 1 keeps the farther one and -1 the nearer one. `is_beyond`: takes the spreading value and the
    code of the next pixel, and returns whether the value spreads to it.
    """
    found = seeds.copy()
    front = seeds >= 0
    for _ in range(1, steps):
        if not front.any():
            break
        arriving = np.full(codes.shape, -np.inf)
        for down, across in _STEPS:
            carried = _moved(np.where(front, found, np.nan), down, across)
            goes_on = (codes >= 0) & (found < 0) & is_beyond(codes, carried)  # NaN goes nowhere
            arriving = np.where(goes_on, np.maximum(arriving, sign * carried), arriving)
        front = np.isfinite(arriving)
        found = np.where(front, sign * arriving, found)
    return found


def _moved(values: np.ndarray, down: int, across: int) -> np.ndarray:
    """Shifted by one pixel; NaN where nothing comes from."""
    moved = np.full(values.shape, np.nan)
    height, width = values.shape
    to = (slice(max(down, 0), height + min(down, 0)), slice(max(across, 0), width + min(across, 0)))
    from_ = (slice(max(-down, 0), height - max(down, 0)), slice(max(-across, 0), width - max(across, 0)))
    moved[to] = values[from_]
    return moved
