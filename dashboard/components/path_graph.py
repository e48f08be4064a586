"""How is a configuration picked on the graph of paths? `picker(data, key=...)`: the component, which asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from dashboard.components.player import bootstrap, read_wish


def picker(data: Mapping[str, object], *, key: str, on_wish: Callable[[Mapping[str, str]], None]) -> None:
    """Show the graph. `on_wish` is called, before the page is drawn again, with what was asked for.

    {"letter": "A", "open": "zoo/method/path"}, {"letter": "A", "do": "left" | "right" | "remove"} or {"readout": "depth"}
    ("" for none); it comes from outside and may ask for anything.
    """

    def asked() -> None:
        state = st.session_state.get(key)
        wish = read_wish(state.get("wish")) if isinstance(state, Mapping) else {}
        if wish:
            on_wish(wish)

    _component()(key=key, data=dict(data), on_wish_change=asked)


@cache
def _component() -> Callable[..., Any]:
    return component("crosscheck_graph", js=bootstrap("path_graph/path_graph.mjs"), isolate_styles=True)
