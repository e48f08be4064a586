"""Errors against ground truth: one number per frame, in the usual units.

N frames, C channels, H x W pixels; all images are codes in [0, 1].
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from consistency.domains import Domain

DILATION_PX = (
    5  # side of the neighbourhood that must be known: codes beside an unknown pixel are mixed with it, as in X-TC
)


def measures_of(domain: Domain) -> dict[str, dict[str, str]]:
    """Name -> title and unit of the measures that `frame_errors` gives of a domain. `better`: `higher` where it is not lower."""
    found = {"error": {"title": "Mean absolute error", "unit": "code"}}
    if domain.meaning == "direction":
        found |= _OF_DIRECTIONS
    if _is_depth(domain):
        found |= _OF_DEPTH | {"rmse": {**_OF_DEPTH["rmse"], "unit": domain.unit}}
    return {name: dict(described) for name, described in found.items()}


def _is_depth(domain: Domain) -> bool:
    """Whether values are judged by their ratios."""
    return domain.scale == "log" and domain.channels == 1


_OF_DIRECTIONS = {
    "angle_degrees": {"title": "Mean angular error", "unit": "°"},
    "angle_median_degrees": {"title": "Median angular error", "unit": "°"},
    **{
        f"within_{name}": {"title": f"Pixels within {name.replace('_', '.')}°", "unit": "%", "better": "higher"}
        for name in ("11_25", "22_5", "30")
    },
}
_OF_DEPTH = {
    "absrel": {"title": "Absolute relative error", "unit": ""},
    "absrel_scaled": {"title": "Absolute relative error, scale aligned", "unit": ""},
    "rmse": {"title": "Root mean square error", "unit": "m"},
    "log10": {"title": "Mean log10 error", "unit": ""},
    "silog": {"title": "Scale-invariant log error", "unit": "%"},
    **{
        f"delta{power}": {"title": f"Pixels within a factor of {1.25**power:.4g}", "unit": "%", "better": "higher"}
        for power in (1, 2, 3)
    },
    "boundary_f1": {"title": "F1 of depth boundaries", "unit": "%", "better": "higher"},
}
BOUNDARY_RATIOS = (1.05, 1.10, 1.15, 1.20, 1.25)
"""Neighbours whose depths differ by more than such a factor are a boundary."""


def frame_errors(domain: Domain, predicted: Tensor, truth: Tensor, valid: Tensor | None = None) -> dict[str, Tensor]:
    """Measure -> (N,) float32, those of `measures_of`. `predicted` and `truth`: codes, (N, C, H, W). `valid`: where the truth is
    known, (N, H, W); by default where its code is not the invalid one.

    Means over the known pixels of a frame, NaN without any. `error`: mean absolute difference of codes. Of directions the mean
    and the median angle, and the share of pixels within 11.25, 22.5 and 30 degrees. Of depth, in the physical unit: `absrel`,
    the mean of |predicted - true| / true; `absrel_scaled`, the same with the median of the frame brought to the true one: the
    error of the shape; `rmse`; `log10`; `silog`, 100 times the standard deviation of log(predicted / true); `delta1` to 3, the
    share of pixels within a factor of 1.25, 1.25^2, 1.25^3; `boundary_f1`, see there.
    """
    predicted, truth = predicted.float(), truth.float()
    valid = valid_pixels(domain, truth) if valid is None else valid
    found = {"error": _mean((predicted - truth).abs().mean(dim=1), valid)}
    if domain.meaning == "direction":
        found |= _direction_errors(predicted, truth, valid)
    if _is_depth(domain):
        found |= _depth_errors(domain, predicted, truth, valid)
    return found


def _direction_errors(predicted: Tensor, truth: Tensor, valid: Tensor) -> dict[str, Tensor]:
    angles = angles_degrees(predicted, truth)
    found = {"angle_degrees": _mean(angles, valid), "angle_median_degrees": _median(angles, valid)}
    for name in ("11_25", "22_5", "30"):
        found[f"within_{name}"] = 100 * _mean((angles < float(name.replace("_", "."))).float(), valid)
    return found


def _depth_errors(domain: Domain, predicted: Tensor, truth: Tensor, valid: Tensor) -> dict[str, Tensor]:
    # Codes are logarithms: a factor is a difference.
    octave = math.log(domain.hi / domain.lo)
    logs = (predicted - truth)[:, 0] * octave  # log(predicted / true), (N, H, W)
    offset = _median(predicted[:, 0], valid) - _median(truth[:, 0], valid)
    metres = domain.lo * torch.exp(octave * truth[:, 0])
    found = {
        "absrel": _mean(torch.expm1(logs).abs(), valid),
        "absrel_scaled": _mean(torch.expm1(logs - octave * offset[:, None, None]).abs(), valid),
        "rmse": _mean((torch.expm1(logs) * metres) ** 2, valid).sqrt(),
        "log10": _mean(logs.abs(), valid) / math.log(10),
        "silog": 100 * _mean((logs - _mean(logs, valid)[:, None, None]) ** 2, valid).sqrt(),
    }
    for power in (1, 2, 3):
        found[f"delta{power}"] = 100 * _mean((logs.abs() < power * math.log(1.25)).float(), valid)
    return found | {"boundary_f1": 100 * boundary_f1(octave * predicted[:, 0], octave * truth[:, 0], valid)}


def boundary_f1(predicted: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """F1 of depth boundaries: logarithms of depth twice and known pixels, (N, H, W) -> (N,) in [0, 1].

    After Bochkovskii et al. 2024 (Depth Pro), section 4: a boundary lies between neighbours whose depths differ by more than a
    factor, and is found where the prediction has one of the same sign there. The mean over BOUNDARY_RATIOS, weighted by how far
    each is above 1; factors of which the truth has no boundary are left out. NaN if it has none at all.
    """
    total, weights = torch.zeros_like(truth[:, 0, 0]), torch.zeros_like(truth[:, 0, 0])
    steps = []
    for dim in (1, 2):
        known = valid.narrow(dim, 1, valid.shape[dim] - 1) & valid.narrow(dim, 0, valid.shape[dim] - 1)
        ours, theirs = predicted.diff(dim=dim) * known, truth.diff(dim=dim) * known
        steps.append((ours.abs(), theirs.abs(), ours * theirs > 0))
    for ratio in BOUNDARY_RATIOS:
        found, hit, wanted = torch.zeros_like(total), torch.zeros_like(total), torch.zeros_like(total)
        for ours, theirs, is_same_sign in steps:
            is_ours, is_theirs = ours > math.log(ratio), theirs > math.log(ratio)
            found += _count(is_ours)
            wanted += _count(is_theirs)
            hit += _count(is_ours & is_theirs & is_same_sign)
        weight = (ratio - 1) * (wanted > 0)
        total += weight * 2 * hit / (found + wanted).clamp_min(1)
        weights += weight
    return total / weights  # 0 / 0 is NaN


def _count(found: Tensor) -> Tensor:
    """(N, H, W) bool -> (N,). A sum takes twenty times as long on a CPU."""
    return found.flatten(1).count_nonzero(dim=1)


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
    """Where the truth is known: (N, H, W), bool. Compares stored codes with those of unknown and sky.

    No unit vector has the invalid code of normals, and no curvature that of curvature. The few surfaces at exactly 16
    m, or of exactly 5 % shading (3 pixels in 100,000), count as unknown.
    """
    levels = (truth * domain.levels).round()
    known = torch.ones_like(truth[:, 0], dtype=torch.bool)
    for code in (domain.invalid, domain.sky):
        if code is not None:
            known &= (levels != round(domain.levels * code)).any(dim=1)
    return known


def recoded(codes: Tensor, domain: Domain, into: Domain) -> Tensor:
    """The same values as codes of another range: (N, C, H, W), within [0, 1]."""
    if (domain.lo, domain.hi, domain.scale) == (into.lo, into.hi, into.scale):
        return codes
    ratio = math.log(domain.hi / domain.lo) if domain.scale == "log" else 0.0
    physical = domain.lo * torch.exp(ratio * codes) if ratio else domain.lo + (domain.hi - domain.lo) * codes
    if into.scale == "log":
        return (torch.log(physical.clamp_min(into.lo) / into.lo) / math.log(into.hi / into.lo)).clamp(0, 1)
    return ((physical - into.lo) / (into.hi - into.lo)).clamp(0, 1)


def dilated_valid(valid: Tensor) -> Tensor:
    """Pixels whose whole 5 x 5 neighbourhood is known: (N, 1, H, W) bool -> bool. Beyond the border counts as known."""
    for dim in (2, 3):  # by shifting: pooling takes ten times as long
        size, around = valid.shape[dim], valid.clone()
        for step in range(1, min(DILATION_PX // 2, size - 1) + 1):
            around.narrow(dim, step, size - step).logical_and_(valid.narrow(dim, 0, size - step))
            around.narrow(dim, 0, size - step).logical_and_(valid.narrow(dim, step, size - step))
        valid = around
    return valid


def _median(values: Tensor, valid: Tensor) -> Tensor:
    """Median of the valid pixels of each frame: (N, H, W) -> (N,); NaN without any."""
    return torch.where(valid, values, torch.nan).flatten(1).nanmedian(dim=1).values


def _mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean over the valid pixels of each frame; NaN without any: unknown, not perfect."""
    return (values * valid).sum(dim=(1, 2)) / valid.sum(dim=(1, 2))
