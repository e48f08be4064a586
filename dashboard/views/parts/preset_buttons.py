"""The presets in words above the panes, one press each, and the line that says what the page opened on."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.selection.choices import Choices
from dashboard.selection.link import Selection
from dashboard.selection.presets import Preset


def preset_buttons(presets: Sequence[Preset], selection: Selection, choices: Choices) -> None:
    """A button for each preset, off with its reason where it cannot be answered."""
    with st.container(key="presets", horizontal=True, vertical_alignment="center", gap="small"):
        for at, preset in enumerate(presets):
            st.button(
                preset.question,
                key=f"preset-{at}",
                help=preset.missing or None,
                disabled=bool(preset.missing),
                on_click=choices.show,
                args=(preset,),
            )
        st.text(choices.told(selection))
