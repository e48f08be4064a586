"""The ranking of an overview: by true error where it is known, else by expected error, never by energy.

An energy says which frames of one method deserve a look. Between methods it misleads: networks that share a trunk agree with
each other whatever they predict, and a merged prediction agrees with the paths that it was made from.
"""

# C configurations, U clips, K parts of a clip

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.noise import NORMAL_QUANTILE
from analysis.statistics import spearman
from analysis.summaries.standings import LEAST_UNITS, Gaps, gaps_over_clips, gaps_over_frames
from dashboard.compare.expected import MEASURES
from dashboard.configuration import Configuration
from dashboard.overview.table import Cell, Table

Basis = Literal["error", "expected", "none"]
UNUSUAL_SHARE = 0.5
"""A clip with a larger share of frames outside the calibration has no expected error to be ranked by."""
LEAST_SHARE = 0.5
"""A configuration is compared if it has at least this share of the clips that the best covered one has."""


@dataclass(frozen=True)
class Row:
    """One configuration in the ranking."""

    configuration: Configuration
    mean: float
    low: float
    high: float
    """Ends of the 95 % interval of the mean; NaN where nothing says how much it varies."""
    gap: float
    """Its mean minus that of the first."""
    gap_low: float
    gap_high: float
    first_place: int
    last_place: int
    """The places that it may have, from 1."""
    is_equal: bool
    """Whether it equals the first on every clip."""


@dataclass(frozen=True)
class Ranking:
    """The configurations from the lowest error to the highest."""

    basis: Basis
    title: str
    """Of the error."""
    unit: str
    rows: tuple[Row, ...]
    over: Literal["clips", "frames"]
    """What the intervals were resampled over."""
    clips: tuple[str, ...]
    """Keys of the clips that every ranked configuration has."""
    n_units: int
    """Those clips, where all of one source count as one."""
    left_out: tuple[tuple[Configuration, int], ...]
    """Configurations on too few clips to be compared, and on how many they are known."""

    @property
    def has_intervals(self) -> bool:
        return all(math.isfinite(row.low) for row in self.rows)


def rank(table: Table) -> Ranking:
    """Rank the configurations of a table."""
    error = {name: cell for name, cell in _by_name(table).items() if cell.error}
    if error:
        values = {name: cell.error.mean for name, cell in error.items() if cell.error}
        parts = {name: cell.error.parts for name, cell in error.items() if cell.error}
        return _ranking(table, "error", table.error_title, table.error_unit, values, parts, {})
    expected = {
        name: cell.expected
        for name, cell in _by_name(table).items()
        if cell.expected and cell.expected.n_usual >= (1 - UNUSUAL_SHARE) * cell.expected.n_frames
        if cell.expected.error in MEASURES and math.isfinite(cell.expected.factor)
    }
    kinds = [one.error for one in expected.values()]
    if not kinds:
        return Ranking("none", "", "", (), "frames", (), 0, ())
    kind = max(sorted(set(kinds)), key=kinds.count)
    same = {name: one for name, one in expected.items() if one.error == kind}
    title, unit = MEASURES[kind]
    return _ranking(
        table,
        "expected",
        f"expected {title}",
        unit,
        {name: one.mean for name, one in same.items()},
        {name: one.parts for name, one in same.items()},
        {name: one.mean * _spread_of(one.factor, one.coverage) for name, one in same.items()},
    )


_Name = tuple[str, Configuration]
"""Clip key and configuration."""


def _by_name(table: Table) -> dict[_Name, Cell]:
    return {(cell.clip.key, cell.configuration): cell for cell in table.cells}


def _spread_of(factor: float, coverage: float) -> float:
    """The standard deviation of the logarithm of an error around its expectation, if `coverage` of them lie within `factor`."""
    reach = NORMAL_QUANTILE if coverage >= 0.95 else 1.645
    return math.log(factor) / reach


