"""The owner of the choices on the page: every menu, button, request of a component and move of the player goes through it.

A choice exists in four copies: the address bar, Streamlit's query parameters (the address bar as of the browser's last
request), the states of menus and player, and the newest link of this session, kept here. The last one decides; this
module keeps the others from undoing it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import streamlit as st

from cache.store import is_key
from dashboard.catalogue import Catalogue
from dashboard.configuration import Configuration, find_configuration
from dashboard.player_data import LETTERS, VIEW_STATE, Position
from dashboard.selection.lineup import ARRANGEMENTS, MAX_CONFIGURATIONS, added, placed
from dashboard.selection.link import Selection, carried, from_query, to_query
from dashboard.selection.presets import Opening, Preset
from dashboard.text import one_line, without_markdown

NO_READOUT = ""
"""The readout menu's value for none."""
TOO_MANY = f"You can compare up to {MAX_CONFIGURATIONS} configurations"
MENUS = ("clip", "predict", "readout", "scale", "measure")
"""Names in the link of what the palette can choose; a value that does not exist falls back to the default."""
LINK = "link"
PAGE = "page"
TOLD = "told"
MOVED = "player-moved"
SENT = "player-sent"


class Choices:
    """The choices of this session among what `catalogue` offers; `opening` decides where a clip opens."""

    def __init__(self, catalogue: Catalogue, opening: Callable[[Selection], Opening | None] = lambda _: None) -> None:
        self._catalogue = catalogue
        self._opening = opening

    def start(self) -> tuple[Selection | None, tuple[str, ...]]:
        """The selection of the browser's link as a run begins, and its notes; None if the store has no clip."""
        query = st.query_params.to_dict()
        selection, notes = self._read(query)
        if selection is not None:
            st.session_state[LINK] = query
            if not notes:  # a link to something unavailable stays as it is until something is chosen
                _write(to_query(selection))
        return selection, notes

    def selection(self) -> Selection | None:
        """The newest selection of this session."""
        return self._read(newest_link())[0]

    def _read(self, query: Mapping[str, str]) -> tuple[Selection | None, tuple[str, ...]]:
        """The selection of a link, opened where the clip shows most if the link names no frame."""
        selection, notes = from_query(query, self._catalogue)
        if selection is None or selection.frame is not None:
            return selection, notes
        opening = self._opening(selection)
        if opening is None:
            return selection, notes
        self.tell(selection, opening.reason)
        view_state = selection.view_state or opening.view_state
        return replace(selection, frame=opening.frame, view_state=view_state), notes

    def tell(self, selection: Selection, text: str) -> None:
        """Say this for as long as what it is about is shown."""
        st.session_state[TOLD] = (_subject(selection), text)

    def told(self, selection: Selection) -> str:
        """What was said about this clip and these configurations; empty if nothing was."""
        subject, text = st.session_state.get(TOLD, (None, ""))
        return text if subject == _subject(selection) else ""

    # Menus and buttons

    def choose(self, name: str, key: str) -> None:
        """Write the choice of the menu with that key; what does not fit it falls back to its default."""
        chosen = str(st.session_state[key] or "")
        if chosen == st.session_state.get(_shown(key)):
            _write(newest_link())  # a browser that lags sends what was shown, with an older link
            return
        st.session_state[_shown(key)] = chosen
        self._take(name, chosen)

    def _take(self, name: str, chosen: str) -> None:
        query = _of_clip(chosen) if name == "clip" else newest_link() | {name: chosen}
        selection, _ = self._read(query)
        if selection is not None:
            _write(to_query(selection))

    def show(self, preset: Preset) -> None:
        """Show what a preset is about: its frame, tools and configurations, in one step of the Back button."""
        selection = self.selection()
        if selection is None:
            return
        shown = replace(
            selection,
            frame=selection.frame if preset.frame is None else preset.frame,
            view_state=preset.changed(selection.view_state),
            configurations=preset.configurations or selection.configurations,
            readout=None if preset.configurations else selection.readout,
        )
        self.tell(shown, preset.answer)
        _write(to_query(shown))

    # Requests of the components

    def handle_request(self, request: Mapping[str, str]) -> None:
        """Do what the player or the graph asks for, if it is in the store.

        {"letter": ..., "do": an arrangement}, {"letter": ..., "to": the letter whose place it takes},
        {"letter": ..., "open": a configuration}, {"readout": a domain} or {"choose": one of MENUS, "value": an option}.
        """
        _write(newest_link())  # if nothing changes, the newest choices stay, not those that the browser knew
        selection = self.selection()
        if selection is None:
            return
        if request.get("choose") in MENUS:
            self._take(request["choose"], request.get("value", ""))
        if selection.target is None:
            return
        lineup = selection.configurations
        at = LETTERS.find(request.get("letter") or "?")
        arrange = ARRANGEMENTS.get(request.get("do", ""))
        if arrange is not None and at in range(len(lineup)):
            _write(to_query(replace(selection, configurations=arrange(lineup, at))))
        to = LETTERS.find(request.get("to") or "?")
        if at in range(len(lineup)) and to in range(len(lineup)):
            _write(to_query(replace(selection, configurations=placed(lineup, at, to))))
        if "readout" in request:
            self._read_out(request["readout"], selection, selection.target)
        elif "open" in request:
            options = self._catalogue.configurations(selection.clip.key, selection.target)
            self._open(request["open"], at, selection, options)

    def handle_request_of_fragment(self, request: Mapping[str, str]) -> None:
        """The same from within a fragment, after which the whole page has to be drawn again."""
        before = newest_link()
        self.handle_request(request)
        if newest_link() != before:
            st.rerun()

    def _open(self, spelled: str, at: int, selection: Selection, options: Sequence[Configuration]) -> None:
        """Show a configuration as the letter at that place, or as one more."""
        lineup = selection.configurations
        found = find_configuration(spelled, options)
        if found is None:
            st.toast(without_markdown(f"{one_line(spelled, 60)} is not precomputed for this clip."))
        elif at in range(len(lineup)):
            if lineup[at] != found:
                _write(to_query(replace(selection, configurations=(*lineup[:at], found, *lineup[at + 1 :]))))
        elif found in lineup:
            letter = LETTERS[lineup.index(found)]
            st.toast(without_markdown(f"{found.spelling} is already shown, as {letter}."))
        elif len(lineup) >= MAX_CONFIGURATIONS:
            st.toast(f"{TOO_MANY}. Remove one first.")
        else:
            _write(to_query(replace(selection, configurations=added(lineup, found))))

    def _read_out(self, readout: str, selection: Selection, target: str) -> None:
        if readout == NO_READOUT or readout in self._catalogue.readouts(selection.clip.key, target):
            _write(to_query(replace(selection, readout=readout or None)))
        else:
            st.toast(without_markdown(f"The readout {one_line(readout, 60)} is not precomputed for this clip."))

    # The player

    def follow_player(self, selection: Selection, show: Callable[[Position], Position]) -> None:
        """Call `show` with the position to send to the player, and write the one it returns if the viewer moved.

        Called in a fragment. A press on the page in the tick in which the player reports comes with that report: Streamlit's
        browser sends one request for both, of the fragment alone. Its callback has run, so only the redrawing is left.
        """
        position = follow(Position(selection.frame or 0, selection.speed, selection.view_state), show)
        # From the newest choices: a fragment that ran before the page could be redrawn knows older ones.
        newest = self.selection() if position else None
        if position and newest is not None and newest.clip.key == selection.clip.key:
            moved = replace(newest, frame=position.frame, speed=position.speed, view_state=position.view_state)
            _write(to_query(moved))
        now = self.selection()
        if now is not None and _choices_of(now) != _choices_of(selection):
            st.rerun()


