"""The networks that X-TC released: its UNet family, with the parameter names of the released state dicts.

"Robust Learning Through Cross-Task Consistency" (Zamir et al., CVPR 2020). N frames, C channels, H x W pixels. Input
are codes, output are unbounded numbers, whose meaning a zoo states (`consistency.zoo.networks.adapters`).
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from consistency.models.fused_ops import clipped, conv_norm_relu, double_and_join, norm_conv_relu

FIRST_WIDTH = 16
"""Channels at full size; each level below has twice as many."""
GROUPS = 8
"""Default number of groups of GroupNorm."""
OLD_LEVELS = 6
"""Levels of UNetOld2 and UNetDepth, as many as UNet(6) has."""
SOBEL_SIGMA_PX = 2.0
SOBEL_RADIUS_PX = 8  # 4 sigma, where X-TC's library truncates the Gaussian


class Block(nn.Module):
    """Three 3x3 convolutions, each followed by GroupNorm and ReLU."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        for index in (1, 2, 3):
            self.add_module(
                f"conv{index}", nn.Conv2d(in_channels if index == 1 else out_channels, out_channels, 3, 1, 1)
            )
            self.add_module(f"bn{index}", nn.GroupNorm(GROUPS, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        return three_convolutions(self, x, "conv", "bn")


class PreNormBlock(nn.Module):
    """GroupNorm of the input, convolution, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel_px: int, groups: int = GROUPS):
        super().__init__()
        self.bn = nn.GroupNorm(groups, in_channels)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_px, padding=kernel_px // 2)

    def forward(self, x: Tensor) -> Tensor:
        return norm_conv_relu(self.bn, self.conv, x)


class UNet(nn.Module):
    """A UNet of `downsample` levels. Height and width must be multiples of 2^downsample."""

    def __init__(self, downsample: int, in_channels: int = 3, out_channels: int = 3):
        super().__init__()
        widths = [FIRST_WIDTH * 2**level for level in range(downsample + 1)]
        self.down1 = Block(in_channels, widths[0])
        self.down_blocks = nn.ModuleList(Block(widths[i], widths[i + 1]) for i in range(downsample))
        add_middle(self, widths[-1])
        self.up_blocks = nn.ModuleList(Block(widths[i] + widths[i + 1], widths[i]) for i in range(downsample))
        add_last(self, out_channels)

    def forward(self, image: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H, W), non-negative."""
        x = self.down1(image)
        skips = []
        for down in self.down_blocks:
            skips.append(x)
            x = F.max_pool2d(down(x), 2)
        x = middle(self, x)
        for up, skip in zip(reversed(self.up_blocks), reversed(skips), strict=True):
            x = up(double_and_join(x, skip))
        return F.relu(last(self, x))


class UNetReshade(UNet):
    """A UNet whose output is clamped to [0, 1], averaged over channels and repeated three times, whatever
    `out_channels` is."""

    def forward(self, image: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, 3, H, W) in [0, 1], three equal channels."""
        grey = clipped(super().forward(image)).mean(dim=1, keepdim=True)
        return grey.expand(-1, 3, -1, -1)


class _NamedUNet(nn.Module):
    """What UNetOld2 and UNetDepth share: individually named blocks, `down_block1` at full size."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        widths = [FIRST_WIDTH * 2**level for level in range(OLD_LEVELS + 1)]
        for level, width in enumerate(widths):
            self.add_module(f"down_block{level + 1}", Block(widths[level - 1] if level else in_channels, width))
        add_middle(self, widths[-1])
        for level in range(OLD_LEVELS):
            up = Block(widths[level] + widths[level + 1], widths[level])
            self.add_module(f"up_block{OLD_LEVELS - level}", up)
        add_last(self, out_channels)

    def body(self, x: Tensor, n_pools: int) -> Tensor:
        """Everything except the last ReLU. The first `n_pools` levels halve the size; those below keep it."""
        outputs = []
        for level in range(OLD_LEVELS + 1):
            x = self.get_submodule(f"down_block{level + 1}")(x)
            x = F.max_pool2d(x, 2) if 1 <= level <= n_pools else x
            outputs.append(x)
        x = middle(self, x)
        for level in reversed(range(OLD_LEVELS)):
            skip = outputs[level]
            x = double_and_join(x, skip) if level < n_pools else torch.cat([x, skip], dim=1)
            x = self.get_submodule(f"up_block{OLD_LEVELS - level}")(x)
        return last(self, x)


class UNetOld2(_NamedUNet):
    """Six levels behind two pre-norm blocks. Height and width must be multiples of 64."""

    def __init__(self, in_channels: int = 3, out_channels: int = 3):
        super().__init__(FIRST_WIDTH, out_channels)
        self.initial = nn.Sequential(
            PreNormBlock(in_channels, FIRST_WIDTH, 1, groups=3), PreNormBlock(FIRST_WIDTH, FIRST_WIDTH, 1, groups=4)
        )

    def forward(self, image: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H, W), non-negative."""
        return F.relu(self.body(self.initial(image), n_pools=OLD_LEVELS))


class UNetDepth(_NamedUNet):
    """Six levels, the lowest with the size of the one above. Height and width must be multiples of 32."""

    def __init__(self, in_channels: int = 3, out_channels: int = 1):
        super().__init__(in_channels, out_channels)

    def forward(self, image: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H, W), of either sign."""
        return self.body(image, n_pools=OLD_LEVELS - 1)


class Dense1by1Net(nn.Module):
    """Seven pre-norm blocks at full size, with a receptive field of 11 x 11 pixels."""

    def __init__(self, in_channels: int = 3, out_channels: int = 3):
        super().__init__()
        self.decoder = nn.Sequential(
            PreNormBlock(in_channels, 64, 1, groups=3),
            PreNormBlock(64, 96, 1),
            *(PreNormBlock(96, 96, 3) for _ in range(4)),
            PreNormBlock(96, out_channels, 3),
        )

    def forward(self, image: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H, W), non-negative."""
        return self.decoder(image)


class SobelEdges(nn.Module):
    """The edges that X-TC's networks were trained with: like `filters.SobelEdges`, except that the blurred image is
    padded with zeros, which draws a bright frame. The blur itself pads by reflection, repeating the outermost pixel."""

    smooth: Tensor
    sobel: Tensor

    def __init__(self) -> None:
        super().__init__()
        x = torch.arange(-SOBEL_RADIUS_PX, SOBEL_RADIUS_PX + 1, dtype=torch.float64)
        weights = torch.exp(-(x**2) / (2 * SOBEL_SIGMA_PX**2))
        horizontal = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
        self.register_buffer("smooth", (weights / weights.sum()).float()[None, None, None], persistent=False)
        self.register_buffer("sobel", torch.stack([horizontal, horizontal.T])[:, None], persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 1, H, W) in [0, 1]."""
        smooth, sobel = self.smooth.float(), self.sobel.float()
        blurred = image.float().mean(dim=1, keepdim=True)
        for _ in range(2):  # once along x, once along y
            blurred = F.conv2d(mirrored(blurred, SOBEL_RADIUS_PX), smooth).transpose(2, 3)
        gradient = F.conv2d(blurred, sobel, padding=1)  # (N, 2, H, W)
        return torch.hypot(gradient[:, :1], gradient[:, 1:]).clamp(0, 1).to(image.dtype)


def mirrored(x: Tensor, radius: int) -> Tensor:
    """x padded by `radius` pixels on the left and the right: c b a | a b c."""
    width = x.shape[-1]
    index = torch.arange(-radius, width + radius, device=x.device) % (2 * width)
    return x[..., torch.minimum(index, 2 * width - 1 - index)]


def add_middle(network: nn.Module, width: int) -> None:
    """Add `mid_conv1`..`mid_conv3` and `bn1`..`bn3`."""
    for index in (1, 2, 3):
        network.add_module(f"mid_conv{index}", nn.Conv2d(width, width, 3, padding=1))
        network.add_module(f"bn{index}", nn.GroupNorm(GROUPS, width))


def middle(network: nn.Module, x: Tensor) -> Tensor:
    return three_convolutions(network, x, "mid_conv", "bn")


def add_last(network: nn.Module, out_channels: int) -> None:
    """Add `last_conv1`, `last_bn` and `last_conv2`."""
    network.add_module("last_conv1", nn.Conv2d(FIRST_WIDTH, FIRST_WIDTH, 3, padding=1))
    network.add_module("last_bn", nn.GroupNorm(GROUPS, FIRST_WIDTH))
    network.add_module("last_conv2", nn.Conv2d(FIRST_WIDTH, out_channels, 1))


def last(network: nn.Module, x: Tensor) -> Tensor:
    """The output before its ReLU."""
    return network.get_submodule("last_conv2")(step(network, "last_conv1", "last_bn", x))


def three_convolutions(network: nn.Module, x: Tensor, convolution: str, norm: str) -> Tensor:
    for index in (1, 2, 3):
        x = step(network, f"{convolution}{index}", f"{norm}{index}", x)
    return x


def step(network: nn.Module, convolution: str, norm: str, x: Tensor) -> Tensor:
    """Convolution, GroupNorm and ReLU; the first two by name."""
    conv, group_norm = network.get_submodule(convolution), network.get_submodule(norm)
    return conv_norm_relu(cast(nn.Conv2d, conv), cast(nn.GroupNorm, group_norm), x)
