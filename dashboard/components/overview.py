"""The tables of the overview, a component: `overview(data, key=...)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from streamlit.components.v2 import component

from dashboard.components.bootstrap import bootstrap, read_request


def overview(data: Mapping[str, object], *, key: str) -> dict[str, str]:
    """Show the tables (dashboard/overview/data.py makes what they hold); returns what was pressed, else nothing.

    {"clip": the start of its key, "configuration": its spelling}; it comes from outside and may ask for anything.
    """
    result = _component()(key=key, data=dict(data), on_wish_change=lambda: None)
    return read_request(result.get("wish"))


@cache
def _component() -> Callable[..., Any]:
    return component("crosscheck_overview", js=bootstrap("overview/overview.mjs"), isolate_styles=True)
