"""Laws of the words under the plots: they say what the numbers say, and no share of frames without its size."""

import numpy as np

from dashboard.compare.summaries import summary
from dashboard.numbers import percent, size_of
from dashboard.player_data import Chart, Series


def words(title: str, unit: str, *series: Series) -> str:
    return summary(Chart("disagreement", title, unit, series)).replace("\xa0", " ")


def test_the_words_give_means_size_noise_and_who_is_lower_how_often() -> None:
    a = Series("A", "baseline", np.array([1.0, 1.0, 1.0, 1.0]))
    b = Series("B", "consistency", np.array([0.0, 0.0, 0.0, 2.0, 9.0]))
    noise = "no difference beyond the noise (gap 0.50 σ, noise floor"
    found = words("Energy", "σ", a, b)
    assert found.startswith(f"Energy, mean: A 1.00 σ, B 0.50 σ; {noise}")
    assert found.endswith("B is lower on 75 % of 4 frames.")
    assert words("E", "", a, a).endswith("both are equal on all 4 frames.")
    assert words("Energy", "°", a) == "Energy, mean: A 1.0°."
    one = words("Energy", "", *(Series(line.letter, line.name, line.values[:1]) for line in (a, b)))
    assert one.endswith("gap 1.000; 1 frame cannot show whether that is noise.")
    assert words("Energy", "", Series("A", "x", np.zeros(0))) == "Energy: no frames yet."
    nothing = Series("A", "x", np.array([np.nan]))
    assert words("Energy", "", nothing, nothing) == "Energy: no frame has a value for both."


def test_swapping_the_lines_keeps_the_winner() -> None:
    values = np.random.default_rng(3).normal(size=(2, 51))
    a, b = (Series(letter, letter, row) for letter, row in zip("AB", values, strict=True))
    assert words("E", "", a, b).split("; ")[1] == words("E", "", b, a).split("; ")[1]


def test_shares_are_whole_percent_and_exact_at_the_ends() -> None:
    found = [percent(count, 1000).replace("\xa0", " ") for count in (0, 4, 620, 996, 1000)]
    assert found == ["0 %", "0.4 %", "62 %", "99.6 %", "100 %"]
    assert [size_of(rho) for rho in (0.1, -0.3, 0.53, 0.7, 1.0)] == [
        "hardly",
        "weakly",
        "moderately",
        "strongly",
        "very strongly",
    ]
