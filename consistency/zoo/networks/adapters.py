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
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from consistency.domains import Domain
from consistency.models import capabilities
from consistency.models.fused_ops import clipped
from consistency.zoo.explained import BadNetwork
from consistency.zoo.networks.resizing import MAX_SIDE_PX, Resize, read_resize, resized

if TYPE_CHECKING:
    from consistency.zoo.records import Edge

SCALES = ("linear", "log", "inverse")
ORDERS = ("rgb", "bgr")
LAYOUTS = ("nchw", "nhwc")
MAX_CHANNELS = 64
AXES = ("x", "y", "z")
KNOWN_UP_TO = ("", "scale", "scale-and-shift", "inverse-scale-and-shift")
"""What is lacking to metres: nothing, a factor, a factor and a shift of depth, or a factor and a shift of 1 / depth."""
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
    resize: Resize | None = None
    """A rule for the size, in place of `size` (`input` only)."""
    axes: tuple[str, ...] = ()
    """What the network's three channels are in the camera frame x right, y down, z forward, such as ("x", "-y", "-z") where y is
    up and z towards the viewer; empty: ("x", "y", "z"). Directions only."""
    mask: str = ""
    """The output of the network that says which pixels are valid (`output` only)."""
    mask_above: float = 0.5
    """Pixels are valid where the mask is above this."""
    known_up_to: str = ""
    """What is lacking to metres (`output` only): one of KNOWN_UP_TO."""
    canonical_focal_px: float | None = None
    """If the network gives metres for a camera of this focal length: they are multiplied by the true one over this (`output`
    only)."""
    pick: tuple[int, ...] = ()
    """The network's channels that are used, in that order, counted from 0; empty: all (`output` only)."""
    field_of_view_degrees: float = 60.0
    """The field of view of the frame's shorter side, for `canonical_focal_px`. No clip states its own."""

    def __post_init__(self) -> None:
        _check(self)

    @property
    def record(self) -> dict[str, Any]:
        """The fields that differ from the defaults, as JSON values; digests of networks contain it."""
        default = asdict(Spec())
        if self.canonical_focal_px is not None:
            del default["field_of_view_degrees"]
        found = {name: value for name, value in asdict(self).items() if name not in default or value != default[name]}
        return found | ({"resize": self.resize.record} if self.resize is not None else {})

    @property
    def encoding(self) -> dict[str, Any]:
        """The fields of `record` that say what a number means, whatever the number of channels that repeat it."""
        return {name: value for name, value in self.record.items() if name != "channels"}


class InputSpec(Spec):
    """The numbers that a network expects."""

    def to_numbers(self, codes: Tensor, domain: Domain) -> Tensor:
        """Codes (N, C, H, W) -> the network's numbers, in float32 where they are computed."""
        x = codes
        if self.physical is not None:
            share = _shares(_physical(x.float(), domain.lo, domain.hi, domain.scale), *self.physical, self.scale)
            x = share.clamp(0, 1)
        x = _replace(x, codes, domain.invalid, self.invalid)
        x = _with_axes(x, self.axes, inverse=True)
        x = self.with_channels(x, domain)
        if self.resize is not None:
            x = self.resize.apply(x)
        low, high = self.range
        if (low, high) != (0.0, 1.0):
            x = low + (high - low) * x.float()
        if self.mean:
            x = (x.float() - _per_channel(self.mean, x.device)) / _per_channel(self.std, x.device)
        if self.size is not None:
            x = resized(x, self.size)
        if self.order == "bgr":
            x = x.flip(1)
        return x.permute(0, 2, 3, 1) if self.layout == "nhwc" else x

    def with_channels(self, x: Tensor, domain: Domain) -> Tensor:
        """Images with as many channels as the network reads: one is repeated, several are averaged."""
        wanted = self.channels or domain.channels
        return x if x.shape[1] == wanted else x.mean(dim=1, keepdim=True).expand(-1, wanted, -1, -1)


