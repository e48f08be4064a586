"""Laws of the choices: the newest one of the session stays, whatever an older link of the browser says."""

from dataclasses import replace

import pytest
import streamlit as st

from dashboard.catalogue import Catalogue
from dashboard.player_data import Position
from dashboard.selection.choices import Choices, arrive, follow, menu_key, newest_link, note_move
from dashboard.selection.link import Selection, carried
from dashboard.selection.menus import menus
from dashboard.selection.presets import Opening, Preset
from tests.dashboard.compare.test_comparison import whole_clip


class Query(dict[str, str]):
    """`st.query_params` without a browser."""

    def to_dict(self) -> dict[str, str]:
        return dict(self)

    def from_dict(self, query: dict[str, str]) -> None:
        self.clear()
        self.update(query)


def test_a_menu_that_sends_what_was_shown_undoes_no_newer_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    query = Query()
    monkeypatch.setattr(st, "query_params", query)
    monkeypatch.setattr(st, "session_state", {})
    choices = Choices(Catalogue(whole_clip()))
    choices.start()
    old = query.to_dict()
    late, scale = menu_key("predict", "normal"), menu_key("scale", "standardised")
    st.session_state[scale] = "raw"
    choices.choose("scale", scale)
    newest = query.to_dict()
    assert newest["scale"] == "raw"

    query.from_dict(old)  # the next request was sent before the browser received the choice
    choices.choose("predict", late)
    selection, _ = choices.start()
    assert selection is not None and selection.scale == "raw"
    assert query == newest


def test_a_choice_that_came_with_a_report_of_the_player_redraws_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    redrawn = []
    monkeypatch.setattr(st, "query_params", Query())
    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setattr(st, "rerun", lambda: redrawn.append(True))
    choices = Choices(Catalogue(whole_clip()))
    drawn, _ = choices.start()
    assert drawn is not None
    note_move()
    choices.follow_player(drawn, lambda position: Position(1, 2.0))
    assert not redrawn, "another place in the clip is the player's alone"
    menu = menu_key("scale", "standardised")
    st.session_state[menu] = "raw"
    choices.choose("scale", menu)
    choices.follow_player(drawn, lambda position: position)
    assert redrawn
    chosen, _ = choices.start()
    assert chosen is not None and chosen.scale == "raw" and chosen.frame == 1


def test_a_viewer_who_returns_to_where_the_page_was_drawn_has_moved(query: Query) -> None:
    linked, sent = Position(0, 1.0), []

    def show(position: Position) -> Position:
        sent.append(position)
        return settled

    for settled in (Position(10, 1.0), linked):  # each runs the fragment, which knows the link of the drawing alone
        note_move()
        assert follow(linked, show) == settled
    assert sent == [linked, linked], "nothing commands the player back to where it came from"
    assert follow(Position(5, 1.0), show) is None, "the Back button's place is no move of the viewer"
    assert sent[-1] == Position(5, 1.0)


def test_a_move_on_the_page_before_is_none_on_the_next(query: Query) -> None:
    note_move()
    arrive("shift")
    assert follow(Position(3, 1.0), lambda sent: Position(sent.frame, 2.0)) is None


def test_the_palette_chooses_what_the_menus_offer_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "query_params", Query())
    monkeypatch.setattr(st, "session_state", {})
    catalogue = Catalogue(whole_clip())
    choices = Choices(catalogue)
    before, _ = choices.start()
    assert before is not None
    offered = {menu.name: menu for menu in menus(catalogue, before)}
    assert list(offered) == ["clip", "predict", "readout", "scale"]
    for menu in offered.values():
        assert menu.value in menu.options
        for value in (*menu.options, menu.value):  # ends where it began, as other menus depend on it
            choices.handle_request({"choose": menu.name, "value": value})
            now = choices.selection()
            assert now is not None
            chosen = {"clip": now.clip.key, "predict": now.target, "readout": now.readout or "", "scale": now.scale}
            assert chosen[menu.name] == value
    newest = choices.selection()
    for request in ({"choose": "a", "value": "x"}, {"choose": "frame", "value": "3"}, {"choose": "scale"}):
        choices.handle_request(request)
    unknown = choices.selection()
    assert unknown is not None and newest is not None
    assert unknown.configurations == newest.configurations
    assert unknown.scale == "standardised", "a value that does not exist is the default"


@pytest.fixture
def query(monkeypatch: pytest.MonkeyPatch) -> Query:
    made = Query()
    monkeypatch.setattr(st, "query_params", made)
    monkeypatch.setattr(st, "session_state", {})
    return made


def opens_at_two(_selection: Selection) -> Opening:
    return Opening(2, {"panes": "difference"}, "Opened at frame 2.")


def test_a_link_without_a_frame_opens_where_the_clip_says_and_tells_why(query: Query) -> None:
    choices = Choices(Catalogue(whole_clip()), opens_at_two)
    selection, _ = choices.start()
    assert selection is not None and selection.frame == 2
    assert query["frame"] == "2" and query["panes"] == "difference"
    assert choices.told(selection) == "Opened at frame 2."
    swapped = replace(selection, configurations=selection.configurations[::-1])
    assert choices.told(swapped) == "", "it was about other configurations"


def test_a_link_with_a_frame_is_followed_to_the_letter(query: Query) -> None:
    query["frame"] = "0"
    choices = Choices(Catalogue(whole_clip()), opens_at_two)
    selection, _ = choices.start()
    assert selection is not None and selection.frame == 0 and not selection.view_state
    assert choices.told(selection) == ""


def test_a_preset_is_one_step_of_the_link(query: Query) -> None:
    choices = Choices(Catalogue(whole_clip()), opens_at_two)
    choices.start()
    choices.show(Preset("?", {"overlay": "0.7~2"}, frame=1, answer="Here."))
    selection = choices.selection()
    assert selection is not None and (selection.frame, query["overlay"]) == (1, "0.7~2")
    assert "panes" not in query and choices.told(selection) == "Here."


def test_a_title_that_is_dragged_takes_the_place_of_the_other(query: Query) -> None:
    choices = Choices(Catalogue(whole_clip()))
    before, _ = choices.start()
    choices.handle_request({"letter": "B", "to": "A"})
    after = choices.selection()
    assert before and after and after.configurations == before.configurations[::-1]
    choices.handle_request({"letter": "B", "to": "Z"})
    assert choices.selection() == after


def test_the_link_from_page_to_page_has_what_is_chosen_and_nothing_of_one_page_alone() -> None:
    chosen = {
        "clip": "2e8675d3cafe",
        "predict": "depth",
        "a": "mini/baseline",
        "h": "lab/geonet",
        "scale": "raw",
        "frame": "3",
    }
    assert carried(chosen | {"category": "room", "level": "clips"}) == chosen


def test_on_arrival_a_page_s_address_decides_and_later_its_newest_choice_does(monkeypatch: pytest.MonkeyPatch) -> None:
    query = Query({"clip": "first", "category": "room"})
    monkeypatch.setattr(st, "query_params", query)
    monkeypatch.setattr(st, "session_state", {})
    arrive("gallery")
    assert newest_link() == {"clip": "first"}
    st.session_state["link"] = {"clip": "second"}  # chosen in this run, which the browser does not know yet
    arrive("gallery")
    assert newest_link() == {"clip": "second"}
    arrive("about")  # by the Back button
    assert newest_link() == {"clip": "first"}
    query.clear()
    arrive("compare")  # an address without choices leaves them
    assert newest_link() == {"clip": "first"}
