"""The links of the bar in the browser: `lead_on("page-compare")` marks the current one and keeps all at the place shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from streamlit.components.v2 import component

from dashboard.components.bootstrap import bootstrap
from dashboard.selection.link import CARRIED


def lead_on(container: str) -> None:
    """Mark the link in the container of that key, and no other link of the bar; let all lead on with the place on the screen.

    Streamlit's links have no aria-current, and carry the address of the last whole run.
    """
    _component()(key="page-links", data={"container": container, "carried": sorted(CARRIED)})


@cache
def _component() -> Callable[..., Any]:
    return component("crosscheck_page_links", js=bootstrap("ui/page_links.mjs"))
