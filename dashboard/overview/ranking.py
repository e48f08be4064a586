"""The ranking of an overview: by true error where it is known, else by expected error, never by energy.

An energy says which frames of one method deserve a look. Between methods it misleads: networks that share a trunk agree with
each other whatever they predict, and a merged prediction agrees with the paths that it was made from.
"""

# C configurations, U clips, K parts of a clip

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from analysis.evaluation.reliability import half_width
from analysis.statistics import spearman
from analysis.summaries.record import Expected, Measure
from analysis.summaries.standings import LEAST_UNITS, Gaps, gaps_over_clips, gaps_over_frames
from dashboard.compare.card.trust_words import UNUSUAL_SHARE
from dashboard.compare.expected import MEASURES
from dashboard.configuration import Configuration
from dashboard.overview.table import Cell, Table

Basis = Literal["error", "expected", "none"]
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
    """Title of the error that ranks."""
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
    errors = _known(table, lambda cell: cell.error)
    if errors:
        return _ranking(table, "error", table.error_title, table.error_unit, errors)
    kind, expected = _expected_errors(table)
    if not expected:
        return Ranking("none", "", "", (), "frames", (), 0, ())
    title, unit = MEASURES[kind]
    return _ranking(table, "expected", f"expected {title}", unit, expected)


def few_sources(table: Table) -> list[str]:
    """The clips that the ranking compares, where their sources are so few that it needs the curves of the clips; else empty."""
    known = _known(table, lambda cell: cell.error) or _expected_errors(table)[1]
    if not known:
        return []
    clips = _in_common(known)[1]
    return clips if len(_by_source(table, clips)) < LEAST_UNITS else []


def _expected_errors(table: Table) -> tuple[str, dict[Configuration, dict[str, Expected]]]:
    """The error that most clips state, and configuration -> clip key -> what is expected of it."""
    expected = _known(table, _expected)
    kinds = [one.error for known in expected.values() for one in known.values()]
    if not kinds:
        return "", {}
    kind = max(sorted(set(kinds)), key=kinds.count)
    same = {c: {clip: one for clip, one in known.items() if one.error == kind} for c, known in expected.items()}
    return kind, {c: known for c, known in same.items() if known}


_Known = TypeVar("_Known", Measure, Expected)


def _known(table: Table, of: Callable[[Cell], _Known | None]) -> dict[Configuration, dict[str, _Known]]:
    """Configuration -> clip key -> what is known of its error; configurations of which nothing is known are left out."""
    found = {
        configuration: {clip: one for clip, cell in cells.items() if (one := of(cell)) is not None}
        for configuration, cells in table.by_configuration.items()
    }
    return {configuration: known for configuration, known in found.items() if known}


def _expected(cell: Cell) -> Expected | None:
    """The expected error of a clip that is mostly like the calibration, with an interval; None for others."""
    one = cell.expected
    if one is None or one.error not in MEASURES or not math.isfinite(one.factor) or not 0 < one.coverage < 1:
        return None
    return one if one.n_usual >= (1 - UNUSUAL_SHARE) * one.n_frames else None


def _spread_of(one: Measure | Expected) -> float:
    """The standard deviation of what is not known of a mean error: none of a true one. Of an expected one the logarithm is off by
    the logarithm of `factor` at most, in that `coverage` of the clips."""
    if isinstance(one, Measure):
        return 0.0
    return one.mean * math.log(one.factor) / half_width(one.coverage)


def _ranking(
    table: Table,
    basis: Basis,
    title: str,
    unit: str,
    known: Mapping[Configuration, Mapping[str, Measure]] | Mapping[Configuration, Mapping[str, Expected]],
) -> Ranking:
    configurations, clips, left_out = _in_common(known)
    groups = _by_source(table, clips)
    each = [[known[c][clip] for clip in clips] for c in configurations]
    values = np.array([[one.mean for one in row] for row in each])  # (C, clips)
    spread = np.array([[_spread_of(one) for one in row] for row in each])
    if len(groups) >= LEAST_UNITS:
        over = "clips"
        at_clip = {clip: at for at, clip in enumerate(clips)}
        of_group = [np.array([at_clip[clip] for clip in group]) for group in groups]
        found = np.stack([values[:, at].mean(axis=1) for at in of_group], axis=1)  # (C, U)
        gaps = gaps_over_clips(found, np.stack([spread[:, at].max(axis=1) for at in of_group], axis=1))
    else:
        over, found = "frames", values
        parts = [np.stack(_of_one_length([row[at].parts for row in each])) for at in range(len(clips))]
        gaps = gaps_over_frames(values, parts, spread)
    order = sorted(range(len(configurations)), key=lambda at: gaps.mean[at])
    rows = tuple(_row(configurations, found, gaps, at, order[0]) for at in order)
    return Ranking(basis, title, unit, rows, over, tuple(clips), len(groups), left_out)


def _row(configurations: Sequence[Configuration], found: np.ndarray, gaps: Gaps, at: int, first: int) -> Row:
    best, worst = gaps.place(at)
    return Row(
        configuration=configurations[at],
        mean=float(gaps.mean[at]),
        low=float(gaps.low[at]),
        high=float(gaps.high[at]),
        gap=float(gaps.gap[at, first]),
        gap_low=float(gaps.gap_low[at, first]),
        gap_high=float(gaps.gap_high[at, first]),
        first_place=best,
        last_place=worst,
        is_equal=bool((found[at] == found[first]).all()),
    )


def _in_common(
    known: Mapping[Configuration, Collection[str]],
) -> tuple[list[Configuration], list[str], tuple[tuple[Configuration, int], ...]]:
    """The configurations that can be compared, the clips that all of them have, and the others with their number of clips.

    Means over different clips cannot be compared. The configuration on the fewest clips is left out as long as the others
    would otherwise be compared on less than LEAST_SHARE of their clips.
    """
    of = {c: set(clips) for c, clips in known.items()}
    ranked = sorted(of, key=lambda c: -len(of[c]))
    left_out = []
    while True:
        common = set.intersection(*(of[c] for c in ranked))
        if len(ranked) == 1 or len(common) >= max(1, LEAST_SHARE * len(of[ranked[0]])):
            break
        left_out.append((ranked[-1], len(of[ranked[-1]])))
        ranked.pop()
    in_order = [c for c in known if c in ranked]
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
        for cell in table.by_configuration[configuration].values()
        if cell.sigma and cell.error
    ]
    if not pairs:
        return math.nan, 0
    energy, error = np.array(pairs).T
    return spearman(energy, error), len(pairs)
