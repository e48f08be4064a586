"""Laws of the presets: which frame answers a question, with which tool, and what is said where none does."""

import numpy as np
import pytest

from dashboard.configuration import Configuration
from dashboard.player_data import VIEW_STATE, Chart, Series
from dashboard.selection.lineup import grid
from dashboard.selection.presets import WAYS_TO_LOOK, highest, largest_gap, noise_of, opening, presets

A, B = (Configuration("mini", method, "rgb-normal") for method in ("baseline", "consistency"))


def chart(id_: str, *curves: list[float], unit: str = "σ") -> Chart:
    return Chart(id_, id_, unit, [Series("ABCDEFGH"[at], "", np.array(curve)) for at, curve in enumerate(curves)])


ENERGY = chart("energy", [0, 0, 0, 0, 1, 2, 3, 3], [0, 0, 0, 0, 0, 0, 0, 0])
ERROR = chart("error", [9, 5, 5], [5, 5, 5], unit="°")


def test_a_clip_opens_on_the_first_frame_where_a_and_b_differ_most_with_their_difference() -> None:
    found = opening([ENERGY, ERROR])
    assert (found.frame, found.view_state) == (6, {"panes": "difference"})
    assert found.reason == "Opened at frame 6, where A and B differ most (energies 3.00\N{NO-BREAK SPACE}σ apart)."


def test_a_gap_that_jumps_between_neighbouring_frames_is_noise_and_the_worst_energy_opens() -> None:
    jumping = chart("energy", [0, 1, 0, 1.1, 0, 1], [0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    gap = largest_gap([jumping])
    assert gap and gap.frame == 3 and not gap.is_beyond_noise
    found = opening([jumping])
    assert (found.frame, dict(found.view_state)) == (3, {"overlay": "0.7~2"})
    assert "the energy of A is highest (1.10\N{NO-BREAK SPACE}σ)" in found.reason


@pytest.mark.parametrize(
    "charts",
    [[], [chart("energy", [], [])], [chart("energy", [np.nan], [np.nan])], [chart("energy", [2, 2], [2, 2])]],
)
def test_where_no_energy_stands_out_the_clip_opens_at_its_first_frame_without_a_word(charts: list[Chart]) -> None:
    found = opening(charts)
    assert (found.frame, dict(found.view_state), found.reason) == (0, {}, "")


def test_where_b_has_no_energy_the_errors_say_where_the_clip_opens_and_nothing_lies_over_a() -> None:
    only_a = chart("energy", [0, 1, 5, 1])
    level = chart("error", [9, 9, 9, 9], [9, 9, 9, 9])
    apart = chart("error", [5, 5, 5, 9, 9, 9, 9, 5, 5], [5, 5, 5, 5, 5, 5, 5, 5, 5], unit="°")
    found = opening([only_a, apart])
    assert (found.frame, dict(found.view_state)) == (3, {"panes": "difference"})
    assert found.reason == "Opened at frame 3, where A and B differ most (errors 4.0° apart)."
    found = opening([only_a, level])
    assert (found.frame, dict(found.view_state)) == (2, {"panes": "difference"})
    assert "the energy of A is highest" in found.reason


def test_without_and_with_consistency_is_the_first_preset_and_is_off_where_it_is_shown() -> None:
    merged = Configuration("mini", "merged", "rgb-normal")
    found = presets([ENERGY], (A, merged), (), (A, B), has_truth=False)[0]
    assert (found.configurations, found.frame, found.missing) == ((A, B), None, "")
    assert presets([ENERGY], (A, B), (), (A, B), has_truth=False)[0].missing == "They are shown"


def test_where_nothing_says_in_which_frame_a_and_b_differ_their_difference_is_shown_all_the_same() -> None:
    found = presets([chart("energy", [0, 1, 2])], (A, B), (), has_truth=False)[1]
    assert (found.frame, found.view_state, found.missing) == (None, {"panes": "difference"}, "")
    assert "no frame can be chosen" in found.answer


def test_one_frame_has_no_noise_to_be_told_from() -> None:
    assert noise_of(np.array([3.0])) == 0
    assert opening([chart("energy", [1.0], [2.0])]).frame == 0


def test_frames_without_a_value_are_left_out() -> None:
    partial = chart("energy", [np.nan, 1, 1, 5], [9, 1, np.nan])
    gap = largest_gap([partial])
    assert gap and gap.frame == 1, "frame 3 has no B, frames 0 and 2 lack one of the two"
    worst = highest([partial], "energy")
    assert worst and (worst.frame, worst.letter) == (0, "B")


def test_each_question_names_its_frame_and_its_tool() -> None:
    _, differ, inconsistent, wrong, paths = presets([ENERGY, ERROR], (A, B), (A, B), has_truth=True)
    assert (differ.frame, differ.view_state) == (6, {"panes": "difference", "gap": "energy.B"})
    assert (inconsistent.frame, inconsistent.view_state["panel"]) == (6, "paths")
    assert (wrong.frame, wrong.view_state["diff"]) == (0, "truth")
    assert wrong.answer == "Frame 0: A is farthest from the ground truth here (9.0°)."
    assert paths.missing


def test_without_energies_the_errors_tell_where_a_and_b_differ() -> None:
    _, differ, inconsistent, *_ = presets([ERROR], (A, B), (), has_truth=True)
    assert (differ.frame, differ.view_state["gap"]) == (0, "error.B")
    assert inconsistent.missing == "A has no energy"


def test_what_cannot_be_answered_says_why() -> None:
    found = presets([], (A, A), (A,), has_truth=False)
    assert [preset.missing for preset in found] == [
        "Predictions of both methods are not stored for this clip",
        "A and B are the same configuration",
        "A has no energy",
        "No ground truth is stored for this clip",
        "Only one path to this prediction is stored for both methods",
    ]
    level = presets([chart("energy", [1, 1], [1, 1])], (A, B), (), has_truth=True)[2]
    assert level.missing == "The energy of A is the same everywhere"


def test_a_preset_leaves_bookmarks_and_colours_and_drops_what_could_hide_its_answer() -> None:
    preset = presets([ENERGY], (A, B), (), has_truth=False)[1]
    before = {"marks": "3", "maps": "depth~magma", "wipe": "A~B~0.5~v", "solo": "A", "overlay": "0.7~2"}
    assert preset.changed(before) == {"marks": "3", "maps": "depth~magma", "panes": "difference", "gap": "energy.B"}
    assert set(VIEW_STATE) >= WAYS_TO_LOOK


def test_all_paths_are_a_preset_of_the_configurations_alone() -> None:
    via = [Configuration("mini", c.method, "rgb-depth-normal") for c in (A, B)]
    cells = grid((A, B), (A, B, *via))
    preset = presets([ENERGY], (A, B), cells, has_truth=False)[4]
    assert (preset.frame, preset.configurations, preset.missing) == (None, (A, B, *via), "")
    assert "baseline and consistency" in preset.answer


def test_a_still_opens_without_a_claim_and_its_one_energy_is_the_highest() -> None:
    still = chart("energy", [1.0], [2.0])
    assert (opening([still]).frame, opening([still]).reason) == (0, "")
    found = highest([still], "energy", "A")
    assert found and found.frame == 0
