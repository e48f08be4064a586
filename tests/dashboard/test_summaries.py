"""Laws of the charts: x is the frame, y the number computed by hand, and the words say what the numbers say."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from analysis.columns import Columns, with_expected_times
from analysis.energy import Unreadable, energy, same_constants
from cache.records import Track
from cache.store import Store
from dashboard.compare.comparison import Curve
from dashboard.compare.summaries import Line, figure, number, summary
from tests.fixtures.stores import build_store

CONSTANTS = {"paths": ["rgb-depth-normal", "rgb-reshading-normal"], "mu": [1.0, 2.0], "sigma": [0.5, 2.0]}
TERMS = np.array([[1.0, 2.0], [2.0, 2.0], [1.0, 6.0]], np.float32)  # (3 frames, 2 paths)


def test_energy_is_the_mean_over_paths_of_the_standardised_terms() -> None:
    # (0 + 0) / 2, (1 / 0.5 + 0) / 2, (0 + 4 / 2) / 2
    assert energy(TERMS, CONSTANTS, "standardised").tolist() == [0.0, 1.0, 1.0]
    assert energy(TERMS, CONSTANTS, "raw").tolist() == [1.5, 2.0, 3.5]


def test_an_energy_of_no_frames_is_empty() -> None:
    assert energy(np.zeros((0,), np.float32), CONSTANTS, "standardised").shape == (0,)


@pytest.mark.parametrize(
    "constants",
    [{}, {"mu": [1.0], "sigma": [1.0]}, {"mu": ["a", "b"], "sigma": [1, 1]}, {"mu": [1, 1], "sigma": [1, 0]}],
)
def test_constants_that_do_not_fit_are_said_not_guessed(constants: dict) -> None:
    with pytest.raises(Unreadable):
        energy(TERMS, constants, "standardised")


def test_x_is_the_frame_index_and_y_the_series() -> None:
    values = energy(TERMS, CONSTANTS, "standardised")
    drawn = figure([Line("A", "baseline", values), Line("B", "consistency", values[:2])], axis="energy", unit="σ")
    a, b = drawn["data"]
    assert (a["x"], a["y"]) == ([0, 1, 2], [0.0, 1.0, 1.0])
    assert (b["x"], b["y"]) == ([0, 1], [0.0, 1.0])
    assert [a["meta"]["letter"], b["meta"]["letter"]] == ["A", "B"]
    assert a["line"]["dash"] != b["line"]["dash"]


def test_a_configuration_keeps_its_line_style_where_the_other_has_no_line() -> None:
    a, b = Line("A", "baseline", np.zeros(2)), Line("B", "consistency", np.ones(2))
    both = figure([a, b], axis="energy", unit="")["data"]
    assert figure([b], axis="energy", unit="")["data"] == [both[1]]


def test_a_figure_is_json_that_plotly_accepts() -> None:
    drawn = figure([Line("A", "<b>x</b>", np.array([0.1, np.nan, np.inf]))], axis="error", unit="°")
    assert json.loads(json.dumps(drawn, allow_nan=False)) == drawn
    assert drawn["data"][0]["y"] == [0.1, None, None]
    assert "<" not in drawn["data"][0]["name"]
    go.Figure(drawn)


def test_the_words_tell_means_and_who_is_lower_how_often() -> None:
    a, b = (
        Line("A", "baseline", np.array([1.0, 1.0, 1.0, 1.0])),
        Line("B", "consistency", np.array([0.0, 0.0, 0.0, 2.0, 9.0])),
    )
    assert summary("Energy", [a, b], "σ") == "Energy, mean: A 1.00\xa0σ, B 0.500\xa0σ. B is lower on 75 % of 4 frames."
    assert summary("Energy", [a, a], "") == "Energy, mean: A 1.00, A 1.00. Both are equal on all 4 frames."
    assert summary("Energy", [a], "°") == "Energy, mean: A 1.00°."
    assert summary("Energy", [Line("A", "x", np.zeros(0))], "") == "Energy: no frames yet."
    assert summary("Energy", [Line("A", "x", np.array([np.nan]))], "") == "Energy: no frame has a value for all."


def test_swapping_the_lines_keeps_the_winner() -> None:
    values = np.random.default_rng(3).normal(size=(2, 51))
    a, b = (Line(letter, letter, row) for letter, row in zip("AB", values, strict=True))
    assert summary("E", [a, b], "").split(". ")[1] == summary("E", [b, a], "").split(". ")[1]


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.0815, "−0.082"), (12.34, "12.3"), (1234.6, "1235"), (0.0, "0.000"), (-0.00001, "−1.0e−05"), (3.14159, "3.14")],
)
def test_numbers_are_short_and_keep_their_sign(value: float, text: str) -> None:
    assert number(value, "") == text


def test_series_of_a_store_are_those_of_its_columns(tmp_path: Path) -> None:
    store = build_store(tmp_path, n_frames=7, frames_per_pack=3)
    (track,) = [t for t in store.tracks(kind="energy") if t.head.method == "baseline"]
    columns = Columns(store)
    constants = track.head.constants
    by_hand = ((store.column(track, "terms") - np.array(constants["mu"])) / np.array(constants["sigma"])).mean(axis=1)
    curve = Curve("A", "baseline", track, "terms")
    assert np.allclose(columns.series(curve, "standardised"), by_hand)
    assert np.allclose(columns.series(curve, "raw"), store.column(track, "terms").mean(axis=1))
    assert np.allclose(columns.pts_seconds(track), np.arange(7) / 30)
    assert same_constants(track, track)
    other = replace(track, head=replace(track.head, constants={**constants, "mu": [0.0] * len(constants["mu"])}))
    assert not same_constants(track, other)


def pack_file(store: Store, track: Track) -> Path:
    return next(store.root.rglob(f"{track.packs[0].sha256}.pack"))


def test_a_damaged_pack_is_named_instead_of_plotted(tmp_path: Path) -> None:
    store = build_store(tmp_path, n_frames=3)
    (track,) = [t for t in store.tracks(kind="energy") if t.head.method == "baseline"]
    path = pack_file(store, track)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(Unreadable, match="damaged"):
        Columns(store).series(Curve("A", "baseline", track, "terms"), "raw")


def test_a_column_is_read_once(tmp_path: Path) -> None:
    store = build_store(tmp_path, n_frames=3)
    track = store.tracks(kind="energy")[0]
    columns = Columns(store)
    first = columns.column(track, "terms")
    pack_file(store, track).unlink()
    assert columns.column(track, "terms") is first


def test_frames_that_are_not_ready_have_expected_times() -> None:
    assert with_expected_times([0.0, 0.5, 1.0], 5) == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert with_expected_times([0.0, 0.5, 1.0], 2) == [0.0, 0.5, 1.0]
    assert len(with_expected_times([], 3)) == 3
