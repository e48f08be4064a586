"""What the bundled zoos state of themselves is what docs/results.md says was measured, and is what was hoped for where it says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from consistency.zoo.read import bundled_zoos, load_zoo

RESULTS = Path(__file__).parents[2] / "docs" / "results.md"
TARGETS = {"Surface normals": "normal", "Depth": "depth", "Reshading": "reshading"}
ERRORS = {"mean angle": "angle_degrees", "AbsRel scaled": "absrel_scaled", "L1": "error"}
HOPED = {"normal": (0.71, -4.5), "depth": (0.30, -11.8), "reshading": (0.62, -5.0)}
"""Target -> Spearman's ρ of weighted energy and L1 on test rooms, and change of the error by merging in percent: what was found when
these measures were tried out."""
WITHIN = 0.03, 0.5
N_SHIFTS = 8
MEAN = "mean of the targets"


def tables(zoo: str, heading: str) -> list[list[str]]:
    """The cells of all rows of a part of the zoo's chapter on confidence."""
    chapter = RESULTS.read_text(encoding="utf-8").partition(f"## Confidence: zoo `{zoo}`")[2].partition("\n## ")[0]
    part = chapter.partition(f"### {heading}\n")[2].partition("\n### ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("|")]
    assert rows, (zoo, heading)
    return [row for row in rows if row[0] in (*TARGETS, MEAN)]


def numbers(cell: str) -> list[float]:
    """`−4.9 [−5.9, −3.8]`, `0.62 → 0.71`, `0.90 (10 %)`."""
    plain = cell.translate(str.maketrans({"−": "-", "+": "", "[": " ", "]": " ", ",": " ", "→": " ", "(": " "}))
    return [float(part) for part in plain.replace("%", " ").replace(")", " ").split()]


@pytest.mark.parametrize("name", bundled_zoos())
def test_the_weighted_energy_follows_the_error_as_stated_and_as_hoped(name: str):
    zoo, rows = load_zoo(name), tables(name, "Which energy tells the error?")
    told = {(TARGETS[row[0]], row[1]): numbers(row[2])[1] for row in rows if len(row) == 8 and "→" in row[2]}
    assert {pair: found.spearman for pair, found in zoo.trust.items()} == pytest.approx(told)
    for target, (rho, _) in HOPED.items():
        assert told[target, "baseline"] >= rho - WITHIN[0], target


@pytest.mark.parametrize("name", bundled_zoos())
def test_pictures_unlike_the_rooms_stand_out_as_stated_and_as_hoped(name: str):
    zoo, rows = load_zoo(name), tables(name, "Which energy tells the error?")
    sets = "phone clip", "indoor pictures", "outdoor videos", "outdoor photographs"
    auc = {
        (row[0], row[1]): dict(zip(sets, (numbers(cell)[1] for cell in row[2:]), strict=True))
        for row in rows
        if len(row) == 6 and "→" in row[2]
    }
    for (target, method), found in auc.items():
        if target != MEAN:
            assert dict(zoo.trust[TARGETS[target], method].auc) == pytest.approx(found), (target, method)
    assert auc[MEAN, "baseline"]["outdoor videos"] >= 0.96 - WITHIN[0]


@pytest.mark.parametrize("name", bundled_zoos())
def test_merging_saves_what_is_stated_what_was_hoped_and_something_under_every_shift(name: str):
    zoo = load_zoo(name)
    rows = {(TARGETS[row[0]], ERRORS.get(row[1])): row for row in tables(name, "Merging") if len(row) > 3}
    assert set(zoo.savings) == set(zoo.merges) == set(HOPED)
    for target, found in zoo.savings.items():
        row = rows[target, found.error]
        assert numbers(row[4]) == [found.percent, found.low, found.high]
        assert found.high < 0 and found.percent <= HOPED[target][1] + WITHIN[1]
        under_shifts = [numbers(cell)[0] for cell in row[6:]]
        assert len(under_shifts) == N_SHIFTS and max(under_shifts) < 0, target


def test_the_interval_of_mini_s_baseline_covers_nine_in_ten_test_frames():
    for row in tables("mini", "Expected error"):
        if row[1] == "baseline":
            share, low, high = numbers(row[4])
            assert low <= 0.90 <= high, (row[0], share)
            assert float(row[3].split()[-1]) == pytest.approx(
                load_zoo("mini").expected[TARGETS[row[0]], "baseline"].factor, abs=0.006
            )


def test_consistency_has_the_lower_perceptual_error_in_every_readout():
    part = RESULTS.read_text(encoding="utf-8").partition("### Perceptual error\n")[2].partition("\n## ")[0]
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if "|" in line
    ]
    at = head.index("consistency")
    assert [row[at].split(",")[-1].strip(" )") for row in rows] == ["7 of 7"] * len(TARGETS)
