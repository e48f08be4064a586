"""Two groups of clips that the viewer assigns by dragging, a component: `clip_groups(titles, groups, key=..., on_change=...)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from dashboard.components.bootstrap import bootstrap


def clip_groups(
    titles: Mapping[str, str], groups: Sequence[Sequence[str]], *, key: str, on_change: Callable[[Any], None]
) -> None:
    """Show the clips, id -> title, in groups A and B and outside them. `on_change` receives {"a": [id], "b": [id]} before the page is
    drawn again; it comes from outside and may be anything."""

    def receive() -> None:
        state = st.session_state.get(key)
        if isinstance(state, Mapping):
            on_change(state.get("groups"))

    data = {
        "clips": [{"id": clip, "title": title} for clip, title in titles.items()],
        "groups": dict(zip("ab", map(list, groups), strict=True)),
    }
    _component()(key=key, data=data, on_groups_change=receive)


@cache
def _component() -> Callable[..., Any]:
    return component("crosscheck_clip_groups", js=bootstrap("study/groups.mjs"), isolate_styles=True)
