"""Laws of the expected error: it finds a known law, covers what it says, and keeps silent outside its calibration."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from analysis.expected_error import (
    ExpectedError,
    calibrated,
    cross_fitted,
    features_of,
    fit,
    interval,
    is_unlike,
    least_units,
    model_of,
    predict,
)
from analysis.weights import NotFitted

NAMES = ("rgb-depth-normal", "mirror", "length")
TRUE = np.array([0.3, 0.5, 0.2])
FRAMES_PER_ROOM = 3


def rooms(n_rooms: int, seed: int, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, errors and rooms of frames whose error is off by log-normal noise, half of it shared by a room."""
    draw = np.random.default_rng(seed)
    room = np.repeat(np.arange(n_rooms), FRAMES_PER_ROOM)
    features = np.exp(draw.normal(-2, 0.4, (len(room), 3)))
    shared, own = draw.normal(size=n_rooms)[room], draw.normal(size=len(room))
    errors = np.exp(3 + np.log(features) @ TRUE + noise * (shared + own) / np.sqrt(2))
    return features, errors, room


def test_a_log_linear_law_is_found_and_predicted():
    features, errors, _ = rooms(40, 1, noise=0)
    model = fit("angle_degrees", NAMES, features, errors)
    assert model.coefficients == pytest.approx(TRUE)
    assert model.intercept == pytest.approx(3)
    assert predict(model, features) == pytest.approx(errors)


def test_cross_fitting_covers_new_rooms_as_often_as_stated_within_binomial_limits():
    coverage, n_tries, covered = 0.9, 300, 0
    for seed in range(n_tries):
        features, errors, room = rooms(61, seed)
        known = room < 60
        model = cross_fitted("error", NAMES, features[known], errors[known], room[known], coverage)
        new = np.flatnonzero(room == 60)[:1]
        low, high = interval(model, features[new], np.zeros(1))
        covered += int(low[0] <= errors[new][0] <= high[0])
    spread = np.sqrt(coverage * (1 - coverage) / n_tries)
    assert coverage - 3 * spread <= covered / n_tries <= coverage + 1 / 61 + 3 * spread
    assert model.n_units == 60


@pytest.mark.parametrize("coverage", [0.9, 0.8])
def test_frames_of_new_rooms_are_covered_as_often_as_stated_within_binomial_limits(coverage):
    # One new room per calibration: the chance is over both, as the law of conformal prediction states it.
    n_tries, covered = 400, 0
    for seed in range(n_tries):
        features, errors, room = rooms(61, seed)
        fitted, held, new = room < 30, (room >= 30) & (room < 60), np.flatnonzero(room == 60)[:1]
        model = fit("error", NAMES, features[fitted], errors[fitted])
        model = calibrated(model, features[held], errors[held], room[held], coverage)
        low, high = interval(model, features[new], np.zeros(1))
        covered += int(low[0] <= errors[new][0] <= high[0])
    spread = np.sqrt(coverage * (1 - coverage) / n_tries)
    most = coverage + 1 / 31  # conformal intervals with 30 units cover at most 1 / (30 + 1) more, on average
    assert coverage - 3 * spread <= covered / n_tries <= most + 3 * spread


def test_a_room_counts_once_however_many_frames_it_has():
    features, errors, room = rooms(30, 2)
    model = fit("error", NAMES, features, errors)
    again = np.concatenate([np.arange(len(room)), np.flatnonzero(np.isin(room, [0, 1]))])
    once, twice = (calibrated(model, features[i], errors[i], room[i]) for i in (np.arange(len(room)), again))
    assert twice.factor == once.factor
    assert once.n_units == 30


@pytest.mark.parametrize(("coverage", "least"), [(0.9, 9), (0.95, 19), (0.8, 4), (0.5, 1)])
def test_the_least_number_of_units_is_named_and_enough(coverage, least):
    assert least_units(coverage) == least
    features, errors, room = rooms(least, 4)
    model = fit("error", NAMES, *rooms(30, 5)[:2])
    assert calibrated(model, features, errors, room, coverage).factor >= 1
    some = room < least - 1
    with pytest.raises(NotFitted, match=f"{least} are needed"):
        calibrated(model, features[some], errors[some], room[some], coverage)


def test_a_frame_of_unusual_energy_is_flagged_and_has_no_interval():
    features, errors, room = rooms(40, 6)
    energies = np.linspace(-2, 2, len(errors))
    model = calibrated(fit("error", NAMES, features, errors), features, errors, room, energies=energies)
    assert model.limit == pytest.approx(np.percentile(energies, 97.5))
    given = np.array([0.0, model.limit, model.limit + 0.01, np.nan])
    assert is_unlike(model, given).tolist() == [False, False, True, True]
    low, high = interval(model, features[:4], given)
    assert np.isfinite(low).tolist() == np.isfinite(high).tolist() == [True, True, False, False]
    assert np.isfinite(predict(model, features[:4])).all()


def test_too_few_frames_and_missing_features_are_refused_or_unknown():
    features, errors, _ = rooms(2, 7)
    with pytest.raises(NotFitted, match="6 frames with ground truth are too few"):
        fit("error", NAMES, features, errors)
    model = ExpectedError("error", NAMES, (1.0, 1.0, 1.0), 0.0)
    assert np.isnan(predict(model, np.array([[1.0, np.nan, 1.0]]))).all()
    low, high = interval(model, np.ones((1, 3)), np.zeros(1))  # never calibrated
    assert np.isnan([*low, *high]).all()
    with pytest.raises(KeyError):
        features_of(model, ["rgb-depth-normal"], {"terms": np.ones((1, 1)), "length": np.ones(1)})


def test_a_model_survives_a_manifest_and_bad_ones_are_none():
    features, errors, room = rooms(20, 8)
    model = calibrated(fit("error", NAMES, features, errors), features, errors, room, energies=errors)
    assert model_of(asdict(model)) == model
    good = asdict(model)
    for bad in ({}, [], {**good, "factor": 0.5}, {**good, "coefficients": [1.0]}, {**good, "intercept": float("nan")}):
        assert model_of(bad) is None
    assert features_of(
        model, [NAMES[0]], {"terms": np.ones((2, 1)), "mirror": np.ones(2), "length": np.ones(2)}
    ).shape == (
        2,
        3,
    )
