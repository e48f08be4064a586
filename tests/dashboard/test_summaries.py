"""Laws of the words under the plots: they say what the numbers say."""

import numpy as np

from dashboard.compare.summaries import summary
from dashboard.player_data import Chart, Series


def words(title: str, unit: str, *series: Series) -> str:
    return summary(Chart("energy", title, unit, series))


def test_the_words_give_means_and_who_is_lower_how_often() -> None:
    a = Series("A", "baseline", np.array([1.0, 1.0, 1.0, 1.0]))
    b = Series("B", "consistency", np.array([0.0, 0.0, 0.0, 2.0, 9.0]))
    assert words("Energy", "σ", a, b) == "Energy, mean: A 1.00\xa0σ, B 0.50\xa0σ. B is lower on 75 % of 4 frames."
    assert words("Energy", "", a, a) == "Energy, mean: A 1.000, A 1.000. Both are equal on all 4 frames."
    assert words("Energy", "°", a) == "Energy, mean: A 1.0°."
    assert words("Energy", "", *(Series(one.letter, one.name, one.values[:1]) for one in (a, b))).endswith(
        "the only frame."
    )
    assert words("Energy", "", Series("A", "x", np.zeros(0))) == "Energy: no frames yet."
    assert words("Energy", "", Series("A", "x", np.array([np.nan]))) == "Energy: no frame has a value for all."


def test_swapping_the_lines_keeps_the_winner() -> None:
    values = np.random.default_rng(3).normal(size=(2, 51))
    a, b = (Series(letter, letter, row) for letter, row in zip("AB", values, strict=True))
    assert words("E", "", a, b).split(". ")[1] == words("E", "", b, a).split(". ")[1]
