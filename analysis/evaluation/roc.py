"""How well a measure tells two groups of clips apart: the ROC curve and its area, with an interval."""

# I frames inside, O frames outside, K resamples at a time

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.evaluation.resampling import Estimate, Units, lengths_of, units_of, weights, with_interval
from analysis.statistics import roc_auc


@dataclass(frozen=True)
class Roc:
    """The curve as the threshold falls from above all values to below all of them."""

    false_positive: np.ndarray
    """(T,) share of the frames inside that lie at or above the threshold, rising from 0 to 1."""
    true_positive: np.ndarray
    """(T,) the same of the frames outside."""
    auc: Estimate
    """The chance that a frame outside exceeds one inside; ties count half."""
    inside: Units
    outside: Units


def roc(inside: np.ndarray, n_inside: Sequence[int], outside: np.ndarray, n_outside: Sequence[int]) -> Roc:
    """The curve of (I,) values inside and (O,) outside, clip by clip; `n_inside`, `n_outside` are the frames of each clip.

    Values that are not finite are left out. Both groups are resampled in units of their own.
    """
    (inside, units_in), (outside, units_out) = _known(inside, n_inside), _known(outside, n_outside)
    value = roc_auc(inside, outside)
    if not np.isfinite(value):
        unknown = with_interval(value, np.zeros(0), _both(units_in, units_out), "share")
        return Roc(np.zeros(0), np.zeros(0), unknown, units_in, units_out)
    thresholds = np.unique(np.concatenate([inside, outside]))[::-1]
    false_positive = 1 - np.searchsorted(np.sort(inside), thresholds, "left") / len(inside)
    true_positive = 1 - np.searchsorted(np.sort(outside), thresholds, "left") / len(outside)
    order_in = np.argsort(inside, kind="stable")
    below = np.searchsorted(inside[order_in], outside, "left")
    up_to = np.searchsorted(inside[order_in], outside, "right")
    drawn = [
        _weighted_auc(some_in[:, order_in], some_out, below, up_to)
        for some_in, some_out in weights(units_in, units_out)
    ]
    # Both groups must show how they vary: the smaller one limits what can be said.
    fewest = min(units_in, units_out, key=lambda units: units.n)
    found = with_interval(value, np.concatenate(drawn), fewest, "share")
    both = _both(units_in, units_out)
    auc = Estimate(value, found.low, found.high, both.n_frames, len(both.lengths), found.n_units, found.kind)
    return Roc(np.r_[0.0, false_positive], np.r_[0.0, true_positive], auc, units_in, units_out)


def _known(values: np.ndarray, lengths: Sequence[int]) -> tuple[np.ndarray, Units]:
    values = np.asarray(values, np.float64)
    is_known = np.isfinite(values)
    return values[is_known], units_of(lengths_of(is_known, lengths), values[is_known])


def _both(a: Units, b: Units) -> Units:
    kind = "clips" if a.kind == b.kind == "clips" else "blocks"
    return Units(kind, (*a.lengths, *b.lengths), (*a.blocks, *b.blocks))


def _weighted_auc(some_in: np.ndarray, some_out: np.ndarray, below: np.ndarray, up_to: np.ndarray) -> np.ndarray:
    """The area for each row of weights (K, I), by rising value, and (K, O); `below`, `up_to`: how many inside lie below each
    value outside, and how many do not exceed it, (O,) -> float64 (K,)."""
    reached = np.concatenate([np.zeros((len(some_in), 1)), np.cumsum(some_in, axis=1)], axis=1)
    wins = (some_out * (reached[:, below] + reached[:, up_to])).sum(axis=1) / 2
    return wins / (reached[:, -1] * some_out.sum(axis=1))
