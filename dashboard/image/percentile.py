"""Where the energy of a picture lies among the frames of the stored clips."""

# N frames

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.columns import Columns
from analysis.energy import Unreadable, same_constants
from cache.records import Track
from dashboard.text import counted

MAX_FRAMES_PER_CLIP = 1000
"""Evenly spaced, so that a long clip does not outweigh the others in time or memory."""
SHARES = (0.05, 0.5, 0.95)
"""The quantiles that the strip marks."""


@dataclass(frozen=True)
class Standing:
    """One energy among others of its method and target, in sigma."""

    value: float
    others: np.ndarray
    """(N,) energies of frames, ascending; empty where no clip has them."""
    n_clips: int

    @property
    def share_below(self) -> float:
        """Share of the frames whose energy is lower, in [0, 1]; NaN without frames."""
        return float(np.searchsorted(self.others, self.value) / len(self.others)) if len(self.others) else float("nan")

    @property
    def words(self) -> str:
        """What the share means. `1 frame` and so on. Empty without frames: `lacking` says that once for all."""
        if not len(self.others):
            return ""
        percent = round(100 * self.share_below)
        where = f"{counted(len(self.others), 'frame')} of {counted(self.n_clips, 'stored clip')}"
        if percent == 0:
            return (
                f"lower than on all {where}"
                if self.share_below == 0
                else f"among the lowest 1\N{NO-BREAK SPACE}% of {where}"
            )
        if percent == 100:
            return (
                f"higher than on all {where}"
                if self.share_below == 1
                else f"among the highest 1\N{NO-BREAK SPACE}% of {where}"
            )
        return f"higher than on {percent}\N{NO-BREAK SPACE}% of {where}"


def lacking(found: Sequence[Standing]) -> str:
    """Why some of the energies, or all, are compared with nothing; empty where each is compared."""
    n = sum(not len(one.others) for one in found)
    if not n:
        return ""
    if n == len(found):
        return "No stored clip has energies of these methods and domains to compare with."
    return "Where there is no band, no stored clip has energies of that method and domain."


def standing(columns: Columns, track: Track, tracks: Sequence[Track]) -> Standing:
    """Where the energy `track`, of one frame, lies among those of `tracks` with more frames, the same method, target and
    constants. Raises Unreadable if the picture's own cannot be read."""
    value = float(columns.series(track, "terms", "standardised")[0])
    head = track.head
    found: list[np.ndarray] = []
    for other in tracks:
        own = other.head
        is_same = (own.kind, own.zoo, own.method, own.path) == ("energy", head.zoo, head.method, head.path)
        if not is_same or other.n_frames < 2 or own.edges != head.edges or not same_constants(track, other):
            continue
        try:
            values = columns.series(other, "terms", "standardised")
        except Unreadable:
            continue
        at = np.unique(np.linspace(0, len(values) - 1, min(len(values), MAX_FRAMES_PER_CLIP)).round().astype(int))
        found.append(values[at][np.isfinite(values[at])])
    others = np.sort(np.concatenate(found)) if found else np.zeros(0)
    return Standing(value, others, len(found))
