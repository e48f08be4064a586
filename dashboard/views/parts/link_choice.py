"""Rows of buttons and menus of a page whose choices stand in the link."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboard.selection.choices import LINK, menu_key, newest_link
from dashboard.selection.link import CARRIED


def pills_in_link(page: str, name: str, label: str, options: Mapping[str, str], default: str) -> str:
    """A row of buttons, one for each of `options`, value -> label. Returns the value that the link names, else the default."""
    value, key = _value_and_key(page, name, options, default)
    st.pills(
        label,
        list(options),
        key=key,
        required=True,
        format_func=lambda option: options.get(option, str(option)),
        on_change=_write,
        args=(name, key, options, default),
    )
    return value


def menu_in_link(
    page: str, name: str, label: str, options: Mapping[str, str], default: str, help_text: str = ""
) -> str:
    """The same as a menu, for options of longer names."""
    value, key = _value_and_key(page, name, options, default)
    st.selectbox(
        label,
        list(options),
        key=key,
        format_func=lambda option: options.get(option, str(option)),
        on_change=_write,
        args=(name, key, options, default),
        help=help_text or None,
    )
    return value


def _value_and_key(page: str, name: str, options: Mapping[str, str], default: str) -> tuple[str, str]:
    asked = st.query_params.get(name, default)
    value = asked if asked in options else default
    return value, menu_key(f"{page}-{name}", value)


def _write(name: str, key: str, options: Mapping[str, str], default: str) -> None:
    """Write the choice into the link, where it differs from the default; one that other pages share always, and theirs."""
    chosen = st.session_state.get(key)
    if not isinstance(chosen, str) or chosen not in options:
        chosen = default
    if name in CARRIED:
        st.session_state[LINK] = newest_link() | {name: chosen}
    if chosen != default or name in CARRIED:
        st.query_params[name] = chosen
    else:
        st.query_params.pop(name, None)
