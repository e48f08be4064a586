"""Which architectures are there? Plain torch modules, built by name from keyword arguments.

N frames, C channels, H x W pixels. Input and output are codes in [0, 1].
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Norm = Literal["batch", "none"]

N_REFINED_LEVELS = 3  # the deepest levels carry a residual block: there a block costs little and sees much
SOBEL_SIGMA_PX = 2.0
SOBEL_GAUSSIAN_RADIUS_PX = 8  # 4 sigma, where the Gaussian is 3e-4 of its peak


class SmallUNet(nn.Module):
    """A strided UNet for two cores: level i works at 1 / 2^(i+1) of the input's size with widths[i] channels.

    Height and width must be multiples of 2^len(widths). In training mode the output is not clamped, so that gradients reach
    pixels beyond [0, 1]; in eval mode it is.
    """

    def __init__(self, in_channels: int, out_channels: int, widths: Sequence[int], norm: Norm = "none"):
        super().__init__()
        if len(widths) < 1:
            raise ValueError(f"a SmallUNet needs at least one width, got {list(widths)}")
        self.arguments = {"in_channels": in_channels, "out_channels": out_channels, "widths": list(widths)}
        first_refined = len(widths) - N_REFINED_LEVELS
        self.down = nn.ModuleList()
        for level, width in enumerate(widths):
            source = widths[level - 1] if level else in_channels
            layers: list[nn.Module] = [ConvUnit(source, width, norm, stride=2)]
            if level >= first_refined:
                layers.append(ResidualBlock(width, norm))
            self.down.append(nn.Sequential(*layers))
        self.up = nn.ModuleList(
            ConvUnit(widths[level] + widths[level - 1], widths[level - 1], norm)
            for level in range(len(widths) - 1, 0, -1)
        )
        self.head = nn.Conv2d(widths[0], out_channels, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H, W)."""
        multiple = 2 ** len(self.down)
        if image.shape[-2] % multiple or image.shape[-1] % multiple:
            raise ValueError(
                f"input of {image.shape[-2]}x{image.shape[-1]} px; both sides must be multiples of {multiple}"
            )
        body = next(self.up.parameters(), self.head.weight).dtype
        skips = []
        x = image
        for block in self.down:
            x = block(x).to(body)
            skips.append(x)
        skips.pop()
        for block in self.up:
            x = block(torch.cat([double(x), skips.pop()], dim=1))
        x = self.head(double(x).to(self.head.weight.dtype))
        return x if self.training else x.clamp(0, 1)

    def compute_in(self, dtype: torch.dtype) -> None:
        """Run all but the first and the last convolution in `dtype`; those, input and output stay in float32.

        The first takes derivatives of images: a wall in a depth image rises by 0.001 per pixel around 0.7, which 8 bits
        of mantissa, in the image or in filters whose weights should sum to zero, cannot hold.
        """
        for block in [*self.down[1:], *self.up]:
            block.to(dtype)


class ConvUnit(nn.Module):
    """3x3 convolution, norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, norm: Norm, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=norm == "none")
        self.norm = nn.BatchNorm2d(out_channels) if norm == "batch" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


class ResidualBlock(nn.Module):
    """x + two convolutions of x."""

    def __init__(self, width: int, norm: Norm):
        super().__init__()
        self.first = ConvUnit(width, width, norm)
        self.second = ConvUnit(width, width, norm)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


def double(x: Tensor) -> Tensor:
    """Twice the height and width, bilinear."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def fold_batch_norm(network: SmallUNet) -> SmallUNet:
    """The same function in eval mode with plain convolutions: each BatchNorm's scale and shift go into its convolution."""
    folded = SmallUNet(**network.arguments, norm="none")
    state = copy.deepcopy(network).float().state_dict()
    plain: dict[str, Tensor] = {}
    for name, unit in network.named_modules():
        if isinstance(unit, ConvUnit) and isinstance(unit.norm, nn.BatchNorm2d):
            mean, variance = state[f"{name}.norm.running_mean"], state[f"{name}.norm.running_var"]
            scale = state[f"{name}.norm.weight"] / torch.sqrt(variance + unit.norm.eps)
            plain[f"{name}.conv.weight"] = state[f"{name}.conv.weight"] * scale[:, None, None, None]
            plain[f"{name}.conv.bias"] = state[f"{name}.norm.bias"] - mean * scale
    plain |= {key: value for key, value in state.items() if key.startswith("head.")}
    folded.load_state_dict(plain)
    return folded.eval()


class SobelEdges(nn.Module):
    """edge2d, a fixed filter of the image: channel mean, Gaussian of sigma 2, magnitude of the two Sobel responses, clamped.

    The image is continued by reflection; zeros beyond the border, as in Taskonomy, would draw a bright frame around every
    image that is in no scene. Computed in float32 whatever the input's type, because differences of nearby values lose most
    of their digits in bfloat16.
    """

    radius: int
    horizontal: Tensor
    vertical: Tensor

    def __init__(self) -> None:
        super().__init__()
        x = torch.arange(-SOBEL_GAUSSIAN_RADIUS_PX, SOBEL_GAUSSIAN_RADIUS_PX + 1, dtype=torch.float64)
        gaussian = torch.exp(-(x**2) / (2 * SOBEL_SIGMA_PX**2))
        gaussian /= gaussian.sum()
        average = convolve(gaussian, torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64))
        difference = convolve(gaussian, torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64))
        self.radius = SOBEL_GAUSSIAN_RADIUS_PX + 1
        # d/dx = difference along x, average along y; d/dy the other way round.
        self.register_buffer("horizontal", torch.stack([difference, average])[:, None, None].float(), persistent=False)
        self.register_buffer("vertical", torch.stack([average, difference])[:, None, :, None].float(), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 1, H, W)."""
        grey = image.float().mean(dim=1, keepdim=True)
        # Filters run in full precision under autocast too.
        with torch.autocast(image.device.type, enabled=False):
            padded = F.pad(grey, [self.radius] * 4, mode="reflect")
            gradient = F.conv2d(
                F.conv2d(padded, self.horizontal.float()), self.vertical.float(), groups=2
            )  # (N, 2, H, W)
        return torch.hypot(gradient[:, :1], gradient[:, 1:]).clamp(0, 1).to(image.dtype)


def convolve(a: Tensor, b: Tensor) -> Tensor:
    """Full one-dimensional convolution."""
    return F.conv1d(a[None, None], b.flip(0)[None, None], padding=len(b) - 1)[0, 0]


ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {"small-unet": SmallUNet, "sobel-edges": SobelEdges}


def build(architecture: str, **arguments: Any) -> nn.Module:
    """The network of that name, untrained."""
    if architecture not in ARCHITECTURES:
        raise ValueError(f"unknown architecture '{architecture}'; the architectures are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[architecture](**arguments)


def compute_in(network: nn.Module, dtype: torch.dtype) -> None:
    """Let a network compute in `dtype`, but for what it keeps in float32 itself."""
    if isinstance(network, SmallUNet):
        network.compute_in(dtype)
    else:
        network.to(dtype)
