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
from consistency.planes import Vectors, vectors
from consistency.zoo.records import IMAGE, SHARED, Chain, Edge

MERGE_VERSION = 1
"""Raised when merging the same predictions with the same weights gives other values; part of the key of what is merged."""
SHORTEST = 1e-3
"""Mean directions shorter than this have no direction; they keep their length."""


def merge(predictions: Sequence[Tensor], weights: Sequence[float], domain: Domain) -> Tensor:
    """The weighted mean of codes (N, C, H, W), float32; directions are brought to length 1. Weights that are 0 cost nothing."""
    mean = None
    for weight, prediction in zip(weights, predictions, strict=True):
        if weight:
            part = prediction.float() * weight
            mean = part if mean is None else mean.add_(part)
    if mean is None:
        raise ValueError("a merge needs a weight above 0")
    mean.div_(sum(weights))
    if domain.meaning != "direction":
        return mean
    vector = mean.mul_(2).sub_(1)
    x, y, z = vector.unbind(dim=1)
    length = _lengths((x, y, z))[:, None]
    return vector.div_(torch.where(length > SHORTEST, length, 1.0)).add_(1).div_(2)


def shortening(directions: Tensor) -> Tensor:
    """How far coded directions are from length 1: (N, 3, H, W) -> (N,), the mean over pixels of |1 - length|.

    Networks trained with L1 shorten the directions that they doubt.
    """
    return (1 - _lengths(vectors(directions))).abs_().mean(dim=(1, 2))


def _lengths(components: Vectors) -> Tensor:
    """(N, H, W)."""
    x, y, z = components  # whole channels: a sum over so short a dimension takes three times as long
    return (x * x).add_(y * y).add_(z * z).sqrt_()


def mirrored(chain: Chain) -> Chain:
    """The chain on the mirrored image, with its output mirrored back."""
    last = chain[-1]
    directions = {"has_directions": True} if last.target_domain.meaning == "direction" else {}
    first = Edge(IMAGE, IMAGE, SHARED, "mirror", {}, None, "", domains=last.domains)
    back = Edge(last.target, last.target, SHARED, "mirror", directions, None, "", domains=last.domains)
    return (first, *chain, back)
