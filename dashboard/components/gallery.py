"""The cards of the gallery, a component that draws stored pictures in their colours: `gallery(data, key=...)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from streamlit.components.v2 import component

from dashboard.components.bootstrap import bootstrap


def gallery(data: Mapping[str, object], *, key: str) -> None:
    """Show the cards (see web/gallery/gallery.mjs for what they hold)."""
    _component()(key=key, data=dict(data))


@cache
def _component() -> Callable[..., Any]:
    return component("crosscheck_gallery", js=bootstrap("gallery/gallery.mjs"), isolate_styles=True)
