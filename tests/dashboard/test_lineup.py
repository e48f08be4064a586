"""Laws of the line-up: letters have no gap, A and B stay, and what comes next is something new."""

import itertools

import pytest

from dashboard.compare.lineup import MAX_CONFIGURATIONS, added, moved, removed, suggestion
from dashboard.configuration import Configuration

BASELINE, CONSISTENCY, CYCLE = (Configuration("mini", m, "rgb-normal") for m in ("baseline", "consistency", "cycle"))
VIA_DEPTH = Configuration("mini", "baseline", "rgb-depth-normal")
ELSEWHERE = Configuration("big", "pix2pix", "rgb-normal")
OPTIONS = (ELSEWHERE, BASELINE, CONSISTENCY, CYCLE, VIA_DEPTH)


def test_what_comes_next_is_a_method_not_shown_yet_then_another_zoo_then_another_path() -> None:
    line = (BASELINE, CONSISTENCY)
    seen = []
    while new := suggestion(line, OPTIONS):
        seen.append(new)
        line = added(line, new)
    assert seen == [CYCLE, ELSEWHERE, VIA_DEPTH]


def test_the_suggestion_does_not_depend_on_the_order_of_the_line_up() -> None:
    for line in itertools.permutations((BASELINE, VIA_DEPTH, CYCLE)):
        assert suggestion(line, OPTIONS) == CONSISTENCY


def test_adding_ends_at_the_last_letter() -> None:
    line = (BASELINE,) * MAX_CONFIGURATIONS
    assert added(line, CYCLE) == line


def test_removing_what_was_added_gives_the_line_up_back() -> None:
    line = (BASELINE, CONSISTENCY)
    assert removed(added(line, CYCLE), 2) == line
    assert removed((*line, CYCLE), 0) == (CONSISTENCY, CYCLE)


def test_two_stay_and_a_place_that_is_not_there_changes_nothing() -> None:
    assert removed((BASELINE, CONSISTENCY), 0) == (BASELINE, CONSISTENCY)
    assert removed((BASELINE, CONSISTENCY, CYCLE), 3) == (BASELINE, CONSISTENCY, CYCLE)


@pytest.mark.parametrize(("at", "by"), [(0, -1), (2, 1), (7, 1), (-1, 1)])
def test_nothing_moves_beyond_the_ends(at: int, by: int) -> None:
    assert moved(OPTIONS[:3], at, by) == OPTIONS[:3]


def test_a_move_and_its_opposite_change_nothing() -> None:
    assert moved(moved(OPTIONS, 1, 1), 2, -1) == OPTIONS
    assert set(moved(OPTIONS, 3, -1)) == set(OPTIONS)
