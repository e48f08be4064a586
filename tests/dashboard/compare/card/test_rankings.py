"""Laws of what may rank two methods: only what was measured to do so on rooms with ground truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from analysis.stated.ranking import MethodRanking, Ranking
from dashboard.compare.card.ranked import kind_of, rankings_of
from dashboard.compare.card.verdict import verdict
from tests.dashboard.compare.card.contenders import WAVE, contender, measures, said
from tests.fixtures.stores import build_store

CHANCE = Ranking(0.40, 0.36, 0.44, 480, 160, same_mean=False)
ABOVE = Ranking(0.68, 0.60, 0.75, 480, 160, same_mean=True)


def ranked(weighted: Ranking, *trunk: str) -> dict[tuple[str, str], MethodRanking]:
    return {("A", "B"): MethodRanking({"weighted": weighted, "expected error": ABOVE}, "angle_degrees", trunk)}


def test_no_winner_is_drawn_by_an_energy_that_does_not_rank_the_methods_and_the_card_says_why() -> None:
    pair = contender("A", WAVE, None), contender("B", WAVE - 0.5, None)
    found = verdict(measures(*pair, rankings=ranked(CHANCE, "multitask"), energy_kind="weighted"))
    assert found.headline.replace("\xa0", " ") == (
        "No winner: the energies of A and B are 0.50 σ apart, but on 160 test rooms the lower one of these methods had the lower "
        "error in 40 % of frames (36 to 44 %; 50 %: chance)."
    )
    text = said(found)
    assert (
        "Between methods: energy draws no winner: on 160 test rooms the lower one had the lower error in 40 %" in text
    )
    assert "multitask predicts every target with one trunk" in text
    assert "Expected error ranks these two: right in 68 % of frames (60 to 75 %; 50 %: chance)" in text


def test_an_energy_that_ranks_the_methods_is_quoted_with_its_share() -> None:
    pair = contender("A", WAVE, None), contender("B", WAVE - 0.5, None)
    found = verdict(measures(*pair, rankings=ranked(ABOVE), energy_kind="weighted"))
    assert "B (multitask) is 0.50 σ lower in energy" in said(found)
    assert "the lower one had the lower error in 68 % of frames" in said(found)
    assert "better" not in found.headline


def test_beside_the_error_an_energy_that_ranks_nothing_is_not_said_to_agree() -> None:
    pair = contender("A", WAVE, 12 + WAVE), contender("B", WAVE - 0.5, 11 + WAVE)
    found = verdict(measures(*pair, rankings=ranked(CHANCE), energy_kind="weighted"))
    assert "it does not rank these methods" in found.headline and "agrees" not in found.headline
    raw = verdict(measures(*pair, rankings=ranked(CHANCE), energy_kind=""))
    assert "the energy agrees" in raw.headline, "raw energies were not measured"


def test_of_a_pair_with_merged_the_expected_error_is_what_may_rank() -> None:
    by = {("A", "B"): MethodRanking({"expected error": ABOVE}, "absrel_scaled", ())}
    merged = contender("B", None, None, is_merged=True)
    found = verdict(measures(contender("A", WAVE, None), merged, rankings=by, energy_kind="weighted"))
    assert (
        "Between methods: expected error ranks these two: on 160 test rooms the lower one had the lower error in 68 %"
        in said(found)
    )
    assert found.headline == ("B (multitask) has no energy, and no ground truth is known here: compare the pictures.")


def test_rankings_are_read_from_the_energies_that_are_compared(tmp_path: Path) -> None:
    row = {"error": "error", "by": {"paper": vars(CHANCE)}, "shared_trunk": [], "origin": ""}
    energies = {t.head.method: t for t in build_store(tmp_path, n_frames=3).tracks(kind="energy")}
    a, b = energies["baseline"], energies["consistency"]
    stating = replace(a, head=replace(a.head, constants={**a.head.constants, "rankings": {"consistency": row}}))
    assert rankings_of({"A": stating, "B": b})["A", "B"].by == {"paper": CHANCE}
    assert rankings_of({"A": a, "B": b}) == {}
    assert (kind_of([a, b], "standardised"), kind_of([a, b], "raw")) == ("paper", "")
