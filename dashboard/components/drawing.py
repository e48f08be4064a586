"""Drawings of our own (drawings/*.svg) on the page, in the colours of its theme."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from streamlit.components.v2 import component

_FOLDER = Path(__file__).parent / "drawings"


def drawing(name: str, *, key: str) -> None:
    """Show the drawing of that name. `st.html` strips SVG, and an image would not know the page's colours."""
    _component(name)(key=key)


@cache
def _component(name: str) -> Callable[..., Any]:
    svg = (_FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    return component(f"crosscheck_drawing_{name}", html=svg, css=(_FOLDER / "drawings.css").read_text(encoding="utf-8"))
