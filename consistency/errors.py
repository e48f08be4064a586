"""How wrong is a prediction, where the truth is known? One number per frame, in the units people quote.

N frames, C channels, H x W pixels; all images are codes in [0, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor

from consistency.domains import Domain

NORMAL_INVALID_CODE = 128
"""Each channel of an 8-bit normal that is unknown: Taskonomy's 0.502, and no unit vector has it."""


def frame_errors(domain: Domain, predicted: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """name -> (N,) float32. `predicted` (N, C, H, W) codes; `truth` the same shape.

    `error`: mean absolute difference of codes. For directions also `angle_degrees`, the mean angle; for depth also
    `absrel`, the mean of |predicted - true| / true in metres.
    """
    predicted, truth = predicted.float(), truth.float()
    valid = valid_pixels(domain, truth)
    found = {"error": _mean((predicted - truth).abs().mean(dim=1), valid)}
    if domain.meaning == "direction":
        found["angle_degrees"] = _mean(angles_degrees(predicted, truth), valid)
    if domain.scale == "log":
        ratio = (domain.hi / domain.lo) ** (predicted - truth)
        found["absrel"] = _mean((ratio - 1).abs().mean(dim=1), valid)
    return found


def angles_degrees(a: Tensor, b: Tensor) -> Tensor:
    """The angle between two coded directions at each pixel: (N, 3, H, W) twice -> (N, H, W), in degrees."""
    ux, uy, uz = (2 * a - 1).unbind(dim=1)
    vx, vy, vz = (2 * b - 1).unbind(dim=1)
    # atan2 of |u x v| and u.v: acos loses small angles to rounding (0.03 degrees in float32), and no length matters.
    # Written out, as norms and cross products over three strided channels take most of a job's time.
    sine = torch.sqrt((uy * vz - uz * vy) ** 2 + (uz * vx - ux * vz) ** 2 + (ux * vy - uy * vx) ** 2)
    return torch.rad2deg(torch.atan2(sine, ux * vx + uy * vy + uz * vz))


def valid_pixels(domain: Domain, truth: Tensor) -> Tensor:
    """Where the truth is known: (N, H, W) of booleans.

    All of it in domains whose invalid code valid pixels have too, as reshading's: there only a mask could tell.
    """
    codes = (truth * 255).round()
    if domain.meaning == "direction":
        return (codes != NORMAL_INVALID_CODE).any(dim=1)
    if domain.invalid == 1.0:
        return (codes != 255).all(dim=1)
    if domain.invalid == 0.0:
        return (codes != 0).any(dim=1)  # of curvature, whose third channel is never 0
    return torch.ones_like(truth[:, 0], dtype=torch.bool)


def _mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean over the valid pixels of each frame; NaN where there is none: unknown, not perfect."""
    return (values * valid).sum(dim=(1, 2)) / valid.sum(dim=(1, 2))
