"""F1 of depth boundaries, after Bochkovskii et al. 2024 (Depth Pro), section 4.

N frames, H x W pixels, R ratios. A boundary lies between neighbours whose depths differ by more than a factor, and is found where
the prediction has one of the same sign there.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from consistency.counting import count

BOUNDARY_RATIOS = (1.05, 1.10, 1.15, 1.20, 1.25)
"""Neighbours whose depths differ by more than such a factor are a boundary."""
_STEPS = tuple(map(math.log, BOUNDARY_RATIOS))
_LEAST = _STEPS[0]


class Boundaries:
    """The boundaries of the true depth of a batch."""

    def __init__(self, logs: Tensor, known: Tensor) -> None:
        """`logs`: logarithms of depth; `known`: where they are; (N, H, W) both."""
        self._logs, self._known = logs, known
        is_on_cpu = logs.device.type == "cpu"
        self._frames = list(map(FrameBoundaries, logs.numpy(), known.numpy())) if is_on_cpu else []

    def f1(self, logs: Tensor) -> Tensor:
        """The F1 of predicted logarithms of depth: (N, H, W) -> (N,) in [0, 1].

        The mean over BOUNDARY_RATIOS, weighted by how far each is above 1; factors of which the truth has no boundary are left
        out. NaN if it has none at all.
        """
        if self._frames:
            pairs = zip(self._frames, logs.numpy(), strict=True)
            with np.errstate(invalid="ignore"):  # differences of infinities are NaN, and above nothing
                each = [frame.counts(predicted) for frame, predicted in pairs]
            counts = torch.from_numpy(np.stack(each, axis=1))
        else:
            counts = dense_counts(logs, self._logs, self._known)
        total, weights = torch.zeros_like(logs[:, 0, 0]), torch.zeros_like(logs[:, 0, 0])
        for ratio, of_ratio in zip(BOUNDARY_RATIOS, counts.float(), strict=True):
            found, hit, wanted = of_ratio.unbind(dim=1)
            weight = (ratio - 1) * (wanted > 0)
            total += weight * 2 * hit / (found + wanted).clamp_min(1)
            weights += weight
        return total / weights  # 0 / 0 is NaN


class FrameBoundaries:
    """The boundaries of one frame's truth. Few pixels are any: a prediction is looked at there, and where it has some itself."""

    def __init__(self, logs: np.ndarray, known: np.ndarray) -> None:
        """(H, W) both."""
        self._axes: list[tuple[np.ndarray | None, np.ndarray, np.ndarray]] = []
        self._wanted = np.zeros(len(_STEPS), np.int64)
        for axis in (0, 1):
            is_known = _after(known, axis) & _before(known, axis)
            steps = (_after(logs, axis) - _before(logs, axis)) * is_known
            places = np.flatnonzero(np.abs(steps) > _LEAST)
            steps = steps.ravel()[places]
            self._wanted += _counts_above(np.abs(steps))
            self._axes.append((None if is_known.all() else is_known, places, steps))

    def counts(self, logs: np.ndarray) -> np.ndarray:
        """Counts of a prediction, (H, W): boundaries that it has, those in the right place, and true ones, int64 (R, 3)."""
        found, hit = np.zeros_like(self._wanted), np.zeros_like(self._wanted)
        for axis, (is_known, places, true_steps) in enumerate(self._axes):
            steps = _after(logs, axis) - _before(logs, axis)
            if is_known is not None:
                steps *= is_known
            sizes = np.abs(steps)
            found += _counts_above(sizes[sizes > _LEAST])
            # A step of the other sign is negative, and thus above nothing.
            found_there, true_there = steps.ravel()[places] * np.sign(true_steps), np.abs(true_steps)
            hit += _counts_above(np.minimum(found_there, true_there))
        return np.stack([found, hit, self._wanted], axis=1)


def _after(values: np.ndarray, axis: int) -> np.ndarray:
    return values[1:] if axis == 0 else values[:, 1:]


def _before(values: np.ndarray, axis: int) -> np.ndarray:
    return values[:-1] if axis == 0 else values[:, :-1]


def _counts_above(sizes: np.ndarray) -> np.ndarray:
    """How many are above the step of each ratio: (M,) -> (R,)."""
    return np.array([np.count_nonzero(sizes > step) for step in _STEPS])


def dense_counts(predicted: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """The counts of `FrameBoundaries` without looking for places, which a GPU would have to wait for: (N, H, W) three times ->
    (R, N, 3)."""
    axes = []
    for dim in (1, 2):
        is_known = known.narrow(dim, 1, known.shape[dim] - 1) & known.narrow(dim, 0, known.shape[dim] - 1)
        ours, theirs = predicted.diff(dim=dim) * is_known, truth.diff(dim=dim) * is_known
        axes.append((ours.abs(), theirs.abs(), ours * theirs > 0))
    rows = []
    for step in _STEPS:
        of_axes = []
        for ours, theirs, is_same_sign in axes:
            is_ours, is_theirs = ours > step, theirs > step
            both = is_ours & is_theirs & is_same_sign
            of_axes.append(torch.stack([count(is_ours), count(both), count(is_theirs)], dim=1))
        rows.append(of_axes[0] + of_axes[1])
    return torch.stack(rows)
