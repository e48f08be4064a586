"""Merges predictions of one target: a weighted mean of the direct one, its mirror image and the indirect paths.

Cross-Domain Ensembles (Yeo et al., ICCV 2021) merge paths by trained uncertainties; here a path has one weight for all pixels,
fitted on rooms with ground truth.
"""

# N frames, C channels, H x W pixels

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from consistency.domains import Domain
from consistency.zoo.records import IMAGE, SHARED, Chain, Edge

MERGE_VERSION = 1
"""Raised when merging the same predictions with the same weights gives other values; part of the key of what is merged."""
SHORTEST = 1e-3
"""Mean directions shorter than this have no direction; they keep their length."""


def merge(predictions: Sequence[Tensor], weights: Sequence[float], domain: Domain) -> Tensor:
    """The weighted mean of codes (N, C, H, W), float32; directions are brought to length 1. Weights that are 0 cost nothing."""
    used = [weight * prediction.float() for weight, prediction in zip(weights, predictions, strict=True) if weight]
    mean = torch.stack(used).sum(dim=0) / sum(weights)
    if domain.meaning != "direction":
        return mean
    vector = 2 * mean - 1
    length = vector.square().sum(dim=1, keepdim=True).sqrt()
    return (vector / torch.where(length > SHORTEST, length, torch.ones_like(length)) + 1) / 2


def shortening(directions: Tensor) -> Tensor:
    """How far coded directions are from length 1: (N, 3, H, W) -> (N,), the mean over pixels of |1 - length|.

    Networks trained with L1 shorten the directions that they doubt.
    """
    return (1 - (2 * directions.float() - 1).square().sum(dim=1).sqrt()).abs().mean(dim=(1, 2))


def mirrored(chain: Chain) -> Chain:
    """The chain on the mirrored image, with its output mirrored back."""
    last = chain[-1]
    directions = {"has_directions": True} if last.target_domain.meaning == "direction" else {}
    first = Edge(IMAGE, IMAGE, SHARED, "mirror", {}, None, "", domains=last.domains)
    back = Edge(last.target, last.target, SHARED, "mirror", directions, None, "", domains=last.domains)
    return (first, *chain, back)
