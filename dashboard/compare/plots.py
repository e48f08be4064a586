"""The numbers behind a plot: its series read from the store, for the page and for exported files."""

# N frames

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.columns import Columns, series_unit
from analysis.energy import Scale, Unreadable
from analysis.stated.trust import trust_of
from dashboard.compare.comparison import EXPECTED, Plot
from dashboard.compare.expected import MEASURES, expectation, expected_values
from dashboard.compare.gaps import gap_between
from dashboard.player_data import Chart, Series
from dashboard.text import one_line

MAX_UNIT_LETTERS = 24


@dataclass(frozen=True)
class PlotData:
    """A plot with its numbers."""

    chart: Chart
    problems: tuple[str, ...]
    """What could not be read, a sentence each."""


def read(columns: Columns, plot: Plot, scale: Scale) -> PlotData:
    """The series of `plot`; what cannot be read is reported in `problems`, not raised."""
    series, problems = [], []
    for curve in plot.curves:
        band = None
        try:
            if curve.energy:
                values, band = expected_values(columns, curve.track, curve.energy)
            else:
                values = columns.series(curve.track, curve.column, scale)
        except Unreadable as error:
            problems.append(f"{plot.title} of {curve.letter} cannot be shown: {error}.")
        else:
            series.append(Series(curve.letter, curve.name, values, one_line(curve.track.head.zoo), band))
    unit = _unit(plot, scale)
    is_signed = plot.id == "energy" and scale == "standardised"
    # Expected errors say how far a frame can be believed. Which of two methods is closer they were not fitted to say.
    ranked = [] if plot.id == EXPECTED else series[1:]
    floors = {other.letter: gap_between(series[0], other).floor for other in ranked}
    short_unit = unit and one_line(unit, MAX_UNIT_LETTERS)
    limit = _limit(plot) if is_signed else None
    chart = Chart(plot.id, plot.title, short_unit, tuple(series), is_signed, floors, limit, plot.measure)
    return PlotData(chart, tuple(problems))


def _unit(plot: Plot, scale: Scale) -> str:
    first = plot.curves[0]
    if plot.id == EXPECTED and (model := expectation(first.track)):
        return MEASURES[model.error][1]
    return series_unit(first.track, first.column, scale)


def _limit(plot: Plot) -> float | None:
    """The 97.5th percentile that a zoo states for the first configuration that has one, sigma; None: none does.

    Methods differ, above all where targets share a trunk: the lowest of all would cross the usual energies of the others.
    """
    trusts = [trust for curve in plot.curves if (trust := trust_of(curve.track))]
    return next((trust.percentile_97_5 for trust in trusts if trust.percentile_97_5 is not None), None)


def named_columns(charts: Sequence[Chart], n_frames: int) -> dict[str, np.ndarray]:
    """`Consistency energy, A mini/baseline (σ)` -> float64 (N,) for every series; NaN where a frame has no value."""
    named: dict[str, np.ndarray] = {}
    for chart in charts:
        for series in chart.series:
            values = np.full(n_frames, np.nan)
            values[: len(series.values)] = series.values[:n_frames]
            unit = f" ({chart.unit})" if chart.unit else ""
            name = f"{chart.title}, {series.letter} {series.full_name}"
            named[f"{name}{unit}"] = values
            if series.band:
                share = f"{100 * series.band.coverage:.0f} %"
                for end, numbers in (("from", series.band.low), ("to", series.band.high)):
                    named[f"{name}, {share} {end}{unit}"] = np.full(n_frames, np.nan)
                    named[f"{name}, {share} {end}{unit}"][: len(numbers)] = numbers[:n_frames]
    return named
