"""Normals from depth and depth from normals: the fixed geometry of a pinhole camera, for GeoNet.

N images, H x W pixels, J neighbours. Camera frame: x right, y down, z forward; normals face the camera. Depth codes v
are logarithmic, z = z_min R^v, so everything here uses ratios of depths, R^(difference of codes): no metres are needed,
and nothing overflows. All in float32; every function is differentiable, also where depth jumps.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from consistency.domains import DEPTH_MAX_METRES, DEPTH_MIN_METRES

ASSUMED_FIELD_OF_VIEW_DEGREES = 60.0
"""Default for an image's shorter side: between an upright phone and a camcorder."""
NEIGHBOUR_DISTANCE_PX = 2
"""Spacing of the 3 x 3 grid whose 8 outer pixels are the neighbours: networks' outputs are smooth over less."""
DEPTH_TOLERANCE = 0.05
"""A neighbour nearer or farther than expected by this share has a quarter of the weight: it may lie on another
surface."""
LEAST_WEIGHT = 1e-4
"""Least weight of any neighbour, so that every pixel has a plane; too small to bend one."""
SAME_PLANE_COSINE = 0.95
"""Normals at a larger angle do not support each other's depth (alpha in the paper)."""
GRAZING_COSINE = 0.01
"""Lower bound for the viewing cosine of tangent planes: flatter ones would reach to infinity."""
_LOG_RATIO = math.log(DEPTH_MAX_METRES / DEPTH_MIN_METRES)


def rays(height: int, width: int, field_of_view_degrees: Tensor | float, like: Tensor) -> Tensor:
    """The viewing direction of each pixel at z = 1: float32, (N or 1, 3, H, W). The field of view, (N,) or one, is that
    of the shorter side."""
    angle = torch.as_tensor(field_of_view_degrees, dtype=torch.float32, device=like.device).reshape(-1, 1, 1)
    step = 2 * torch.tan(torch.deg2rad(angle) / 2) / min(height, width)  # between pixels, at z = 1
    x = (torch.arange(width, device=like.device) - (width - 1) / 2) * step  # (N, 1, W)
    y = (torch.arange(height, device=like.device) - (height - 1) / 2)[:, None] * step  # (N, H, 1)
    x, y = torch.broadcast_tensors(x, y)
    return torch.stack([x, y, torch.ones_like(x)], dim=1)


def normal_from_depth(depth: Tensor, field_of_view_degrees: Tensor | float) -> Tensor:
    """Normals from depth, both as codes: (N, 1, H, W) -> (N, 3, H, W).

    A plane n . p = d appears as 1/z = (n/d) . ray, linear in the image. Its slopes are fitted by weighted least squares
    over the neighbours, with the equations of the paper (A n = 1 over nearby points), each divided by its depth. That
    leaves two unknowns instead of three, well conditioned in float32. Neighbours beyond a depth jump hardly count.
    """
    height, width = depth.shape[-2:]
    direction = rays(height, width, field_of_view_degrees, depth)
    step = NEIGHBOUR_DISTANCE_PX * (direction[:, 0, 0, 1] - direction[:, 0, 0, 0]).view(-1, 1, 1, 1)
    xx = xy = yy = xg = yg = torch.zeros_like(depth)
    for (dy, dx), there, is_inside in zip(_OFFSETS, _neighbours(depth), _neighbours(_ones(depth)), strict=True):
        difference = (there - depth).clamp(-1, 1)
        # 1/z of the neighbour in units of 1/z here, minus one.
        rise = torch.expm1(-_LOG_RATIO * difference)
        weight = _closeness(difference.detach()) * is_inside
        xx, xy, yy = xx + weight * dx**2, xy + weight * (dx * dy), yy + weight * dy**2
        xg, yg = xg + weight * dx * rise, yg + weight * dy * rise
    determinant = xx * yy - xy**2
    slope_x = (yy * xg - xy * yg) / determinant / step  # per unit of the ray's x
    slope_y = (xx * yg - xy * xg) / determinant / step
    offset = 1 - slope_x * direction[:, :1] - slope_y * direction[:, 1:2]
    # Its product with the ray is 1, so it never vanishes and its negative faces the camera.
    plane = torch.cat([slope_x, slope_y, offset], dim=1)
    return (1 - F.normalize(plane, dim=1)) / 2


def refine_depth(depth: Tensor, normal: Tensor, field_of_view_degrees: Tensor | float) -> Tensor:
    """Depth refined by normals, all as codes: (N, 1, H, W) and (N, 3, H, W) -> (N, 1, H, W).

    Kernel regression over the neighbours (section 3.3 of the paper): each votes for the depth where its tangent plane
    meets this pixel's ray; the result is the weighted mean of their votes and the pixel's own depth, on the log scale.
    A vote weighs more the better the normals agree and the nearer it is to the present depth: a parallel surface behind
    an edge has no weight.
    """
    direction = rays(depth.shape[-2], depth.shape[-1], field_of_view_degrees, depth)
    n = (2 * normal - 1).contiguous()
    n = n / torch.sqrt((n**2).sum(dim=1, keepdim=True) + 1e-6)
    own = _cosine(n, direction)
    total, weights = torch.zeros_like(depth), torch.ones_like(depth)
    around = (_neighbours(image) for image in (n, depth + torch.log(own) / _LOG_RATIO, _ones(depth)))
    for neighbour, there, is_inside in zip(*around, strict=True):
        correction = there - torch.log(_cosine(neighbour, direction)) / _LOG_RATIO - depth
        agreement = F.relu((n * neighbour).sum(dim=1, keepdim=True) - SAME_PLANE_COSINE) / (1 - SAME_PLANE_COSINE)
        weight = (agreement * _closeness(correction)).detach() * is_inside
        total, weights = total + weight * correction, weights + weight
    return depth + total / weights


_OFFSETS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]
"""Offsets of the neighbours, in units of NEIGHBOUR_DISTANCE_PX."""


def _neighbours(image: Tensor) -> list[Tensor]:
    """The image shifted by each offset, 0 beyond the border; (..., H, W) each."""
    d = NEIGHBOUR_DISTANCE_PX
    height, width = image.shape[-2:]
    padded = F.pad(image, [d, d, d, d])
    return [padded[..., d * (1 + y) : d * (1 + y) + height, d * (1 + x) : d * (1 + x) + width] for y, x in _OFFSETS]


def _ones(depth: Tensor) -> Tensor:
    """One image of ones: its neighbours are 1 inside the image and 0 outside."""
    return torch.ones_like(depth[:1])


def _cosine(normal: Tensor, direction: Tensor) -> Tensor:
    """The cosine between a normal and the direction to the camera, times the ray's length; at least GRAZING_COSINE."""
    return -(normal * direction).sum(dim=1, keepdim=True).clamp_max(-GRAZING_COSINE)


def _closeness(difference: Tensor) -> Tensor:
    """Weight of a difference of depth codes: 1 at zero, a quarter at DEPTH_TOLERANCE, LEAST_WEIGHT far away."""
    return 1 / (1 + (difference * (_LOG_RATIO / DEPTH_TOLERANCE)) ** 2) ** 2 + LEAST_WEIGHT
