"""The table of three or more configurations: a row each, with its gaps to the first."""

# N frames

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.compare.card.measures import Measures
from dashboard.compare.gaps import Gap, gap_between
from dashboard.player_data import Series


@dataclass(frozen=True)
class Row:
    """One configuration in the table of three or more."""

    letter: str
    name: str
    energy: Series | None
    error: Series | None
    energy_gap: Gap | None
    """To the first; None for the first itself, or where one has none."""
    error_gap: Gap | None
    lowest_share: float | None
    """Share of the common frames on which its energy is the lowest."""
    perceptual: Series | None = None
    stability: Series | None = None


def rows(measures: Measures) -> list[Row]:
    """The table of three or more configurations."""
    lowest = _lowest_shares([c.energy for c in measures.contenders]) if measures.has_one_scale else {}
    first = measures.contenders[0]
    return [
        Row(
            c.letter,
            c.name,
            c.energy,
            c.error,
            _gap(first.energy, c.energy) if c is not first and measures.has_one_scale else None,
            _gap(first.error, c.error) if c is not first else None,
            lowest.get(c.letter),
            c.perceptual,
            c.stability,
        )
        for c in measures.contenders
    ]


def _lowest_shares(lines: Sequence[Series | None]) -> dict[str, float]:
    """Letter -> share of the common frames on which it is the lowest; ties count for each."""
    known = [line for line in lines if line is not None and line.has_values]
    n_frames = min((len(line.values) for line in known), default=0)
    if len(known) < 2 or n_frames == 0:
        return {}
    values = np.stack([line.values[:n_frames] for line in known])
    values = values[:, np.isfinite(values).all(axis=0)]
    if values.shape[1] == 0:
        return {}
    is_lowest = values == values.min(axis=0)
    return {line.letter: float(share) for line, share in zip(known, is_lowest.mean(axis=1), strict=True)}


def _gap(first: Series | None, second: Series | None) -> Gap | None:
    return gap_between(first, second) if first is not None and second is not None else None
