"""Laws of the noise floor: what shifting, scaling and repeating frames do to it, and that it covers the true mean."""

from __future__ import annotations

import time

import numpy as np
import pytest

from analysis.noise import block_length, noise_floor

RNG = np.random.default_rng(5)


def correlated(n_frames: int, likeness: float, seed: int) -> np.ndarray:
    """An AR(1) series of mean 0 whose neighbours correlate by `likeness`, (N,)."""
    steps = np.random.default_rng(seed).normal(size=n_frames + 200)
    values = np.zeros_like(steps)
    for i in range(1, len(steps)):
        values[i] = likeness * values[i - 1] + steps[i]
    return values[200:]


def test_shifting_scaling_and_turning_the_sign_do_what_they_should() -> None:
    values = correlated(90, 0.6, 1)
    floor = noise_floor(values)
    assert noise_floor(values + 40) == pytest.approx(floor, rel=1e-9)
    assert noise_floor(values * 3) == pytest.approx(3 * floor, rel=1e-9)
    assert noise_floor(-values) == pytest.approx(floor, rel=1e-9)
    assert noise_floor(values) == floor, "nothing is drawn at random"


def test_equal_values_have_no_noise_and_one_frame_has_no_interval() -> None:
    assert noise_floor(np.full(30, 0.3)) == 0
    assert all(np.isnan(noise_floor(np.arange(n, dtype=float))) for n in (0, 1, 2))
    assert noise_floor(np.array([0.1, 0.2, 0.4])) > 0
    assert np.isnan(noise_floor(np.full(30, np.nan)))


def test_frames_without_a_value_are_left_out() -> None:
    values = RNG.normal(size=40)
    with_holes = np.insert(values, [3, 17, 40], np.nan)
    assert noise_floor(with_holes) == noise_floor(values)


def test_frames_that_repeat_each_other_say_less() -> None:
    smooth = correlated(240, 0.9, 2)
    shuffled = np.random.default_rng(0).permutation(smooth)  # the same values without their order
    assert noise_floor(smooth) > 2 * noise_floor(shuffled)


def test_showing_every_frame_twice_does_not_make_the_mean_surer() -> None:
    values = RNG.normal(size=200)
    assert noise_floor(np.repeat(values, 2)) > 0.9 * noise_floor(values)


@pytest.mark.parametrize(("n_frames", "likeness"), [(16, 0.0), (41, 0.5), (240, 0.0), (240, 0.9)])
def test_the_interval_holds_the_true_mean_about_as_often_as_it_says(n_frames: int, likeness: float) -> None:
    series = [correlated(n_frames, likeness, seed) for seed in range(300)]
    covered = np.mean([abs(one.mean()) <= noise_floor(one) for one in series])
    assert 0.90 <= covered <= 0.99


def test_blocks_are_longer_where_frames_are_alike_for_longer() -> None:
    assert block_length(correlated(1000, 0.9, 3)) > block_length(correlated(1000, 0.0, 3))
    assert block_length(np.zeros(9)) == 1
    assert 1 <= block_length(np.array([0.0, 1.0])) <= 2


def test_eight_configurations_of_ten_thousand_frames_take_milliseconds() -> None:
    series = [correlated(10_000, 0.8, seed) for seed in range(8)]
    noise_floor(series[0])
    began = time.process_time()
    for one in series:
        noise_floor(one)
    assert time.process_time() - began < 0.1, "20 ms on a quiet machine"
