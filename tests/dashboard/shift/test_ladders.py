"""Laws of the Shift page's data: what makes a ladder, what its curves hold, and what is said of them."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest

from analysis import noise
from analysis.columns import Columns
from cache.store import Store
from dashboard.catalogue import Catalogue
from dashboard.commands import command_for
from dashboard.compare.comparison import compare
from dashboard.selection.link import from_query
from dashboard.selection.menus import menus
from dashboard.shift.chart_data import chart_data
from dashboard.shift.curves import ENERGY, ERROR, SELF, Read, read_ladder
from dashboard.shift.findings import headline, judged, rows, usual_tolerance
from dashboard.shift.ladders import Ladder, chosen_ladder, ladders_of
from dashboard.shift.numbers_file import numbers_csv
from tests.fixtures.ladders import N_FRAMES, OWN, TITLE, add_strength, ladder_store, shifted_clip
from tests.fixtures.stores import add_track, make_clip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return ladder_store(tmp_path_factory.mktemp("ladder"))


def read(store: Store) -> tuple[Ladder, Read, Catalogue]:
    catalogue = Catalogue(store.tracks())
    (ladder,) = ladders_of(catalogue)
    lineup = catalogue.configurations(ladder.source.key, "normal")
    return ladder, read_ladder(Columns(store), catalogue, ladder, "normal", lineup), catalogue


def test_a_ladder_begins_with_the_clean_clip_and_rises(store: Store):
    ladder, _, _ = read(store)
    assert [step.label for step in ladder.steps] == ["clean", "2\N{NO-BREAK SPACE}px", "4\N{NO-BREAK SPACE}px"]
    assert ladder.steps[0].clip.key == make_clip(TITLE, n_frames=N_FRAMES).key


def test_shifted_clips_are_in_no_menu_until_a_link_shows_one(store: Store):
    _, _, catalogue = read(store)
    assert [clip.title for clip in catalogue.clips] == [TITLE] and len(catalogue.shifted) == 2
    shifted = catalogue.shifted[0]
    for link, expected in (({}, 1), ({"clip": shifted.key[:12]}, 2)):
        selection, notes = from_query(link, catalogue)
        assert selection is not None and not notes
        clips = menus(catalogue, selection)[0]
        assert len(clips.options) == expected and selection.clip.key in clips.options
    assert clips.options[shifted.key].startswith(f"{TITLE}, Gaussian blur")
    assert not compare(catalogue, shifted, "normal", None, selection.configurations).missing


def test_the_clip_that_a_ladder_was_made_from_does_not_head_the_menu_over_the_same_source(tmp_path: Path):
    store = ladder_store(tmp_path)
    clean = make_clip(TITLE, n_frames=N_FRAMES)
    finer = replace(clean, key="f" * 64, sampling={**clean.sampling, "fps": None})
    add_track(store, finer, kind="input", path="rgb", number=0)  # the oldest
    assert [clip.key for clip in Catalogue(store.tracks()).clips] == [finer.key, clean.key]


def test_curves_start_at_the_clean_clip_and_hold_what_is_stored(store: Store):
    _, found, _ = read(store)
    assert set(found.plots) == {ENERGY, SELF, ERROR} and not found.problems and not found.missing
    own = found.plots[SELF].curves[0]
    assert own.points[0] is not None and not own.points[0].values.any(), "a prediction does not differ from itself"
    assert [point.mean for point in own.points[1:] if point] == pytest.approx(OWN)
    assert found.plots[SELF].unit == "°"
    point = found.plots[ENERGY].curves[0].points[2]
    assert point is not None and point.mean == pytest.approx((0.5 - 0.1) / 0.04, rel=1e-3)
    assert abs(point.values[point.frame] - point.mean) == np.abs(point.values - point.mean).min()


def test_every_point_links_to_a_frame_of_its_strength(store: Store):
    ladder, found, catalogue = read(store)
    selection, _ = from_query({}, catalogue)
    assert selection is not None
    data = chart_data(ladder, found, selection, 1, {})
    for plot in data["plots"]:
        for curve in plot["curves"]:
            for step, point in zip(ladder.steps, curve["points"], strict=True):
                linked, notes = from_query(dict(parse_qsl(urlsplit(point["href"]).query)), catalogue)
                assert linked is not None and not notes
                assert (linked.clip.key, linked.frame) == (step.clip.key, point["frame"])


def test_a_rising_energy_is_said_to_rise_and_a_falling_one_not(store: Store, tmp_path: Path):
    ladder, found, _ = read(store)
    assert "rises at every step of the Gaussian blur" in headline(ladder, found) and "does not" not in headline(
        ladder, found
    )
    ladder, found, _ = read(ladder_store(tmp_path, energies=(0.5, 0.3)))
    said = headline(ladder, found)
    assert (
        "does not rise at every step" in said
        and "from 2\N{NO-BREAK SPACE}px to 4\N{NO-BREAK SPACE}px (beyond the noise" in said
    )
    assert rows(ladder, found, 1.0)[0].rises == "1 of 2 steps"


def test_breakdown_is_the_first_strength_above_the_tolerance(store: Store):
    ladder, found, _ = read(store)
    judge = judged(found)
    assert judge is not None and judge.id == ERROR and usual_tolerance(judge) > 0
    assert rows(ladder, found, 36.0)[0].breaks == "4\N{NO-BREAK SPACE}px"
    assert rows(ladder, found, 1000.0)[0].breaks == "none stored"


def test_numbers_without_pictures_count_and_what_is_not_computed_is_named(tmp_path: Path):
    store = ladder_store(tmp_path)
    clean = make_clip(TITLE, n_frames=N_FRAMES)
    add_strength(store, clean, "blur:8px", 0.7, number=150, methods=("baseline",), kind="scores")
    ladder, found, _ = read(store)
    assert found.plots[SELF].curves[0].points[3] is not None
    ((missing, steps),) = found.missing.items()
    assert missing.method == "consistency" and [step.spelling for step in steps] == ["blur:8px"]
    assert "--shift blur:8px" in command_for(ladder.steps[3].clip, missing)


def test_a_ladder_without_truth_is_judged_by_its_self_disagreement(store: Store):
    ladder, found, _ = read(store)
    blind = replace(found, plots={name: plot for name, plot in found.plots.items() if name != ERROR})
    judge = judged(blind)
    assert judge is not None and judge.id == SELF
    assert {row.kept for row in rows(ladder, blind, 5.0)} == {"\N{EN DASH}"}


def test_a_link_finds_its_ladder_or_the_page_says_what_it_shows(store: Store):
    ladder, _, catalogue = read(store)
    ladders = (ladder,)
    assert chosen_ladder(ladders, catalogue, {"clip": ladder.source.key[:12], "shift": "blur:2px"}) == (ladder, 1, "")
    assert chosen_ladder(ladders, catalogue, {"clip": ladder.steps[1].clip.key[:12]}) == (ladder, 1, "")
    assert chosen_ladder(ladders, catalogue, {"shift": "blur:clean"}) == (ladder, 0, "")
    assert chosen_ladder(ladders, catalogue, {}) == (ladder, 2, "")
    assert "'blur:9px' is not stored" in chosen_ladder(ladders, catalogue, {"shift": "blur:9px"})[2]


def test_shifted_clips_without_their_clean_clip_are_no_ladder(tmp_path: Path):
    store = Store(tmp_path)
    clip = shifted_clip(make_clip(TITLE, n_frames=N_FRAMES), "blur:2px")
    add_track(store, clip, kind="input", path="rgb", number=1)
    catalogue = Catalogue(store.tracks())
    assert ladders_of(catalogue) == () and [one.key for one in catalogue.clips] == [clip.key]


def test_a_ladder_that_is_drawn_again_computes_no_noise_floor_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = ladder_store(tmp_path, energies=(0.07, 0.05))  # falls, which have floors of their own

    def drawn() -> tuple[str, bytes]:
        ladder, found, _ = read(store)
        assert rows(ladder, found, 5.0)
        return headline(ladder, found), numbers_csv(ladder, found)

    first = drawn()
    assert "noise" in first[0]
    computed = []
    monkeypatch.setattr(noise, "block_length", computed.append)  # would fail the floor, too
    assert drawn() == first and not computed


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def test_no_title_of_a_track_is_a_formula_in_the_file(store: Store):
    ladder, found, _ = read(store)
    evil = {name: replace(plot, title="=1+2", unit="@x") for name, plot in found.plots.items()}
    listed = rows_of(numbers_csv(ladder, replace(found, plots=evil)))
    assert {(row["measure"], row["unit"]) for row in listed} == {("'=1+2", "'@x")}


def test_the_file_has_a_row_for_every_point(store: Store):
    ladder, found, _ = read(store)
    listed = rows_of(numbers_csv(ladder, found))
    assert len(listed) == 3 * 2 * 3  # measures x configurations x strengths
    assert {row["strength"] for row in listed} == {"clean", "2px", "4px"}
    assert all(float(row["interval_95_low"]) <= float(row["mean"]) <= float(row["interval_95_high"]) for row in listed)
