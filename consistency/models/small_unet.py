"""Which architectures are there? Plain torch modules, built by name from keyword arguments.

N frames, C channels, H x W pixels. Input and output are codes in [0, 1]. A network of several heads returns a dict.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from consistency import geometry, steps, xtc

Norm = Literal["batch", "none"]

N_REFINED_LEVELS = 3  # the deepest levels carry a residual block: there a block costs little and sees much
SOBEL_SIGMA_PX = 2.0
HESSIAN_SIGMA_PX = (
    2.0  # blobs of some 6 px; at the 1.2 px of SURF's smallest box, noise and JPEG blocks respond as well
)
GAUSSIAN_RADIUS_PX = 8  # 4 sigma, where the Gaussian is 3e-4 of its peak
KEYPOINT_FULL_RESPONSE = 2e-3  # about the 99.5th percentile of rendered rooms and the 99th of photographs at 256 px
KEYPOINT_POWER = 0.8  # as in Taskonomy: lifts weak responses
KEYPOINT_SMALLEST_RESPONSE = 1e-3  # of the full response; without it the power's gradient at 0 would be infinite
FUSION_WIDTH = 8  # these convolutions work at full size, where 16 channels would cost as much as a whole SmallUNet


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

        The first takes derivatives of images: a wall in a depth image rises by 0.001 per pixel around 0.7, which 8 bits
        of mantissa, in the image or in filters whose weights should sum to zero, cannot hold.
        """
        for block in [*self.down[1:], *self.up]:
            block.to(dtype)


class MultiHeadUNet(nn.Module):
    """A SmallUNet whose encoder serves several domains: one trunk, one decoder for each head.

    `heads`: name -> channels. In training mode the outputs are not clamped; in eval mode they are.
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
        """As `SmallUNet.compute_in`."""
        for block in [*self.down[1:], *self.up.values()]:
            block.to(dtype)


class GeoNet(nn.Module):
    """Normals refined from depth, and depth from normals, by fixed geometry; after Qi et al., "GeoNet", CVPR 2018.

    Two SmallUNets (`normal_network`, `depth_network`) predict first. `consistency.geometry` derives the normals of that
    depth and the depth that fits those normals; a few convolutions (`normal_fusion`, `depth_fusion`) then correct each
    prediction, seeing what geometry derived from the other. They start at a correction of zero: a new GeoNet gives what
    its two networks give. Heads `normal` and `depth`.

    Geometry needs the field of view of the image's shorter side. Where the caller does not know it, as on videos,
    `field_of_view_degrees` is assumed, 60 unless said otherwise; a wrong one tilts the normals of depth toward or away
    from the camera.
    """

    def __init__(
        self,
        widths: Sequence[int],
        field_of_view_degrees: float = geometry.ASSUMED_FIELD_OF_VIEW_DEGREES,
        norm: Norm = "none",
    ):
        super().__init__()
        self.arguments = {"widths": list(widths), "field_of_view_degrees": float(field_of_view_degrees)}
        self.normal_network = SmallUNet(3, 3, widths, norm)
        self.depth_network = SmallUNet(3, 1, widths, norm)
        self.normal_fusion = new_fusion(3, norm)
        self.depth_fusion = new_fusion(1, norm)

    def forward(self, image: Tensor, field_of_view_degrees: Tensor | float | None = None) -> dict[str, Tensor]:
        """(N, 3, H, W) -> `normal` (N, 3, H, W) and `depth` (N, 1, H, W), with one field of view or one for each image."""
        normal, depth = self.normal_network(image), self.depth_network(image)
        if field_of_view_degrees is None:
            field_of_view_degrees = float(self.arguments["field_of_view_degrees"])
        # Differences of neighbouring depths lose their digits in half precision.
        with torch.autocast(image.device.type, enabled=False):
            normal_of_depth = geometry.normal_from_depth(depth.float(), field_of_view_degrees)
            depth_of_normal = geometry.refine_depth(depth.float(), normal.float(), field_of_view_degrees)
        normal = normal + self.normal_fusion(torch.cat([normal, normal_of_depth.to(normal.dtype)], dim=1))
        depth = depth + self.depth_fusion(torch.cat([depth, depth_of_normal.to(depth.dtype)], dim=1))
        outputs = {"normal": normal, "depth": depth}
        return outputs if self.training else {name: x.clamp(0, 1) for name, x in outputs.items()}

    def compute_in(self, dtype: torch.dtype) -> None:
        """As `SmallUNet.compute_in` in both networks; geometry and fusion stay in float32."""
        self.normal_network.compute_in(dtype)
        self.depth_network.compute_in(dtype)


class ConvUnit(nn.Module):
    """3x3 convolution, norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, norm: Norm, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=norm == "none")
        self.norm = nn.BatchNorm2d(out_channels) if norm == "batch" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return steps.conv_relu(self.conv, x) if isinstance(self.norm, nn.Identity) else F.relu(self.norm(self.conv(x)))


class ResidualBlock(nn.Module):
    """x + two convolutions of x."""

    def __init__(self, width: int, norm: Norm):
        super().__init__()
        self.first = ConvUnit(width, width, norm)
        self.second = ConvUnit(width, width, norm)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


def new_trunk(in_channels: int, widths: Sequence[int], norm: Norm) -> nn.ModuleList:
    """The encoder: one block per level, each halving height and width."""
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
    """One unit per level but the last, deepest first."""
    return nn.ModuleList(
        ConvUnit(widths[level] + widths[level - 1], widths[level - 1], norm) for level in range(len(widths) - 1, 0, -1)
    )


