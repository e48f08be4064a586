"""One chart of the Study page: `chart(data, key=...)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from streamlit.components.v2 import component

from dashboard.components.bootstrap import bootstrap


def chart(data: Mapping[str, object], *, key: str) -> None:
    """Draw the chart (see web/study/study.mjs for what it holds)."""
    _component()(key=key, data=dict(data))


@cache
def _component() -> Callable[..., Any]:
    return component("crosscheck_chart", js=bootstrap("study/study.mjs"), isolate_styles=True)
