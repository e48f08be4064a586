"""The place where a visitor drops, pastes or chooses a picture: `picture_input(ticket, key=..., on_upload=...)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from dashboard.components.bootstrap import bootstrap, read_request
from dashboard.visitors.asking import MAX_PICTURE_BYTES, MAX_PICTURE_PIXELS


def picture_input(ticket: str, *, key: str, on_upload: Callable[[str, str], None]) -> None:
    """Show it. `on_upload` receives the digest of the bytes, which are then in the store, and the file's name, before the page
    is drawn again; both come from outside."""

    def receive() -> None:
        state = st.session_state.get(key)
        request = read_request(state.get("wish")) if isinstance(state, Mapping) else {}
        if "upload" in request:
            on_upload(request["upload"], request.get("title", ""))

    data = {"ticket": ticket, "maxBytes": MAX_PICTURE_BYTES, "maxPixels": MAX_PICTURE_PIXELS}
    _component()(key=key, data=data, on_wish_change=receive)


@cache
def _component() -> Callable[..., Any]:
    return component("crosscheck_picture_input", js=bootstrap("upload/picture_input.mjs"), isolate_styles=True)
