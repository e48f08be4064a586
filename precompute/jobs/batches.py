"""Consecutive frames as they pass through the job, and what one track gains from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from consistency.zoo.records import Chain


@dataclass(frozen=True)
class Batch:
    """N consecutive frames of a clip and what the networks made of them."""

    rgb: np.ndarray
    """uint8, (N, H, W, 3)."""
    pts_seconds: np.ndarray
    """float64, (N,)."""
    truth: Mapping[str, np.ndarray]
    """Domain -> uint8 codes, (N, H, W, C)."""
    outputs: Mapping[Chain, Tensor]
    """Codes in [0, 1], (N, C, H, W), on the device."""
    start: int = 0
    """Index of the first of them in the clip."""
    true_codes: Mapping[str, Tensor] = field(default_factory=dict)
    """`truth` on the device, float32 in [0, 1], (N, C, H, W)."""

    def __getitem__(self, frames: slice) -> Batch:
        """Some of the frames, before the networks have seen them."""
        truth = {name: codes[frames] for name, codes in self.truth.items()}
        start = self.start + range(len(self.rgb))[frames].start
        return Batch(self.rgb[frames], self.pts_seconds[frames], truth, {}, start)


@dataclass(frozen=True)
class TrackChunk:
    """What one track gains from one batch. Tensors are on the device until `to_host` brings them."""

    images: Tensor | np.ndarray
    """uint8 codes, (N, H, W, C)."""
    columns: Mapping[str, Tensor | np.ndarray]
    """name -> (N, ...)."""
    is_finite: Tensor | None = None
    """Whether the networks gave numbers, one truth value; None where none were asked."""

    def to_host(self) -> TrackChunk:
        """The same in host memory. From a GPU the copies are only ordered: wait for its stream before reading them."""

        def move(values: Tensor | np.ndarray) -> Tensor | np.ndarray:
            return values.to("cpu", non_blocking=True) if isinstance(values, Tensor) else values

        is_finite = None if self.is_finite is None else self.is_finite.to("cpu", non_blocking=True)
        return TrackChunk(move(self.images), {name: move(values) for name, values in self.columns.items()}, is_finite)
