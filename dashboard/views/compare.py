"""The Compare page: configurations of one target side by side in the player, with their plots, menus and notices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import streamlit as st

from analysis.columns import Columns
from cache.records import StoreError
from cache.store import Store, require_store
from dashboard.catalogue import Catalogue, catalogue_of
from dashboard.compare.believe import believed
from dashboard.compare.card.measures import measures_of
from dashboard.compare.comparison import Comparison, compare
from dashboard.compare.judging import judging_of
from dashboard.compare.plots import PlotData, read
from dashboard.compare.steadiness import steadiness_words
from dashboard.compare.summaries import VERDICT_CHARTS, remarks, summary
from dashboard.components.player import player
from dashboard.player_data import Chart, Position
from dashboard.selection.choices import Choices, note_move
from dashboard.selection.defaults import CONSISTENCY, pair_of
from dashboard.selection.lineup import grid
from dashboard.selection.link import Selection
from dashboard.selection.presets import Opening, opening, presets
from dashboard.site import Site
from dashboard.text import counted
from dashboard.views.parts.add_video_button import add_video_button
from dashboard.views.parts.comparison_view import comparison_view
from dashboard.views.parts.header import header
from dashboard.views.parts.preset_buttons import preset_buttons
from dashboard.views.parts.shared_ranges import ranges_of
from dashboard.views.parts.verdict_card import show_verdict
from dashboard.views.parts.widgets import refresh_when_changed, show_about, show_commands, show_failed, show_notes
from dashboard.visitors.asking import asker_of

PLAYER = "player"


def page(site: Site) -> None:
    """Show the page for the link that the browser is on."""
    store, columns = site.store, site.columns
    asker = asker_of(store)
    look = partial(catalogue_of, store, st.query_params.to_dict(), asker.clips())
    catalogue = look()  # once: what is drawn and what is watched for changes must be the same state
    choices = Choices(catalogue, partial(_opening, columns, catalogue))
    selection, notes = choices.start()
    add_video = partial(add_video_button, store, asker, catalogue, selection.clip.key if selection else "")
    if selection is None:
        _show_empty(store, catalogue, add_video)
        return
    comparison = _compare(catalogue, selection)
    plots = [read(columns, plot, selection.scale) for plot in comparison.plots]
    charts = [plot.chart for plot in plots if plot.chart.series]
    header(store, columns, catalogue, selection, choices, add_video)
    measures = measures_of(comparison, charts, selection.scale, catalogue.title)
    show_verdict(replace(measures, steadiness=steadiness_words(columns, comparison)))
    _show_presets(catalogue, selection, comparison, charts, choices)
    # Always there, so that the player keeps its place among the elements: in another place it would start over.
    with st.container(key="notices", gap="xsmall"):
        if comparison.is_growing:
            ready = f"{comparison.n_ready} of {counted(selection.clip.n_frames, 'frame')} ready"
            st.text(f"Not finished: {ready}. This page updates while the job runs.")
        show_notes(notes)
    ranges = ranges_of(store, (pane.track for pane in comparison.panes))
    can_ask = not asker.refusal
    _show_player(columns, catalogue, selection, comparison, charts, ranges, choices, can_ask)
    _show_missing(store, comparison, plots)
    with st.container(key="words", gap=None):
        for chart in charts:
            if chart.id not in VERDICT_CHARTS:
                st.text(summary(chart))
    show_about(selection.clip, comparison.caveats)
    show_failed(store)
    if catalogue.is_growing(selection.clip.key):
        refresh_when_changed(look, catalogue, selection.clip.key)


def _compare(catalogue: Catalogue, chosen: Selection) -> Comparison:
    return compare(catalogue, chosen.clip, chosen.target, chosen.readout, chosen.configurations, judging_of(chosen))


def _opening(columns: Columns, catalogue: Catalogue, selection: Selection) -> Opening | None:
    """Where the clip of a link without a frame opens; None while it has no frame."""
    comparison = _compare(catalogue, selection)
    if not comparison.n_ready:
        return None
    charts = [read(columns, plot, selection.scale).chart for plot in comparison.plots if plot.id in ("energy", "error")]
    return opening(charts)


def _show_presets(
    catalogue: Catalogue, selection: Selection, comparison: Comparison, charts: Sequence[Chart], choices: Choices
) -> None:
    lineup = selection.configurations
    if selection.target is None or not comparison.n_ready:
        return
    options = catalogue.configurations(selection.clip.key, selection.target)
    has_truth = any(pane.id == "truth" for pane in comparison.panes)
    found = presets(charts, lineup, grid(lineup, options), pair_of(CONSISTENCY, options), has_truth=has_truth)
    preset_buttons(found, selection, choices)


@st.fragment
def _show_player(
    columns: Columns,
    catalogue: Catalogue,
    selection: Selection,
    comparison: Comparison,
    charts: Sequence[Chart],
    ranges: Mapping[str, tuple[float, float]],
    choices: Choices,
    can_ask: bool,
) -> None:
    """The player, in a fragment of its own: moving through the frames reruns nothing else."""
    view = comparison_view(columns, catalogue, selection, comparison, charts=charts, ranges=ranges, can_ask=can_ask)
    if view is None:
        return
    if selection.target:
        view = replace(view, believed=believed(columns, catalogue, comparison, charts))

    def show(position: Position) -> Position:
        on_request = choices.handle_request_of_fragment
        return player(view, key=PLAYER, position=position, on_change=note_move, on_request=on_request)

    choices.follow_player(selection, show)


def _show_missing(store: Store, comparison: Comparison, plots: Sequence[PlotData]) -> None:
    """What limits the comparison, what cannot be read, and what is missing with the command that computes it."""
    show_notes([*remarks(comparison), *(text for plot in plots for text in plot.problems)])
    for missing in comparison.missing:
        if missing.command is None:
            continue  # the verdict says so
        with st.container(border=True, gap="xsmall"):
            st.text(missing.what)
            show_commands([missing.command], store)


def _show_empty(store: Store, catalogue: Catalogue, add_video: Callable[[], None]) -> None:
    """Explain why there is nothing to show and what to run, and check the store again automatically."""
    with st.container(key="empty"):
        st.header("Nothing to compare yet")
        st.text(_why_empty(store.root))
        st.text("Compute the bundled clips, or a video of your own:")
        commands = ("python -m precompute run phone walkthrough", "python -m precompute run my-video.mp4")
        show_commands(commands, store)
        add_video()
        if _has_unreadable_tracks(store):
            st.text("The store contains tracks, but none of them can be read. To see why:")
            show_commands(["python -m precompute verify"], store)
        st.caption("The first frames appear here automatically as soon as they are stored.")
        show_failed(store)
    refresh_when_changed(partial(catalogue_of, store, {}), catalogue, None)


def _why_empty(root: Path) -> str:
    if not root.exists():
        return f"There is no store at {root} yet."
    try:
        require_store(root)
    except StoreError as error:
        return f"{error.found}."
    return f"The store {root} holds no frames."


def _has_unreadable_tracks(store: Store) -> bool:
    """True if there are track folders although nothing is listed."""
    folder = store.root / "tracks"
    return folder.is_dir() and any((track / "manifest.json").exists() for track in folder.iterdir())
