"""The button and dialog that add a video: `add_video(data, key=...)`. It asks through the routes of server/asking_routes.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from dashboard.components.bootstrap import bootstrap, read_request


def add_video(data: Mapping[str, object], *, key: str, on_open: Callable[[str], None]) -> None:
    """Show the button. `on_open` receives the key of a clip that is to be shown; it comes from outside and may be anything."""

    def receive() -> None:
        state = st.session_state.get(key)
        request = read_request(state.get("wish")) if isinstance(state, Mapping) else {}
        if clip := request.get("clip"):
            on_open(clip)

    _component()(key=key, data=dict(data), on_wish_change=receive)


@cache
def _component() -> Callable[..., Any]:
    return component("crosscheck_add_video", js=bootstrap("asking/add_video.mjs"), isolate_styles=True)
