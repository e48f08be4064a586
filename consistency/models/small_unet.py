"""SmallUNet and MultiHeadUNet: strided UNets that are fast on two CPU cores.

N frames, C channels, H x W pixels. Input and output are codes in [0, 1]. A network with several heads returns a dict.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from consistency.models import fused_ops

Norm = Literal["batch", "none"]
Foldable = TypeVar("Foldable", bound=nn.Module)
"""A network made of ConvUnits, with its constructor's `arguments`: SmallUNet, MultiHeadUNet or GeoNet."""

N_REFINED_LEVELS = 3  # the deepest levels have a residual block: there it costs little and sees much


class SmallUNet(nn.Module):
    """A strided UNet: level i has widths[i] channels at 1 / 2^(i+1) of the input's size.

    Height and width must be multiples of 2^len(widths). The output is clamped in eval mode only: in training, gradients
    must reach pixels outside [0, 1].
    """

    def __init__(self, in_channels: int, out_channels: int, widths: Sequence[int], norm: Norm = "none"):
        super().__init__()
        if len(widths) < 1:
            raise ValueError(f"a SmallUNet needs at least one width, got {list(widths)}")
        self.arguments = {"in_channels": in_channels, "out_channels": out_channels, "widths": list(widths)}
        self.down = new_trunk(in_channels, widths, norm)
        self.up = new_decoder(widths, norm)
        self.head = nn.Conv2d(widths[0], out_channels, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H, W)."""
        levels = encode(self.down, image, body_dtype(self.up, self.head))
        x = decode(self.up, self.head, levels)
        return x if self.training else x.clamp(0, 1)

    def compute_in(self, dtype: torch.dtype) -> None:
        """Run all but the first and the last convolution in `dtype`; those, input and output stay in float32.

        The first takes derivatives of images: a wall in a depth image rises by 0.001 per pixel around 0.7, too little
        for the 8 bits of bfloat16's mantissa, in the image or in filters whose weights should sum to zero.
        """
        for block in [*self.down[1:], *self.up]:
            block.to(dtype)


class MultiHeadUNet(nn.Module):
    """A SmallUNet for several domains: one encoder, and one decoder per head.

    `heads`: name -> channels. The outputs are clamped in eval mode only.
    """

    def __init__(self, in_channels: int, heads: Mapping[str, int], widths: Sequence[int], norm: Norm = "none"):
        super().__init__()
        if len(widths) < 1 or len(heads) < 1:
            raise ValueError(f"a MultiHeadUNet needs a width and a head, got {list(widths)} and {dict(heads)}")
        self.arguments = {"in_channels": in_channels, "heads": dict(heads), "widths": list(widths)}
        self.down = new_trunk(in_channels, widths, norm)
        self.up = nn.ModuleDict({name: new_decoder(widths, norm) for name in heads})
        self.head = nn.ModuleDict(
            {name: nn.Conv2d(widths[0], channels, 3, padding=1) for name, channels in heads.items()}
        )

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """(N, C_in, H, W) -> head -> (N, C, H, W)."""
        decoders = [(name, self.up[name], cast(nn.Conv2d, self.head[name])) for name in self.head]
        levels = encode(self.down, image, body_dtype(decoders[0][1], decoders[0][2]))
        outputs = {name: decode(up, head, levels) for name, up, head in decoders}
        return outputs if self.training else {name: x.clamp(0, 1) for name, x in outputs.items()}

    def compute_in(self, dtype: torch.dtype) -> None:
        """Like `SmallUNet.compute_in`."""
        for block in [*self.down[1:], *self.up.values()]:
            block.to(dtype)


class ConvUnit(nn.Module):
    """3x3 convolution, norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, norm: Norm, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=norm == "none")
        self.norm = nn.BatchNorm2d(out_channels) if norm == "batch" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return (
            fused_ops.conv_relu(self.conv, x) if isinstance(self.norm, nn.Identity) else F.relu(self.norm(self.conv(x)))
        )


class ResidualBlock(nn.Module):
    """x + two convolutions of x."""

    def __init__(self, width: int, norm: Norm):
        super().__init__()
        self.first = ConvUnit(width, width, norm)
        self.second = ConvUnit(width, width, norm)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


def new_trunk(in_channels: int, widths: Sequence[int], norm: Norm) -> nn.ModuleList:
    """The encoder: one block per level; each halves height and width."""
    first_refined = len(widths) - N_REFINED_LEVELS
    blocks = nn.ModuleList()
    for level, width in enumerate(widths):
        source = widths[level - 1] if level else in_channels
        layers: list[nn.Module] = [ConvUnit(source, width, norm, stride=2)]
        if level >= first_refined:
            layers.append(ResidualBlock(width, norm))
        blocks.append(nn.Sequential(*layers))
    return blocks


def new_decoder(widths: Sequence[int], norm: Norm) -> nn.ModuleList:
    """One unit per level except the last, deepest first."""
    return nn.ModuleList(
        ConvUnit(widths[level] + widths[level - 1], widths[level - 1], norm) for level in range(len(widths) - 1, 0, -1)
    )


def encode(trunk: nn.ModuleList, image: Tensor, body: torch.dtype) -> list[Tensor]:
    """The output of every level, in the body's dtype."""
    multiple = 2 ** len(trunk)
    if image.shape[-2] % multiple or image.shape[-1] % multiple:
        raise ValueError(f"input of {image.shape[-2]}x{image.shape[-1]} px; both sides must be multiples of {multiple}")
    levels = []
    x = image
    for block in trunk:
        x = block(x).to(body)
        levels.append(x)
    return levels


def decode(units: nn.Module, head: nn.Conv2d, levels: Sequence[Tensor]) -> Tensor:
    """Decode from the deepest level up to the size of the image, twice that of the first level."""
    x = levels[-1]
    for unit, skip in zip(units.children(), reversed(levels[:-1]), strict=True):
        x = unit(fused_ops.double_and_join(x, skip))
    return fused_ops.double_and_convolve(x, head)


def body_dtype(units: nn.Module, head: nn.Module) -> torch.dtype:
    """The dtype of the decoder; with one level there is no decoder, and the head decides."""
    return next(units.parameters(), next(head.parameters())).dtype


def fold_batch_norm(network: Foldable) -> Foldable:
    """The same function in eval mode with plain convolutions: each BatchNorm's scale and shift go into its
    convolution."""
    folded = type(network)(**cast(dict, network.arguments), norm="none")
    state = copy.deepcopy(network).float().state_dict()
    plain = {name: state[name] for name in folded.state_dict() if name in state}
    for name, unit in network.named_modules():
        if isinstance(unit, ConvUnit) and isinstance(unit.norm, nn.BatchNorm2d):
            mean, variance = state[f"{name}.norm.running_mean"], state[f"{name}.norm.running_var"]
            scale = state[f"{name}.norm.weight"] / torch.sqrt(variance + unit.norm.eps)
            plain[f"{name}.conv.weight"] = state[f"{name}.conv.weight"] * scale[:, None, None, None]
            plain[f"{name}.conv.bias"] = state[f"{name}.norm.bias"] - mean * scale
    folded.load_state_dict(plain)
    return folded.eval()
