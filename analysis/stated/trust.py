"""How far the energy of a track can be trusted, as its manifest states it, and the range it was calibrated on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cache.records import Track

USUAL_LIMIT_SIGMA = 3.0
"""Where energies count as unlike the calibration, if no percentile of validation frames was measured."""
MAX_SETS, MAX_LETTERS = 16, 80


@dataclass(frozen=True)
class Trust:
    """What was measured of an energy on rooms with ground truth; `consistency.zoo.records.Trust` writes it."""

    spearman: float
    """Spearman's ρ of energy and error over `n_frames` frames of test rooms."""
    n_frames: int
    percentile_97_5: float | None
    """Sigma: 97.5 % of the validation frames have at most this energy; None: not measured."""
    auc: Mapping[str, float]
    """Set of pictures unlike the rooms -> the chance that one has a higher energy than a room."""
    pearson: float | None = None
    """Pearson's r over the same frames; None: not stated."""


def trust_of(track: Track) -> Trust | None:
    """What the manifest states; None if it was not measured, or is not what a job writes."""
    return trust_from(track.head.constants.get("trust"))


def trust_from(found: Any) -> Trust | None:
    """The same from its JSON."""
    if not isinstance(found, Mapping):
        return None
    spearman, limit = number_within(found.get("spearman"), 1), number_within(found.get("percentile_97_5"), 1000)
    n_frames, sets = found.get("n_frames"), found.get("auc", {})
    if spearman is None or not isinstance(sets, Mapping) or len(sets) > MAX_SETS:
        return None
    if not isinstance(n_frames, int) or isinstance(n_frames, bool) or n_frames < 1:
        return None
    auc = {name: share for name, value in sets.items() if (share := number_within(value, 1)) is not None and share >= 0}
    short = {name[:MAX_LETTERS]: share for name, share in auc.items()}
    return Trust(spearman, n_frames, limit, short, number_within(found.get("pearson"), 1))


def usual_limit(trust: Trust | None) -> float:
    """Sigma: energies above it are unlike what the zoo was calibrated on."""
    return trust.percentile_97_5 if trust and trust.percentile_97_5 is not None else USUAL_LIMIT_SIGMA


def number_within(value: Any, most: float) -> float | None:
    """A number that a manifest states, of at most that size; None for others, also NaN and infinity."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) <= most else None
