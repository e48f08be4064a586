"""Errors against ground truth: one number per frame, in the usual units.

N frames, C channels, H x W pixels; all images are codes in [0, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor

from consistency.domains import Domain

DILATION_PX = (
    5  # side of the neighbourhood that must be known: codes beside an unknown pixel are mixed with it, as in X-TC
)


def frame_errors(domain: Domain, predicted: Tensor, truth: Tensor, valid: Tensor | None = None) -> dict[str, Tensor]:
    """Measure -> (N,) float32. `predicted` and `truth`: codes, (N, C, H, W). `valid`: where the truth is known, (N, H, W); by
    default where its code is not the invalid one.

    `error`: mean absolute difference of codes. Also for directions `angle_degrees`, the mean angle, and for depth
    `absrel`, the mean of |predicted - true| / true in metres, and `absrel_scaled`, the same with the median of the frame
    brought to the true one: the error of the shape.
    """
    predicted, truth = predicted.float(), truth.float()
    valid = valid_pixels(domain, truth) if valid is None else valid
    found = {"error": _mean((predicted - truth).abs().mean(dim=1), valid)}
    if domain.meaning == "direction":
        found["angle_degrees"] = _mean(angles_degrees(predicted, truth), valid)
    if domain.scale == "log":
        ratio = (domain.hi / domain.lo) ** (predicted - truth)
        found["absrel"] = _mean((ratio - 1).abs().mean(dim=1), valid)
        offset = _median(predicted, valid) - _median(truth, valid)  # codes are logarithms: a factor is a difference
        scaled = (domain.hi / domain.lo) ** (predicted - offset[:, None, None, None] - truth)
        found["absrel_scaled"] = _mean((scaled - 1).abs().mean(dim=1), valid)
    return found


def perceptual_error(readout: Tensor, of_truth: Tensor, known: Tensor) -> Tensor:
    """Mean absolute difference of two readouts, of a prediction and of the truth: codes (N, C, H, W) twice -> (N,).

    `known`: (N, H, W), where the truth that was read is known.
    """
    return _mean((readout.float() - of_truth.float()).abs().mean(dim=1), known)


def angles_degrees(a: Tensor, b: Tensor) -> Tensor:
    """The angle between two coded directions at each pixel: (N, 3, H, W) twice -> (N, H, W), in degrees."""
    ux, uy, uz = (2 * a - 1).unbind(dim=1)
    vx, vy, vz = (2 * b - 1).unbind(dim=1)
    # atan2 of |u x v| and u.v: acos loses small angles to rounding (0.03 degrees in float32), and lengths cancel.
    # Written out, because norms and cross products over three strided channels would take most of a job's time.
    sine = torch.sqrt((uy * vz - uz * vy) ** 2 + (uz * vx - ux * vz) ** 2 + (ux * vy - uy * vx) ** 2)
    return torch.rad2deg(torch.atan2(sine, ux * vx + uy * vy + uz * vz))


def valid_pixels(domain: Domain, truth: Tensor) -> Tensor:
    """Where the truth is known: (N, H, W), bool. Compares 8-bit codes with the domain's invalid code.

    No unit vector has the invalid code of normals, and no curvature that of curvature. The few surfaces at exactly 16
    m, or of exactly 5 % shading (3 pixels in 100,000), count as unknown.
    """
    if domain.invalid is None:
        return torch.ones_like(truth[:, 0], dtype=torch.bool)
    return ((truth * 255).round() != round(255 * domain.invalid)).any(dim=1)


def dilated_valid(valid: Tensor) -> Tensor:
    """Pixels whose whole 5 x 5 neighbourhood is known: (N, 1, H, W) bool -> bool. Beyond the border counts as known."""
    for dim in (2, 3):  # by shifting: pooling takes ten times as long
        size, around = valid.shape[dim], valid.clone()
        for step in range(1, min(DILATION_PX // 2, size - 1) + 1):
            around.narrow(dim, step, size - step).logical_and_(valid.narrow(dim, 0, size - step))
            around.narrow(dim, 0, size - step).logical_and_(valid.narrow(dim, step, size - step))
        valid = around
    return valid


def _median(codes: Tensor, valid: Tensor) -> Tensor:
    """Median of the valid pixels of each frame: (N, 1, H, W) -> (N,); NaN without any."""
    return torch.where(valid, codes[:, 0], torch.nan).flatten(1).nanmedian(dim=1).values


def _mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean over the valid pixels of each frame; NaN without any: unknown, not perfect."""
    return (values * valid).sum(dim=(1, 2)) / valid.sum(dim=(1, 2))
