"""What does a network expect at its input, and what do the numbers at its output mean?

Between networks images are codes of their domains in [0, 1] (`consistency.domains`). A network that was trained with
other encodings has a Port at either end that says so, and runs between them as `Adapted`. N frames, C channels, H x W
pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from consistency.domains import Domain
from consistency.models import capabilities
from consistency.models.fused_ops import clipped

SCALES = ("linear", "log", "inverse")
ORDERS = ("rgb", "bgr")
LAYOUTS = ("nchw", "nhwc")
MAX_CHANNELS, MAX_SIDE_PX = 64, 4096


@dataclass(frozen=True)
class Port:
    """How the numbers at one end of a network relate to the codes of its domain. As it stands: not at all different."""

    range: tuple[float, float] = (0.0, 1.0)
    """The numbers that stand for the two ends of `physical`, such as 0 and 255."""
    physical: tuple[float, float] | None = None
    """What those mean in the domain's unit; None where they mean what the domain's codes 0 and 1 do."""
    scale: str = "linear"
    """How the numbers between them run: `linear`, `log`, or `inverse` (linear in 1 / value, as disparity). Without
    `physical` they run as the domain's codes do."""
    invalid: float | None = None
    """The share of the range (0 to 1) that says `unknown`, where that is not the domain's own invalid code."""
    mean: tuple[float, ...] = ()
    """Per channel: the network sees (number - mean) / std."""
    std: tuple[float, ...] = ()
    channels: int | None = None
    """Of the network, where not the domain's: one channel is repeated for it; of several, their mean is taken."""
    order: str = "rgb"
    """`bgr` where the network has its three channels the other way round."""
    layout: str = "nchw"
    """`nhwc` where the network has the channels last."""
    size: tuple[int, int] | None = None
    """Height and width the network works at, pixels; None where it takes every size. Images are scaled to it, and what
    it gives is scaled back."""

    def __post_init__(self) -> None:
        _check(self)

    @property
    def record(self) -> dict[str, Any]:
        """What differs from a plain Port, as JSON values."""
        plain = asdict(Port())
        return {name: value for name, value in asdict(self).items() if value != plain[name]}

    def to_numbers(self, codes: Tensor, domain: Domain) -> Tensor:
        """Codes (N, C, H, W) -> what the network sees; of more digits where they are computed with."""
        x = codes
        if self.physical is not None:
            share = _shares(_physical(x.float(), domain.lo, domain.hi, domain.scale), *self.physical, self.scale)
            x = share.clamp(0, 1)
        x = _replace(x, codes, domain.invalid, self.invalid)
        if self.channels not in (None, x.shape[1]):
            x = x.mean(dim=1, keepdim=True).expand(-1, self.channels, -1, -1)
        low, high = self.range
        if (low, high) != (0.0, 1.0):
            x = low + (high - low) * x.float()
        if self.mean:
            x = (x.float() - _per_channel(self.mean, x.device)) / _per_channel(self.std, x.device)
        if self.size is not None:
            x = _resized(x, self.size)
        if self.order == "bgr":
            x = x.flip(1)
        return x.permute(0, 2, 3, 1) if self.layout == "nhwc" else x

    def to_codes(self, numbers: Tensor, domain: Domain, size: tuple[int, int]) -> Tensor:
        """What the network gave -> codes in [0, 1], (N, C, H, W) of that height and width."""
        x = numbers.permute(0, 3, 1, 2) if self.layout == "nhwc" else numbers
        if self.order == "bgr":
            x = x.flip(1)
        if self.mean:
            x = x.float() * _per_channel(self.std, x.device) + _per_channel(self.mean, x.device)
        low, high = self.range
        if (low, high) != (0.0, 1.0):
            x = (x.float() - low) / (high - low)
        if x.shape[1] != domain.channels:
            x = x.mean(dim=1, keepdim=True).expand(-1, domain.channels, -1, -1)
        x = share = clipped(x)
        if self.physical is not None:
            x = _shares(_physical(share.float(), *self.physical, self.scale), domain.lo, domain.hi, domain.scale)
            x = x.clamp(0, 1)
        x = _replace(x, share, self.invalid, domain.invalid)
        return _resized(x, size) if tuple(x.shape[-2:]) != size else x