class OutputSpec(Spec):
    """The numbers that a network gives."""

    def to_codes(
        self,
        numbers: Tensor,
        domain: Domain,
        size: tuple[int, int],
        resize: Resize | None = None,
        valid: Tensor | None = None,
        frame: tuple[int, int] | None = None,
    ) -> Tensor:
        """The network's numbers -> codes in [0, 1], (N, C, H, W) with that height and width. NaN and infinities give
        NaN. `resize`: how its input was made. `valid`: its mask, as numbers (N, 1, H, W) of any resolution. `frame`: the
        height and width without padding, if there is any."""
        x = numbers.permute(0, 3, 1, 2) if self.layout == "nhwc" else numbers
        if valid is not None:
            x = self.without_excluded(x, valid)
        if resize is not None:
            x = resize.undo(x, size)
        if self.order == "bgr":
            x = x.flip(1)
        if self.mean:
            x = x.float() * _per_channel(self.std, x.device) + _per_channel(self.mean, x.device)
        low, high = self.range
        if (low, high) != (0.0, 1.0):
            x = (x.float() - low) / (high - low)
        if x.shape[1] != domain.channels:
            x = x.mean(dim=1, keepdim=True).expand(-1, domain.channels, -1, -1)
        x = share = _with_axes(clipped(x), self.axes)
        if self.physical is not None:
            physical = _physical(share.float(), *self.physical, self.scale)
            physical = physical * self._focal_factor(size, resize, frame or size)
            x = _shares(physical, domain.lo, domain.hi, domain.scale).clamp(0, 1)
        x = _replace(x, share, self.invalid, domain.invalid)
        x = resized(x, size) if tuple(x.shape[-2:]) != size else x
        if valid is None or domain.invalid is None:
            return x
        valid = valid.float() if resize is None else resize.undo(valid, size)
        valid = resized(valid, size) if tuple(valid.shape[-2:]) != size else valid
        return torch.where(valid > self.mask_above, x, domain.invalid)

    def without_excluded(self, x: Tensor, valid: Tensor) -> Tensor:
        """(N, C, H, W) with finite numbers where the mask excludes pixels, so that none spread to their neighbours."""
        if tuple(valid.shape[-2:]) != tuple(x.shape[-2:]):
            valid = F.interpolate(valid.float(), size=tuple(x.shape[-2:]), mode="nearest")
        finite = 0.0 if self.mean else self.range[1]
        return torch.where((valid > self.mask_above) | torch.isfinite(x), x, finite)

    def _focal_factor(self, size: tuple[int, int], resize: Resize | None, frame: tuple[int, int]) -> float:
        """The focal length in pixels of the network's input over the canonical one; 1 without one."""
        if self.canonical_focal_px is None:
            return 1.0
        scaled, size = (resize.placement(*size).scaled, resize.reflected(*size)) if resize is not None else (size, size)
        focal_px = min(frame) / 2 / math.tan(math.radians(self.field_of_view_degrees) / 2)
        return focal_px * math.sqrt(scaled[0] * scaled[1] / (size[0] * size[1])) / self.canonical_focal_px


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
        given = self.input_spec.to_numbers(codes, self.source).to(capabilities.input_dtype(self.network))
        return self.codes(self.network(given), (codes.shape[-2], codes.shape[-1]), len(codes))

    def codes(
        self,
        made: Tensor | Mapping[str, Tensor],
        size: tuple[int, int],
        n_frames: int,
        frame: tuple[int, int] | None = None,
    ) -> Tensor:
        """The codes of this size, of what the network gave. `frame`: as of `OutputSpec.to_codes`. Raises BadNetwork."""
        image = self.image(made, n_frames)
        valid = self.mask(made, n_frames)
        return self.output_spec.to_codes(image, self.target, size, self.input_spec.resize, valid, frame)

    def image(self, made: Tensor | Mapping[str, Tensor], n_frames: int) -> Tensor:
        """The output that is used, of what the network gave. Raises BadNetwork."""
        image = self.images(made[self.head] if isinstance(made, Mapping) else made, n_frames)
        return self._picked(image) if self.output_spec.pick else image

    def _picked(self, image: Tensor) -> Tensor:
        """The channels that `output.pick` names. Raises BadNetwork."""
        pick, dimension = self.output_spec.pick, 3 if self.output_spec.layout == "nhwc" else 1
        if max(pick) >= image.shape[dimension]:
            raise BadNetwork(
                f"edge {self.name}: the network gives {image.shape[dimension]} channels, `output.pick` names {max(pick)}",
                "channels are counted from 0; check `layout`, too",
            )
        return image.index_select(dimension, torch.tensor(pick, device=image.device))

    def for_output(self, edge: Edge) -> Adapted:
        """The same run of the network, read as another edge does."""
        spec = edge.output_spec or OutputSpec()
        return Adapted(self.network, self.source, edge.target_domain, self.input_spec, spec, edge.head, edge.name)

    def mask(self, made: Tensor | Mapping[str, Tensor], n_frames: int) -> Tensor | None:
        """The output that says which pixels are valid, (N, 1, H, W); None if none is named. Raises BadNetwork."""
        mask = self.output_spec.mask
        if not mask:
            return None
        if not isinstance(made, Mapping) or mask not in made:
            names = ", ".join(made) if isinstance(made, Mapping) else "one output"
            raise BadNetwork(f"edge {self.name}: its network has no output '{mask}' for `mask`; it has {names}")
        valid = self.images(made[mask], n_frames)
        valid = valid.permute(0, 3, 1, 2) if self.output_spec.layout == "nhwc" else valid
        return valid[:, :1]

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
    if "resize" in fields:
        fields["resize"] = read_resize(fields["resize"])
    for name in ("mask", "known_up_to", "canonical_focal_px", "mask_above", "field_of_view_degrees", "pick"):
        if spec is InputSpec and name in fields:
            raise ValueError(f"{name} is a field of `output`; move it there")
    if spec is OutputSpec and "resize" in fields:
        raise ValueError("resize is a field of `input`; outputs follow it")
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
    if not isinstance(spec.pick, tuple) or not all(type(at) is int and 0 <= at < MAX_CHANNELS for at in spec.pick):
        raise ValueError(f"pick is {spec.pick!r}; give the channels that are used, counted from 0, such as [0, 1, 2]")
    _check_axes(spec)
    _check_camera(spec)
    if not isinstance(spec.mask, str) or not math.isfinite(spec.mask_above):
        raise ValueError(
            f"mask is {spec.mask!r}, mask_above {spec.mask_above!r}; give the name of an output, and a number"
        )
    if spec.known_up_to not in KNOWN_UP_TO:
        raise ValueError(
            f"known_up_to is {spec.known_up_to!r}; use one of {', '.join(KNOWN_UP_TO[1:])}, or leave it out"
        )
    if spec.size is not None and spec.resize is not None:
        raise ValueError("size and resize are both given; use one of them")
    sides = spec.size or ()
    if spec.size is not None and (
        len(sides) != 2 or not all(isinstance(px, int) and 1 <= px <= MAX_SIDE_PX for px in sides)
    ):
        raise ValueError(f"size is {list(sides)}; give height and width, 1 to {MAX_SIDE_PX} pixels")


