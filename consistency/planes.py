"""Codes channel after channel in memory, so that work on one channel runs at full speed.

N frames, C channels, H x W pixels.
"""

from __future__ import annotations

from torch import Tensor

Vectors = tuple[Tensor, Tensor, Tensor]
"""x, y and z, (N, H, W) each."""


def planar(codes: Tensor) -> Tensor:
    """The same in float32, channel after channel: work on one channel of interleaved ones takes five times as long."""
    return codes.contiguous().float()  # in this order: half the bytes move where networks compute in 16 bits


def mean_of_channels(values: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H, W), by sums of whole channels: a mean over so short a dimension takes twice as long."""
    first, *others = values.unbind(dim=1)
    return sum(others, first) / (1 + len(others)) if others else first


def vectors(codes: Tensor) -> Vectors:
    """Coded directions, (N, 3, H, W) -> their components."""
    x, y, z = (codes.float() * 2).sub_(1).unbind(dim=1)
    return x, y, z
