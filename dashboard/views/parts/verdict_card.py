"""The card above the pictures: the verdict in words, and from three configurations on a table."""

# N frames

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from html import escape

import numpy as np
import pandas as pd  # comes with streamlit
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from dashboard.compare.card.measures import Measures
from dashboard.compare.card.table import rows
from dashboard.compare.card.verdict import Verdict, verdict
from dashboard.numbers import number, percent
from dashboard.player_data import Series
from dashboard.text import one_line, without_markdown

LEAST_FOR_TABLE = 3
MOST_ROWS = 4
"""Most rows of the table on the screen."""
LONG = 100
"""Letters from which on a fact has a wider column."""
MOST_POINTS = 120
"""Most points of a sparkline; it is about as many pixels wide."""
HELP = (
    "Energy: how far predictions of the same target along different paths disagree in a frame. It needs no ground truth. Where a "
    "zoo has weights, each path counts by its weight, fitted against the error on rooms with ground truth; otherwise the energy is "
    "the mean over the paths (Zamir et al. 2020, section 4).\n\n"
    "σ: 0 is what the baseline has on validation rooms, the images that the zoo was calibrated on; 1 is their usual spread. "
    "Above 0 the paths disagree more than usual.\n\n"
    "Noise floor: half of the 95 % interval of a mean gap, from a block bootstrap over frames, as neighbouring frames "
    "repeat each other. A smaller gap is no difference.\n\n"
    "Expected error: what the zoo expects of a frame by the disagreement of its paths, with the interval that held for 90 % of "
    "validation rooms. A frame of higher energy than 97.5 % of theirs is unlike them, and has none.\n\n"
    "ρ: Spearman's correlation of energy and error over frames; 1 if they rise together, 0 if they have nothing in common."
)


def show_verdict(measures: Measures) -> None:
    """Draw the card. Names and titles come from outside: shown as text."""
    found = verdict(measures)
    has_table = len(measures.contenders) >= LEAST_FOR_TABLE
    # The place among the page's elements stays taken: in another place the player would start over.
    with st.container(key="verdict-warning" if found.warnings else "verdict-calm"):
        if measures.contenders:
            _show_words(found, is_folded=has_table)
            if has_table:
                _show_table(measures)


def _show_words(found: Verdict, *, is_folded: bool) -> None:
    """Above a table the facts are folded, so that the pictures stay on the screen."""
    sentences = [f"⚠\N{NO-BREAK SPACE}Warning: {text}" for text in found.warnings]
    text = " ".join([*sentences, *([found.headline] if found.headline else [])])
    st.text(text, help=HELP)
    facts = "".join(
        f"<div{' class=long' if len(text) > LONG else ''}><dt>{escape(label)}:</dt><dd>{escape(text)}</dd></div>"
        for label, text in found.facts
    )
    listed = f'<dl class="verdict-facts">{facts}</dl>'
    if is_folded:
        listed = f'<details class="verdict-more"><summary>What is compared, and how far to believe it</summary>{listed}</details>'
    st.html(listed)


def _show_table(measures: Measures) -> None:
    table = rows(measures)
    energy, error = measures.energy_unit, measures.error_unit
    has_energy, has_error = any(row.energy for row in table), any(row.error for row in table)
    first = table[0].letter
    columns: dict[str, Sequence[object] | np.ndarray] = {
        "Configuration": [f"{row.letter} {one_line(row.name, 60)}" for row in table]
    }
    config: dict[str, ColumnConfig | str | None] = {}
    written: dict[str, Callable[[float], str]] = {}

    def unit_of(chart: str) -> str:
        return measures.units.get(chart, "")

    def add(title: str, values: Sequence[float], unit: str, help_text: str) -> None:
        columns[title] = np.asarray(values, np.float64)
        config[title] = st.column_config.NumberColumn(without_markdown(title), help=without_markdown(help_text))
        written[title] = partial(number, unit=unit)

    def add_gaps(what: str, gaps: Sequence[float], floors: Sequence[float], unit: str) -> None:
        add(f"{what} \N{MINUS SIGN} {first}", gaps, unit, f"Mean gap to {first}; smaller than ± it is no difference")
        add(f"± {what.lower()}", floors, unit, "Noise floor of the gap: half of its 95 % interval")

    if has_energy:
        add("Energy", [_of(row.energy, np.nanmean) for row in table], energy, "Mean over the frames")
        add("Worst", [_of(row.energy, np.nanmax) for row in table], energy, "Highest energy of a frame")
        gaps = [row.energy_gap for row in table]
        if any(gaps):
            add_gaps(
                "Energy",
                [g.second_mean - g.first_mean if g else float("nan") for g in gaps],
                [g.floor if g else float("nan") for g in gaps],
                energy,
            )
    if has_error:
        name = "Aligned error" if " aligned per " in measures.error_title else "Error"
        add(name, [_of(row.error, np.nanmean) for row in table], error, measures.error_title)
        gaps = [row.error_gap for row in table]
        add_gaps(
            "Error",
            [g.second_mean - g.first_mean if g else float("nan") for g in gaps],
            [g.floor if g else float("nan") for g in gaps],
            error,
        )
    if any(row.perceptual for row in table):
        help_text = "Readouts of the prediction against readouts of the ground truth, mean over the frames"
        add("Perceptual", [_of(row.perceptual, np.nanmean) for row in table], unit_of("perceptual"), help_text)
    if any(row.stability for row in table):
        help_text = "How much the prediction changes from frame to frame where the scene does not, mean over the frames"
        add("Change", [_of(row.stability, np.nanmean) for row in table], unit_of("stability"), help_text)
    if any(row.lowest_share is not None for row in table):
        shares = [np.nan if row.lowest_share is None else 100 * row.lowest_share for row in table]
        columns["Lowest on"] = np.asarray(shares, np.float64)
        config["Lowest on"] = st.column_config.NumberColumn(
            help="Share of frames on which its energy is the lowest; says nothing of by how much"
        )
        written["Lowest on"] = _percent
    if has_energy:
        columns["Energy over the frames"] = [_spark(row.energy) for row in table]
        config["Energy over the frames"] = st.column_config.LineChartColumn()
    shown = min(len(table), MOST_ROWS)
    height = 28 * shown + 37 if len(table) > shown else "auto"  # more are scrolled: pictures come first
    # Numbers are sorted by their values and shown in the page's own writing, with a true minus.
    st.dataframe(
        pd.DataFrame(columns).style.format(written),
        column_config=config,
        hide_index=True,
        height=height,
        row_height=28,
        placeholder="–",
        key="verdict-table",
    )


def _percent(share: float) -> str:
    return percent(round(100 * share), 10_000) if np.isfinite(share) else number(share, "%")


def _of(series: Series | None, statistic) -> float:
    return float(statistic(series.values)) if series is not None and series.has_values else float("nan")


def _spark(series: Series | None) -> list[float]:
    """At most MOST_POINTS values, each the highest of its frames, so that no peak is lost."""
    if series is None or not series.has_values:
        return []
    values = series.values[np.isfinite(series.values)]
    parts = np.array_split(values, min(MOST_POINTS, len(values)))
    return [float(part.max()) for part in parts]
