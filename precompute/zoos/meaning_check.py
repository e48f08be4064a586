"""Runs a network on the bundled walk-through, whose truth is known, and says whether its axes and its depth are as stated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from consistency.domains import DOMAINS, Domain
from consistency.zoo.load import load_network
from consistency.zoo.meaning import AXES, SIDE_PX, DepthVerdict, axes_of, depth_of
from consistency.zoo.networks.adapters import Adapted, OutputSpec
from consistency.zoo.records import IMAGE, Edge, ZooError
from precompute.media import sources
from precompute.zoos.calibration import read, spread

CLIP = "walkthrough"
N_FRAMES = 8


@dataclass(frozen=True)
class Known:
    """Frames with their truth: codes (N, C, H, W)."""

    images: Tensor
    normals: Tensor
    depth: Tensor


@cache
def known() -> Known:
    """Frames spread over the walk-through. Raises SourceError."""
    source = sources.resolve(CLIP, media_dir=Path())
    batches = list(read(source, spread(source, N_FRAMES), ["normal", "depth"]))
    images = torch.cat([_codes(batch.rgb) for batch in batches])
    normals, depth = (torch.cat([_codes(batch.truth[name]) for batch in batches]) for name in ("normal", "depth"))
    return Known(images, normals, depth)


def applies(edge: Edge) -> bool:
    """Whether there is truth for what an edge predicts; our own architectures are trained on these codes."""
    return edge.source == IMAGE and edge.target in ("normal", "depth") and edge.format != "safetensors"


def meaning(edge: Edge, size_multiple: int) -> tuple[str, list[str]]:
    """What was found in words, and what of it contradicts the zoo. Raises ZooError and BadNetwork."""
    network = load_network(edge, device=torch.device("cpu"), dtype=torch.float32)
    assert isinstance(network, Adapted)  # as of every format but our own
    frames, spec = known(), edge.output_spec or OutputSpec()
    images = _padded(frames.images, size_multiple)
    codes, numbers = [], []
    with torch.inference_mode():
        for image in images.split(1):
            given = network.input_spec.to_numbers(image, edge.source_domain)
            made = network.network(given)
            numbers.append(network.image(made, 1).flatten(1))
            codes.append(_small(network.codes(made, (image.shape[-2], image.shape[-1]), 1)))
    found = torch.cat(codes)
    if not torch.isfinite(found).all():
        raise ZooError(
            f"edge {edge.name}: gives non-finite values on the bundled clip {CLIP}", "check its file and `input`"
        )
    if edge.target == "normal":
        truth = _small(_padded(frames.normals, size_multiple))
        unknown = (truth - (edge.target_domain.invalid or 0)).abs().amax(dim=1) < 1 / 255
        verdict = axes_of(found * 2 - 1, truth * 2 - 1, ~unknown, spec.axes or AXES)
        wrong = (
            [f"its axes are not those stated: {verdict}; write axes = {list(verdict.best)}"]
            if verdict.is_refused
            else []
        )
        return str(verdict), wrong
    truth = _small(_padded(frames.depth, size_multiple))[:, 0]
    depth = verdict_of_depth(found[:, 0], edge.target_domain, truth, torch.cat(numbers))
    return str(depth), depth.problems(spec.known_up_to)


def verdict_of_depth(found: Tensor, domain: Domain, truth: Tensor, numbers: Tensor) -> DepthVerdict:
    """Compare codes of `domain` with those of the truth, whose domain is the bundled one, (N, H, W). What either leaves unknown
    is left out, and so is what lies beyond the range of the truth."""
    own = DOMAINS["depth"]
    metres, true = (one.lo * (one.hi / one.lo) ** codes for one, codes in ((domain, found), (own, truth)))
    is_valid = (truth < 1 - 1 / 255) & (metres < own.lo * (own.hi / own.lo) ** (1 - 1 / 255))
    for code in (domain.invalid, domain.sky):
        if code is not None:
            is_valid &= (found - code).abs() >= 0.5 / domain.levels
    return depth_of(metres, numbers, true, is_valid)


def _codes(levels: np.ndarray) -> Tensor:
    return torch.from_numpy(levels).permute(0, 3, 1, 2).float() / 255


def _padded(images: Tensor, multiple: int) -> Tensor:
    height, width = images.shape[-2:]
    return F.pad(images, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def _small(images: Tensor) -> Tensor:
    """Every few pixels: means would mix what is unknown with what is known."""
    step = max(1, min(images.shape[-2:]) // SIDE_PX)
    return images[..., ::step, ::step]
