"""Laws of kept statistics: equal arrays are computed once, and different ones never share a result."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.compare import memory
from dashboard.compare.gaps import gap_between
from dashboard.compare.memory import kept_by_content
from dashboard.player_data import Series


def test_equal_arrays_are_computed_once_and_others_anew() -> None:
    asked: list[int] = []

    @kept_by_content
    def total(*arrays: np.ndarray) -> float:
        asked.append(len(arrays))
        return float(sum(array.sum() for array in arrays))

    one, two = np.arange(3.0), np.arange(3.0) + 1
    assert [total(one, two), total(one.copy(), two.copy()), total(two, one)] == [9, 9, 9]
    assert len(asked) == 2
    assert total(np.arange(4.0), np.array([])) == 6 and total(np.arange(3.0), np.array([3.0])) == 6
    assert len(asked) == 4, "where one array ends and the next begins matters"
    assert total(one.astype(np.float32), two[::1]) == 9 and len(asked) == 4, "values count, not their storage"


def test_no_more_results_are_kept_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_KEPT", 2)
    asked: list[float] = []
    first = kept_by_content(lambda array: asked.append(array[0]) or float(array[0]))
    assert [first(np.array([value])) for value in (1.0, 2.0, 3.0, 3.0, 1.0)] == [1, 2, 3, 3, 1]
    assert asked == [1, 2, 3, 1], "the oldest went"


def test_the_noise_floor_of_a_gap_is_computed_once_for_a_page_that_is_drawn_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.random.default_rng(5).normal(size=(2, 200))
    lines = [Series(letter, letter, line) for letter, line in zip("AB", values, strict=True)]
    gap = gap_between(*lines)
    monkeypatch.setattr("dashboard.compare.gaps.noise_floor", lambda _: pytest.fail("computed again"))
    assert gap_between(*lines) == gap
    again = [Series(letter, letter, line.copy()) for letter, line in zip("CD", values, strict=True)]
    assert gap_between(*again).floor == gap.floor and gap_between(*again).first == "C"
