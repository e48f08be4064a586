"""The Compare page: configurations of one target side by side in the player, with their plots, menus and notices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import streamlit as st

from analysis.columns import Columns, with_expected_times
from analysis.energy import SCALES, Scale, Unreadable
from cache.records import Track
from cache.store import Store
from dashboard.catalogue import Catalogue
from dashboard.compare.choices import NO_READOUT, TOO_MANY, Choices, menu_key, note_move, with_suggestion
from dashboard.compare.comparison import Comparison, choices_of, compare
from dashboard.compare.lineup import MAX_CONFIGURATIONS, Lineup, moved, suggestion
from dashboard.compare.link import Selection
from dashboard.compare.menus import menus
from dashboard.compare.path_options import energy_tracks, graph_data, path_options, readout_options
from dashboard.compare.plots import PlotData, read
from dashboard.compare.summaries import remarks, summary
from dashboard.components.path_graph import path_graph
from dashboard.components.player import player
from dashboard.player_data import LETTERS, Chart, Position, View
from dashboard.text import counted, without_markdown
from dashboard.widgets import for_store, refresh_when_changed, show_about, show_failed, show_notes

PLAYER = "player"
GRAPH = "graph"
ENERGY_MEANING = (
    "Consistency energy measures how far predictions of the same target along different paths disagree in a frame; "
    "low means that they agree (Zamir et al. 2020, section 4)."
)
SCALE_HELP = (
    "Standardised: each path's difference in σ around the baseline's mean on validation images, so that all paths "
    "count alike. Raw: the plain mean of the differences."
)


def page(store: Store, columns: Columns) -> None:
    """Show the page for the link that the browser is on."""
    tracks = store.tracks()  # once: what is drawn and what is watched for changes must be the same state
    catalogue = Catalogue(tracks)
    choices = Choices(catalogue)
    selection, notes = choices.start()
    if selection is None:
        _show_empty(store, tracks)
        return
    comparison = compare(catalogue, selection.clip, selection.target, selection.readout, selection.configurations)
    plots = [read(columns, plot, selection.scale) for plot in comparison.plots]
    charts = [plot.chart for plot in plots if plot.chart.series]
    _show_menus(store, columns, catalogue, selection, choices)
    # Always there, so that the player keeps its place among the elements: in another place it would start over.
    with st.container(key="notices", gap="xsmall"):
        if comparison.is_growing:
            ready = f"{comparison.n_ready} of {counted(selection.clip.n_frames, 'frame')} ready"
            st.text(f"Not finished: {ready}. More frames appear while the job runs.")
        show_notes(notes)
    _show_player(columns, catalogue, selection, comparison, charts, choices)
    _show_missing(store, comparison, plots, selection.scale)
    with st.container(key="words", gap=None):
        for chart in charts:
            st.text(summary(chart))
        if any(plot.id == "energy" for plot in comparison.plots):
            st.text(ENERGY_MEANING)
    show_about(selection.clip, comparison.caveats)
    show_failed(store)
    if any(not track.is_complete for track in tracks if track.head.clip.key == selection.clip.key):
        refresh_when_changed(store, tracks, selection.clip.key)


def _show_menus(store: Store, columns: Columns, catalogue: Catalogue, selection: Selection, choices: Choices) -> None:
    clip, target = selection.clip.key, selection.target
    with st.container(key="controls", horizontal=True, vertical_alignment="bottom", gap="small"):
        _menu("Clip", "clip", {c.key: catalogue.clip_label(c) for c in catalogue.clips}, clip, choices)
        if target is None:
            return
        image = catalogue.title("rgb")
        targets = {name: f"{image} → {catalogue.title(name)}" for name in catalogue.targets(clip)}
        _menu("Prediction", "predict", targets, target, choices)
        ends = catalogue.readouts(clip, target)
        readouts = {name: f"{catalogue.title(target)} → {catalogue.title(name)}" for name in ends}
        _menu("Readout", "readout", {NO_READOUT: "None", **readouts}, selection.readout or NO_READOUT, choices)
        # Before the menus whose number varies: in another place it would start over, and be closed.
        with st.container(key="paths"):
            _show_graph(store, columns, catalogue, selection, choices)
        options = catalogue.configurations(clip, target)
        labels = {option.spelling: catalogue.configuration_label(option, options) for option in options}
        lineup = selection.configurations
        for letter, configuration in zip(LETTERS, lineup, strict=False):
            _menu(letter, letter.lower(), labels, configuration.spelling, choices)
            if letter == LETTERS[0]:
                _icon_button("Swap A and B", "swap", ":material/swap_horiz:", partial(moved, at=0, by=1), choices)
        new = None if len(lineup) >= MAX_CONFIGURATIONS else suggestion(lineup, options)
        reason = TOO_MANY if len(lineup) >= MAX_CONFIGURATIONS else "Everything stored for this prediction is shown"
        _icon_button(
            "Add a configuration",
            "add",
            ":material/add:",
            partial(with_suggestion, options=options) if new else None,
            choices,
            help_text=f"Add {labels[new.spelling]}" if new else reason,
        )
        key = menu_key("scale", selection.scale)
        st.segmented_control(
            "Energy",
            SCALES,
            key=key,
            required=True,
            format_func=str.capitalize,
            help=SCALE_HELP,
            on_change=choices.choose,
            args=("scale", key),
        )


def _menu(label: str, name: str, options: Mapping[str, str], value: str, choices: Choices) -> None:
    """A menu of `options` (value -> label) that writes its choice into the link."""
    # Streamlit tells options apart by their labels.
    labels = list(options.values())
    distinct = {v: text if labels.count(text) == 1 else f"{text} ({v})" for v, text in options.items()}
    key = menu_key(name, value)
    st.selectbox(
        label,
        list(distinct),
        key=key,
        format_func=lambda option: distinct.get(option, str(option)),
        on_change=choices.choose,
        args=(name, key),
    )


def _icon_button(
    name: str,
    key: str,
    icon: str,
    arrange: Callable[[Lineup], Lineup] | None,
    choices: Choices,
    *,
    help_text: str | None = None,
) -> None:
    """A button that changes the line-up, off if `arrange` is None; its name is for screen readers, as it shows an icon."""
    st.button(
        name,
        key=key,
        icon=icon,
        help=without_markdown(help_text or name),
        type="tertiary",
        disabled=arrange is None,
        on_click=choices.arrange,
        args=(arrange,),
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
    path_graph(data, key=GRAPH, on_request=choices.handle_request)


@st.fragment
def _show_player(
    columns: Columns,
    catalogue: Catalogue,
    selection: Selection,
    comparison: Comparison,
    charts: Sequence[Chart],
    choices: Choices,
) -> None:
    """The player, in a fragment of its own: moving through the frames reruns nothing else."""
    longest = comparison.longest
    if longest is None or not comparison.n_ready:
        return
    try:
        known = columns.pts_seconds(longest)
    except Unreadable as error:
        show_notes([f"The times of this clip's frames cannot be read: {error}."])
        return
    view = View(
        clip=selection.clip,
        pts_seconds=known if longest.is_complete else with_expected_times(known, selection.clip.n_frames),
        panes=comparison.panes,
        charts=charts,
        energies=comparison.energies,
        scale=selection.scale,
        titles=comparison.titles,
        choices=choices_of(catalogue, selection.clip.key, selection.target) if selection.target else (),
        menus=menus(catalogue, selection),
    )

    def show(position: Position) -> Position:
        on_request = choices.handle_request_of_fragment
        return player(view, key=PLAYER, position=position, on_change=note_move, on_request=on_request)

    choices.follow_player(selection, show)


def _show_missing(store: Store, comparison: Comparison, plots: Sequence[PlotData], scale: Scale) -> None:
    """What limits the comparison, what cannot be read, and what is missing with the command that computes it."""
    show_notes([*remarks(comparison, scale), *(text for plot in plots for text in plot.problems)])
    for missing in comparison.missing:
        with st.container(border=True, gap="xsmall"):
            st.text(missing.what)
            if missing.command:
                st.code(for_store(missing.command, store), language="bash", wrap_lines=True)


def _show_empty(store: Store, tracks: Sequence[Track]) -> None:
    """Explain why there is nothing to show and what to run, and check the store again automatically."""
    with st.container(key="empty"):
        st.header("Nothing to compare yet")
        st.text(f"The store {store.root} holds no frames.")
        st.text("Compute the bundled clips, or a video of your own:")
        commands = ("python -m precompute run phone walkthrough", "python -m precompute run my-video.mp4")
        st.code("\n".join(for_store(command, store) for command in commands), language="bash", wrap_lines=True)
        if _has_unreadable_tracks(store):
            st.text("The store contains tracks, but none of them can be read. To see why:")
            st.code(for_store("python -m precompute verify", store), language="bash", wrap_lines=True)
        st.caption("The first frames appear here automatically as soon as they are stored.")
        show_failed(store)
    refresh_when_changed(store, tracks, None)


def _has_unreadable_tracks(store: Store) -> bool:
    """True if there are track folders although nothing is listed."""
    folder = store.root / "tracks"
    return folder.is_dir() and any((track / "manifest.json").exists() for track in folder.iterdir())
