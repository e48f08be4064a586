"""The path graph, a component on which a configuration is chosen: `path_graph(data, key=...)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from dashboard.components.bootstrap import bootstrap, read_request


def path_graph(data: Mapping[str, object], *, key: str, on_request: Callable[[Mapping[str, str]], None]) -> None:
    """Show the graph. `on_request` receives what was asked for, before the page is drawn again.

    {"letter": "A", "open": "zoo/method/path"}, {"letter": "A", "do": "left" | "right" | "remove"} or {"readout": "depth"}
    ("" for none); a request comes from outside and may ask for anything.
    """

    def receive() -> None:
        state = st.session_state.get(key)
        request = read_request(state.get("wish")) if isinstance(state, Mapping) else {}
        if request:
            on_request(request)

    _component()(key=key, data=dict(data), on_wish_change=receive)


@cache
def _component() -> Callable[..., Any]:
    return component("crosscheck_graph", js=bootstrap("path_graph/button.mjs"), isolate_styles=True)
