"""The header of the Compare page: which clip and prediction are shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import streamlit as st

from analysis.columns import Columns
from cache.store import Store
from dashboard.catalogue import Catalogue
from dashboard.compare.styles import styles_by_letter
from dashboard.components.path_graph import path_graph
from dashboard.player_data import Menu
from dashboard.selection.choices import Choices, menu_key, open_clip
from dashboard.selection.link import Selection
from dashboard.selection.menus import MAX_CLIPS, clips_with, menus
from dashboard.selection.path_options import energy_tracks, graph_data, path_options, readout_options
from dashboard.text import without_markdown
from dashboard.views.parts.widgets import for_store

GRAPH = "graph"
SCALE_HELP = (
    "Standardised: each path's difference in σ around the baseline's mean on validation images, so that paths "
    "have one scale, and counted by the zoo's weights if it has some; 0 is as usual, above 0 the paths disagree more than usual. "
    "Raw: the plain mean of the differences."
)


def header(
    store: Store,
    columns: Columns,
    catalogue: Catalogue,
    selection: Selection,
    choices: Choices,
    add_video: Callable[[], None],
) -> None:
    """Clip, the way to add one, prediction, readout, graph and energy scale, in one row of a wide screen."""
    shown = {menu.name: menu for menu in menus(catalogue, selection)}
    with st.container(key="header", horizontal=True, vertical_alignment="bottom", gap="small"):
        show_clips(catalogue, shown["clip"], choices)
        with st.container(key="add-video-place"):
            add_video()
        if selection.target is not None:
            show_menu(shown["predict"], choices)
            show_menu(shown["readout"], choices)
            with st.container(key="paths"):
                _show_graph(store, columns, catalogue, selection, choices)
            _scale(shown["scale"], choices)


def _scale(menu: Menu, choices: Choices) -> None:
    key = menu_key(menu.name, menu.value)
    st.segmented_control(
        menu.label,
        list(menu.options),
        key=key,
        required=True,
        format_func=lambda option: menu.options.get(option, str(option)),
        help=SCALE_HELP,
        on_change=choices.choose,
        args=(menu.name, key),
    )


def show_clips(catalogue: Catalogue, menu: Menu, choices: Choices) -> None:
    """The menu of clips, and a search for those that it does not name."""
    show_menu(menu, choices)
    if len(catalogue.clips) > MAX_CLIPS:
        with st.popover(
            "Find", key="find-clip", help=f"The menu names the first {MAX_CLIPS} clips; find any by its title"
        ):
            _find(catalogue)


@st.fragment
def _find(catalogue: Catalogue) -> None:
    """A search among all clips, in a fragment: typing draws nothing else again."""
    words = st.text_input("Words of the title, or the key", key="find-clip-words", max_chars=200)
    found, n_found = clips_with(catalogue, words)
    for key, label in found.items():
        if st.button(without_markdown(label), key=f"found-{key}", type="tertiary"):
            open_clip(key)
            st.rerun()
    if not words:
        st.caption(f"{len(catalogue.clips):,} clips")
    elif n_found > len(found):
        st.caption(f"The first {len(found)} of {n_found:,} are listed: add a word.")
    elif not n_found:
        st.caption("No clip has all of these words.")


def show_menu(menu: Menu, choices: Choices) -> None:
    """A menu that writes its choice into the link."""
    # Streamlit tells options apart by their labels.
    labels = list(menu.options.values())
    distinct = {v: text if labels.count(text) == 1 else f"{text} ({v})" for v, text in menu.options.items()}
    key = menu_key(menu.name, menu.value)
    st.selectbox(
        menu.label,
        list(distinct),
        key=key,
        format_func=lambda option: distinct.get(option, str(option)),
        on_change=choices.choose,
        args=(menu.name, key),
    )


def _show_graph(store: Store, columns: Columns, catalogue: Catalogue, selection: Selection, choices: Choices) -> None:
    """The paths to the target and its readouts as a graph: a click on one shows it."""
    assert selection.target is not None
    clip, target, lineup = selection.clip, selection.target, selection.configurations
    command = partial(for_store, store=store)
    options = path_options(catalogue, columns, clip, target, command)
    readouts = readout_options(catalogue, columns, clip, target, lineup, command)
    tracks = energy_tracks(catalogue, clip, [*options, *readouts])
    data = graph_data(options, lineup, tracks, readouts, selection.readout)
    data["styles"] = {letter: asdict(style) for letter, style in styles_by_letter(catalogue, selection).items()}
    path_graph(data, key=GRAPH, on_request=choices.handle_request)
