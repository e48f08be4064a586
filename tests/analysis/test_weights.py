"""Laws of the fitted weights: non-negative, on the energy's scale, and what a mean of predictions needs."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics import spearman
from analysis.weights import NotFitted, convex_weights, fit_weights, mean_weights, non_negative_least_squares

MU, SIGMA = np.array([0.1, 0.2, 0.05]), np.array([0.02, 0.05, 0.01])


def terms(n_frames: int, seed: int = 3) -> np.ndarray:
    return MU + SIGMA * np.random.default_rng(seed).normal(size=(n_frames, 3))


def test_weights_follow_the_paths_that_know_the_error_and_drop_those_that_oppose_it():
    found = terms(400)
    z = (found - MU) / SIGMA
    error = 0.1 + 0.02 * z[:, 0] + 0.01 * z[:, 1] - 0.03 * z[:, 2]
    weights = fit_weights(found, error, MU, SIGMA)
    assert weights[2] == 0
    assert weights[0] / weights[1] == pytest.approx(2, rel=0.3)
    mean, weighted = spearman(z.mean(axis=1), error), spearman(z @ weights, error)
    assert mean < 0.1
    assert weighted > 0.5


def test_the_weighted_energy_has_mean_0_and_spread_1_on_the_frames_it_was_fitted_on():
    found = terms(200)
    mu = found.mean(axis=0)
    energy = ((found - mu) / SIGMA) @ fit_weights(found, found @ [1.0, 2.0, 3.0], mu, SIGMA)
    assert energy.mean() == pytest.approx(0, abs=1e-9)
    assert np.abs(energy).mean() == pytest.approx(1)


def test_frames_without_truth_change_no_weight():
    found, unknown = terms(100), terms(20, seed=9)
    error = found @ [1.0, 0.5, 2.0]
    both = np.concatenate([error, np.full(20, np.nan)])
    assert fit_weights(np.concatenate([found, unknown]), both, MU, SIGMA) == pytest.approx(
        fit_weights(found, error, MU, SIGMA)
    )


def test_too_few_frames_and_terms_that_say_nothing_are_refused_in_words():
    with pytest.raises(NotFitted, match="14 frames with ground truth are too few"):
        fit_weights(terms(14), np.arange(14.0), MU, SIGMA)
    found = terms(50)
    with pytest.raises(NotFitted, match="no path disagrees more"):
        fit_weights(found, -found.sum(axis=1), MU, SIGMA)


@pytest.mark.parametrize("seed", range(8))
def test_no_neighbour_of_the_non_negative_solution_is_better(seed):
    draw = np.random.default_rng(seed)
    a, b = draw.normal(size=(30, 6)), draw.normal(size=30)
    x = non_negative_least_squares(a, b)
    gradient = a.T @ (a @ x - b)
    assert (x >= 0).all()
    assert gradient[x > 0] == pytest.approx(0, abs=1e-9)  # the conditions of Karush, Kuhn and Tucker
    assert (gradient[x == 0] >= -1e-9).all()


def test_the_mean_with_the_least_error_is_not_swayed_by_outliers():
    draw = np.random.default_rng(6)
    truth = draw.uniform(size=(4000, 1))
    good, other = truth + 0.05 * draw.normal(size=truth.shape), truth + 0.2 * draw.normal(size=truth.shape)
    good[:40] = 9  # one in a hundred is far off
    predictions = np.stack([good, other], axis=1)
    errors = predictions - truth[:, None]
    squared = convex_weights(np.einsum("mkc,mjc->kj", errors, errors), np.zeros(2))
    weights = mean_weights(predictions, truth)
    assert weights.sum() == pytest.approx(1)
    assert weights[0] > 0.8 > squared[0]
    error = [np.abs(np.einsum("k,mkc->mc", w, errors)).mean() for w in (weights, squared, [1, 0], [0, 1])]
    assert error[0] == min(error)


def test_weights_of_a_mean_sum_to_1_and_prefer_the_less_noisy_prediction():
    draw = np.random.default_rng(5)
    truth = draw.uniform(size=5000)
    predictions = np.stack([truth + noise * draw.normal(size=5000) for noise in (0.1, 0.2, 5.0)])
    weights = convex_weights(predictions @ predictions.T / 5000, predictions @ truth / 5000)
    assert weights.sum() == pytest.approx(1)
    assert weights == pytest.approx([0.8, 0.2, 0], abs=0.02)  # by the inverse of their variances
