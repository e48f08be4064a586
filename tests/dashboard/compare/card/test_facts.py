"""Laws of the facts below the headline: what has no number says why, and what was not measured is never said."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from analysis.stated.trust import Trust
from dashboard.compare.card.merged import parts_of, saving_of
from dashboard.compare.card.table import rows
from dashboard.compare.card.verdict import verdict
from dashboard.player_data import Series
from tests.dashboard.compare.card.contenders import TRUST, WAVE, N, contender, measures, said


def test_how_far_the_energy_can_be_trusted_is_said_or_called_not_measured() -> None:
    pair = [contender("A", WAVE, None), contender("B", WAVE + 0.1, None)]
    assert "Trust: not measured for this zoo and target." in said(verdict(measures(*pair)))
    stated = said(verdict(measures(*(replace(one, trust=TRUST) for one in pair))))
    assert "on 480 test frames, energy follows the error moderately (ρ = 0.53)" in stated
    assert "AUC 0.69 to 0.80" in stated
    assert "between methods it can mislead" in stated
    same_method = [replace(one, method="lab/baseline") for one in pair]
    assert "Between methods" not in said(verdict(measures(*same_method)))


def test_what_has_no_energy_says_why() -> None:
    longer = contender("A", None, 12 + WAVE, is_direct=False, name="baseline via Reshading")
    found = said(verdict(measures(longer, contender("B", WAVE, 13 + WAVE))))
    assert "A (baseline via Reshading): none, as energy belongs to a method and its target, not to a path" in found
    direct = said(verdict(measures(contender("A", None, None), contender("B", WAVE, None))))
    assert "A (baseline): not computed or not readable" in direct


def test_of_what_merged_is_made_stands_on_the_card_with_its_weights() -> None:
    titles = {"normal": "Surface normals", "reshading": "Reshading"}
    merge = {
        "of": "baseline",
        "paths": ["rgb-depth", "rgb-normal-depth", "rgb-reshading-depth"],
        "weights": [0.2182, 0.2363, 0.001],
        "mirror": 0.5445,
    }
    head = SimpleNamespace(head=SimpleNamespace(constants={"merge": merge}))
    made = parts_of(head, titles.__getitem__)  # pyright: ignore[reportArgumentType]
    assert made.replace("\xa0", " ") == (
        "the mean of baseline's predictions: direct 22 %, mirrored image 54 %, via Surface normals 24 %"
    )
    saving = {"error": "absrel_scaled", "percent": -11.7, "low": -14.3, "high": -9.2, "n_frames": 160}
    head = SimpleNamespace(head=SimpleNamespace(constants={"merge": merge, "saving": saving}))
    saves = saving_of(head)  # pyright: ignore[reportArgumentType]
    assert saves.replace("\xa0", " ").replace("\N{MINUS SIGN}", "-") == (
        "Measured on 160 test frames: relative error of the shape (scale aligned) -11.7 % (-14.3 % to -9.2 %) against baseline"
    )
    merged = contender("B", None, 11 + WAVE, is_merged=True, made_of=made, saves=saves)
    found = verdict(measures(contender("A", WAVE, 12 + WAVE), merged))
    assert f"Merged: B is {made}. {saves}.".replace("\xa0", " ") in said(found)
    assert "never ranked by energy" in said(found)


@pytest.mark.parametrize(
    "saving",
    [None, 3, {}, {"error": ["x"], "percent": 1, "low": 0, "high": 2, "n_frames": 9}]
    + [
        {"error": "error", "percent": -4, "low": -5, "high": -3, "n_frames": 9} | {name: value}
        for name, value in (
            ("low", "x"),
            ("high", float("nan")),
            ("n_frames", True),
            ("error", "<b>"),
            ("percent", 1e9),
        )
    ],
)
def test_a_saving_that_is_not_stated_as_a_job_does_is_left_unsaid(saving: object) -> None:
    head = SimpleNamespace(head=SimpleNamespace(constants={"merge": {"of": "baseline"}, "saving": saving}))
    assert saving_of(head) == ""  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("merge", [None, {}, {"paths": ["rgb-depth"], "weights": []}, {"paths": 3, "weights": "x"}])
def test_a_merge_that_is_not_stated_as_a_job_does_is_left_unsaid(merge: object) -> None:
    head = SimpleNamespace(head=SimpleNamespace(constants={"merge": merge}))
    assert parts_of(head, str) == ""  # pyright: ignore[reportArgumentType]


def test_an_energy_that_falls_with_the_error_is_never_said_to_follow_it() -> None:
    opposed = measures(contender("A", WAVE, 12 + WAVE), contender("B", WAVE, 12 - WAVE))
    assert "energy falls where the error rises over the frames (B ρ = −1.00)" in said(verdict(opposed))
    backwards = Trust(-0.55, 480, 1.9, {"phone clip": 0.3})
    pair = measures(*(replace(contender(letter, WAVE, None), trust=backwards) for letter in "AB"))
    assert "energy falls where the error rises (ρ = −0.55)" in said(verdict(pair))
    assert "pictures unlike rooms do not stand out: AUC 0.30" in said(verdict(pair))


def test_the_error_of_a_relative_depth_ranks_nothing_and_the_card_says_why() -> None:
    a = contender("A", WAVE, 12 + WAVE)
    relative = contender("B", WAVE, 2 + WAVE, lacking="a factor and a shift of 1 / depth")
    found = said(verdict(measures(a, relative)))
    assert "closer" not in found and "B is a relative depth, known up to a factor and a shift of 1 / depth" in found
    assert "closer" in said(verdict(measures(a, replace(relative, lacking=""))))


def test_perceptual_error_and_change_over_time_stand_on_the_card_with_their_gaps() -> None:
    def line(letter: str, values: np.ndarray) -> Series:
        return Series(letter, letter, values)

    a, b = contender("A", WAVE, None), contender("B", WAVE, None)
    first = replace(a, perceptual=line("A", 0.2 + 0 * WAVE), stability=line("A", 2 + WAVE))
    second = replace(b, perceptual=line("B", 0.1 + 0 * WAVE), stability=line("B", 2 + WAVE))
    found = said(verdict(measures(first, second, units={"perceptual": "code", "stability": "°"})))
    assert "Perceptual error: A 0.200, B 0.100: B is 0.100 lower, beyond the noise floor of 0.000." in found
    assert f"Change over time: A 2.0°, B 2.0°: both are equal on all {N} frames." in found
    [row, other] = rows(measures(first, second))
    assert row.perceptual is first.perceptual and other.stability is second.stability
    alone = said(verdict(measures(first, b, units={"perceptual": "code"})))
    assert "Perceptual error: A 0.200." in alone
    assert "Perceptual" not in said(verdict(measures(a, b)))
