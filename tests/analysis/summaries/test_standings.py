"""Laws of standings: who is lower beyond the noise, and who cannot be told apart."""

import numpy as np
import pytest

from analysis.noise import noise_floor
from analysis.summaries.standings import gaps_over_clips, gaps_over_frames


def test_two_identical_configurations_cannot_be_told_apart_over_clips_or_frames():
    one = np.random.default_rng(0).normal(10, 3, 12)
    clips = gaps_over_clips(np.stack([one, one, one + 1]))
    assert clips.gap_low[0, 1] == clips.gap[0, 1] == clips.gap_high[0, 1] == 0
    assert clips.place(0) == clips.place(1) == (1, 2)
    assert clips.place(2) == (3, 3)
    frames = gaps_over_frames(np.array([[one.mean()], [one.mean()]]), [np.stack([one, one])])
    assert not frames.is_lower(0, 1) and not frames.is_lower(1, 0)


def test_a_constant_gap_is_told_apart_however_much_clips_differ():
    hardness = np.random.default_rng(1).normal(50, 40, 6)
    gaps = gaps_over_clips(np.stack([hardness, hardness + 0.1]))
    assert gaps.is_lower(0, 1) and gaps.place(0) == (1, 1)
    assert gaps.high[0] - gaps.low[0] > 10, "each mean alone says nothing"


@pytest.mark.parametrize("n_clips", [5, 8, 20])
def test_the_interval_of_a_gap_that_is_not_there_holds_it_mostly(n_clips):
    generator = np.random.default_rng(2)
    n_held = 0
    for _ in range(200):
        gaps = gaps_over_clips(generator.normal(0, 1, (2, n_clips)) + generator.exponential(3, n_clips))
        n_held += gaps.gap_low[0, 1] <= 0 <= gaps.gap_high[0, 1]
    assert n_held / 200 >= 0.9


def test_gaps_are_antisymmetric_and_the_order_of_configurations_changes_nothing():
    values = np.random.default_rng(3).normal(5, 1, (4, 9))
    gaps, turned = gaps_over_clips(values), gaps_over_clips(values[::-1])
    assert np.allclose(gaps.gap, -gaps.gap.T) and np.allclose(gaps.gap_low, -gaps.gap_high.T)
    assert np.allclose(gaps.gap_low, turned.gap_low[::-1, ::-1])


def test_one_clip_has_the_noise_floor_of_the_paired_frames():
    frames = np.random.default_rng(4).normal(5, 1, (2, 60))
    gaps = gaps_over_frames(frames.mean(axis=1)[:, None], [frames])
    assert gaps.gap_high[0, 1] - gaps.gap[0, 1] == pytest.approx(noise_floor(frames[0] - frames[1]))
    assert gaps.high[0] - gaps.mean[0] == pytest.approx(noise_floor(frames[0]))


def test_clips_of_one_frame_tell_nothing_apart():
    gaps = gaps_over_frames(np.array([[1.0], [9.0]]), [np.array([[1.0], [9.0]])])
    assert not gaps.is_lower(0, 1) and np.isnan(gaps.low).all()


def test_what_is_not_known_of_the_values_widens_their_intervals():
    values = np.stack([np.full(10, 1.0), np.full(10, 1.2)])
    assert gaps_over_clips(values).is_lower(0, 1)
    assert not gaps_over_clips(values, np.full((2, 10), 0.5)).is_lower(0, 1)
