"""What codes do the ground-truth images hold? Camera-frame geometry -> codes in [0, 1].

Camera frame: x right, y down, z forward. Arrays end in a channel axis; any leading shape.
"""

import numpy as np

from consistency.domains import DEPTH_MAX_METRES, DEPTH_MIN_METRES


def normal_code(normals: np.ndarray) -> np.ndarray:
    """Unit vectors toward the viewer, (..., 3) -> (n + 1) / 2."""
    return (normals + 1) / 2


def depth_code(depth_metres: np.ndarray) -> np.ndarray:
    """z-depth (along the optical axis, not the ray) in metres -> v with d = lo (hi / lo)^v, clipped to the range."""
    ratio = np.clip(depth_metres, DEPTH_MIN_METRES, DEPTH_MAX_METRES) / DEPTH_MIN_METRES
    return np.log(ratio) / np.log(DEPTH_MAX_METRES / DEPTH_MIN_METRES)


def depth_metres(code: np.ndarray) -> np.ndarray:
    """The inverse of depth_code within its range."""
    return DEPTH_MIN_METRES * (DEPTH_MAX_METRES / DEPTH_MIN_METRES) ** code


def reshading_code(normals: np.ndarray, ray_directions: np.ndarray) -> np.ndarray:
    """Lambertian shading of a white scene lit from the camera: max(0, n . -ray), (..., 3) x (..., 3) -> (...)."""
    return np.maximum(0, -(normals * ray_directions).sum(axis=-1))


def facing(normals: np.ndarray, ray_directions: np.ndarray) -> np.ndarray:
    """Flip each normal toward the ray's origin: furniture meshes are double-sided."""
    is_away = (normals * ray_directions).sum(axis=-1, keepdims=True) > 0
    return np.where(is_away, -normals, normals)


def to_uint8(code: np.ndarray) -> np.ndarray:
    """Code -> the 8-bit value round(255 v)."""
    return np.rint(np.clip(code, 0, 1) * 255).astype(np.uint8)