def follow(linked: Position, show: Callable[[Position], Position]) -> Position | None:
    """Call `show` with the position to send to the player: where the viewer moved to in this run; None if it did not.

    `linked`: the place in the link when the page was drawn, which a fragment that runs again does not know newer.
    """
    # If the viewer moved in this very run, the link does not know it yet and must not pull the player back.
    has_moved = st.session_state.pop(MOVED, False)
    sent = st.session_state.get(SENT, linked) if has_moved else linked
    st.session_state[SENT] = sent
    position = show(sent)
    return position if has_moved else None


def _choices_of(selection: Selection) -> Selection:
    """What is chosen on the page: everything but the place in the clip, which is the player's. The alignment decides what is plotted."""
    aligned = {name: text for name, text in selection.view_state.items() if name == "align"}
    return replace(selection, frame=0, speed=1.0, view_state=aligned)


def note_move() -> None:
    """Remember until `follow` that the viewer has settled elsewhere."""
    st.session_state[MOVED] = True


def _subject(selection: Selection) -> tuple[str, str | None, tuple[str, ...]]:
    """What the opening note is about. Plain text, because the session outlives the classes when Streamlit reloads the code."""
    return selection.clip.key, selection.target, tuple(c.full_spelling for c in selection.configurations)


def menu_key(name: str, value: str | list[str]) -> str:
    """The key of a menu that is about to show `value`: a new one whenever the page has changed what it shows.

    A browser that has not yet received the change sends the old value with its next request, whatever that is about, and
    under the same key that would look like a choice.
    """
    version = st.session_state.setdefault(f"{name} version", 0)
    if st.session_state.get(_shown(f"{name} {version}"), value) != value:
        version = st.session_state[f"{name} version"] = version + 1
    key = f"{name} {version}"
    st.session_state[_shown(key)] = st.session_state[key] = value
    return key


def _shown(key: str) -> str:
    """Where the page remembers the value that a menu shows: Streamlit forgets that of a menu that is gone."""
    return f"{key} shown"


def open_clip(key: str) -> None:
    """Show a clip that the store may have only just begun to list. Anything but a key changes nothing."""
    if is_key(key):
        _write(_of_clip(key))


def _of_clip(clip: str) -> dict[str, str]:
    """The newest link for another clip: places and views of the one before mean nothing there."""
    return {name: text for name, text in newest_link().items() if name not in ("frame", *VIEW_STATE)} | {"clip": clip}


def arrive(page: str) -> None:
    """Begin a run of that page. On arrival, by a link or the Back button, its address replaces what was chosen elsewhere."""
    if st.session_state.get(PAGE) == page:
        return
    st.session_state[PAGE] = page
    st.session_state.pop(MOVED, None)  # what a player of the page before settled on is no place here
    if link := carried(st.query_params.to_dict()):
        st.session_state[LINK] = link


def newest_link() -> dict[str, str]:
    """The newest link of this session.

    A run brings the link that the browser had when it asked, which is not yet what the run before has written: of two
    choices in quick succession, both would start from the same link, and the first would be lost.
    """
    return dict(st.session_state.get(LINK) or st.query_params.to_dict())


def _write(query: Mapping[str, str]) -> None:
    """Put `query` into the address bar if it differs: every write is a step of the Back button."""
    st.session_state[LINK] = dict(query)
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)
