"""Which architectures are there? Built by name from keyword arguments, as zoo.toml spells them."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import nn

from consistency.models import xtc
from consistency.models.filters import HessianKeypoints, SobelEdges
from consistency.models.geonet import GeoNet
from consistency.models.small_unet import ConvUnit, MultiHeadUNet, SmallUNet

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


def can_be_recorded(network: nn.Module) -> bool:
    """May a GPU record the network's kernels and play them again? Not where a part of it says that it may compute elsewhere."""
    return all(getattr(part, "can_be_recorded", True) for part in network.modules())