def _check_axes(spec: Spec) -> None:
    """Raises ValueError."""
    if not spec.axes:
        return
    letters = [axis.removeprefix("-") if isinstance(axis, str) else axis for axis in spec.axes]
    if sorted(map(str, letters)) != list(AXES):
        raise ValueError(
            f"axes is {list(spec.axes)}; give what each channel is, each of x (right), y (down), z (forward) once, with a minus "
            "where it points the other way, such as ['x', '-y', '-z']"
        )


def _check_camera(spec: Spec) -> None:
    """Raises ValueError."""
    if not 0 < spec.field_of_view_degrees < 180:
        raise ValueError(f"field_of_view_degrees is {spec.field_of_view_degrees}; give degrees between 0 and 180")
    focal = spec.canonical_focal_px
    if focal is None:
        return
    if not (math.isfinite(focal) and focal > 0):
        raise ValueError(f"canonical_focal_px is {focal}; give pixels, above 0")
    if spec.physical is None:
        raise ValueError("canonical_focal_px needs `physical`, the metres at the ends of the range")


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


def _with_axes(codes: Tensor, axes: tuple[str, ...], *, inverse: bool = False) -> Tensor:
    """Codes of a network's direction as ours; `inverse`: ours as the network's."""
    if not axes:
        return codes
    places = [AXES.index(axis[-1]) for axis in axes]  # of each channel of the network
    signs = [axis.startswith("-") for axis in axes]
    if not inverse:
        places, signs = [places.index(place) for place in range(3)], [signs[places.index(place)] for place in range(3)]
    return torch.stack(
        [1 - codes[:, i] if is_turned else codes[:, i] for i, is_turned in zip(places, signs, strict=True)], dim=1
    )
