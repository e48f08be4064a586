"""Laws of the table of three and more."""

from __future__ import annotations

import pytest

from dashboard.compare.card.table import rows
from dashboard.compare.card.verdict import verdict
from tests.dashboard.compare.card.contenders import WAVE, contender, measures, said


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