class Adapted(nn.Module):
    """A network between its ports: codes of the source domain go in, codes of the target domain come out."""

    def __init__(
        self, network: nn.Module, source: Domain, target: Domain, input_port: Port, output_port: Port, head: str = ""
    ):
        super().__init__()
        self.network, self.source, self.target, self.head = network, source, target, head
        self.input_port, self.output_port = input_port, output_port

    def forward(self, codes: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        numbers = self.input_port.to_numbers(codes, self.source).to(capabilities.input_dtype(self.network))
        made = self.network(numbers)
        if isinstance(made, Mapping):
            made = made[self.head]
        return self.output_port.to_codes(made, self.target, (codes.shape[-2], codes.shape[-1]))

    @property
    def input_dtype(self) -> torch.dtype:
        """The network's, or float32 where its port computes: logarithms of codes need the digits."""
        computes = set(self.input_port.record) - {"channels", "order", "layout"}
        return torch.float32 if computes else capabilities.input_dtype(self.network)

    def compute_in(self, dtype: torch.dtype) -> None:
        capabilities.compute_in(self.network, dtype)


def read_port(row: Mapping[str, Any]) -> Port:
    """A Port from its table in zoo.toml. Raises ValueError and TypeError, which name what is wrong."""
    unknown = set(row) - set(Port.__dataclass_fields__)
    if unknown:
        raise ValueError(f"unknown {', '.join(sorted(unknown))}; a port has {', '.join(Port.__dataclass_fields__)}")
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Port(**fields)


def _check(port: Port) -> None:
    """Raises ValueError."""
    if len(port.range) != 2 or not all(map(math.isfinite, port.range)) or port.range[0] == port.range[1]:
        raise ValueError(f"range is {list(port.range)}; give the two different numbers that the values lie between")
    for name, allowed in (("scale", SCALES), ("order", ORDERS), ("layout", LAYOUTS)):
        if getattr(port, name) not in allowed:
            raise ValueError(f"{name} is '{getattr(port, name)}'; it is one of {', '.join(allowed)}")
    _check_physical(port)
    if len(port.mean) != len(port.std) or not all(math.isfinite(value) for value in port.mean):
        raise ValueError(f"mean {list(port.mean)} and std {list(port.std)} need as many numbers")
    if any(not math.isfinite(value) or value <= 0 for value in port.std):
        raise ValueError(f"std is {list(port.std)}; every one must be positive")
    if port.invalid is not None and not 0 <= port.invalid <= 1:
        raise ValueError(f"invalid is {port.invalid}; give the share of the range, 0 to 1, that says unknown")
    if port.channels is not None and not (isinstance(port.channels, int) and 1 <= port.channels <= MAX_CHANNELS):
        raise ValueError(f"channels is {port.channels}; give 1 to {MAX_CHANNELS}")
    sides = port.size or ()
    if port.size is not None and (
        len(sides) != 2 or not all(isinstance(px, int) and 1 <= px <= MAX_SIDE_PX for px in sides)
    ):
        raise ValueError(f"size is {list(sides)}; give height and width, 1 to {MAX_SIDE_PX} pixels")


def _check_physical(port: Port) -> None:
    """Raises ValueError."""
    if port.physical is None:
        if port.scale != "linear":
            raise ValueError(
                f"scale is '{port.scale}' and `physical` is not given; give the values of the range's ends"
            )
        return
    ends = [float(end) for end in port.physical]
    if len(ends) != 2 or ends[0] == ends[1] or any(map(math.isnan, ends)):
        raise ValueError(f"physical is {list(port.physical)}; give the two different values of the range's ends")
    if port.scale != "linear" and min(ends) <= 0:
        raise ValueError(f"physical is {ends}; on a scale that is {port.scale} both must be positive")
    if port.scale != "inverse" and math.inf in map(abs, ends):
        raise ValueError(f"physical is {ends}; only an inverse scale reaches infinity")


def _physical(share: Tensor, lo: float, hi: float, scale: str) -> Tensor:
    """What a share (0 to 1) of the way from `lo` to `hi` means."""
    if scale == "log":
        return lo * (hi / lo) ** share
    if scale == "inverse":
        return 1 / (1 / lo + (1 / hi - 1 / lo) * share)
    return lo + (hi - lo) * share


def _shares(physical: Tensor, lo: float, hi: float, scale: str) -> Tensor:
    """The reverse of `_physical`; beyond the ends anything below 0 or above 1."""
    if scale == "log":
        return torch.log(physical.clamp(min=min(lo, hi)) / lo) / math.log(hi / lo)
    if scale == "inverse":
        return (1 / physical.clamp(min=min(lo, hi)) - 1 / lo) / (1 / hi - 1 / lo)
    return (physical - lo) / (hi - lo)


def _replace(made: Tensor, given: Tensor, unknown: float | None, becomes: float | None) -> Tensor:
    """`made`, but where all channels of `given` say unknown, what says so on the other side. Compared as 8 bits would hold
    it."""
    if unknown is None or becomes is None:
        return made
    is_unknown = ((given.float() - unknown).abs() < 0.5 / 255).all(dim=1, keepdim=True)
    return torch.where(is_unknown, becomes, made)


@lru_cache(maxsize=64)
def _per_channel(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Kept, as a copy to a GPU makes it wait."""
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=torch.float32, device=device).view(1, -1, 1, 1)


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear, without aliasing where that makes it smaller."""
    # In float32: the filter for smaller images knows no half precision on CPUs.
    return F.interpolate(x.float(), size=size, mode="bilinear", align_corners=False, antialias=True)
