"""Does a network do what its zoo says of it? It is run once, and what does not fit is explained.

N frames, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from consistency.domains import Domain
from consistency.models import capabilities
from consistency.zoo.adapters import Adapted
from consistency.zoo.load import load_network
from consistency.zoo.records import Edge, ZooError

LEAST_SIDE_PX = 64
OUTSIDE_SHARE = 0.02
"""Of the values that may lie outside the stated range: what is clipped there is lost."""


def problems(edge: Edge, multiple: int) -> list[str]:
    """What is wrong with the network of an edge, in words; empty where nothing is."""
    try:
        network = load_network(edge, device=torch.device("cpu"), dtype=torch.float32)
    except ZooError as error:
        return [str(error)]
    side = multiple * -(-LEAST_SIDE_PX // multiple)
    # Two frames, wider than high: what was saved for one frame, or for squares, shows.
    codes = smooth_noise(edge.source_domain, 2, side, 2 * side)
    with torch.inference_mode():
        return _problems_of_a_run(edge, network, codes)


def smooth_noise(domain: Domain, n: int, height: int, width: int) -> Tensor:
    """Some image-like codes, always the same: (N, C, H, W)."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(n, domain.channels, 8, 8, generator=generator)
    codes = F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
    if domain.meaning == "direction":
        codes = (F.normalize(codes - codes.new_tensor([0.5, 0.5, 1.5]).view(1, 3, 1, 1), dim=1) + 1) / 2
    return codes


def _problems_of_a_run(edge: Edge, network: nn.Module, codes: Tensor) -> list[str]:
    inner, given = network, codes
    if isinstance(network, Adapted):
        inner = network.network
        try:
            given = network.input_port.to_numbers(codes, edge.source_domain)
        except RuntimeError as error:
            return [f"edge {edge.name}: its `input` does not fit {edge.source}: {_first_line(error)}"]
    fed = f"{tuple(given.shape)} numbers from {given.min():.3g} to {given.max():.3g}"
    try:
        made = inner(given.to(capabilities.input_dtype(inner)))
    except Exception as error:  # networks of others fail in any way
        return [
            f"edge {edge.name}: fed {fed}, the network stopped: {_first_line(error)}; mend `input` (channels, size, layout) "
            "or the zoo's `multiple`"
        ]
    if isinstance(made, Mapping):
        if edge.head not in made:
            return [f"edge {edge.name}: its network gives {', '.join(made)}; name one of them with `head`"]
        made = made[edge.head]
    if not isinstance(network, Adapted):
        return _problems_of_codes(edge, made, codes)
    return _problems_of_numbers(edge, network, made, codes)


def _problems_of_numbers(edge: Edge, network: Adapted, made: Tensor, codes: Tensor) -> list[str]:
    port, target = network.output_port, edge.target_domain
    n_channels = port.channels or target.channels
    shape = tuple(made.shape)
    if made.dim() != 4:
        return [
            f"edge {edge.name}: the network gives {shape}; four dimensions are needed: frames, channels, height, width"
        ]
    channels_at = 3 if port.layout == "nhwc" else 1
    if shape[0] != len(codes) or shape[channels_at] != n_channels:
        return [
            f"edge {edge.name}: the network gives {shape} for {len(codes)} frames, {n_channels} channels are expected of "
            f"{edge.target}; mend `output` (channels, layout) or `target`"
        ]
    if not torch.isfinite(made).all():
        return [f"edge {edge.name}: the network gives values that are not finite; check its file and `input`"]
    found = []
    values = made.float()
    if port.mean:
        shape_of_means = (1, 1, 1, -1) if port.layout == "nhwc" else (1, -1, 1, 1)
        values = values * torch.tensor(port.std).view(shape_of_means) + torch.tensor(port.mean).view(shape_of_means)
    low, high = sorted(port.range)
    outside = ((values < low - 1e-3 * (high - low)) | (values > high + 1e-3 * (high - low))).float().mean().item()
    # X-TC's own networks are meant to be clipped, and fed with noise they overshoot.
    if outside > OUTSIDE_SHARE and edge.format != "safetensors":
        found.append(
            f"edge {edge.name}: the network gives {values.min():.3g} to {values.max():.3g}, {outside:.0%} of it outside "
            f"`output.range` [{low:g}, {high:g}], where it would be clipped; mend the range, or `input` (range, mean, std)"
        )
    try:
        result = port.to_codes(made, target, (codes.shape[-2], codes.shape[-1]))
    except RuntimeError as error:
        return [f"edge {edge.name}: its `output` does not fit what the network gives, {shape}: {_first_line(error)}"]
    return found + _problems_of_codes(edge, result, codes)


def _problems_of_codes(edge: Edge, result: Tensor, codes: Tensor) -> list[str]:
    expected = (len(codes), edge.target_domain.channels, *codes.shape[-2:])
    if tuple(result.shape) != expected:
        return [f"edge {edge.name}: gives {tuple(result.shape)} for images of {tuple(codes.shape)}, not {expected}"]
    if not torch.isfinite(result).all():
        return [f"edge {edge.name}: gives values that are not finite; check its weights"]
    if edge.format != "safetensors" and result.max() == result.min():
        return [f"edge {edge.name}: gives {result.max():.3g} everywhere; check `input` and `output`, and its file"]
    return []


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300] or type(error).__name__