def new_fusion(channels: int, norm: Norm) -> nn.Sequential:
    """Two predictions of one domain, (N, 2C, H, W) -> a correction, (N, C, H, W), at first zero."""
    last = nn.Conv2d(FUSION_WIDTH, channels, 3, padding=1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    return nn.Sequential(ConvUnit(2 * channels, FUSION_WIDTH, norm), ConvUnit(FUSION_WIDTH, FUSION_WIDTH, norm), last)


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
    """From the deepest level up to twice the size of the first, which is the image's."""
    x = levels[-1]
    for unit, skip in zip(units.children(), reversed(levels[:-1]), strict=True):
        x = unit(steps.double_and_join(x, skip))
    return steps.double_and_convolve(x, head)


def body_dtype(units: nn.Module, head: nn.Module) -> torch.dtype:
    """What a decoder computes in; with one level there is none, and all is the head's."""
    return next(units.parameters(), next(head.parameters())).dtype


Foldable = TypeVar("Foldable", SmallUNet, MultiHeadUNet, GeoNet)


def fold_batch_norm(network: Foldable) -> Foldable:
    """The same function in eval mode with plain convolutions: each BatchNorm's scale and shift go into its convolution."""
    folded = type(network)(**network.arguments, norm="none")
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
        # Filters run in full precision under autocast too.
        with torch.autocast(image.device.type, enabled=False):
            padded = F.pad(grey, [self.radius] * 4, mode="reflect")
            gradient = F.conv2d(
                F.conv2d(padded, self.horizontal.float()), self.vertical.float(), groups=2
            )  # (N, 2, H, W)
        return torch.hypot(gradient[:, :1], gradient[:, 1:]).clamp(0, 1).to(image.dtype)


class HessianKeypoints(nn.Module):
    """keypoint2d, a fixed filter of the image: where it has blobs and corners, by the determinant of its Hessian.

    The determinant is what SURF (Bay et al., 2006), Taskonomy's detector, approximates with box filters; Gaussian
    derivatives are its continuous form and can be differentiated. Of the channel mean at sigma 2, times sigma^4 so that it
    has no unit; saddles (negative values) count as nothing; then, as in Taskonomy, a Gaussian of sigma 2 and a power of
    0.8 of the share of a full response, clamped. The image is continued by reflection, and all of it computed in float32,
    as in SobelEdges.
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
        # In the order xx, yy, xy.
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
    """2 GAUSSIAN_RADIUS_PX + 1 weights that sum to one, float64."""
    x = torch.arange(-GAUSSIAN_RADIUS_PX, GAUSSIAN_RADIUS_PX + 1, dtype=torch.float64)
    weights = torch.exp(-(x**2) / (2 * sigma_px**2))
    return weights / weights.sum()


def convolve(a: Tensor, b: Tensor) -> Tensor:
    """Full one-dimensional convolution."""
    return F.conv1d(a[None, None], b.flip(0)[None, None], padding=len(b) - 1)[0, 0]


ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {
    "small-unet": SmallUNet,
    "multi-head-unet": MultiHeadUNet,
    "geo-net": GeoNet,
    "sobel-edges": SobelEdges,
    "hessian-keypoints": HessianKeypoints,
    "xtc-unet": xtc.UNet,
    "xtc-unet-reshade": xtc.UNetReshade,
    "xtc-unet-old2": xtc.UNetOld2,
    "xtc-unet-depth": xtc.UNetDepth,
    "xtc-dense-1by1": xtc.Dense1by1Net,
    "xtc-sobel-edges": xtc.SobelEdges,
}


def build(architecture: str, **arguments: Any) -> nn.Module:
    """The network of that name, untrained."""
    if architecture not in ARCHITECTURES:
        raise ValueError(f"unknown architecture '{architecture}'; the architectures are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[architecture](**arguments)


def output_channels(architecture: str, arguments: Mapping[str, Any]) -> int | Mapping[str, int]:
    """What such a network gives: channels, or head -> channels. Raises ValueError, KeyError and TypeError for what is none."""
    if architecture not in ARCHITECTURES:
        raise ValueError(f"unknown architecture '{architecture}'; the architectures are {', '.join(ARCHITECTURES)}")
    given = inspect.signature(ARCHITECTURES[architecture]).bind(**arguments)
    given.apply_defaults()
    if architecture == "multi-head-unet":
        return {str(name): int(channels) for name, channels in given.arguments["heads"].items()}
    if architecture == "geo-net":
        return {"normal": 3, "depth": 1}
    if architecture == "xtc-unet-reshade":
        return 3
    return int(given.arguments.get("out_channels", 1))  # a fixed filter says none and gives one


def compute_in(network: nn.Module, dtype: torch.dtype) -> None:
    """Let a network compute in `dtype`, but for what it keeps in float32 itself."""
    own = getattr(network, "compute_in", None)
    if own is not None:
        own(dtype)
    else:
        network.to(dtype)


def input_dtype(network: nn.Module) -> torch.dtype:
    """What the network's input should be: what it says, else what it computes in. Fixed filters have no weights and take
    the full precision of the image."""
    own = getattr(network, "input_dtype", None)
    if own is not None:
        return own
    weight = next(network.parameters(), None)
    return torch.float32 if weight is None else weight.dtype


def can_be_recorded(network: nn.Module) -> bool:
    """May a GPU record the network's kernels and play them again? Not where a part of it says that it may compute elsewhere."""
    return all(getattr(part, "can_be_recorded", True) for part in network.modules())
