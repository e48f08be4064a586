"""The Space page: the depth of the configurations as surfaces in space, under one camera and one clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from analysis.columns import Columns
from cache.store import Store
from dashboard.catalogue import Catalogue, catalogue_of
from dashboard.commands import command_for
from dashboard.compare.comparison import Comparison, compare
from dashboard.compare.judging import judging_of
from dashboard.compare.plots import read
from dashboard.components.player import player
from dashboard.player_data import Chart, Position
from dashboard.selection.choices import note_move
from dashboard.selection.link import Selection
from dashboard.selection.menus import menus
from dashboard.site import Site
from dashboard.space.selecting import DEPTH, DepthChoices, field_of_view_of, has_depth, normals_of, still_texts
from dashboard.text import counted
from dashboard.views.parts.comparison_view import comparison_view
from dashboard.views.parts.header import show_clips
from dashboard.views.parts.shared_ranges import ranges_of
from dashboard.views.parts.widgets import refresh_when_changed, show_about, show_commands, show_notes
from dashboard.visitors.asking import asker_of

PLAYER = "space-player"


def page(site: Site) -> None:
    """Show the clip that the link names in space, or what is missing for that."""
    store, columns = site.store, site.columns
    asker = asker_of(store)
    look = partial(catalogue_of, store, st.query_params.to_dict(), asker.clips())
    catalogue = look()
    choices = DepthChoices(catalogue)
    selection, notes = choices.start()
    if selection is None:
        _show_empty(site)
        refresh_when_changed(look, catalogue, None)
        return
    clip = selection.clip
    with st.container(key="header", horizontal=True, vertical_alignment="bottom", gap="small"):
        show_clips(catalogue, menus(catalogue, selection)[0], choices)
        link = st.query_params.to_dict()
        flat = "image" if clip.n_frames == 1 and "image" in site.pages else "compare"
        st.page_link(site.pages[flat], label=f"Flat, in {site.pages[flat].title}", query_params=link)
    if not has_depth(catalogue, clip.key):
        _show_missing(store, selection)
        refresh_when_changed(look, catalogue, clip.key)
        return
    comparison = compare(catalogue, clip, DEPTH, None, selection.configurations, judging_of(selection))
    charts = [plot.chart for one in comparison.plots if (plot := read(columns, one, selection.scale)).chart.series]
    with st.container(key="notices", gap="xsmall"):
        if comparison.is_growing:
            ready = f"{comparison.n_ready} of {counted(clip.n_frames, 'frame')} ready"
            st.text(f"Not finished: {ready}. More frames appear while the job runs.")
        show_notes(notes)
    ranges = ranges_of(store, (pane.track for pane in comparison.panes))
    can_ask = not asker.refusal
    is_still = clip.n_frames == 1
    plotted = () if is_still else charts
    _show_player(columns, catalogue, selection, comparison, plotted, ranges, choices, can_ask)
    for text in still_texts(charts) if is_still else ():
        st.text(text)
    show_about(clip, comparison.caveats)
    if catalogue.is_growing(clip.key):
        refresh_when_changed(look, catalogue, clip.key)


@st.fragment
def _show_player(
    columns: Columns,
    catalogue: Catalogue,
    selection: Selection,
    comparison: Comparison,
    charts: Sequence[Chart],
    ranges: Mapping[str, tuple[float, float]],
    choices: DepthChoices,
    can_ask: bool,
) -> None:
    """The player, in a fragment of its own: moving through the frames, or the camera, reruns nothing else."""
    flat = comparison_view(columns, catalogue, selection, comparison, charts=charts, ranges=ranges, can_ask=can_ask)
    if flat is None:
        return
    field_of_view = field_of_view_of(selection.clip)
    # Depth alone: no menu of other predictions, and no pictures of change over time.
    normals = normals_of(catalogue, flat.panes)
    view = replace(
        flat, menus=flat.menus[:1], stabilities={}, confidences={}, normals=normals, field_of_view_degrees=field_of_view
    )

    def show(position: Position) -> Position:
        on_request = choices.handle_request_of_fragment
        return player(
            view, key=PLAYER, page="space_page", position=position, on_change=note_move, on_request=on_request
        )

    choices.follow_player(selection, show)


def _show_missing(store: Store, selection: Selection) -> None:
    with st.container(border=True, gap="xsmall"):
        st.text("No depth of this clip is stored, so there is nothing to show in space. To compute it:")
        show_commands([command_for(selection.clip)], store)


def _show_empty(site: Site) -> None:
    with st.container(key="empty"):
        st.header("Nothing to show in space yet")
        st.text("The store holds no clips. Compute the bundled ones, or a video of your own:")
        commands = ("python -m precompute run phone walkthrough", "python -m precompute run my-video.mp4")
        show_commands(commands, site.store)
