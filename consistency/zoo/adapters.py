"""Adapters between a network's numbers and the codes of its domains.

Between networks, images are codes of their domains in [0, 1] (`consistency.domains`). A zoo describes a network with
other encodings by an InputSpec and an OutputSpec; it then runs between them as `Adapted`. N frames, C channels, H x W
pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from consistency.domains import Domain
from consistency.models import capabilities
from consistency.models.fused_ops import clipped
from consistency.zoo.explained import BadNetwork

SCALES = ("linear", "log", "inverse")
ORDERS = ("rgb", "bgr")
LAYOUTS = ("nchw", "nhwc")
MAX_CHANNELS, MAX_SIDE_PX = 64, 4096
AnySpec = TypeVar("AnySpec", "InputSpec", "OutputSpec")


@dataclass(frozen=True)
class Spec:
    """How the numbers at one end of a network relate to the codes of its domain. By default they are the codes."""

    range: tuple[float, float] = (0.0, 1.0)
    """The numbers for the two ends of `physical`, such as 0 and 255."""
    physical: tuple[float, float] | None = None
    """What those mean, in the domain's unit; None if they mean the same as the domain's codes 0 and 1."""
    scale: str = "linear"
    """How the numbers between them run: `linear`, `log`, or `inverse` (linear in 1 / value, like disparity). Without
    `physical` they run like the domain's codes."""
    invalid: float | None = None
    """The share of the range (0 to 1) that means `unknown`, if it is not the domain's own invalid code."""
    mean: tuple[float, ...] = ()
    """Per channel: the network sees (number - mean) / std."""
    std: tuple[float, ...] = ()
    """Per channel; as many as `mean`."""
    channels: int | None = None
    """The network's channels, if not the domain's: a single channel is repeated, several are averaged."""
    order: str = "rgb"
    """`bgr` if the network's three channels are in reverse order."""
    layout: str = "nchw"
    """`nhwc` if the network's channels are last."""
    size: tuple[int, int] | None = None
    """Height and width that the network requires, pixels; None if it accepts any. Images are scaled to it, and its
    output is scaled back."""

    def __post_init__(self) -> None:
        _check(self)

    @property
    def record(self) -> dict[str, Any]:
        """The fields that differ from the defaults, as JSON values; digests of networks contain it."""
        default = asdict(Spec())
        return {name: value for name, value in asdict(self).items() if value != default[name]}


class InputSpec(Spec):
    """The numbers that a network expects."""

    def to_numbers(self, codes: Tensor, domain: Domain) -> Tensor:
        """Codes (N, C, H, W) -> the network's numbers, in float32 where they are computed."""
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


class OutputSpec(Spec):
    """The numbers that a network gives."""

    def to_codes(self, numbers: Tensor, domain: Domain, size: tuple[int, int]) -> Tensor:
        """The network's numbers -> codes in [0, 1], (N, C, H, W) with that height and width. NaN and infinities give
        NaN."""
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
    """A network between its adapters: codes of the source domain in, codes of the target domain out."""

    def __init__(
        self,
        network: nn.Module,
        source: Domain,
        target: Domain,
        input_spec: InputSpec,
        output_spec: OutputSpec,
        head: str = "",
        name: str = "",
    ):
        """`head`: the output of a network that gives several. `name`: the edge, for messages."""
        super().__init__()
        self.name = name
        self.network, self.source, self.target, self.head = network, source, target, head
        self.input_spec, self.output_spec = input_spec, output_spec

    def forward(self, codes: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W). Raises BadNetwork."""
        numbers = self.input_spec.to_numbers(codes, self.source).to(capabilities.input_dtype(self.network))
        made = self.network(numbers)
        if isinstance(made, Mapping):
            made = made[self.head]
        made = self.images(made, len(codes))
        return self.output_spec.to_codes(made, self.target, (codes.shape[-2], codes.shape[-1]))

    def images(self, made: Tensor, n_frames: int) -> Tensor:
        """What the network gives for so many frames, with four dimensions in its layout: a missing one is that of a single
        channel, (N, H, W), and further ones of size 1 are dropped. Raises BadNetwork."""
        shape = tuple(made.shape)
        while made.dim() > 4 and 1 in made.shape[1:]:
            made = made.squeeze(list(made.shape).index(1, 1))
        if made.dim() == 3:
            made = made.unsqueeze(-1 if self.output_spec.layout == "nhwc" else 1)
        if made.dim() != 4 or len(made) != n_frames:
            raise BadNetwork(
                f"edge {self.name}: the network gives {shape} for {n_frames} frames, expected (frames, channels, height, "
                "width) or (frames, height, width)",
                "set `head` to an output that is an image, or save the network so that it gives one per frame",
            )
        return made

    @property
    def input_dtype(self) -> torch.dtype:
        """The network's, or float32 where its InputSpec computes: logarithms of codes need the digits."""
        computes = set(self.input_spec.record) - {"channels", "order", "layout"}
        return torch.float32 if computes else capabilities.input_dtype(self.network)

    def compute_in(self, dtype: torch.dtype) -> None:
        """Set the network's compute dtype; adapters compute in float32."""
        capabilities.compute_in(self.network, dtype)


