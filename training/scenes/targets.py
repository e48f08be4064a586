"""Computes the ground-truth images from camera-frame geometry, as codes in [0, 1].

Camera frame: x right, y down, z forward. Arrays end in a channel axis and have any leading shape, unless (H, W, C) is given.
Everything is computed from float geometry, before codes are rounded to 8 bits. Where the geometry is unknown (sky, outdoors),
images hold the domain's invalid code; 3D edges and keypoints, which have none, hold 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from consistency.domains import CURVATURE_MAX_PER_METRE, DEPTH_MAX_METRES, DEPTH_MIN_METRES, DOMAINS

CURVATURE_SIGMA_PX = 2.0  # facets of a mesh within this distance count as one surface
CURVATURE_STEP_MOST = 0.005  # share of the depth: pixels further apart are not on one surface
SQUARE = np.ones((3, 3), np.uint8)  # neighbourhood of a pixel, for erosion
OUTDOORS_METRES = 60.0  # assumed depth of outdoor pixels when neighbours are compared: beyond any room
EDGE_SIGMA_PX = 2.0  # width of an edge
EDGE_POWER = 0.8  # lifts faint edges
EDGE_STEP_LEAST, EDGE_STEP_MOST = 0.01, 0.06  # shares of the depth: no edge (skirting, a picture frame), a full edge
STRAIGHT_EDGE_PEAK = 0.383  # what a Gaussian of EDGE_SIGMA_PX leaves of the middle of a line two pixels wide
KEYPOINT_SIGMA_PX = 4.0  # a keypoint's surroundings, in which the surface must change
KEYPOINT_NOISE_SIGMA_PX = 1.5  # turns the staircase of a slanted edge into a line
KEYPOINT_STABLE_SIGMA_PX = 1.0  # a keypoint's own place, where the surface must not change
KEYPOINT_MOST = 0.12  # scales the corner of a box to code 1


def normal_code(normals: np.ndarray) -> np.ndarray:
    """Unit vectors toward the viewer, (..., 3) -> (n + 1) / 2."""
    return (normals + 1) / 2


def depth_code(depth_metres: np.ndarray) -> np.ndarray:
    """z-depth (along the optical axis, not the ray) in metres -> v where d = lo (hi / lo)^v, clipped to the range."""
    ratio = np.clip(depth_metres, DEPTH_MIN_METRES, DEPTH_MAX_METRES) / DEPTH_MIN_METRES
    return np.log(ratio) / np.log(DEPTH_MAX_METRES / DEPTH_MIN_METRES)


def depth_metres(code: np.ndarray) -> np.ndarray:
    """The inverse of depth_code within its range."""
    return DEPTH_MIN_METRES * (DEPTH_MAX_METRES / DEPTH_MIN_METRES) ** code


def reshading_code(normals: np.ndarray, ray_directions: np.ndarray) -> np.ndarray:
    """Lambertian shading of a white scene lit from the camera: max(0, n . -ray), (..., 3) x (..., 3) -> (...)."""
    return np.maximum(0, -dot(normals, ray_directions))


def truth(directions: np.ndarray, depth: np.ndarray, normals: np.ndarray, valid: np.ndarray) -> dict[str, np.ndarray]:
    """Every image of a frame except rgb, from rays (H, W, 3), z-depth (H, W, 1), normals (H, W, 3), valid (H, W, 1)."""
    points = directions * (depth / directions[..., 2:])
    between = neighbours(points, normals, valid[..., 0])
    codes = {
        "normal": normal_code(normals),
        "depth": depth_code(depth),
        "reshading": reshading_code(normals, directions)[..., None],
        "curvature": curvature_code(between),
        "edge3d": edge3d_code(between)[..., None],
        "keypoint3d": keypoint3d_code(between)[..., None],
    }
    images = {name: to_uint8(np.where(valid, code, invalid_code(name))) for name, code in codes.items()}
    return images | {"valid": np.where(valid, 255, 0).astype(np.uint8)}


def invalid_code(domain: str) -> float:
    """The code of a domain where the geometry is unknown."""
    return DOMAINS[domain].invalid or 0.0


@dataclass(frozen=True)
class Neighbours:
    """How each pixel differs from its right and its lower neighbour, in this order; the last column and row differ by 0."""

    points: tuple[np.ndarray, np.ndarray]
    """Differences of position, (H, W, 3) float32 each, metres."""
    normals: tuple[np.ndarray, np.ndarray]
    """Differences of the unit normal, (H, W, 3) float32 each."""
    steps: tuple[np.ndarray, np.ndarray]
    """(H, W) float32 each, positive where the neighbour is further away: the distance of the two points from each other's
    tangent planes, as a share of the nearer depth. It is 0 on a plane of any slope, and at a crease."""
    is_known: tuple[np.ndarray, np.ndarray]
    """(H, W) bool each: the geometry of both pixels is known."""


def neighbours(points: np.ndarray, normals: np.ndarray, valid: np.ndarray) -> Neighbours:
    """Compare neighbouring pixels: positions (H, W, 3) in metres, unit normals (H, W, 3), valid (H, W) bool."""
    both = [one_way(points, normals, valid, axis) for axis in (1, 0)]
    return Neighbours(*zip(*both, strict=True))


def one_way(points: np.ndarray, normals: np.ndarray, valid: np.ndarray, axis: int) -> tuple[np.ndarray, ...]:
    """Neighbours along one axis: 1 to the right, 0 below."""
    here, there = (np.s_[:, :-1], np.s_[:, 1:]) if axis == 1 else (np.s_[:-1], np.s_[1:])
    point, normal = np.zeros_like(points, np.float32), np.zeros_like(normals, np.float32)
    step, is_known = np.zeros(valid.shape, np.float32), np.zeros(valid.shape, bool)
    point[here] = points[there] - points[here]
    normal[here] = normals[there] - normals[here]
    # The smaller of the two: at a crease, one of the surfaces may recede far within a pixel.
    miss = np.minimum(
        np.abs(dot(point[here], normals[here])),
        np.abs(dot(point[here], normals[there])),
    )
    nearer = np.minimum(points[here][..., 2], points[there][..., 2])
    step[here] = miss / nearer * np.sign(point[here][..., 2])
    is_known[here] = valid[here] & valid[there]
    return point, normal, step, is_known


def curvature_code(between: Neighbours) -> np.ndarray:
    """Principal curvatures k1 >= k2 of the surface -> (H, W, 3): 0.5 + k / (2 CURVATURE_MAX_PER_METRE), clipped, and 0.5.

    In 1/m, positive where the surface bulges toward the viewer: a sphere of radius r has k1 = k2 = 1/r from outside and
    -1/r from inside. The shape operator is I^-1 II of the first and second fundamental forms in image coordinates (do Carmo,
    Differential Geometry, 3-3): I from differences of position, II from differences of normals. Both forms are summed over a
    Gaussian first, so that a crease, where curvature is infinite, is as sharp as the image can show. Pairs of pixels across an
    occlusion or an invalid pixel do not count, nor their neighbours, which see slivers of surface; where no pair is left,
    curvature is 0.
    """
    (pu, pv), (nu, nv) = between.points, between.normals
    counts = [
        cv2.erode((known & (np.abs(step) < CURVATURE_STEP_MOST)).astype(np.float32), SQUARE)
        for step, known in zip(between.steps, between.is_known, strict=True)
    ]
    both = counts[0] * counts[1]

    forms = np.stack(
        [
            *(counts[0] * dot(pu, pu), both * dot(pu, pv), counts[1] * dot(pv, pv)),
            *(counts[0] * dot(nu, pu), both * (dot(nu, pv) + dot(nv, pu)) / 2, counts[1] * dot(nv, pv)),
            *counts,
            both,
        ],
        axis=2,
    )
    e1, f1, g1, e2, f2, g2, nu_, nv_, nb = np.moveaxis(blur(forms, CURVATURE_SIGMA_PX), 2, 0)
    # Each entry is a mean over the pairs that count for it.
    u, v, b = (np.maximum(count, 1e-6) for count in (nu_, nv_, nb))
    e1, e2, g1, g2, f1, f2 = e1 / u, e2 / u, g1 / v, g2 / v, f1 / b, f2 / b
    determinant = np.maximum(e1 * g1 - f1 * f1, 1e-3 * e1 * g1 + 1e-18)
    mean = (e1 * g2 - 2 * f1 * f2 + g1 * e2) / (2 * determinant)
    gauss = (e2 * g2 - f2 * f2) / determinant
    spread = np.sqrt(np.maximum(mean * mean - gauss, 0))
    is_known = (nu_ > 0.02) & (nv_ > 0.02) & (nb > 0.02)
    curvatures = np.stack([mean + spread, mean - spread, np.zeros_like(mean)], axis=2) * is_known[..., None]
    return 0.5 + np.clip(curvatures / (2 * CURVATURE_MAX_PER_METRE), -0.5, 0.5)


def edge3d_code(between: Neighbours) -> np.ndarray:
    """Occlusion edges -> (H, W): where neighbouring pixels are on surfaces behind each other; a crease is not an edge.

    The step between two pixels (see Neighbours), from EDGE_STEP_LEAST to EDGE_STEP_MOST of the depth, counts for both. It is
    blurred, scaled so that a straight full edge has 1, and raised to EDGE_POWER.
    """
    strength = np.zeros(between.steps[0].shape, np.float32)
    for axis, step in zip((1, 0), occlusions(between), strict=True):
        np.maximum(strength, np.abs(step), out=strength)
        here, there = (np.s_[:, :-1], np.s_[:, 1:]) if axis == 1 else (np.s_[:-1], np.s_[1:])
        strength[there] = np.maximum(strength[there], np.abs(step[here]))
    return np.clip(blur(strength, EDGE_SIGMA_PX) / STRAIGHT_EDGE_PEAK, 0, 1) ** EDGE_POWER


def keypoint3d_code(between: Neighbours) -> np.ndarray:
    """Interest of the range image -> (H, W): high on stable surface near changes of the surface in several directions.

    The idea of NARF (Steder et al., ICRA 2011), with a structure tensor instead of its histogram of directions. Changes are
    differences of normals and occlusions. The smaller eigenvalue of their tensor over KEYPOINT_SIGMA_PX is high where they
    differ in direction (a single edge gives 0); a point is stable where the tensor over KEYPOINT_STABLE_SIGMA_PX is small.
    """
    du, dv = (
        blur(np.concatenate([normal * known[..., None], step[..., None]], axis=2), KEYPOINT_NOISE_SIGMA_PX)
        for normal, known, step in zip(between.normals, between.is_known, occlusions(between), strict=True)
    )
    products = np.stack([dot(du, du), dot(du, dv), dot(dv, dv)], axis=2)
    products /= (1 + products[..., 0] + products[..., 2])[..., None]  # no single pixel outweighs a line
    a, b, c = np.moveaxis(blur(products, KEYPOINT_SIGMA_PX), 2, 0)
    smaller = (a + c) / 2 - np.sqrt(((a - c) / 2) ** 2 + b * b)
    near = blur(products, KEYPOINT_STABLE_SIGMA_PX)
    stable = 1 / (1 + 4 * (near[..., 0] + near[..., 2]))
    return np.clip(np.sqrt(np.maximum(smaller, 0)) * stable / KEYPOINT_MOST, 0, 1)


def occlusions(between: Neighbours) -> list[np.ndarray]:
    """How surely each step is an occlusion, with the sign of the step: two (H, W) in [-1, 1]."""
    width = EDGE_STEP_MOST - EDGE_STEP_LEAST
    return [np.sign(step) * np.clip((np.abs(step) - EDGE_STEP_LEAST) / width, 0, 1) for step in between.steps]


def blur(image: np.ndarray, sigma_px: float) -> np.ndarray:
    """Gaussian of an image (H, W) or (H, W, C), mirrored at its border."""
    channels = image.reshape(*image.shape[:2], -1)
    blurred = [
        cv2.GaussianBlur(c, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT) for c in np.moveaxis(channels, 2, 0)
    ]
    return np.stack(blurred, axis=2).reshape(image.shape)


def facing(normals: np.ndarray, ray_directions: np.ndarray) -> np.ndarray:
    """Flip each normal toward the origin of its ray, as furniture meshes are double-sided: (..., 3) x (..., 3) -> (..., 3)."""
    is_away = dot(normals, ray_directions) > 0
    return np.where(is_away[..., None], -normals, normals)


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Dot products along the last axis; several times faster than a sum over three numbers."""
    return np.einsum("...c,...c->...", a, b)


def to_uint8(code: np.ndarray) -> np.ndarray:
    """Code v in [0, 1] -> the 8-bit value round(255 v)."""
    return np.rint(np.clip(code, 0, 1) * 255).astype(np.uint8)
