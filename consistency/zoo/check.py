"""Checks that a network does what its zoo states: runs it once and explains every mismatch.

N frames, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from consistency.domains import Domain
from consistency.models import capabilities
from consistency.zoo.explained import Explained, first_line
from consistency.zoo.load import load_network
from consistency.zoo.networks.adapters import Adapted
from consistency.zoo.networks.foreign import FAILED
from consistency.zoo.records import Edge, ZooError

LEAST_SIDE_PX = 64
OUTSIDE_SHARE = 0.02
"""Share of values that may lie outside the stated range, where clipping loses them."""
AWAY_SHARE = 0.5
"""Share of normals that may point away from the camera: on noise some do."""


def problems(edge: Edge, size_multiple: int) -> list[str]:
    """What is wrong with the network of an edge, as messages; empty if nothing is."""
    try:
        network = load_network(edge, device=torch.device("cpu"), dtype=torch.float32)
    except ZooError as error:
        return [str(error)]
    side = size_multiple * -(-LEAST_SIDE_PX // size_multiple)
    # Two frames, wider than high, expose networks that were saved for one frame or for squares.
    codes = smooth_noise(edge.source_domain, 2, side, 2 * side)
    with torch.inference_mode():
        return _problems_of_a_run(edge, network, codes)


def smooth_noise(domain: Domain, n: int, height: int, width: int) -> Tensor:
    """Image-like codes, always the same: (N, C, H, W)."""
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
            given = network.input_spec.to_numbers(codes, edge.source_domain)
        except (RuntimeError, ValueError, IndexError) as error:
            return [f"edge {edge.name}: `input` does not fit {edge.source}: {first_line(error)}"]
    fed = f"{tuple(given.shape)} numbers from {given.min():.3g} to {given.max():.3g}"
    try:
        made = inner(given.to(capabilities.input_dtype(inner)))
    except Exception as error:  # third-party networks can fail in any way
        if isinstance(error, Explained) and error.next_step != FAILED:
            return [str(error)]
        reason = first_line(error.__cause__ or error)
        return [
            f"edge {edge.name}: the network failed on {fed}: {reason}; fix `input` (channels, size, layout) "
            "or the zoo's `multiple`"
        ]
    if isinstance(made, Mapping) and edge.head not in made:
        return [f"edge {edge.name}: its network has the outputs {', '.join(made)}; set `head` to one of them"]
    if not isinstance(network, Adapted):
        return _problems_of_codes(edge, made[edge.head] if isinstance(made, Mapping) else made, codes)
    return _problems_of_numbers(edge, network, made, codes)


def _problems_of_numbers(
    edge: Edge, network: Adapted, given: Tensor | Mapping[str, Tensor], codes: Tensor
) -> list[str]:
    spec, target = network.output_spec, edge.target_domain
    n_channels = spec.channels or target.channels
    try:
        made, valid = network.image(given, len(codes)), network.mask(given, len(codes))
    except Explained as error:
        return [str(error)]
    shape = tuple(made.shape)
    channels_at = 3 if spec.layout == "nhwc" else 1
    if shape[0] != len(codes) or shape[channels_at] != n_channels:
        return [
            f"edge {edge.name}: the network gives {shape} for {len(codes)} frames, expected {n_channels} channels of "
            f"{edge.target}; fix `output` (channels, layout) or `target`"
        ]
    if valid is not None:
        is_last = spec.layout == "nhwc"
        made = spec.without_excluded(made.permute(0, 3, 1, 2) if is_last else made, valid)
        made = made.permute(0, 2, 3, 1) if is_last else made
    if not torch.isfinite(made).all():
        return [f"edge {edge.name}: the network gives non-finite values; check its file and `input`"]
    found = []
    values = made.float()
    if spec.mean:
        shape_of_means = (1, 1, 1, -1) if spec.layout == "nhwc" else (1, -1, 1, 1)
        values = values * torch.tensor(spec.std).view(shape_of_means) + torch.tensor(spec.mean).view(shape_of_means)
    low, high = sorted(spec.range)
    outside = ((values < low - 1e-3 * (high - low)) | (values > high + 1e-3 * (high - low))).float().mean().item()
    # X-TC's own networks are meant to be clipped, and overshoot on noise.
    if outside > OUTSIDE_SHARE and edge.format != "safetensors":
        found.append(
            f"edge {edge.name}: the network gives {values.min():.3g} to {values.max():.3g}, {outside:.0%} of them outside "
            f"`output.range` [{low:g}, {high:g}], where they would be clipped; fix the range, or `input` (range, mean, std)"
        )
    try:
        result = spec.to_codes(made, target, (codes.shape[-2], codes.shape[-1]))
    except (RuntimeError, ValueError, IndexError) as error:
        return [f"edge {edge.name}: `output` does not fit the network's {shape}: {first_line(error)}"]
    return found + (_problems_of_codes(edge, result, codes) or _problems_of_axes(edge, result))


def _problems_of_axes(edge: Edge, result: Tensor) -> list[str]:
    """Normals of surfaces that are seen point towards the camera: z, which is forward, is negative."""
    if edge.target_domain.meaning != "direction" or edge.format == "safetensors":
        return []
    share = (result[:, 2] > 0.5 + 1 / 255).float().mean().item()
    if share <= AWAY_SHARE:
        return []
    return [
        f"edge {edge.name}: {share:.0%} of its normals point away from the camera, which no visible surface does: its axes are "
        "not x right, y down, z forward. If they are x right, y up, z towards the viewer (OpenGL), add axes = ['x', '-y', '-z'] to "
        "`output`"
    ]


def _problems_of_codes(edge: Edge, result: Tensor, codes: Tensor) -> list[str]:
    expected = (len(codes), edge.target_domain.channels, *codes.shape[-2:])
    if tuple(result.shape) != expected:
        return [
            f"edge {edge.name}: gives {tuple(result.shape)} for images of {tuple(codes.shape)}, expected {expected}"
        ]
    if not torch.isfinite(result).all():
        return [f"edge {edge.name}: gives non-finite values; check its weights"]
    if edge.format != "safetensors" and result.max() == result.min():
        return [f"edge {edge.name}: gives {result.max():.3g} everywhere; check `input` and `output`, and its file"]
    return []
