"""Errors against ground truth: one number per frame, in the usual units.

N frames, C channels, H x W pixels; all images are codes in [0, 1].
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from consistency.domains import Domain
from consistency.planes import Vectors, mean_of_channels, planar, vectors

MEDIAN_HALVINGS = 8
"""After which 1 value in 256 of an even image is left to sort."""

DILATION_PX = (
    5  # side of the neighbourhood that must be known: codes beside an unknown pixel are mixed with it, as in X-TC
)


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
        domain, predicted = self.domain, planar(predicted)
        found = {"error": self.mean(mean_of_channels((predicted - self.codes).abs_()))}
        if domain.meaning == "direction":
            found["angle_degrees"] = self.mean(_angles(vectors(predicted), self._vectors))
        if domain.scale == "log":
            # Not by one power and a factor: what is stored stays as it was, to the last bit.
            ratio = (domain.hi / domain.lo) ** (predicted - self.codes)
            found["absrel"] = self.mean(ratio.sub_(1).abs_()[:, 0])
            # Codes are logarithms: a factor is a difference.
            offset = _median(predicted, self.valid) - self._median
            scaled = (domain.hi / domain.lo) ** (predicted - offset[:, None, None, None]).sub_(self.codes)
            found["absrel_scaled"] = self.mean(scaled.sub_(1).abs_()[:, 0])
        return found

    def mean(self, values: Tensor) -> Tensor:
        """Mean over the known pixels of each frame: (N, H, W), which it changes, -> (N,). NaN without any: unknown, not perfect."""
        return values.mul_(self._weights).sum(dim=(1, 2)) / self._n_valid

    @cached_property
    def _weights(self) -> Tensor:
        return self.valid.float()  # products with booleans take seven times as long

    @cached_property
    def _n_valid(self) -> Tensor:
        return self.valid.sum(dim=(1, 2))

    @cached_property
    def _vectors(self) -> Vectors:
        return vectors(self.codes)

    @cached_property
    def _median(self) -> Tensor:
        return _median(self.codes, self.valid)


def frame_errors(domain: Domain, predicted: Tensor, truth: Tensor, valid: Tensor | None = None) -> dict[str, Tensor]:
    """Measure -> (N,) float32. `predicted` and `truth`: codes, (N, C, H, W). `valid`: where the truth is known, (N, H, W); by
    default where its code is not the invalid one.

    `error`: mean absolute difference of codes. Also for directions `angle_degrees`, the mean angle, and for depth
    `absrel`, the mean of |predicted - true| / true in metres, and `absrel_scaled`, the same with the median of the frame
    brought to the true one: the error of the shape.
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
    """Median of the valid pixels of each frame, the lower one of two: (N, 1, H, W) -> (N,); NaN without any."""
    if codes.device.type != "cpu":
        return torch.where(valid, codes[:, 0], torch.nan).flatten(1).nanmedian(dim=1).values
    frames = zip(codes[:, 0].numpy(), valid.numpy(), strict=True)
    return torch.tensor([_lower_median(frame.ravel() if known.all() else frame[known]) for frame, known in frames])


def _lower_median(values: np.ndarray) -> float:
    """The median of float32 (M,), NaN left out, in a seventh of the time of nanmedian, which moves all values."""
    if not math.isfinite(values.sum()):
        values = np.sort(values[~np.isnan(values)])
        return float(values[(len(values) - 1) // 2]) if len(values) else math.nan
    if not len(values):
        return math.nan
    # Narrow down the range that holds it by counting; then sort only what lies there.
    low, high = values.min(), values.max()
    rank, n_below = (len(values) - 1) // 2, 0
    for _ in range(MEDIAN_HALVINGS):
        middle = low / 2 + high / 2
        n_to_middle = np.count_nonzero(values <= middle)
        if rank < n_to_middle:
            high = middle
        else:
            low, n_below = middle, n_to_middle
    left = values[(values > low if n_below else values >= low) & (values <= high)]
    return float(np.partition(left, rank - n_below)[rank - n_below])
