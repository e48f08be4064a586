"""Laws of the verdict: it calls noise no difference, never a lower energy better, and warns where numbers mislead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.columns import Columns
from dashboard.catalogue import Catalogue
from dashboard.compare.card.measures import measures_of
from dashboard.compare.card.verdict import verdict
from dashboard.compare.comparison import compare
from dashboard.compare.plots import read
from dashboard.configuration import Configuration
from tests.dashboard.compare.card.contenders import TRUST, WAVE, N, contender, measures, misleading, said
from tests.fixtures import stores
from tests.fixtures.stores import build_store


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


def test_of_three_the_verdict_names_the_two_that_it_is_about() -> None:
    twins = [contender(letter, None, 12 + WAVE) for letter in "AB"]
    found = verdict(measures(*twins, contender("C", None, 16 + WAVE)))
    assert found.headline == "No difference: both are equal on all 60 frames between the two lowest, A and B."
    lower = [contender(letter, WAVE + by, None) for letter, by in (("A", 0.0), ("B", 1.0), ("C", 5.0))]
    assert "A (baseline) is 1.00 σ lower in energy than B" in said(verdict(measures(*lower)))