def read_spec(spec: type[AnySpec], row: Mapping[str, Any]) -> AnySpec:
    """An InputSpec or OutputSpec from its table in zoo.toml. Raises ValueError and TypeError, which name the field."""
    unknown = set(row) - set(Spec.__dataclass_fields__)
    if unknown:
        raise ValueError(
            f"unknown field {', '.join(sorted(unknown))}; the fields are {', '.join(Spec.__dataclass_fields__)}"
        )
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return spec(**fields)


def _check(spec: Spec) -> None:
    """Raises ValueError."""
    if len(spec.range) != 2 or not all(map(math.isfinite, spec.range)) or spec.range[0] == spec.range[1]:
        raise ValueError(f"range is {list(spec.range)}; give two different numbers, the ends of the range")
    for name, allowed in (("scale", SCALES), ("order", ORDERS), ("layout", LAYOUTS)):
        if getattr(spec, name) not in allowed:
            raise ValueError(f"{name} is '{getattr(spec, name)}'; use one of {', '.join(allowed)}")
    _check_physical(spec)
    if len(spec.mean) != len(spec.std) or not all(math.isfinite(value) for value in spec.mean):
        raise ValueError(f"mean {list(spec.mean)} and std {list(spec.std)} must have the same number of finite values")
    if any(not math.isfinite(value) or value <= 0 for value in spec.std):
        raise ValueError(f"std is {list(spec.std)}; all must be positive")
    if spec.invalid is not None and not 0 <= spec.invalid <= 1:
        raise ValueError(f"invalid is {spec.invalid}; give the share of the range, 0 to 1, that means unknown")
    if spec.channels is not None and not (isinstance(spec.channels, int) and 1 <= spec.channels <= MAX_CHANNELS):
        raise ValueError(f"channels is {spec.channels}; give 1 to {MAX_CHANNELS}")
    sides = spec.size or ()
    if spec.size is not None and (
        len(sides) != 2 or not all(isinstance(px, int) and 1 <= px <= MAX_SIDE_PX for px in sides)
    ):
        raise ValueError(f"size is {list(sides)}; give height and width, 1 to {MAX_SIDE_PX} pixels")


def _check_physical(spec: Spec) -> None:
    """Raises ValueError."""
    if spec.physical is None:
        if spec.scale != "linear":
            raise ValueError(
                f"scale is '{spec.scale}' but `physical` is missing; give the values at the ends of the range"
            )
        return
    ends = [float(end) for end in spec.physical]
    if len(ends) != 2 or ends[0] == ends[1] or any(map(math.isnan, ends)):
        raise ValueError(
            f"physical is {list(spec.physical)}; give two different values, those at the ends of the range"
        )
    if spec.scale != "linear" and min(ends) <= 0:
        raise ValueError(f"physical is {ends}; on a {spec.scale} scale both must be positive")
    if spec.scale != "inverse" and math.inf in map(abs, ends):
        raise ValueError(f"physical is {ends}; only an inverse scale can reach infinity")


def _physical(share: Tensor, lo: float, hi: float, scale: str) -> Tensor:
    """The value at a share (0 to 1) of the way from `lo` to `hi`."""
    if scale == "log":
        return lo * (hi / lo) ** share
    if scale == "inverse":
        return 1 / (1 / lo + (1 / hi - 1 / lo) * share)
    return lo + (hi - lo) * share


def _shares(physical: Tensor, lo: float, hi: float, scale: str) -> Tensor:
    """The inverse of `_physical`; below 0 or above 1 beyond the ends."""
    if scale == "log":
        return torch.log(physical.clamp(min=min(lo, hi)) / lo) / math.log(hi / lo)
    if scale == "inverse":
        return (1 / physical.clamp(min=min(lo, hi)) - 1 / lo) / (1 / hi - 1 / lo)
    return (physical - lo) / (hi - lo)


def _replace(made: Tensor, given: Tensor, unknown: float | None, becomes: float | None) -> Tensor:
    """`made`, with `becomes` where all channels of `given` equal `unknown` within half an 8-bit code."""
    if unknown is None or becomes is None:
        return made
    is_unknown = ((given.float() - unknown).abs() < 0.5 / 255).all(dim=1, keepdim=True)
    return torch.where(is_unknown, becomes, made)


@lru_cache(maxsize=64)
def _per_channel(values: tuple[float, ...], device: torch.device) -> Tensor:
    """The values as (1, C, 1, 1); cached, because every copy to a GPU waits for it."""
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=torch.float32, device=device).view(1, -1, 1, 1)


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear, with antialiasing when shrinking."""
    # In float32: the antialiasing filter has no half precision on CPUs.
    return F.interpolate(x.float(), size=size, mode="bilinear", align_corners=False, antialias=True)
