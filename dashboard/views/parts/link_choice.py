"""A row of buttons whose choice stands in the link."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboard.selection.choices import menu_key


def link_choice(page: str, name: str, label: str, options: Mapping[str, str], default: str) -> str:
    """Show the buttons and return the choice, which is written into the link under `name` where it differs from the default."""
    asked = st.query_params.get(name, default)
    value = asked if asked in options else default
    key = menu_key(f"{page}-{name}", value)

    def choose() -> None:
        chosen = st.session_state.get(key)
        if isinstance(chosen, str) and chosen in options and chosen != default:
            st.query_params[name] = chosen
        else:
            st.query_params.pop(name, None)

    st.pills(
        label,
        list(options),
        key=key,
        required=True,
        format_func=lambda option: options.get(option, str(option)),
        on_change=choose,
    )
    return value
