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

from consistency.planes import mean_of_channels

BLOCKS = 32
"""Means are stored for a grid of BLOCKS x BLOCKS rectangles, so that energies of regions need no pixels."""


def disagreement_maps(direct: Tensor, indirect: Sequence[Tensor]) -> Tensor:
    """Per-pixel |indirect - direct| of each path: (N, C, H, W) and P of the same -> float32 (N, P, H, W)."""
    if not indirect:
        raise ValueError("an energy needs at least one path besides the direct one, got none")
    return torch.stack([disagreement_map(direct, other) for other in indirect], dim=1)


def disagreement_map(direct: Tensor, indirect: Tensor) -> Tensor:
    """Per-pixel |indirect - direct|: (N, C, H, W) twice -> float32 (N, H, W)."""
    return mean_of_channels(torch.sub(indirect, direct.float()).abs_())


def raw_terms(maps: Tensor) -> Tensor:
    """Mean over pixels: (N, P, H, W) -> (N, P)."""
    return maps.mean(dim=(2, 3))


def standardise(
    terms: Tensor | Sequence[Tensor],
    mu: Sequence[float],
    sigma: Sequence[float],
    weights: Sequence[float] | None = None,
) -> Tensor:
    """The energy in units of sigma: (N, P, ...), or P of (N, ...) -> (N, ...), for frame terms, pixel maps and block means.

    `weights`: of the standardised terms; None for the paper's mean.
    """
    paths = terms.unbind(dim=1) if isinstance(terms, Tensor) else terms
    total = None
    # Plain numbers: copying tensors of them to a GPU would wait for all its earlier work. Sums in place: maps fill the caches.
    for term, mean, spread, weight in zip(paths, mu, sigma, weights or (1.0,) * len(paths), strict=True):
        if weight:
            part = (term.float() - mean).div_(spread).mul_(weight)
            total = part if total is None else total.add_(part)
    if total is None:
        return torch.zeros_like(paths[0], dtype=torch.float32)
    return total if weights else total.div_(len(paths))


def block_means(maps: Tensor) -> Tensor:
    """Means over a BLOCKS x BLOCKS grid: (N, P, H, W) -> (N, P, BLOCKS, BLOCKS)."""
    return functional.adaptive_avg_pool2d(maps, BLOCKS)
