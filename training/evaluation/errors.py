"""Measures errors of predictions: L1, also near edges, angles of normals, relative depth, and those of a trivial guess.

N frames, C channels, H x W pixels. A pixel is valid where the renderer knows the truth; other pixels do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from consistency.domains import DEPTH_MAX_METRES, DEPTH_MIN_METRES
from consistency.metrics import angles_degrees
from training.learning.batches import to_tensor
from training.learning.plan import TARGETS
from training.scenes.frames import CHANNELS, Frames

ANGLE_BINS_PER_DEGREE = 20  # bins of 0.05 degrees, far below the differences reported
CLOSE_DEGREES = (11.25, 22.5, 30.0)
CLOSE_RATIO = 1.25
"""delta1 is the share of pixels whose depth is off by less than this factor."""
DEPTH_JUMP = 0.02
"""Code difference between neighbouring pixels at an edge in depth: 10 % of the distance."""
EDGE_REACH_PX = 3
"""Pixels this near to an edge in depth are also counted separately: thin objects consist of them."""
TRIVIAL_FRAMES = 300
"""Number of training frames whose median at each pixel is the trivial guess."""


@dataclass
class Errors:
    """Accumulates the errors of predictions of a domain. Means are over frames; medians and shares are over all pixels."""

    domain: str
    l1: list[float] = field(default_factory=list)
    """Per frame, in codes; NaN for a frame without a valid pixel."""
    l1_near_edges: list[float] = field(default_factory=list)
    """The same over pixels near edges in depth."""
    angles: np.ndarray = field(default_factory=lambda: np.zeros(180 * ANGLE_BINS_PER_DEGREE + 1, np.int64))
    """Histogram of angular errors over all pixels (normals only)."""
    relative: list[float] = field(default_factory=list)
    """Per frame: mean of |d - truth| / truth (depth only)."""
    relative_scaled: list[float] = field(default_factory=list)
    """The same after the median depth of the frame is corrected (depth only)."""
    close: list[float] = field(default_factory=list)
    """Per frame: share of pixels whose depth is off by less than CLOSE_RATIO (depth only)."""

    def add(self, prediction: Tensor, truth: Tensor, valid: Tensor | None = None, near: Tensor | None = None) -> None:
        """Add predictions and truth, codes (N, C, H, W), with the valid pixels and those near edges in depth, (N, H, W) bool."""
        valid = torch.ones_like(truth[:, 0], dtype=torch.bool) if valid is None else valid
        difference = (prediction - truth).abs().mean(dim=1)  # (N, H, W)
        self.l1 += masked_mean(difference, valid).tolist()
        if near is not None:
            self.l1_near_edges += masked_mean(difference, near).tolist()
        if self.domain == "normal":
            bins = (angles_degrees(prediction, truth)[valid] * ANGLE_BINS_PER_DEGREE).long()
            self.angles += torch.bincount(bins.cpu(), minlength=len(self.angles)).numpy()
        elif self.domain == "depth":
            guess, true = metres(prediction)[:, 0], metres(truth)[:, 0]  # (N, H, W)
            self.relative += masked_mean((guess - true).abs() / true, valid).tolist()
            ratio = torch.maximum(guess / true, true / guess)
            self.close += masked_mean((ratio < CLOSE_RATIO).float(), valid).tolist()
            scale = masked_median(true, valid) / masked_median(guess, valid)
            guess = guess * scale[:, None, None]
            self.relative_scaled += masked_mean((guess - true).abs() / true, valid).tolist()

    def figures(self) -> dict[str, float]:
        """Name -> value, the most informative first; NaN where no pixel was valid."""
        found = {}
        if self.domain == "normal":
            found |= angle_figures(self.angles)
        elif self.domain == "depth":
            found["AbsRel"] = mean_known(self.relative)
            found["AbsRel scaled"] = mean_known(self.relative_scaled)
            found["% delta1"] = 100 * mean_known(self.close)
        found["L1"] = mean_known(self.l1)
        if self.l1_near_edges:
            found["L1 near edges"] = mean_known(self.l1_near_edges)
        return found


def angle_figures(histogram: np.ndarray) -> dict[str, float]:
    """Mean, median and shares below CLOSE_DEGREES of a histogram of angles."""
    middles = (np.arange(len(histogram)) + 0.5) / ANGLE_BINS_PER_DEGREE
    n = int(histogram.sum())
    names = ["mean angle", "median angle", *(f"% < {limit:g}°" for limit in CLOSE_DEGREES)]
    if n == 0:
        return dict.fromkeys(names, float("nan"))
    share = np.cumsum(histogram) / n
    below = [100 * float(share[round(limit * ANGLE_BINS_PER_DEGREE) - 1]) for limit in CLOSE_DEGREES]
    middle = float(middles[np.searchsorted(share, 0.5)])
    return dict(zip(names, [float((histogram * middles).sum() / n), middle, *below], strict=True))


def mean_known(values: Sequence[float]) -> float:
    """Mean of the finite values; NaN where there is none."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def masked_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean of the valid pixels over the last two dimensions; NaN where there are none."""
    kept = torch.where(valid, values, torch.zeros((), device=values.device))
    return kept.sum(dim=(-2, -1)) / valid.sum(dim=(-2, -1))


def masked_median(values: Tensor, valid: Tensor) -> Tensor:
    """Median of the valid pixels: (N, H, W) -> (N,); NaN where there are none."""
    unknown = torch.full((), torch.nan, device=values.device)
    return torch.where(valid, values, unknown).flatten(1).nanmedian(dim=1).values


def metres(codes: Tensor) -> Tensor:
    """Depth codes -> metres."""
    return DEPTH_MIN_METRES * (DEPTH_MAX_METRES / DEPTH_MIN_METRES) ** codes


def near_depth_edges(depth: Tensor, valid: Tensor) -> Tensor:
    """The valid pixels within EDGE_REACH_PX of a jump in depth: codes (N, 1, H, W) -> (N, H, W) bool."""
    highest = functional.max_pool2d(depth, 3, 1, 1)
    lowest = -functional.max_pool2d(-depth, 3, 1, 1)
    jump = (highest - lowest > DEPTH_JUMP).float()
    side = 2 * EDGE_REACH_PX + 1
    return (functional.max_pool2d(jump, side, 1, EDGE_REACH_PX)[:, 0] > 0) & valid


def median_images(train: Frames, seed: int) -> dict[str, Tensor]:
    """The trivial guess that knows only a pixel's position: the median of valid training codes, (1, C, H, W) per target."""
    rng = np.random.default_rng(seed)
    frames = train[np.sort(rng.choice(len(train), size=min(TRIVIAL_FRAMES, len(train)), replace=False))]
    valid = frames[..., CHANNELS["valid"]] > 0  # (N, H, W, 1)
    middle = np.maximum(valid.sum(axis=0, keepdims=True) - 1, 0) // 2
    found = {}
    for target in TARGETS:
        if target not in train.domains:
            continue
        codes = np.where(valid, frames[..., CHANNELS[target]], np.uint16(256))  # unknown codes are sorted last
        codes.sort(axis=0)
        median = np.take_along_axis(codes, middle, axis=0)  # (1, H, W, C)
        found[target] = to_tensor(np.minimum(median, 255).astype(np.uint8))
    return found
