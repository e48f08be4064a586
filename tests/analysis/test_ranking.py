"""Laws of rankings between methods: how often the lower confidence has the lower error, and when that is chance."""

from __future__ import annotations

import numpy as np

from analysis.ranking import ranking

ROOMS = np.repeat(np.arange(40), 3)


def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
    made = np.random.default_rng(seed)
    return made.uniform(1, 2, len(ROOMS)), made.uniform(1, 2, len(ROOMS))


def test_a_confidence_that_is_the_error_always_ranks_and_its_opposite_never():
    errors = draw(1)
    perfect = ranking(errors, errors, ROOMS)
    assert (perfect.share, perfect.low, perfect.n_frames) == (1.0, 1.0, 120)
    assert perfect.is_above_chance
    opposite = ranking((-errors[0], -errors[1]), errors, ROOMS)
    assert opposite.share == 0
    assert not opposite.is_above_chance


def test_a_confidence_that_knows_nothing_of_the_error_is_not_above_chance():
    found = [ranking(draw(2 * seed), draw(2 * seed + 1), ROOMS) for seed in range(20)]
    assert sum(one.is_above_chance for one in found) <= 3
    assert all(one.low <= one.share <= one.high for one in found)


def test_swapping_the_methods_changes_nothing():
    confidence, error = draw(3), draw(4)
    assert ranking(confidence, error, ROOMS) == ranking(confidence[::-1], error[::-1], ROOMS)


def test_frames_that_repeat_each_other_widen_the_interval():
    confidence, error = draw(5), draw(6)
    alone = ranking(confidence, error, np.arange(len(ROOMS)))
    repeated = [np.repeat(values[::3], 3) for values in (*confidence, *error)]
    together = ranking((repeated[0], repeated[1]), (repeated[2], repeated[3]), ROOMS)
    assert together.high - together.low > alone.high - alone.low


def test_methods_that_never_differ_or_are_unknown_have_no_ranking():
    same, unknown = np.ones(6), np.full(6, np.nan)
    for confidence in ((same, same), (same, unknown)):
        found = ranking(confidence, (same, 2 * same), np.arange(6))
        assert np.isnan(found.share)
        assert not found.is_above_chance
