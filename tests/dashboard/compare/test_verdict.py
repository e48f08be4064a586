"""Laws of the verdict: it calls noise no difference, never a lower energy better, and warns where numbers mislead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from analysis.columns import Columns
from analysis.ranking import MethodRanking, Ranking
from analysis.trust import Trust, trust_of
from cache.records import Track
from dashboard.catalogue import Catalogue
from dashboard.compare.card.merged import parts_of, saving_of
from dashboard.compare.card.ranked import kind_of, rankings_of
from dashboard.compare.card.verdict import Contender, Measures, Verdict, measures_of, rows, verdict
from dashboard.compare.comparison import compare
from dashboard.compare.plots import read
from dashboard.configuration import Configuration
from dashboard.player_data import Series
from tests.fixtures import stores
from tests.fixtures.stores import build_store

N = 60
WAVE = np.sin(np.arange(N) / 3)
NOISE = np.random.default_rng(1).normal(size=(8, N))
TRUST = Trust(0.53, 480, 1.9, {"outdoor videos": 0.8, "phone clip": 0.69})


def contender(letter: str, energy: np.ndarray | None, error: np.ndarray | None, **changes) -> Contender:
    names = {"A": "baseline", "B": "multitask", "C": "cycle"}

    def series(values: np.ndarray | None) -> Series | None:
        return None if values is None else Series(letter, names[letter], values)

    made = Contender(letter, names[letter], f"lab/{names[letter]}", True, series(energy), series(error), None)
    return replace(made, **changes)


def measures(*contenders: Contender, **changes) -> Measures:
    return replace(Measures(contenders, "σ", "°", "Mean angular error", "standardised", True), **changes)


def said(found: Verdict) -> str:
    """Everything on the card."""
    return " ".join([*found.warnings, found.headline, *(f"{label}: {text}" for label, text in found.facts)]).replace(
        "\xa0", " "
    )


def misleading() -> Measures:
    """B is lower in energy, A in error, both on every frame."""
    a = contender("A", WAVE, 12 + WAVE + 0.1 * NOISE[0])
    return measures(a, contender("B", WAVE - 0.3 + 0.01 * NOISE[1], 13.1 + WAVE + 0.1 * NOISE[2]))


def test_the_card_warns_where_energy_and_error_disagree_and_says_by_how_much() -> None:
    found = verdict(misleading())
    assert found.headline == ""
    [warning] = found.warnings
    assert warning.replace("\xa0", " ") == (
        "Energy and error disagree on this clip: B (multitask) is 0.30 σ lower in energy, but A (baseline) is 1.1° closer to "
        "the ground truth. Believe the error."
    )
    swapped = measures(*reversed(misleading().contenders))
    assert "A (baseline) is 1.1° closer" in said(verdict(swapped))


@pytest.mark.parametrize("n_frames", [N, 10_000])
def test_noise_is_called_no_difference(n_frames: int) -> None:
    wave = np.sin(np.arange(n_frames) / 5)
    gap = np.random.default_rng(4).normal(0, 0.3, n_frames)
    gap -= gap.mean()
    found = verdict(measures(contender("A", wave, 12 + wave), contender("B", wave + gap, 12 + wave - gap)))
    assert not found.warnings
    assert found.headline == "No difference in energy or error beyond the noise."
    assert "lower" not in said(found)


def test_a_lower_energy_is_never_called_better() -> None:
    without_truth = verdict(measures(contender("A", WAVE, None), contender("B", WAVE - 0.5, None)))
    assert "B (multitask) is 0.50 σ lower in energy" in said(without_truth)
    assert "That does not make it better" in without_truth.headline
    equal_error = verdict(measures(contender("A", WAVE, 9 + WAVE), contender("B", WAVE - 0.5, 9 + WAVE)))
    assert "which does not make it better" in equal_error.headline


def test_the_error_decides_and_the_energy_may_agree() -> None:
    found = verdict(measures(contender("A", WAVE, 12 + WAVE), contender("B", WAVE - 0.5, 11 + WAVE)))
    assert found.headline.replace("\xa0", " ") == (
        "B (multitask) is closer to the ground truth, by 1.0° or 8 % (noise floor 0.0°); the energy agrees."
    )
    assert "energy follows the error very strongly over the frames (A ρ = 1.00, B ρ = 1.00)" in said(found)


def test_a_clip_above_what_the_zoo_was_calibrated_on_is_a_warning() -> None:
    a, b = contender("A", WAVE + 4, None), contender("B", WAVE + 6, None)
    both = verdict(measures(a, b))
    assert "Both networks are outside what they were calibrated on" in both.warnings[0]
    assert "100 % of B's frames above 3.00 σ" in said(both)
    assert "higher than usual" in said(both)
    one = measures(replace(contender("A", WAVE * 0.1 + 2, None), trust=TRUST), contender("B", WAVE, None))
    assert "A is outside what it was calibrated on: 100 % of A's frames above 1.90 σ" in said(verdict(one))
    assert not verdict(measures(contender("A", WAVE + 1, None), contender("B", WAVE, None))).warnings


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


@pytest.mark.parametrize("n_frames", [0, 1, 2])
def test_few_frames_are_told_from_nothing(n_frames: int) -> None:
    one, two = WAVE[:n_frames], WAVE[:n_frames] - 0.04
    found = verdict(measures(contender("A", one, 12 + one), contender("B", two, 13 + two)))
    assert not found.warnings
    assert "nan" not in said(found)
    if n_frames:
        assert "cannot show" in said(found)


def test_odd_numbers_are_borne_calmly() -> None:
    nothing = np.full(N, np.nan)
    flat = np.zeros(N)
    cases = [
        measures(contender("A", None, None), contender("B", None, None)),
        measures(contender("A", nothing, nothing), contender("B", WAVE, WAVE)),
        measures(contender("A", flat, flat), contender("B", flat, flat)),
        measures(contender("A", WAVE, None)),
        measures(contender("A", WAVE, None), contender("B", WAVE, None), has_one_scale=False),
        measures(contender("A", WAVE, None), contender("B", WAVE, None), scale="raw", energy_unit="code"),
    ]
    for case in cases:
        found = verdict(case)
        assert found.headline and not found.warnings
        assert "nan" not in said(found)
    assert "equal on all 60 frames" in said(verdict(cases[2]))
    assert "compare where the curves rise, not their heights" in said(verdict(cases[4]))
    assert "lower" not in said(verdict(cases[4]))
    assert "Raw energies have no usual value" in said(verdict(cases[5]))


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


def test_the_table_of_three_has_gaps_to_the_first_with_their_noise() -> None:
    a, b, c = (
        contender(letter, WAVE + level, 12 + WAVE - level) for letter, level in zip("ABC", (0, 0.2, -1), strict=True)
    )
    first, second, third = rows(measures(a, b, c))
    assert first.energy_gap is None and first.lowest_share == 0
    assert second.energy_gap is not None and second.energy_gap.size == pytest.approx(0.2)
    assert third.lowest_share == 1
    warned = verdict(measures(a, b, c))
    assert "C (cycle) is 1.20 σ lower in energy, but B (multitask) is 1.2° closer" in said(warned)
    agreeing = [contender(letter, WAVE + up, 12 + WAVE + up) for letter, up in zip("ABC", (0, 0.2, 1), strict=True)]
    calm = verdict(measures(*agreeing))
    assert not calm.warnings
    assert calm.headline.startswith("A (baseline) is closest to the ground truth, by 0.2° before B (multitask)")


def test_the_numbers_are_those_of_the_store(tmp_path: Path) -> None:
    store = build_store(tmp_path, n_frames=24)
    catalogue, columns = Catalogue(store.tracks()), Columns(store)
    pair = [Configuration("mini", method, "rgb-normal") for method in ("baseline", "consistency")]
    comparison = compare(catalogue, catalogue.clips[0], "normal", None, pair)
    charts = [read(columns, plot, "standardised").chart for plot in comparison.plots]
    found = measures_of(comparison, charts, "standardised")
    assert [(c.letter, c.method) for c in found.contenders] == [("A", "mini/baseline"), ("B", "mini/consistency")]
    assert found.has_one_scale and found.energy_unit == "σ"
    energy, chart = found.contenders[1].energy, charts[0]
    assert energy is not None and np.array_equal(energy.values, chart.series[1].values)
    assert set(chart.floors) == {"B"} and chart.floors["B"] > 0
    assert verdict(found).facts


def test_a_store_in_which_the_lower_energy_has_the_higher_error_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = {16: 0.3, 18: 0.6, 19: 0.5, 21: 0.4}  # by number of the track: prediction and energy of A, then of B

    def curve(numbers: stores._Numbers, low: float, high: float, shift: float = 0.0) -> np.ndarray:
        wave = 0.1 * np.sin(np.arange(len(numbers.pts_seconds)))
        return (low + (high - low) * (levels.get(numbers.seed, 0.5) + wave)).astype(np.float32)

    monkeypatch.setattr(stores._Numbers, "curve", curve)
    store = build_store(tmp_path, n_frames=24)
    catalogue, columns = Catalogue(store.tracks()), Columns(store)
    pair = [Configuration("mini", method, "rgb-normal") for method in ("baseline", "consistency")]
    comparison = compare(catalogue, catalogue.clips[0], "normal", None, pair)
    charts = [read(columns, plot, "standardised").chart for plot in comparison.plots]
    [warning] = verdict(measures_of(comparison, charts, "standardised")).warnings
    assert warning.replace("\xa0", " ") == (
        "Energy and error disagree on this clip: B (consistency) is 0.90 σ lower in energy, but A (baseline) is 5.2° closer to "
        "the ground truth. Believe the error."
    )


@pytest.mark.parametrize(
    "stated",
    [None, 3, {}, {"spearman": 2, "n_frames": 3, "percentile_97_5": 1}, {"spearman": 0.5, "n_frames": "many"}],
)
def test_trust_that_no_job_writes_counts_as_not_measured(tmp_path: Path, stated: object) -> None:
    track = next(t for t in build_store(tmp_path, n_frames=3).tracks(kind="energy"))
    assert trust_of(track) is None
    assert trust_of(_with(track, stated)) is None
    known = {"spearman": 0.5, "n_frames": 4, "percentile_97_5": 2.0, "auc": {"rooms": 0.7, "odd": "x"}}
    assert trust_of(_with(track, known)) == Trust(0.5, 4, 2.0, {"rooms": 0.7})


def _with(track: Track, stated: object) -> Track:
    return replace(track, head=replace(track.head, constants={**track.head.constants, "trust": stated}))


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


def test_of_three_the_verdict_names_the_two_that_it_is_about() -> None:
    twins = [contender(letter, None, 12 + WAVE) for letter in "AB"]
    found = verdict(measures(*twins, contender("C", None, 16 + WAVE)))
    assert found.headline == "No difference: both are equal on all 60 frames between the two lowest, A and B."
    lower = [contender(letter, WAVE + by, None) for letter, by in (("A", 0.0), ("B", 1.0), ("C", 5.0))]
    assert "A (baseline) is 1.00 σ lower in energy than B" in said(verdict(measures(*lower)))


def test_an_energy_that_falls_with_the_error_is_never_said_to_follow_it() -> None:
    opposed = measures(contender("A", WAVE, 12 + WAVE), contender("B", WAVE, 12 - WAVE))
    assert "energy falls where the error rises over the frames (B ρ = −1.00)" in said(verdict(opposed))
    backwards = Trust(-0.55, 480, 1.9, {"phone clip": 0.3})
    pair = measures(*(replace(contender(letter, WAVE, None), trust=backwards) for letter in "AB"))
    assert "energy falls where the error rises (ρ = −0.55)" in said(verdict(pair))
    assert "pictures unlike rooms do not stand out: AUC 0.30" in said(verdict(pair))


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
