"""The player, a component of panes, transport and plots that show tracks in sync: `player(view, key=...)`.

The browser owns the frame: Python gives addresses, records and series, and is told a position only once the viewer has
settled on it (about 200 ms after the last step, at a pause, never while playing).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal

import streamlit as st
from streamlit.components.v2 import component

from dashboard.components.bootstrap import bootstrap, read_request
from dashboard.player_data import NO_VIEW_STATE, Position, View, read_view_state, view_data

PlayerPage = Literal["compare_page", "image_page", "space_page"]
"""The module under web/player/ that names the parts."""


def player(
    view: View,
    *,
    key: str,
    page: PlayerPage = "compare_page",
    position: Position | None = None,
    on_change: Callable[[], None] | None = None,
    on_request: Callable[[Mapping[str, str]], None] | None = None,
) -> Position:
    """Show `view` with the parts of that page, and return the position last settled on.

    `position` is where a new clip starts. Later, a position that differs both from the previous call's and from the one
    returned is a command of the page, such as the Back button's, and moves the player; passing the returned position
    back moves nothing. `on_change` is called when the viewer has settled elsewhere. `on_request` receives what the player
    asks the page for, such as {"open": "zoo/method/path"}: it comes from outside and may ask for anything. Call `player`
    inside `st.fragment`, so that a settled position reruns only that part of the page and no press of a button is lost:
    of two simultaneous requests to run the whole page, Streamlit honours only the later. A press in the tick of a report
    runs the fragment alone: if its callback changed what the page shows, the fragment must call `st.rerun()`.
    """
    position = position or Position(0, 1.0)
    memory = st.session_state.setdefault(f"{key}.player", {})
    reported = _reported(st.session_state.get(key), view)
    start = Position(_clamp(position.frame, view), float(position.speed), position.view_state)
    if memory.get("clip") != view.clip.key:
        memory.update(clip=view.clip.key, given=position, start=start, command=start, n_commands=0)
    else:
        if reported is None:
            # A player that left the page (nothing was ready) comes back as a new one: where the page is now.
            memory.update(start=start)
        if position != memory["given"]:
            memory["given"] = position
            if position != reported:
                memory.update(command=start, n_commands=memory["n_commands"] + 1)
    result = _component(page)(
        key=key,
        data={
            **view_data(view),
            "start": _place(memory["start"]),
            "command": {"seq": memory["n_commands"], **_place(memory["command"])},
        },
        default={"position": None},
        on_position_change=on_change or _nothing,
        on_wish_change=_nothing,
    )
    request = read_request(result.get("wish"))
    if request and on_request:
        on_request(request)
    return _position(result.get("position"), view) or memory["start"]


@cache
def _component(page: PlayerPage) -> Callable[..., Any]:
    return component(f"crosscheck_player_{page}", js=bootstrap(f"player/{page}.mjs"), isolate_styles=True)


def _place(position: Position) -> dict[str, Any]:
    """A position, in the JSON of the browser."""
    return {"frame": position.frame, "speed": position.speed, "look": dict(position.view_state)}


def _reported(state: Any, view: View) -> Position | None:
    return _position(state.get("position"), view) if isinstance(state, Mapping) else None


def _position(value: Any, view: View) -> Position | None:
    """What the browser reported, checked: it may be about another clip, and it comes from outside."""
    if not isinstance(value, Mapping) or value.get("clip") != view.clip.key:
        return None
    frame, speed = value.get("frame"), value.get("speed")
    if not isinstance(frame, int) or not isinstance(speed, (int, float)) or not math.isfinite(speed):
        return None
    texts = value.get("look")
    return Position(
        _clamp(frame, view), float(speed), read_view_state(texts if isinstance(texts, Mapping) else NO_VIEW_STATE)
    )


def _clamp(frame: int, view: View) -> int:
    return min(max(int(frame), 0), max(view.n_ready - 1, 0))


def _nothing() -> None:
    """Declares a state of the component where the page wants no call of its own."""
