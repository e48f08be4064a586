"""Laws of the line-up: letters have no gap, A and B stay, and what comes next is something new."""

import itertools

import pytest

from dashboard.configuration import Configuration
from dashboard.selection.lineup import (
    MAX_CONFIGURATIONS,
    added,
    duplicated,
    grid,
    grid_places,
    moved,
    placed,
    removed,
    suggestion,
)

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


def test_what_is_dragged_takes_the_place_and_the_others_keep_their_order() -> None:
    line = (BASELINE, CONSISTENCY, CYCLE)
    assert placed(line, 2, 0) == (CYCLE, BASELINE, CONSISTENCY)
    assert placed(placed(line, 2, 0), 0, 2) == line
    assert placed(line, 0, 1) == moved(line, 0, 1)
    assert placed(line, 0, 3) == placed(line, -1, 0) == line


def test_a_copy_stands_after_its_original_while_there_is_a_letter() -> None:
    assert duplicated((BASELINE, CONSISTENCY), 0) == (BASELINE, BASELINE, CONSISTENCY)
    full = (BASELINE,) * MAX_CONFIGURATIONS
    assert duplicated(full, 0) == full


def test_all_paths_are_a_grid_of_methods_and_whole_columns_that_begins_with_a_and_b() -> None:
    def via(method: str, domain: str) -> Configuration:
        return Configuration("mini", method, f"rgb-{domain}-normal")

    paths = [via(method, domain) for method in ("baseline", "consistency") for domain in ("curvature", "depth")]
    alone = via("baseline", "edge2d")
    found = grid((BASELINE, CONSISTENCY), (BASELINE, CONSISTENCY, CYCLE, alone, *paths))
    assert found[:2] == (BASELINE, CONSISTENCY)
    assert alone not in found and CYCLE not in found and set(paths) <= set(found)
    assert grid_places(found) == [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)]
    many = [via(c.method, f"d{n}") for n in range(9) for c in (BASELINE, CONSISTENCY)]
    assert len(grid((BASELINE, CONSISTENCY), (BASELINE, CONSISTENCY, *many))) == MAX_CONFIGURATIONS
    assert len(grid((BASELINE, BASELINE), [BASELINE, *many])) == MAX_CONFIGURATIONS


def test_a_line_up_with_a_hole_a_copy_or_one_method_is_no_grid() -> None:
    for line in (
        (BASELINE, CONSISTENCY),
        (BASELINE, VIA_DEPTH),
        (BASELINE, CONSISTENCY, VIA_DEPTH),
        (BASELINE, CONSISTENCY, VIA_DEPTH, VIA_DEPTH),
        (),
    ):
        assert grid_places(line) is None
