"""How is a configuration picked on the graph of paths? `picker(data, key=...)`: the component, and what it asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from streamlit.components.v2 import component

from dashboard.player import bootstrap, read_wish


def picker(data: Mapping[str, object], *, key: str) -> dict[str, str]:
    """Show the graph; returns what was asked for in this run: {"letter": "A", "open": "zoo/method/path"}, else {}.

    It comes from outside and may ask for anything.
    """
    result = _component()(key=key, data=dict(data), on_wish_change=_nothing)
    return read_wish(result.get("wish"))


@cache
def _component() -> Callable[..., Any]:
    return component("crosscheck_graph", js=bootstrap("graph.mjs"), isolate_styles=True)


def _nothing() -> None:
    """Declares the trigger `wish`."""
