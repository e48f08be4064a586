"""Fixed filters, used as edges without weights: Sobel edges and Hessian keypoints of the image, and mirrors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SOBEL_SIGMA_PX = 2.0
HESSIAN_SIGMA_PX = 2.0  # blobs of some 6 px; at the 1.2 px of SURF's smallest box, noise and JPEG blocks respond too
GAUSSIAN_RADIUS_PX = 8  # 4 sigma, where the Gaussian is 3e-4 of its peak
KEYPOINT_FULL_RESPONSE = 2e-3  # about the 99.5th percentile of rendered rooms and the 99th of photographs at 256 px
KEYPOINT_POWER = 0.8  # as in Taskonomy: lifts weak responses
KEYPOINT_SMALLEST_RESPONSE = (
    1e-3  # share of the full response; without it the gradient of the power at 0 would be infinite
)


class SobelEdges(nn.Module):
    """edge2d: channel mean, Gaussian of sigma 2, magnitude of the two Sobel responses, clamped.

    The border is padded by reflection; zero padding, as in Taskonomy, would draw a bright frame around every image.
    Always computed in float32: differences of nearby values lose most of their digits in bfloat16.
    """

    radius: int
    horizontal: Tensor
    vertical: Tensor

    def __init__(self) -> None:
        super().__init__()
        smooth = gaussian(SOBEL_SIGMA_PX)
        average = convolve(smooth, torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64))
        difference = convolve(smooth, torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64))
        self.radius = GAUSSIAN_RADIUS_PX + 1
        # d/dx = difference along x, average along y; d/dy the other way round.
        self.register_buffer("horizontal", torch.stack([difference, average])[:, None, None].float(), persistent=False)
        self.register_buffer("vertical", torch.stack([average, difference])[:, None, :, None].float(), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 1, H, W)."""
        grey = image.float().mean(dim=1, keepdim=True)
        # Filters run in full precision, even under autocast.
        with torch.autocast(image.device.type, enabled=False):
            padded = F.pad(grey, [self.radius] * 4, mode="reflect")
            gradient = F.conv2d(
                F.conv2d(padded, self.horizontal.float()), self.vertical.float(), groups=2
            )  # (N, 2, H, W)
        return torch.hypot(gradient[:, :1], gradient[:, 1:]).clamp(0, 1).to(image.dtype)


class Mirror(nn.Module):
    """The image with left and right exchanged."""

    def __init__(self, has_directions: bool = False) -> None:
        """`has_directions`: the image holds coded unit vectors, whose first component turns round with it."""
        super().__init__()
        self.has_directions = has_directions

    def forward(self, image: Tensor) -> Tensor:
        """Codes (N, C, H, W) -> the same."""
        mirrored = image.flip(-1)
        if self.has_directions:
            mirrored = torch.cat([1 - mirrored[:, :1], mirrored[:, 1:]], dim=1)
        return mirrored


class HessianKeypoints(nn.Module):
    """keypoint2d: blobs and corners of the image, by the determinant of its Hessian.

    SURF (Bay et al., 2006), Taskonomy's detector, approximates this determinant with box filters; Gaussian derivatives
    are its continuous, differentiable form. It is computed from the channel mean at sigma 2 and multiplied by sigma^4,
    so that it has no unit; saddles (negative values) become 0. As in Taskonomy, a Gaussian of sigma 2 and a power of
    0.8 of the share of a full response follow, clamped. Padding and precision are those of SobelEdges.
    """

    horizontal: Tensor
    vertical: Tensor
    smooth: Tensor

    def __init__(self) -> None:
        super().__init__()
        smooth = gaussian(HESSIAN_SIGMA_PX)
        second, first, zeroth = (
            convolve(smooth, torch.tensor(taps, dtype=torch.float64)) * HESSIAN_SIGMA_PX**order
            for order, taps in ((2, [1.0, -2.0, 1.0]), (1, [-0.5, 0.0, 0.5]), (0, [0.0, 1.0, 0.0]))
        )
        # Order: xx, yy, xy.
        self.register_buffer(
            "horizontal", torch.stack([second, zeroth, first])[:, None, None].float(), persistent=False
        )
        self.register_buffer(
            "vertical", torch.stack([zeroth, second, first])[:, None, :, None].float(), persistent=False
        )
        self.register_buffer("smooth", smooth[None, None, None].float(), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 1, H, W)."""
        grey = image.float().mean(dim=1, keepdim=True)
        smooth = self.smooth.float()
        with torch.autocast(image.device.type, enabled=False):
            padded = F.pad(grey, [GAUSSIAN_RADIUS_PX + 1] * 4, mode="reflect")
            hessian = F.conv2d(F.conv2d(padded, self.horizontal.float()), self.vertical.float(), groups=3)
            xx, yy, xy = hessian.split(1, dim=1)  # each (N, 1, H, W)
            blobs = F.pad(F.relu(xx * yy - xy**2), [GAUSSIAN_RADIUS_PX] * 4, mode="reflect")
            response = F.conv2d(F.conv2d(blobs, smooth), smooth.transpose(2, 3)) / KEYPOINT_FULL_RESPONSE
        least = KEYPOINT_SMALLEST_RESPONSE
        return ((response + least) ** KEYPOINT_POWER - least**KEYPOINT_POWER).clamp(0, 1).to(image.dtype)


def gaussian(sigma_px: float) -> Tensor:
    """A Gaussian of 2 GAUSSIAN_RADIUS_PX + 1 weights that sum to 1, float64."""
    x = torch.arange(-GAUSSIAN_RADIUS_PX, GAUSSIAN_RADIUS_PX + 1, dtype=torch.float64)
    weights = torch.exp(-(x**2) / (2 * sigma_px**2))
    return weights / weights.sum()


def convolve(a: Tensor, b: Tensor) -> Tensor:
    """Full one-dimensional convolution."""
    return F.conv1d(a[None, None], b.flip(0)[None, None], padding=len(b) - 1)[0, 0]
