"""Laws of rankings between methods: how often the lower confidence has the lower error, and when that is chance."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from analysis.stated.ranking import Ranking, ranking, stated_ranking

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


RANKED: dict[str, Any] = {"share": 0.4, "low": 0.3, "high": 0.5, "n_frames": 480, "n_units": 160, "same_mean": False}
STATED: dict[str, Any] = {"error": "angle_degrees", "by": {"weighted": RANKED}, "shared_trunk": ["multitask"]}


def track(method: str, path: str = "rgb-normal", **rankings: Any) -> Any:
    head = SimpleNamespace(zoo="mini", method=method, path=path, constants={"rankings": rankings})
    return SimpleNamespace(head=head)


def test_what_was_measured_of_two_methods_is_read_from_the_track_of_either():
    baseline, multitask = track("baseline"), track("multitask", baseline=STATED)
    found = stated_ranking(baseline, multitask)
    assert found is not None
    assert found == stated_ranking(multitask, baseline)
    assert found.by == {"weighted": Ranking(0.4, 0.3, 0.5, 480, 160, same_mean=False)}
    assert (found.error, found.shared_trunk) == ("angle_degrees", ("multitask",))
    assert not found.by["weighted"].is_above_chance


def test_tracks_of_different_targets_and_methods_that_were_not_measured_have_no_ranking():
    multitask = track("multitask", baseline=STATED)
    assert stated_ranking(track("baseline", "rgb-depth"), multitask) is None
    assert stated_ranking(track("consistency"), multitask) is None


@pytest.mark.parametrize(
    "change",
    [
        {"share": 1.4},
        {"share": float("nan")},
        {"low": "0"},
        {"low": True},
        {"n_frames": -1},
        {"n_units": 481},
        {"same_mean": 1},
    ],
)
def test_rankings_that_no_job_writes_are_left_out(change):
    by = {"weighted": {**RANKED, **change}, "paper": RANKED, "made up": RANKED}
    found = stated_ranking(track("baseline"), track("multitask", baseline={**STATED, "by": by}))
    assert found is not None
    assert list(found.by) == ["paper"]


@pytest.mark.parametrize(
    "row", [None, [], {**STATED, "by": {}}, {**STATED, "shared_trunk": "multitask"}, {**STATED, "error": 3}]
)
def test_a_manifest_whose_ranking_is_no_table_of_numbers_states_none(row):
    assert stated_ranking(track("baseline"), track("multitask", baseline=row)) is None
