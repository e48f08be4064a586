"""Laws of the numbers of a verdict: they are those of the store, and what no job writes counts as not measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.alignment import Kind
from analysis.columns import Columns
from analysis.stated.trust import Trust, trust_of
from cache.records import Track
from dashboard.catalogue import Catalogue
from dashboard.compare.card.measures import _lacking, measures_of
from dashboard.compare.card.verdict import verdict
from dashboard.compare.comparison import compare
from dashboard.compare.plots import read
from dashboard.configuration import Configuration
from dashboard.player_data import Chart
from tests.fixtures.stores import build_store


def test_the_numbers_are_those_of_the_store(tmp_path: Path) -> None:
    store = build_store(tmp_path, n_frames=24)
    catalogue, columns = Catalogue(store.tracks()), Columns(store)
    pair = [Configuration("mini", method, "rgb-normal") for method in ("baseline", "consistency")]
    comparison = compare(catalogue, catalogue.clips[0], "normal", None, pair)
    charts = [read(columns, plot, "standardised").chart for plot in comparison.plots]
    found = measures_of(comparison, charts, "standardised")
    assert [(c.letter, c.method) for c in found.contenders] == [("A", "mini/baseline"), ("B", "mini/consistency")]
    assert found.has_one_scale and found.energy_unit == "σ"
    energy, chart = found.contenders[1].energy, charts[0]
    assert energy is not None and np.array_equal(energy.values, chart.series[1].values)
    assert set(chart.floors) == {"B"} and chart.floors["B"] > 0
    assert verdict(found).facts


@pytest.mark.parametrize(
    ("stated", "aligned", "measure", "lacking"),
    [
        ("scale", "none", "absrel", "a factor"),
        ("scale", "none", "absrel_scaled", ""),
        ("scale", "scale", "absrel", ""),
        ("scale", "depth", "absrel", ""),
        ("scale-and-shift", "scale", "absrel", "a factor and a shift"),
        ("scale-and-shift", "depth", "absrel", ""),
        ("inverse-scale-and-shift", "none", "absrel_scaled", "a factor and a shift of 1 / depth"),
        ("inverse-scale-and-shift", "depth", "absrel", "a factor and a shift of 1 / depth"),
        ("inverse-scale-and-shift", "inverse", "absrel", ""),
        ("luck", "none", "absrel", ""),
        ([], "none", "absrel", ""),
    ],
)
def test_what_a_relative_depth_lacks_is_what_no_alignment_gave_it(
    tmp_path: Path, stated: object, aligned: Kind, measure: str, lacking: str
):
    track = next(t for t in build_store(tmp_path, n_frames=3).tracks(kind="prediction"))
    chart = Chart("error", "Depth: error", "", (), measure=measure)
    assert _lacking(track, aligned, chart) == ""
    head = replace(track.head, constants={"known_up_to": stated})
    assert _lacking(replace(track, head=head), aligned, chart) == lacking


@pytest.mark.parametrize(
    "stated",
    [None, 3, {}, {"spearman": 2, "n_frames": 3, "percentile_97_5": 1}, {"spearman": 0.5, "n_frames": "many"}],
)
def test_trust_that_no_job_writes_counts_as_not_measured(tmp_path: Path, stated: object) -> None:
    track = next(t for t in build_store(tmp_path, n_frames=3).tracks(kind="energy"))
    assert trust_of(track) is None
    assert trust_of(_with(track, stated)) is None
    known = {"spearman": 0.5, "n_frames": 4, "percentile_97_5": 2.0, "auc": {"rooms": 0.7, "odd": "x"}}
    assert trust_of(_with(track, known)) == Trust(0.5, 4, 2.0, {"rooms": 0.7})


def _with(track: Track, stated: object) -> Track:
    return replace(track, head=replace(track.head, constants={**track.head.constants, "trust": stated}))
