"""Laws of the panel that checks confidences against the error."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.columns import Columns
from cache.records import Track
from cache.store import Store
from dashboard.catalogue import Catalogue
from dashboard.compare.believe import NO_TRUTH, believed
from dashboard.compare.comparison import compare
from dashboard.compare.plots import read
from dashboard.selection.defaults import CONSISTENCY, pair_of
from tests.fixtures.stores import add_track, build_store


def data_of(store: Store, tracks: list[Track], readout: str | None = None) -> dict:
    catalogue, columns = Catalogue(tracks), Columns(store)
    clip = catalogue.clips[0]
    lineup = pair_of(CONSISTENCY, catalogue.configurations(clip.key, "normal"))
    comparison = compare(catalogue, clip, "normal", readout, lineup)
    charts = [read(columns, plot, "standardised").chart for plot in comparison.plots]
    return believed(columns, catalogue, comparison, charts)


def weighted(track: Track) -> Track:
    if track.head.kind != "energy":
        return track
    n = len(track.head.constants["paths"])
    weights = {"weighted": [1.5, *[0.0] * (n - 1)], "paper": [1 / n] * n}
    return replace(track, head=replace(track.head, constants={**track.head.constants, "weights": weights}))


def test_every_confidence_of_each_configuration_has_a_curve_in_fifty_bins_the_best_first(tmp_path: Path) -> None:
    store = build_store(tmp_path, n_frames=60)
    found = data_of(store, [weighted(track) for track in store.tracks()], "reshading")
    assert found["reason"] == "" and [plot["letter"] for plot in found["plots"]] == ["A", "B"]
    for plot in found["plots"]:
        assert {curve["id"] for curve in plot["curves"]} == {"weighted", "paper", "readout"}
        areas = [curve["ause"] for curve in plot["curves"]]
        assert areas == sorted(areas)
        for curve in plot["curves"]:
            assert len(curve["series"]) == len(plot["oracle"]) == 50
            assert curve["series"][0] == plot["oracle"][0] == 1
            assert all(rest >= best - 1e-9 for rest, best in zip(curve["series"], plot["oracle"], strict=True))
            assert curve["ause"] + curve["aurg"] == pytest.approx(plot["randomAuse"], abs=2e-4)


def test_without_truth_there_is_a_sentence_and_no_number(tmp_path: Path) -> None:
    store = build_store(tmp_path, n_frames=6, truths=())
    assert data_of(store, store.tracks()) == {"plots": [], "reason": NO_TRUTH}


def test_too_few_frames_say_so_instead_of_a_curve(tmp_path: Path) -> None:
    store = build_store(tmp_path, n_frames=2)
    for plot in data_of(store, store.tracks())["plots"]:
        assert plot["curves"] == [] and plot["oracle"] == []
        assert all("at least 3 are needed" in text for text in plot["missing"]) and plot["missing"]


def test_a_geometric_energy_counts_for_the_predictions_that_it_was_measured_with(tmp_path: Path) -> None:
    store = build_store(tmp_path, n_frames=3)
    first = next(t for t in store.tracks() if t.head.kind == "prediction" and t.head.method == "baseline")
    made = {"measure": "geometric", "of": [first.head.key, "0" * 64]}
    add_track(
        store,
        first.head.clip,
        kind="energy",
        path="rgb-normal",
        zoo="mini",
        method="baseline",
        number=99,
        constants=made,
    )
    tracks = [
        replace(t, head=replace(t.head, kind="confidence")) if t.head.constants.get("measure") else t
        for t in store.tracks()
    ]
    catalogue = Catalogue(tracks)
    other = next(t for t in tracks if t.head.kind == "prediction" and t.head.method == "consistency")
    assert [t.head.constants["measure"] for t in catalogue.confidences_of(first)] == ["geometric"]
    assert catalogue.confidences_of(other) == ()


def test_equal_numbers_are_sorted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = build_store(tmp_path, n_frames=31)
    sorts = []
    sort = np.argsort
    monkeypatch.setattr(np, "argsort", lambda *given, **options: sorts.append(1) or sort(*given, **options))
    first = data_of(store, store.tracks())
    n_sorts = len(sorts)
    assert n_sorts > 0 and data_of(store, store.tracks()) == first
    assert len(sorts) == n_sorts
