"""Laws of the overview's table and ranking: by true error, else by expected error, never by energy."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import pytest

from analysis.summaries.measure import measure_of
from analysis.summaries.record import Expected, Summary
from cache.records import Clip
from dashboard.overview.data import overview_data
from dashboard.overview.files import columns_of, overview_csv
from dashboard.overview.ranking import rank
from dashboard.overview.table import table_of, targets_of
from dashboard.overview.words import against_first, basis, headline, notes, place, trust_facts

N_FRAMES = 12
ANGLE = "angle_degrees"


def clip_of(name: str, **sampling: object) -> Clip:
    digest = name.encode().hex().ljust(64, "0")[:64]
    shift = str(sorted(sampling.items())).encode().hex()
    return Clip((shift + digest).ljust(64, "0")[:64] if sampling else digest, name, digest, sampling, 8, 8, N_FRAMES)


def curve(mean: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.1, N_FRAMES)
    return mean + noise - noise.mean()


def tracks_of(
    clip: Clip,
    method: str,
    error: np.ndarray | None = None,
    energy: float | None = 0.0,
    expected: float | None = None,
    unlike: float = 0.0,
    merged_of: str = "",
    path: str = "rgb-normal",
    is_complete: bool = True,
    coverage: float = 0.9,
) -> list[Summary]:
    """A prediction and its energy."""
    stated = None
    if expected is not None:
        n_usual = round((1 - unlike) * N_FRAMES)
        parts = np.full(N_FRAMES, expected, np.float32)
        stated = Expected(ANGLE, expected, expected / 1.4, expected * 1.4, 1.4, coverage, n_usual, N_FRAMES, parts)

    def one(kind: str, **found: object) -> Summary:
        key = f"{clip.key[:32]}{(method + kind + path).encode().hex()}".ljust(64, "0")[:64]
        return Summary(
            key, kind, "mini", method, path, clip, N_FRAMES, 100, "2026", "normal", "Surface normals", {}, **found
        )  # type: ignore[arg-type]

    measures = {} if error is None else {ANGLE: measure_of(error, "Mean angular error", "°")}
    prediction = one(
        "prediction" if path.count("-") == 1 else "readout",
        measures=measures,
        is_merged=bool(merged_of),
        merged_of=merged_of,
        expected=stated if merged_of else None,
        is_complete=is_complete,
    )
    if energy is None or merged_of:
        return [prediction]
    found = measure_of(curve(energy), "Consistency energy", "σ")
    return [prediction, one("energy", measures={"energy": found}, share_unlike=unlike, limit=3.0, expected=stated)]


def ranked(summaries: Sequence[Summary], **options: bool):
    table = table_of(summaries, "normal", **options)
    ranking = rank(table)
    json.dumps(overview_data(table, ranking), allow_nan=False)  # whatever the table holds
    overview_csv(table, ranking)
    return table, ranking


def names(ranking) -> list[str]:
    return [row.configuration.method for row in ranking.rows]


CLIPS = [clip_of(f"clip {at}") for at in range(8)]


def test_configurations_are_ranked_by_true_error_whatever_their_energies_say():
    found = [
        one
        for at, clip in enumerate(CLIPS)
        for one in (
            *tracks_of(clip, "good", curve(10 + at), energy=5),
            *tracks_of(clip, "bad", curve(12 + at), energy=-2),
        )
    ]
    table, ranking = ranked(found)
    assert (ranking.basis, ranking.over, ranking.n_units) == ("error", "clips", 8)
    assert names(ranking) == ["good", "bad"] and [place(row) for row in ranking.rows] == ["1", "2"]
    assert headline(table, ranking).startswith("good has the lowest mean angular error")
    assert "bootstrap over 8 clips" in basis(table, ranking)
    assert against_first(table, ranking, ranking.rows[1]).startswith("2.0° higher (")


def test_two_identical_methods_cannot_be_told_apart():
    found = [one for at, clip in enumerate(CLIPS) for name in "ab" for one in tracks_of(clip, name, curve(10 + at))]
    table, ranking = ranked(found)
    assert [place(row) for row in ranking.rows] == ["1–2", "1–2"]
    assert headline(table, ranking) == "a and b are equal on every clip: they cannot be told apart."
    assert against_first(table, ranking, ranking.rows[1]) == "equal to a on every clip: cannot be told apart"


def test_a_gap_within_its_noise_is_said_in_words():
    noise = np.random.default_rng(0).normal(0, 3, len(CLIPS))
    found = [
        one
        for at, clip in enumerate(CLIPS)
        for one in (*tracks_of(clip, "a", curve(10)), *tracks_of(clip, "b", curve(10.2 + noise[at])))
    ]
    table, ranking = ranked(found)
    assert "cannot be told apart" in headline(table, ranking)
    assert against_first(table, ranking, ranking.rows[1]).startswith("cannot be told apart from ")


def test_without_truth_the_expected_error_ranks_and_its_uncertainty_is_in_the_intervals():
    few = [one for clip in CLIPS[:1] for m, e in (("a", 10.0), ("b", 11.0)) for one in tracks_of(clip, m, expected=e)]
    table, ranking = ranked(few)
    assert ranking.basis == "expected" and names(ranking) == ["a", "b"]
    assert "cannot be told apart" in headline(table, ranking), "frames are alike, but the model may be off by 1.4"
    assert "No ground truth" in basis(table, ranking)
    many = [
        one
        for at in range(200)
        for m, e in (("a", 10.0), ("b", 13.0))
        for one in tracks_of(clip_of(f"many {at}"), m, expected=e)
    ]
    _, ranking = ranked(many)
    assert [place(row) for row in ranking.rows] == ["1", "2"]


def test_the_larger_the_stated_coverage_the_narrower_the_interval_of_the_same_factor():
    coverages = (0.5, 0.8, 0.9, 0.95, 0.99)
    widths = []
    for coverage in coverages:
        _, ranking = ranked(tracks_of(CLIPS[0], "a", expected=10.0, coverage=coverage))
        (row,) = ranking.rows
        widths.append(row.high - row.low)
    quantiles = [NormalDist().inv_cdf((1 + coverage) / 2) for coverage in coverages]
    assert np.multiply(widths, quantiles) == pytest.approx([widths[2] * quantiles[2]] * 5)


@pytest.mark.parametrize("coverage", [0.0, 1.0, 1.5, -0.1, float("nan")])
def test_a_coverage_that_is_none_ranks_nothing(coverage: float):
    _, ranking = ranked(tracks_of(CLIPS[0], "a", expected=10.0, coverage=coverage))
    assert ranking.basis == "none"


def test_a_clip_outside_the_calibration_has_no_expected_error_to_be_ranked_by():
    table, ranking = ranked(tracks_of(CLIPS[0], "a", expected=10.0, unlike=0.75))
    assert ranking.basis == "none" and not ranking.rows
    assert headline(table, ranking).startswith("Not ranked")


def test_energy_alone_ranks_nothing_and_merged_has_none():
    found = [
        *tracks_of(CLIPS[0], "a", energy=-3),
        *tracks_of(CLIPS[0], "b", energy=3),
        *tracks_of(CLIPS[0], "merged", merged_of="a"),
    ]
    table, ranking = ranked(found)
    assert ranking.basis == "none"
    merged = next(cell for cell in table.cells if cell.configuration.method == "merged")
    assert merged.energy is None and merged.outside == 0


def test_with_few_clips_the_intervals_are_of_frames_and_say_so():
    found = [one for clip in CLIPS[:2] for m, e in (("a", 10), ("b", 12)) for one in tracks_of(clip, m, curve(e))]
    table, ranking = ranked(found)
    assert ranking.over == "frames" and "nothing of other clips" in basis(table, ranking)


def test_two_samplings_of_one_source_count_as_one_clip():
    found = [
        one
        for at in range(3)
        for fps in (None, 5)
        for one in tracks_of(clip_of(f"clip {at}", fps=fps), "a", curve(10 + at))
    ]
    _, ranking = ranked(found)
    assert (len(ranking.clips), ranking.n_units, ranking.over) == (6, 3, "frames")


def test_shifted_versions_are_left_out_unless_there_is_nothing_else():
    clean, blurred = clip_of("x"), clip_of("x", shift="blur:2")
    both = [*tracks_of(clean, "a", curve(1)), *tracks_of(blurred, "a", curve(2))]
    table, ranking = ranked(both)
    assert [clip.key for clip in table.clips] == [clean.key] and "1 shifted version" in " ".join(
        notes(table, ranking, 0)
    )
    assert len(ranked(both[2:])[0].clips) == 1


def test_a_configuration_on_few_clips_does_not_narrow_the_comparison_of_the_others():
    found = [one for clip in CLIPS for m in "ab" for one in tracks_of(clip, m, curve(10))]
    found += tracks_of(CLIPS[0], "c", curve(1))
    table, ranking = ranked(found)
    assert names(ranking) == ["a", "b"] and len(ranking.clips) == 8
    assert "c is not ranked: its error is known on 1 clip only" in " ".join(notes(table, ranking, 0))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (tracks_of(CLIPS[0], "a", curve(10)), "Only a is known"),
        (tracks_of(CLIPS[0], "a", np.array([7.0])) + tracks_of(CLIPS[0], "b", np.array([9.0])), "cannot be told apart"),
        (tracks_of(CLIPS[0], "a", np.full(3, np.nan)), "Not ranked"),
        (tracks_of(CLIPS[0], "a", energy=None, is_complete=False), "Not ranked"),
    ],
    ids=["one configuration", "clips of one frame", "errors that are no numbers", "growing"],
)
def test_poor_stores_are_described_in_words(found, words):
    table, ranking = ranked(found)
    assert words in headline(table, ranking)
    assert basis(table, ranking) and all(isinstance(text, str) for text in trust_facts(table))
    assert not any("nan" in text.lower().split() for text in (headline(table, ranking), *notes(table, ranking, 3)))


def test_longer_paths_are_configurations_only_where_asked_for():
    found = [
        *tracks_of(CLIPS[0], "a", curve(10)),
        *tracks_of(CLIPS[0], "a", curve(9), path="rgb-depth-normal", energy=None),
    ]
    assert len(ranked(found)[0].configurations) == 1
    table, ranking = ranked(found, longer=True)
    assert table.labels[ranking.rows[0].configuration] == "a via depth"
    assert targets_of(found) == {"normal": "Surface normals"}


def test_a_file_holds_every_cell_in_full_and_a_title_is_no_formula():
    table, ranking = ranked([*tracks_of(clip_of("=1+1"), "a", curve(10.25)), *tracks_of(CLIPS[0], "b")])
    columns = columns_of(table, ranking)
    assert columns["clip"] == ["=1+1", "clip 0"]
    errors = columns["Mean angular error (°)"]
    assert errors[0] == pytest.approx(10.25) and errors[1] is None
    assert "'=1+1" in overview_csv(table, ranking).decode("utf-8-sig")
    assert all(
        value is None or not (isinstance(value, float) and math.isnan(value)) for c in columns.values() for value in c
    )
