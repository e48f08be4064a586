"""Energies without cross edges: normals against the depth they should follow from, and several networks against each other."""

# H x W pixels, M models

from __future__ import annotations

from itertools import combinations

import numpy as np

ASSUMED_FIELD_OF_VIEW_DEGREES = 60.0
"""Field of view of the shorter side where nothing else is known, as in consistency/models/camera_geometry.py."""
NEIGHBOUR_DISTANCE_PX = 2
DEPTH_TOLERANCE = 0.05
LEAST_WEIGHT = 1e-4
_OFFSETS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]


def normals_of_depth(log_depth: np.ndarray, field_of_view_degrees: float) -> np.ndarray:
    """The normals of a depth, unit vectors towards the camera: natural logarithm of depth (H, W) -> float32 (H, W, 3).

    Planes fitted to 1/z by weighted least squares over 8 neighbours, as `normal_from_depth` in
    consistency/models/camera_geometry.py explains; a test compares the two. Only ratios of depth count, so a depth known up
    to scale will do. `field_of_view_degrees`: of the shorter side.
    """
    depth = log_depth.astype(np.float32)
    height, width = depth.shape
    pixel = 2 * np.tan(np.radians(field_of_view_degrees) / 2) / min(height, width)  # at z = 1
    ray_x = ((np.arange(width) - (width - 1) / 2) * pixel).astype(np.float32)
    ray_y = ((np.arange(height) - (height - 1) / 2) * pixel).astype(np.float32)[:, None]
    d = NEIGHBOUR_DISTANCE_PX
    padded = np.pad(depth, d, constant_values=np.nan)
    xx, xy, yy, xg, yg = (np.zeros_like(depth) for _ in range(5))
    for dy, dx in _OFFSETS:
        step = padded[d * (1 + dy) : d * (1 + dy) + height, d * (1 + dx) : d * (1 + dx) + width] - depth
        is_inside = ~np.isnan(step)
        step = np.where(is_inside, step, np.float32(0))
        rise = np.expm1(-step)  # 1/z of the neighbour in units of 1/z here, minus one
        weight = is_inside * (1 / (1 + (step / DEPTH_TOLERANCE) ** 2) ** 2 + LEAST_WEIGHT)
        xx, xy, yy = xx + weight * dx**2, xy + weight * (dx * dy), yy + weight * dy**2
        xg, yg = xg + weight * dx * rise, yg + weight * dy * rise
    determinant = (xx * yy - xy**2) * d * pixel
    slope_x, slope_y = (yy * xg - xy * yg) / determinant, (xx * yg - xy * xg) / determinant
    plane = np.stack([slope_x, slope_y, 1 - slope_x * ray_x - slope_y * ray_y], axis=-1)
    return (-plane / np.sqrt((plane**2).sum(axis=-1, keepdims=True))).astype(np.float32)


def geometric_energy(log_depth: np.ndarray, normals: np.ndarray, field_of_view_degrees: float) -> np.ndarray:
    """The angle between the normals of a depth and predicted ones: (H, W) and (H, W, 3) of any length -> degrees, (H, W)."""
    return angles_degrees(normals_of_depth(log_depth, field_of_view_degrees), normals)


def depth_disagreement(log_depths: np.ndarray) -> np.ndarray:
    """How far M >= 2 depths are apart at each pixel: natural logarithms (M, H, W) -> percent, (H, W).

    The mean over pairs of 100 times the difference of logarithms, after each pair is brought to one scale (the median of
    their difference is taken out): networks without a metric scale can be compared too.
    """
    return _mean_over_pairs([np.abs(_centred(a - b)) * 100 for a, b in _pairs(log_depths)])


def normal_disagreement(normals: np.ndarray) -> np.ndarray:
    """The mean angle between any two of M >= 2 normals at each pixel: (M, H, W, 3) of any length -> degrees, (H, W)."""
    return _mean_over_pairs([angles_degrees(a, b) for a, b in _pairs(normals)])


def angles_degrees(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles between vectors of any length, (..., 3) twice -> (...), degrees; by atan2, as acos loses small ones."""
    (ax, ay, az), (bx, by, bz) = (np.moveaxis(np.asarray(one, np.float32), -1, 0) for one in (a, b))
    sine = np.sqrt((ay * bz - az * by) ** 2 + (az * bx - ax * bz) ** 2 + (ax * by - ay * bx) ** 2)
    return np.degrees(np.arctan2(sine, ax * bx + ay * by + az * bz))


def _pairs(models: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    if len(models) < 2:
        raise ValueError(f"a disagreement needs at least two models, got {len(models)}")
    return list(combinations(models, 2))


def _mean_over_pairs(maps: list[np.ndarray]) -> np.ndarray:
    return np.stack(maps).mean(axis=0, dtype=np.float64).astype(np.float32)


def _centred(difference: np.ndarray) -> np.ndarray:
    return difference - np.median(difference)
