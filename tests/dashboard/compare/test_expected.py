"""Laws of the expected error on the page: an interval where the zoo measured one, none where a frame is unlike its rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from analysis.columns import Columns
from cache.records import Track
from cache.store import Store
from dashboard.catalogue import Catalogue
from dashboard.compare.card.measures import measures_of
from dashboard.compare.card.verdict import Verdict, verdict
from dashboard.compare.comparison import Comparison, compare
from dashboard.compare.expected import expected_words
from dashboard.compare.plots import PlotData, named_columns, read
from dashboard.player_data import Band, Chart, Series, chart_data
from tests.fixtures.stores import build_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return build_store(tmp_path_factory.mktemp("store"), n_frames=9)


def stating(tracks: Sequence[Track], kind: str = "energy", **changes: Any) -> list[Track]:
    """The same tracks, where those of `kind` state an expected error of 2 * (first term) degrees, times or by 1.5."""

    def stated(track: Track) -> Track:
        head = track.head
        if head.kind != kind or not head.constants.get("paths"):
            return track
        expected = {"error": "angle_degrees", "features": [head.constants["paths"][0]], "coefficients": [1.0]}
        expected |= {"intercept": float(np.log(2)), "factor": 1.5, "coverage": 0.9, "n_units": 80, "limit": 1e6}
        return replace(track, head=replace(head, constants={**head.constants, "expected": expected | changes}))

    return [stated(track) for track in tracks]


def shown(store: Store, tracks: Sequence[Track]) -> tuple[Comparison, list[PlotData], Verdict]:
    catalogue = Catalogue(tracks)
    clip = catalogue.clips[0]
    comparison = compare(catalogue, clip, "normal", None, catalogue.configurations(clip.key, "normal")[:2])
    plots = [read(Columns(store), plot, "standardised") for plot in comparison.plots]
    charts = [plot.chart for plot in plots]
    return comparison, plots, verdict(measures_of(comparison, charts, "standardised"))


def expected_chart(plots: Sequence[PlotData]) -> Chart:
    return next(plot.chart for plot in plots if plot.chart.id == "expected")


def fact(found: Verdict, label: str) -> str:
    return dict(found.facts)[label].replace("\xa0", " ")


def test_the_expected_error_is_plotted_with_its_interval_and_said_on_the_card(store: Store) -> None:
    comparison, plots, found = shown(store, stating(store.tracks()))
    chart = expected_chart(plots)
    assert (chart.title, chart.unit) == ("Surface normals: expected mean angular error", "°")
    line = chart.series[0]
    terms = Columns(store).column(comparison.energies["A"], "terms")
    np.testing.assert_allclose(line.values, 2 * terms[:, 0].astype(float), rtol=1e-3)
    assert line.band is not None
    np.testing.assert_allclose(line.band.low, line.values / 1.5)
    np.testing.assert_allclose(line.band.high, line.values * 1.5)
    assert chart_data(chart)["series"][0]["band"]["coverage"] == 0.9
    median = np.sort(line.values)[4]
    assert f"A {median:.1f}° ({median / 1.5:.1f}° to {median * 1.5:.1f}°, 90 %)" in fact(found, "Expected error")


def test_frames_unlike_the_calibration_have_no_interval(store: Store) -> None:
    _, plots, found = shown(store, stating(store.tracks(), limit=-1e6))
    line = expected_chart(plots).series[0]
    assert line.band is not None and np.isnan(line.band.low).all() and np.isnan(line.band.high).all()
    said = fact(found, "Expected error")
    assert "9 of A's 9 frames" in said and "unlike what the zoo was calibrated on: no interval" in said
    assert "°" not in said


def test_an_error_that_was_not_calibrated_has_no_interval(store: Store) -> None:
    _, plots, found = shown(store, stating(store.tracks(), factor=None))
    assert expected_chart(plots).series[0].band is None
    assert "(no interval measured)" in fact(found, "Expected error")
    assert "unlike" not in fact(found, "Expected error")


def test_a_zoo_that_states_nothing_is_said_to_be_not_measured(store: Store) -> None:
    _, plots, found = shown(store, store.tracks())
    assert "expected" not in {plot.chart.id for plot in plots}
    assert fact(found, "Expected error") == "not measured for this zoo and target."


@pytest.mark.parametrize(
    "changes",
    [{"error": "<b>"}, {"features": []}, {"intercept": "x"}, {"factor": -1}, {"coefficients": [float("nan")]}],
)
def test_a_statement_that_no_job_writes_is_no_statement(store: Store, changes: dict[str, Any]) -> None:
    _, plots, found = shown(store, stating(store.tracks(), **changes))
    assert "expected" not in {plot.chart.id for plot in plots}
    assert "not measured" in fact(found, "Expected error")


def test_a_feature_that_is_not_stored_is_reported(store: Store) -> None:
    _, plots, _ = shown(store, stating(store.tracks(), features=["mirror"]))
    [problem, _] = [text for plot in plots for text in plot.problems]
    assert "expected mean angular error of A cannot be shown" in problem and "'mirror'" in problem


def test_of_depth_it_speaks_of_the_shape(store: Store) -> None:
    _, plots, found = shown(store, stating(store.tracks(), error="absrel_scaled"))
    assert "shape (scale aligned)" in expected_chart(plots).title
    assert fact(found, "Expected error").startswith("of the shape, scale aligned: A ")


def test_expected_errors_do_not_rank(store: Store) -> None:
    _, plots, found = shown(store, stating(store.tracks()))
    assert not expected_chart(plots).floors
    assert "lower" not in fact(found, "Expected error")


def test_what_is_merged_has_no_energy_and_is_flagged_by_that_of_its_method(store: Store) -> None:
    edges = next(
        track.head.edges
        for track in store.tracks()
        if (track.head.method, track.head.kind) == ("baseline", "prediction")
    )

    def merged(track: Track) -> Track:
        head = track.head
        if head.method != "consistency" or head.kind != "prediction":
            return track
        constants = {"merge": {"of": "baseline"}, "paths": ["rgb-depth-normal"]}
        return replace(track, head=replace(head, method="merged", edges=edges, constants=constants))

    tracks = [
        merged(track) for track in store.tracks() if (track.head.method, track.head.kind) != ("consistency", "energy")
    ]
    comparison, _, found = shown(store, stating(tracks, kind="prediction"))
    [energy] = [plot for plot in comparison.plots if plot.id == "energy"]
    assert [curve.letter for curve in energy.curves] == ["A"]
    [expected] = [plot for plot in comparison.plots if plot.id == "expected"]
    [curve] = expected.curves
    assert curve.letter == "B" and curve.energy == comparison.energies["A"]
    assert not [missing for missing in comparison.missing if missing.command]
    assert "B (merged): none, as a mean of the paths agrees with them by construction; it is never ranked" in fact(
        found, "Energy"
    )


def test_the_interval_is_exported_beside_the_values() -> None:
    band = Band(np.array([1.0, np.nan]), np.array([3.0, np.nan]), 0.9, 80)
    chart = Chart("expected", "Expected", "°", [Series("A", "baseline", np.array([2.0, 5.0]), band=band)])
    named = named_columns([chart], 3)
    assert list(named) == [f"Expected, A baseline{end} (°)" for end in ("", ", 90 % from", ", 90 % to")]
    np.testing.assert_array_equal(named["Expected, A baseline, 90 % to (°)"], [3, np.nan, np.nan])


def test_the_card_gives_the_interval_of_one_frame_that_has_one() -> None:
    band = Band(np.array([1.0, 2.0, np.nan]), np.array([3.0, 6.0, np.nan]), 0.9, 80)
    line = Series("A", "baseline", np.array([2.0, 4.0, 9.0]), band=band)
    assert expected_words([line], "", "°").replace("\xa0", " ") == (
        "A 2.0° (1.0° to 3.0°, 90 %) in the median frame. 1 of A's 3 frames is unlike what the zoo was calibrated on: no interval."
    )
    nothing = replace(line, values=np.full(3, np.nan))
    assert expected_words([nothing], "", "°") == "no frame has what it needs."
