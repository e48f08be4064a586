"""Consistency energy: how far the paths to one target disagree (Zamir et al., CVPR 2020, section 4).

    Energy(x) = mean_i [ ( |f_{y_i y}(f_{x y_i}(x)) - f_{x y}(x)| - mu_i ) / sigma_i ]

The weighted energy replaces the mean by a sum with weights fitted against the error, and may use the paths to other targets.

N frames, P paths, C channels, H x W pixels. |.| is the mean absolute difference of codes over channels and pixels, in
the per-pixel map over channels only. Everything is computed in float32, whatever dtype the networks ran in.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

BLOCKS = 32
"""Means are stored for a grid of BLOCKS x BLOCKS rectangles, so that energies of regions need no pixels."""


def disagreement_maps(direct: Tensor, indirect: Sequence[Tensor]) -> Tensor:
    """Per-pixel |indirect - direct| of each path: (N, C, H, W) and P of the same -> float32 (N, P, H, W)."""
    if not indirect:
        raise ValueError("an energy needs at least one path besides the direct one, got none")
    reference = direct.float()
    return torch.stack([(other.float() - reference).abs().mean(dim=1) for other in indirect], dim=1)


def raw_terms(maps: Tensor) -> Tensor:
    """Mean over pixels: (N, P, H, W) -> (N, P)."""
    return maps.mean(dim=(2, 3))


def standardise(
    terms: Tensor, mu: Sequence[float], sigma: Sequence[float], weights: Sequence[float] | None = None
) -> Tensor:
    """The energy in units of sigma: (N, P, ...) -> (N, ...), for frame terms, pixel maps and block means.

    `weights`: of the standardised terms; None for the paper's mean.
    """
    # Plain numbers: copying tensors of them to a GPU would wait for all its earlier work.
    parts = [(terms[:, path].float() - mu[path]) / sigma[path] for path in range(terms.shape[1])]
    if weights is None:
        return torch.stack(parts, dim=1).mean(dim=1)
    used = [weight * part for weight, part in zip(weights, parts, strict=True) if weight]
    return torch.stack(used, dim=1).sum(dim=1) if used else torch.zeros_like(parts[0])


def block_means(maps: Tensor) -> Tensor:
    """Means over a BLOCKS x BLOCKS grid: (N, P, H, W) -> (N, P, BLOCKS, BLOCKS)."""
    return functional.adaptive_avg_pool2d(maps, BLOCKS)