def _ranking(
    table: Table,
    basis: Basis,
    title: str,
    unit: str,
    values: Mapping[_Name, float],
    parts: Mapping[_Name, np.ndarray],
    spread: Mapping[_Name, float],
) -> Ranking:
    configurations, clips, left_out = _in_common(table.configurations, values)
    groups = _by_source(table, clips)
    found = np.array([[np.mean([values[clip, c] for clip in group]) for group in groups] for c in configurations])
    unknown = (
        np.array([[np.max([spread[clip, c] for clip in group]) for group in groups] for c in configurations])
        if spread
        else None
    )
    if len(groups) >= LEAST_UNITS:
        over, gaps = "clips", gaps_over_clips(found, unknown)
    else:
        over = "frames"
        each = [clip for group in groups for clip in group]
        of_each = [np.stack(_of_one_length([parts[clip, c] for c in configurations])) for clip in each]
        found = np.array([[values[clip, c] for clip in each] for c in configurations])
        if spread:
            unknown = np.array([[spread[clip, c] for clip in each] for c in configurations])
        gaps = gaps_over_frames(found, of_each, unknown)
    order = sorted(range(len(configurations)), key=lambda at: gaps.mean[at])
    rows = tuple(_row(configurations, found, gaps, at, order[0]) for at in order)
    return Ranking(basis, title, unit, rows, over, tuple(clips), len(groups), left_out)


def _row(configurations: Sequence[Configuration], found: np.ndarray, gaps: Gaps, at: int, first: int) -> Row:
    best, worst = gaps.place(at)
    ends = (gaps.mean[at], gaps.low[at], gaps.high[at], gaps.gap[at, first], gaps.gap_low[at, first])
    is_equal = bool((found[at] == found[first]).all())
    return Row(
        configurations[at], *(float(x) for x in ends), float(gaps.gap_high[at, first]), best, worst, is_equal=is_equal
    )


def _in_common(
    configurations: Sequence[Configuration], values: Mapping[_Name, float]
) -> tuple[list[Configuration], list[str], tuple[tuple[Configuration, int], ...]]:
    """The configurations that can be compared, the clips that all of them have, and the others with their number of clips.

    Means over different clips cannot be compared. The configuration on the fewest clips is left out as long as the others
    would otherwise be compared on less than LEAST_SHARE of their clips.
    """
    of = {c: {clip for clip, other in values if other == c} for c in configurations}
    ranked = sorted((c for c in configurations if of[c]), key=lambda c: -len(of[c]))
    left_out = []
    while True:
        common = set.intersection(*(of[c] for c in ranked))
        if len(ranked) == 1 or len(common) >= max(1, LEAST_SHARE * len(of[ranked[0]])):
            break
        left_out.append((ranked[-1], len(of[ranked[-1]])))
        ranked.pop()
    in_order = [c for c in configurations if c in ranked]
    return in_order, sorted(common), tuple(reversed(left_out))


def _by_source(table: Table, clips: Sequence[str]) -> list[list[str]]:
    """The clips by source: two samplings of one file are no two witnesses."""
    sources = {clip.key: clip.source_sha256 for clip in table.clips}
    groups: dict[str, list[str]] = {}
    for clip in clips:
        groups.setdefault(sources[clip], []).append(clip)
    return list(groups.values())


def _of_one_length(parts: Sequence[np.ndarray]) -> list[np.ndarray]:
    length = min(len(one) for one in parts)
    return [np.asarray(one[:length], np.float64) for one in parts]


def agreement_over_clips(table: Table, configuration: Configuration) -> tuple[float, int]:
    """Spearman's ρ of energy and error of that configuration over the clips, and how many have both; NaN for too few."""
    pairs = [
        (cell.sigma.mean, cell.error.mean)
        for cell in table.cells
        if cell.configuration == configuration and cell.sigma and cell.error
    ]
    if not pairs:
        return math.nan, 0
    energy, error = np.array(pairs).T
    return spearman(energy, error), len(pairs)
