"""The Shift page where something is missing: words and the command that helps, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cache.store import Store
from dashboard.player_data import Position
from dashboard.selection.choices import MOVED
from dashboard.views import shift
from tests.fixtures.ladders import N_FRAMES, TITLE, add_strength, ladder_store, shifted_clip
from tests.fixtures.stores import add_track, build_store, make_clip
from tests.fixtures.web.pages import shown_page


def words(page: AppTest) -> str:
    return "\n".join([*(text.value for text in page.text), *(code.value for code in page.code)])


def test_without_a_ladder_it_names_what_computes_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for store in (tmp_path / "none", build_store(tmp_path / "clean", n_frames=2).root):
        assert "--shift jpeg@1..5,blur@1..5" in words(shown_page("shift", monkeypatch, store))
    lost = Store(tmp_path / "lost")
    clip = shifted_clip(make_clip(TITLE, n_frames=2), "blur:2px")
    add_track(lost, clip, kind="input", path="rgb", number=1)
    assert "but not the clean clip" in words(shown_page("shift", monkeypatch, lost.root))


def test_it_says_whether_the_energy_rises_and_what_is_not_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = ladder_store(tmp_path)
    add_strength(store, make_clip(TITLE, n_frames=N_FRAMES), "blur:8px", 0.7, number=150, methods=("baseline",))
    said = words(shown_page("shift", monkeypatch, store.root, shift="blur:3px<b>"))
    assert "rises at every step of the Gaussian blur" in said
    assert "is not stored; showing the strongest" in said
    assert "mini/consistency/rgb-normal is not computed at 8" in said and "--shift blur:8px" in said


def test_the_headings_of_the_numbers_say_what_they_mean_and_names_are_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store = ladder_store(tmp_path, methods=("baseline",))
    monkeypatch.setattr(shift, "HEADINGS", {"Configuration": "", **dict.fromkeys("abcdef", "<i>"), "g": 'say "so"'})
    (table,) = [one.value for one in shown_page("shift", monkeypatch, store.root).get("html") if "<table" in one.value]
    assert '<th scope="col">Configuration</th>' in table and "<i>" not in table
    assert '<th scope="col" title="say &quot;so&quot;">g</th>' in table
    assert '<th scope="row">A baseline</th>' in table and 'tabindex="0"' in table


def test_a_clip_of_one_frame_has_a_ladder_without_intervals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = build_store(tmp_path, titles=("still",), n_frames=1, readouts={})
    clip = shifted_clip(make_clip("still", n_frames=1), "blur:2px")
    add_track(store, clip, kind="input", path="rgb", number=100)
    for number, kind in ((101, "prediction"), (102, "energy")):
        add_track(store, clip, kind=kind, path="rgb-normal", zoo="mini", method="baseline", number=number)
    assert "mini/consistency/rgb-normal is not computed" in words(shown_page("shift", monkeypatch, store.root))


def test_the_place_in_the_link_is_the_one_it_came_with_until_the_viewer_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    at_one = Position(1, 1.0)
    monkeypatch.setattr(shift, "player", lambda view, **_: at_one)  # where the player is as the page is drawn
    store = ladder_store(tmp_path)
    page = shown_page("shift", monkeypatch, store.root, frame="3")
    assert page.query_params["frame"] == "3"
    page.session_state[MOVED] = True
    page.run()
    assert page.query_params["frame"] == "1"
