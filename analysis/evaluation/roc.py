"""How well a measure tells two groups of clips apart: the ROC curve and its area, with an interval."""

# I frames inside, O frames outside, K resamples at a time, B bins

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.evaluation.resampling import Estimate, Units, bins_of, lengths_of, units_of, weights, with_interval
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
    bins = bins_of(np.concatenate([inside, outside]))
    bins_in, bins_out = bins[: len(inside)], bins[len(inside) :]
    drawn = [
        _weighted_auc(_spread(units_in, some_in, bins_in, bins), _spread(units_out, some_out, bins_out, bins))
        for some_in, some_out in weights(units_in, units_out)
    ]
    # Both groups must show how they vary: the smaller one limits what can be said.
    fewest = min(units_in, units_out, key=lambda units: units.n)
    found = with_interval(value, np.concatenate(drawn), fewest, "share")
    both = _both(units_in, units_out)
    auc = Estimate(value, found.low, found.high, both.n_frames, len(both.lengths), found.n_units, both.kind)
    return Roc(np.r_[0.0, false_positive], np.r_[0.0, true_positive], auc, units_in, units_out)


def _known(values: np.ndarray, lengths: Sequence[int]) -> tuple[np.ndarray, Units]:
    values = np.asarray(values, np.float64)
    is_known = np.isfinite(values)
    return values[is_known], units_of(lengths_of(is_known, lengths), values[is_known])


def _both(a: Units, b: Units) -> Units:
    kind = "clips" if a.kind == b.kind == "clips" else "blocks"
    return Units(kind, (*a.lengths, *b.lengths), (*a.blocks, *b.blocks))


def _spread(units: Units, some: np.ndarray, own: np.ndarray, all_bins: np.ndarray) -> np.ndarray:
    """The weight of a group in every bin of both groups, float64 (K, B)."""
    used, place = np.unique(own, return_inverse=True)
    spread = np.zeros((len(some), int(all_bins.max()) + 1))
    spread[:, used] = units.sums_by_bin(some, place)
    return spread


def _weighted_auc(inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """The area for the weight of both groups in each bin, by rising value, (K, B) -> float64 (K,). One bin is one value."""
    below = np.cumsum(inside, axis=1) - inside / 2
    return (outside * below).sum(axis=1) / (inside.sum(axis=1) * outside.sum(axis=1))
