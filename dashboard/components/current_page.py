"""Marks the link to the current page in the bar: `mark_current_page("page-compare")`. Streamlit's links have no aria-current."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from streamlit.components.v2 import component

from dashboard.components.bootstrap import bootstrap


def mark_current_page(container: str) -> None:
    """Mark the link in the container of that key, and no other link of the bar."""
    _component()(key="current-page", data={"container": container})


@cache
def _component() -> Callable[..., Any]:
    return component("crosscheck_current_page", js=bootstrap("ui/current_page.mjs"))
