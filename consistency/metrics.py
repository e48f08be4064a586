"""Errors against ground truth: one number per frame, in the usual units.

N frames, C channels, H x W pixels; all images are codes in [0, 1].
"""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor

from consistency.boundaries import Boundaries
from consistency.counting import count, count_below, medians
from consistency.domains import Domain
from consistency.planes import Vectors, mean_of_channels, planar, vectors

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


CLOSE_DEGREES = {"11_25": 11.25, "22_5": 22.5, "30": 30.0}
_OF_DIRECTIONS = {
    "angle_degrees": {"title": "Mean angular error", "unit": "°"},
    "angle_median_degrees": {"title": "Median angular error", "unit": "°"},
    **{
        f"within_{name}": {"title": f"Pixels within {name.replace('_', '.')}°", "unit": "%", "better": "higher"}
        for name in CLOSE_DEGREES
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


class Truth:
    """The ground truth of a batch, and what all errors against it share, each computed once."""

    def __init__(self, domain: Domain, codes: Tensor, valid: Tensor | None = None) -> None:
        """`codes`: (N, C, H, W). `valid`: where they are known, (N, H, W) bool; by default where they are not the invalid one."""
        self.domain, self.codes, self._valid = domain, planar(codes), valid

    @cached_property
    def valid(self) -> Tensor:
        """Where it is known: (N, H, W), bool."""
        return valid_pixels(self.domain, self.codes) if self._valid is None else self._valid

    def errors(self, predicted: Tensor) -> dict[str, Tensor]:
        """As `frame_errors`."""
        predicted = planar(predicted)
        difference = predicted - self.codes
        found = {"error": self.mean(mean_of_channels(difference.abs()))}
        if self.domain.meaning == "direction":
            found |= self._direction_errors(predicted)
        if _is_depth(self.domain):
            found |= self._depth_errors(predicted, difference)
        return found

    def _direction_errors(self, predicted: Tensor) -> dict[str, Tensor]:
        angles = _angles(vectors(predicted), self._vectors)
        median = medians(angles, self.valid)
        within = {f"within_{name}": self.share_below(angles, degrees) for name, degrees in CLOSE_DEGREES.items()}
        return {"angle_degrees": self.mean(angles), "angle_median_degrees": median, **within}

    def _depth_errors(self, predicted: Tensor, difference: Tensor) -> dict[str, Tensor]:
        """`difference`: of the codes, predicted - true. Codes are logarithms: a factor is a difference."""
        ratio = self.domain.hi / self.domain.lo
        octave = math.log(ratio)
        logs = difference[:, 0] * octave  # log(predicted / true), (N, H, W)
        # Not by exp of it: what is stored stays as it was, to the last bit.
        relative = (ratio**difference).sub_(1)[:, 0]
        offset = medians(predicted[:, 0], self.valid) - self._median
        scaled = ratio ** (predicted - offset[:, None, None, None]).sub_(self.codes)
        spread = (logs - self.mean(logs)[:, None, None]).square_()
        distance = logs.abs()
        within = {f"delta{power}": self.share_below(distance, power * math.log(1.25)) for power in (1, 2, 3)}
        rmse = self.mean((relative * self._physical).square_()).sqrt_()
        return {
            "absrel": self.mean(relative.abs_()),
            "absrel_scaled": self.mean(scaled.sub_(1).abs_()[:, 0]),
            "rmse": rmse,
            "log10": self.mean(distance).div_(math.log(10)),
            "silog": self.mean(spread).sqrt_().mul_(100),
            **within,
            "boundary_f1": 100 * self._boundaries.f1(octave * predicted[:, 0]),
        }

    def share_below(self, values: Tensor, limit: float) -> Tensor:
        """Share of the known pixels of each frame below a limit, (N, H, W) -> (N,) in percent; NaN without any."""
        return 100 * count_below(values, limit, self.valid) / self._n_valid

    def mean(self, values: Tensor) -> Tensor:
        """Mean over the known pixels of each frame: (N, H, W) -> (N,). NaN without any: unknown, not perfect."""
        known = values if self._weights is None else values * self._weights
        return known.sum(dim=(1, 2)) / self._n_valid

    @cached_property
    def _weights(self) -> Tensor | None:
        """1 where it is known, else 0; None for a batch that is known everywhere, where looking does not wait for a GPU."""
        is_all = self.valid.device.type == "cpu" and int(self._n_valid.sum()) == self.valid.numel()
        return None if is_all else self.valid.float()  # products with booleans take seven times as long

    @cached_property
    def _n_valid(self) -> Tensor:
        return count(self.valid)

    @cached_property
    def _boundaries(self) -> Boundaries:
        return Boundaries(math.log(self.domain.hi / self.domain.lo) * self.codes[:, 0], self.valid)

    @cached_property
    def _vectors(self) -> Vectors:
        return vectors(self.codes)

    @cached_property
    def _median(self) -> Tensor:
        return medians(self.codes[:, 0], self.valid)

    @cached_property
    def _physical(self) -> Tensor:
        """Depth in the domain's unit, (N, H, W)."""
        return self.domain.lo * torch.exp(math.log(self.domain.hi / self.domain.lo) * self.codes[:, 0])


def frame_errors(domain: Domain, predicted: Tensor, truth: Tensor, valid: Tensor | None = None) -> dict[str, Tensor]:
    """Measure -> (N,) float32, those of `measures_of`. `predicted` and `truth`: codes, (N, C, H, W). `valid`: where the truth is
    known, (N, H, W); by default where its code is not the invalid one.

    Means over the known pixels of a frame, NaN without any. `error`: mean absolute difference of codes. Of directions the mean
    and the median angle, and the share of pixels within 11.25, 22.5 and 30 degrees. Of depth, in the physical unit: `absrel`,
    the mean of |predicted - true| / true; `absrel_scaled`, the same with the median of the frame brought to the true one: the
    error of the shape; `rmse`; `log10`; `silog`, 100 times the standard deviation of log(predicted / true); `delta1` to 3, the
    share of pixels within a factor of 1.25, 1.25^2, 1.25^3; `boundary_f1`, see `boundaries`.
    """
    return Truth(domain, truth, valid).errors(predicted)


def perceptual_error(readout: Tensor, of_truth: Tensor, read: Truth) -> Tensor:
    """Mean absolute difference of two readouts, of a prediction and of the truth: codes (N, C, H, W) twice -> (N,), where the
    truth that was `read` is known."""
    return read.mean(mean_of_channels((planar(readout) - planar(of_truth)).abs_()))


def angles_degrees(a: Tensor, b: Tensor) -> Tensor:
    """The angle between two coded directions at each pixel: (N, 3, H, W) twice -> (N, H, W), in degrees."""
    return _angles(vectors(a), vectors(b))


def _angles(a: Vectors, b: Vectors) -> Tensor:
    (ux, uy, uz), (vx, vy, vz) = a, b
    # atan2 of |u x v| and u.v: acos loses small angles to rounding (0.03 degrees in float32), and lengths cancel.
    sine = (uy * vz).sub_(uz * vy).square_()
    sine.add_((uz * vx).sub_(ux * vz).square_()).add_((ux * vy).sub_(uy * vx).square_()).sqrt_()
    return sine.atan2_((ux * vx).add_(uy * vy).add_(uz * vz)).rad2deg_()


def valid_pixels(domain: Domain, truth: Tensor) -> Tensor:
    """Where the truth is known: (N, H, W), bool. Compares stored codes with those of unknown and sky.

    No unit vector has the invalid code of normals, and no curvature that of curvature. The few surfaces at exactly 16
    m, or of exactly 5 % shading (3 pixels in 100,000), count as unknown.
    """
    levels = (truth * domain.levels).round()
    known = torch.ones_like(truth[:, 0], dtype=torch.bool)
    for code in (domain.invalid, domain.sky):
        if code is not None:
            first, *others = (channel != round(domain.levels * code) for channel in levels.unbind(dim=1))
            for other in others:  # a third of the time of `any` over so short a dimension
                first |= other
            known &= first
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
