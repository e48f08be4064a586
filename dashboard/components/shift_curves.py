"""The curves of the Shift page, a component that draws them: `shift_curves(data, key=..., on_step=...)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from dashboard.components.bootstrap import bootstrap, read_request

MAX_DIGITS = 3


def shift_curves(data: Mapping[str, object], *, key: str, on_step: Callable[[int], None]) -> None:
    """Show the curves (see web/shift/curves.mjs). `on_step` receives the place of a pressed strength before the page is drawn again;
    it comes from outside and may be any number."""

    def receive() -> None:
        state = st.session_state.get(key)
        step = read_request(state.get("wish")).get("step", "") if isinstance(state, Mapping) else ""
        if step.isascii() and step.isdigit() and len(step) <= MAX_DIGITS:
            on_step(int(step))

    _component()(key=key, data=dict(data), on_wish_change=receive)


@cache
def _component() -> Callable[..., Any]:
    return component("crosscheck_shift_curves", js=bootstrap("shift/curves.mjs"), isolate_styles=True)
