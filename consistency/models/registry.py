"""The architectures by name, built from keyword arguments as zoo.toml spells them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from consistency.models import xtc
from consistency.models.filters import HessianKeypoints, Mirror, SobelEdges
from consistency.models.geonet import GeoNet
from consistency.models.small_unet import MultiHeadUNet, SmallUNet

ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {
    "small-unet": SmallUNet,
    "multi-head-unet": MultiHeadUNet,
    "geo-net": GeoNet,
    "sobel-edges": SobelEdges,
    "hessian-keypoints": HessianKeypoints,
    "mirror": Mirror,
    "xtc-unet": xtc.UNet,
    "xtc-unet-reshade": xtc.UNetReshade,
    "xtc-unet-old2": xtc.UNetOld2,
    "xtc-unet-depth": xtc.UNetDepth,
    "xtc-dense-1by1": xtc.Dense1by1Net,
    "xtc-sobel-edges": xtc.SobelEdges,
}


def build(architecture: str, **arguments: Any) -> nn.Module:
    """The network of that architecture, untrained. Raises ValueError and TypeError."""
    if architecture not in ARCHITECTURES:
        raise ValueError(f"unknown architecture '{architecture}'; the architectures are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[architecture](**arguments)


def output_channels(architecture: str, arguments: Mapping[str, Any]) -> int | Mapping[str, int]:
    """The outputs of such a network: channels, or head -> channels. Raises ValueError, KeyError and TypeError."""
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
    return int(given.arguments.get("out_channels", 1))  # fixed filters take no such argument and give one
