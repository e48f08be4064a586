"""Laws of the plots: a chart sends the numbers of the store as JSON, on the chosen scale, with the manifest's words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.columns import Columns
from cache.records import Track
from cache.store import Store
from dashboard.catalogue import Catalogue
from dashboard.compare.comparison import Plot, compare
from dashboard.compare.plots import MAX_UNIT_LETTERS, named_columns, read
from dashboard.player_data import Chart, Series, chart_data
from dashboard.text import MAX_TITLE_LETTERS
from tests.fixtures.stores import build_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return build_store(tmp_path_factory.mktemp("store"), n_frames=5)


def plots(tracks: Sequence[Track]) -> dict[str, Plot]:
    catalogue = Catalogue(tracks)
    clip = catalogue.clips[0]
    shown = compare(catalogue, clip, "normal", "reshading", catalogue.configurations(clip.key, "normal")[:2])
    return {plot.id: plot for plot in shown.plots}


def test_a_chart_is_json_with_null_where_a_frame_has_no_value() -> None:
    chart = Chart("error", "<b>Error</b>", "°", [Series("A", "baseline", np.array([0.123456789, np.nan, np.inf]))])
    data = chart_data(chart)
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    shown = {"letter": "A", "name": "baseline", "fullName": "baseline"}
    assert data["series"] == [{**shown, "values": [0.12346, None, None]}]
    assert (data["title"], data["unit"], data["hasZeroLine"]) == ("<b>Error</b>", "°", False)


def test_an_energy_has_a_zero_line_on_the_scale_where_zero_means_something(store: Store) -> None:
    energy = plots(store.tracks())["energy"]
    standardised, raw = (read(Columns(store), energy, scale).chart for scale in ("standardised", "raw"))
    assert (standardised.unit, standardised.has_zero_line) == ("σ", True)
    assert (raw.unit, raw.has_zero_line) == ("code", False)
    assert [series.letter for series in raw.series] == ["A", "B"]


def test_titles_and_units_come_from_the_manifest(store: Store) -> None:
    found = plots(store.tracks())
    assert {name: plot.title for name, plot in found.items()} == {
        "energy": "Consistency energy",
        "disagreement": "Readout disagreement",
        "error": "Surface normals: mean angular error",
        "error2": "Reshading: mean absolute error",
    }
    units = {name: read(Columns(store), plot, "standardised").chart.unit for name, plot in found.items()}
    assert units == {"energy": "σ", "disagreement": "code", "error": "°", "error2": "code"}


def test_long_titles_and_units_are_cut_and_stand_on_one_line(store: Store) -> None:
    texts = {"title": "T\n" * 5000, "unit": "u\n" * 5000}
    hostile = [
        replace(track, head=replace(head, domain={**head.domain, **texts}, columns=dict.fromkeys(head.columns, texts)))
        for track in store.tracks()
        if (head := track.head)
    ]
    found = plots(hostile)
    assert set(found) == {"energy", "disagreement", "error", "error2"}
    for plot in found.values():
        chart = read(Columns(store), plot, "standardised").chart
        assert chart.title.isprintable() and len(chart.title) <= 2 * MAX_TITLE_LETTERS + len(" of ")
        assert chart.unit.isprintable() and 0 < len(chart.unit) <= MAX_UNIT_LETTERS


def test_a_series_that_cannot_be_read_is_reported_and_the_others_are_plotted(tmp_path: Path) -> None:
    store = build_store(tmp_path, n_frames=3)
    (broken,) = (track for track in store.tracks(kind="energy") if track.head.method == "baseline")
    next(store.root.rglob(f"{broken.packs[0].sha256}.pack")).unlink()
    found = read(Columns(store), plots(store.tracks())["energy"], "standardised")
    assert [series.letter for series in found.chart.series] == ["B"]
    assert len(found.problems) == 1 and found.problems[0].startswith("Consistency energy of A cannot be shown: ")


def test_named_columns_fill_up_with_nan(store: Store) -> None:
    chart = Chart("error", "Error", "°", [Series("A", "baseline", np.ones(2))])
    (name, values), *_ = named_columns([chart], 3).items()
    assert name == "Error, A baseline (°)" and np.array_equal(values, [1, 1, np.nan], equal_nan=True)
