"""Sparsification against its definition, written out plainly, and its laws."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from analysis.columns import Columns
from analysis.evaluation.confidences import confidence_plot
from analysis.evaluation.sparsification import N_BINS, sparsification
from tests.fixtures.stores import build_store

RANDOM = np.random.default_rng(0)


def plain(uncertainty: np.ndarray, error: np.ndarray) -> tuple[list[float], float, float]:
    """The remaining error, AUSE and AURG of values without ties, as Ilg et al. define them."""
    n = len(error)

    def curve(keys: np.ndarray) -> list[float]:
        certain_first = [float(e) for _, e in sorted(zip(keys, error, strict=True), key=lambda pair: pair[0])]
        curve = []
        for k in range(50):
            kept = certain_first[: n - int(k * n / 50)]
            curve.append(sum(kept) / len(kept) / (sum(certain_first) / n))
        return curve

    def area(heights: list[float]) -> float:
        return sum((a + b) / 2 / 50 for a, b in pairwise(heights))

    mine, oracle = curve(uncertainty), curve(error)
    return mine, area([a - b for a, b in zip(mine, oracle, strict=True)]), area([1 - a for a in mine])


@pytest.mark.parametrize("n", [3, 49, 50, 137, 2000])
def test_the_curves_and_areas_are_those_of_the_definition(n):
    error = RANDOM.gamma(2, size=n)
    uncertainty = error + RANDOM.normal(size=n)
    found = sparsification(uncertainty, error)
    curve, ause, aurg = plain(uncertainty, error)
    assert len(found.remaining) == N_BINS == 50 and found.remaining == pytest.approx(curve)
    assert found.ause == pytest.approx(ause) and found.aurg == pytest.approx(aurg)


def test_the_error_itself_is_ideal_and_its_opposite_is_worse_than_chance():
    error = RANDOM.gamma(2, size=500)
    ideal, worst = sparsification(error, error), sparsification(-error, error)
    assert ideal.ause == pytest.approx(0) and ideal.aurg > 0
    assert worst.aurg < 0 and worst.ause > ideal.aurg


def test_what_orders_nothing_is_as_good_as_chance():
    error = RANDOM.gamma(2, size=500)
    constant = sparsification(np.ones(500), error)
    assert constant.is_constant and constant.remaining == pytest.approx(1) and constant.aurg == pytest.approx(0)
    assert sparsification(RANDOM.normal(size=20_000), RANDOM.gamma(2, size=20_000)).aurg == pytest.approx(0, abs=0.02)


def test_only_the_order_of_a_confidence_counts_and_the_unit_of_the_error_does_not():
    error, uncertainty = RANDOM.gamma(2, size=300), RANDOM.normal(size=300)
    a, b = sparsification(uncertainty, error), sparsification(np.exp(uncertainty), 1000 * error)
    assert a.remaining == pytest.approx(b.remaining) and b.mean_error == pytest.approx(1000 * a.mean_error)


def test_pairs_that_are_not_finite_are_left_out():
    error, uncertainty = RANDOM.gamma(2, size=60), RANDOM.normal(size=60)
    spoiled = sparsification(
        np.concatenate([uncertainty, [np.nan, 1.0, np.inf]]), np.concatenate([error, [9.0, np.nan, 9.0]])
    )
    assert spoiled.n_samples == 60 and spoiled.remaining == pytest.approx(sparsification(uncertainty, error).remaining)


@pytest.mark.parametrize("error", [np.zeros(0), np.zeros(9), np.full(9, np.nan)])
def test_without_errors_no_number_is_made(error):
    found = sparsification(np.arange(len(error)), error)
    assert np.isnan([found.ause, found.aurg]).all() and np.isnan(found.remaining).all()


def test_every_confidence_of_a_clip_with_truth_is_on_one_plot(tmp_path):
    store = build_store(tmp_path, n_frames=12)
    tracks = [track for track in store.tracks() if track.head.method == "baseline"]
    (prediction,) = [track for track in tracks if track.head.kind == "prediction"]
    plot = confidence_plot(Columns(store), tracks, prediction, "angle_degrees")
    assert {one.name for one in plot.confidences} == {"Consistency energy", "Readout disagreement"}
    assert {one.kind for one in plot.confidences} == {"paper", "readout"}
    areas = [one.curve.ause for one in plot.confidences]
    assert areas == sorted(areas) and plot.unit == "°" and not plot.missing


def test_an_energy_with_weights_counts_twice_and_what_is_no_column_counts_too(tmp_path):
    store = build_store(tmp_path, n_frames=12)
    (prediction, energy) = (
        next(t for t in store.tracks() if (t.head.kind, t.head.method) == (kind, "baseline"))
        for kind in ("prediction", "energy")
    )
    n_paths = len(energy.head.constants["paths"])
    weights = {"weighted": [1.5, *[0.0] * (n_paths - 1)], "paper": [1 / n_paths] * n_paths}
    weighted = replace(energy, head=replace(energy.head, constants={**energy.head.constants, "weights": weights}))
    error = Columns(store).series(prediction, "angle_degrees", "raw")
    more = {"expected": ("Expected error", "°", error)}
    plot = confidence_plot(Columns(store), [weighted], prediction, "angle_degrees", more)
    assert {one.kind for one in plot.confidences} == {"weighted", "paper", "expected"}
    best = plot.confidences[0]
    assert best.kind == "expected" and best.curve.ause == pytest.approx(0), "it is the error itself"
    curves = {one.kind: one.curve.remaining.tolist() for one in plot.confidences}
    assert curves["weighted"] != curves["paper"]


def test_without_truth_or_with_too_few_frames_the_plot_says_so(tmp_path):
    store = build_store(tmp_path, n_frames=2)
    tracks = store.tracks()
    (prediction,) = [t for t in tracks if t.head.kind == "prediction" and t.head.method == "baseline"]
    few = confidence_plot(Columns(store), tracks, prediction, "angle_degrees")
    assert not few.confidences and all("at least 3 are needed" in text for text in few.missing) and few.missing
    for of in (None, prediction):
        none = confidence_plot(Columns(store), tracks, of, "no such error")
        assert not none.confidences and none.missing == ("The clip has no ground truth to check a confidence against.",)
