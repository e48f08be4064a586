"""Compare: which of two configurations is better on which frames? The page around the player."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from analysis.columns import Columns, with_expected_times
from analysis.energy import SCALES, Scale, Unreadable
from cache.records import Track
from cache.store import Store
from dashboard.catalogue import Catalogue
from dashboard.compare.comparison import Comparison, shown
from dashboard.compare.configuration import LETTERS, Configuration
from dashboard.compare.lineup import MAX_CONFIGURATIONS, Lineup, added, moved, removed, suggestion
from dashboard.compare.link import Selection, find_configuration, from_query, to_query
from dashboard.compare.path_options import energy_tracks, graph_data, path_options, readout_options
from dashboard.compare.plots import PlotData, read
from dashboard.compare.summaries import figure, summary
from dashboard.components.path_graph import picker
from dashboard.components.player import LOOK, Chart, View, player
from dashboard.text import one_line
from dashboard.widgets import (
    for_store,
    menu_key,
    plain,
    refresh_when_changed,
    remarks,
    show_about,
    show_failed,
    show_notes,
    shown_in,
)

NO_READOUT = ""
"""The readout menu's value for none."""
ARRANGEMENTS: Mapping[str, Callable[[Lineup, int], Lineup]] = {
    "left": partial(moved, by=-1),
    "right": partial(moved, by=1),
    "remove": removed,
}
"""What can be asked for a letter's place."""
PLAYER = "player"
GRAPH = "graph"
MOVED = "player-moved"
LINK = "link"
ASKED = "player-asked"
ENERGY_MEANING = (
    "Consistency energy is how far predictions of the same target along different paths disagree in a frame; "
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
    selection, notes = from_query(st.query_params.to_dict(), catalogue)
    if selection is None:
        _show_empty(store, tracks)
        return
    st.session_state[LINK] = st.query_params.to_dict()
    if not notes:  # a link that asks for something that is not here stays as it is until something is chosen
        _write_link(to_query(selection))
    content = shown(catalogue, selection.clip, selection.target, selection.readout, selection.configurations)
    numbers = [read(columns, plot, selection.scale) for plot in content.plots]
    _show_controls(store, columns, catalogue, selection)
    # Always there, so that the player keeps its place among the elements: in another place it would start anew.
    with st.container(key="notices", gap="xsmall"):
        if content.is_growing:
            ready = f"{content.n_ready} of {selection.clip.n_frames} frames ready"
            st.text(f"Not finished: {ready}. More appears here by itself while the job runs.")
        show_notes(notes)
    charts = [_chart(item) for item in numbers if item.lines]
    _show_player(columns, selection, content, charts, catalogue)
    _show_gaps(store, content, numbers, selection.scale)
    _show_words(numbers)
    show_about(selection.clip, content.caveats)
    show_failed(store)
    if any(not track.is_complete for track in tracks if track.head.clip.key == selection.clip.key):
        refresh_when_changed(store, tracks, selection.clip.key)


# Choices


def _show_controls(store: Store, columns: Columns, catalogue: Catalogue, selection: Selection) -> None:
    clip, target = selection.clip.key, selection.target
    with st.container(key="controls", horizontal=True, vertical_alignment="bottom", gap="small"):
        _select("Clip", "clip", {c.key: catalogue.clip_label(c) for c in catalogue.clips}, clip, catalogue)
        if target is None:
            return
        image = catalogue.title("rgb")
        targets = {name: f"{image} → {catalogue.title(name)}" for name in catalogue.targets(clip)}
        _select("Prediction", "predict", targets, target, catalogue)
        ends = catalogue.readouts(clip, target)
        readouts = {name: f"{catalogue.title(target)} → {catalogue.title(name)}" for name in ends}
        _select("Readout", "readout", {NO_READOUT: "None", **readouts}, selection.readout or NO_READOUT, catalogue)
        # Before the menus of which there are more and fewer: in another place it would start anew, and be closed.
        with st.container(key="paths"):
            _show_graph(store, columns, catalogue, selection)
        options = catalogue.configurations(clip, target)
        labels = {option.spelling: catalogue.configuration_label(option, options) for option in options}
        lineup = selection.configurations
        for letter, configuration in zip(LETTERS, lineup, strict=False):
            _select(letter, letter.lower(), labels, configuration.spelling, catalogue)
            if letter == LETTERS[0]:
                arrange = partial(moved, at=0, by=1)
                _icon_button("Swap A and B", "swap", ":material/swap_horiz:", arrange, catalogue)
        new = suggestion(lineup, options)
        is_full = len(lineup) >= MAX_CONFIGURATIONS
        reason = "Eight are as many as fit" if is_full else "Everything stored for this prediction is shown already"
        words = f"Add {labels[new.spelling]}" if new and not is_full else reason
        _icon_button(
            "Add a configuration",
            "add",
            ":material/add:",
            partial(_with_suggestion, options=options) if new else None,
            catalogue,
            help_text=words,
            is_enabled=not is_full,
        )
        key = menu_key("scale", selection.scale)
        st.segmented_control(
            "Energy",
            SCALES,
            key=key,
            required=True,
            format_func=str.capitalize,
            help=SCALE_HELP,
            on_change=_choose,
            args=("scale", key, catalogue),
        )


def _show_graph(store: Store, columns: Columns, catalogue: Catalogue, selection: Selection) -> None:
    """The paths to the target and its readouts as a graph: a click on one shows it."""
    assert selection.target is not None
    clip, target, lineup = selection.clip, selection.target, selection.configurations

    def here(command: str) -> str:
        return for_store(command, store)

    found = path_options(catalogue, columns, clip, target, here)
    readouts = readout_options(catalogue, columns, clip, target, lineup, here)
    of_frames = energy_tracks(catalogue, clip, [*found, *readouts])
    data = graph_data(found, lineup, LETTERS, of_frames, readouts, selection.readout)
    picker(data, key=GRAPH, on_wish=partial(_grant, catalogue))


def _icon_button(
    name: str,
    key: str,
    icon: str,
    arrange: Callable[[Lineup], Lineup] | None,
    catalogue: Catalogue,
    *,
    help_text: str | None = None,
    is_enabled: bool = True,
) -> None:
    """A button that shows its icon and says its name to those who do not see it; it gives the view another line-up."""
    st.button(
        name,
        key=key,
        icon=icon,
        help=plain(help_text or name),
        type="tertiary",
        disabled=not is_enabled or arrange is None,
        on_click=_arrange,
        args=(arrange, catalogue),
    )


def _select(label: str, name: str, options: Mapping[str, str], value: str, catalogue: Catalogue) -> None:
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
        on_change=_choose,
        args=(name, key, catalogue),
    )


def _choose(name: str, key: str, catalogue: Catalogue) -> None:
    """Take over the choice of the widget of that key; what does not go with it falls back to its default."""
    chosen = str(st.session_state[key] or "")
    if chosen == st.session_state.get(shown_in(key)):
        _write_link(_link())  # what was shown, sent by a browser that has not heard of what is shown now
        return
    st.session_state[shown_in(key)] = chosen
    query = _link() | {name: chosen}
    if name == "clip":
        for moved in ("frame", *LOOK):
            query.pop(moved, None)
    _write_normalised(query, catalogue)


def _with_suggestion(lineup: Lineup, options: Sequence[Configuration]) -> Lineup:
    """With what is suggested for this line-up: a second press may come before the button of the first is drawn again."""
    new = suggestion(lineup, options)
    return added(lineup, new) if new else lineup


def _arrange(arrange: Callable[[Lineup], Lineup], catalogue: Catalogue) -> None:
    # Of what is shown, which a link with unknown names does not say.
    selection, _ = from_query(_link(), catalogue)
    if selection is not None:
        _write_link(to_query(replace(selection, configurations=arrange(selection.configurations))))


def _grant(catalogue: Catalogue, wish: Mapping[str, str]) -> None:
    """Do what player or graph ask for: another place for a letter, another configuration, one more, or another readout.

    Configurations have to be in the store.
    """
    _write_link(_link())  # where nothing is changed, the newest choices stay, not those that the browser knew
    selection, _ = from_query(_link(), catalogue)
    if selection is None or selection.target is None:
        return
    lineup = selection.configurations
    at = LETTERS.find(wish.get("letter") or "?")
    arrange = ARRANGEMENTS.get(wish.get("do", ""))
    if arrange is not None and at in range(len(lineup)):
        _write_link(to_query(replace(selection, configurations=arrange(lineup, at))))
    if "readout" in wish:
        _read_out(wish["readout"], selection, catalogue)
        return
    if "open" not in wish:
        return
    options = catalogue.configurations(selection.clip.key, selection.target)
    found = find_configuration(wish["open"], options)
    if found is None:
        st.toast(plain(f"{one_line(wish['open'], 60)} is not precomputed for this clip."))
    elif at in range(len(lineup)):
        if lineup[at] != found:
            _write_link(to_query(replace(selection, configurations=(*lineup[:at], found, *lineup[at + 1 :]))))
    elif found in lineup:
        st.toast(plain(f"{found.spelling} is shown already, as {LETTERS[lineup.index(found)]}."))
    elif len(lineup) >= MAX_CONFIGURATIONS:
        st.toast("Eight configurations are as many as fit: remove one first.")
    else:
        _write_link(to_query(replace(selection, configurations=added(lineup, found))))


def _read_out(readout: str, selection: Selection, catalogue: Catalogue) -> None:
    assert selection.target is not None
    if readout == NO_READOUT or readout in catalogue.readouts(selection.clip.key, selection.target):
        _write_link(to_query(replace(selection, readout=readout or None)))
    else:
        st.toast(plain(f"The readout {one_line(readout, 60)} is not precomputed for this clip."))


def _grant_and_rerun(catalogue: Catalogue, wish: Mapping[str, str]) -> None:
    """The same out of a fragment, after which the whole page has to be drawn again."""
    before = _link()
    _grant(catalogue, wish)
    if _link() != before:
        st.rerun()


def _write_normalised(query: Mapping[str, str], catalogue: Catalogue) -> None:
    selection, _ = from_query(query, catalogue)
    if selection is not None:
        _write_link(to_query(selection))


def _link() -> dict[str, str]:
    """The link that a choice changes: the newest of this session.

    A run brings the link that the browser had when it asked, which is not yet what the run before has written: two
    choices in quick succession would both start from the same one, and the first would be lost.
    """
    return dict(st.session_state.get(LINK) or st.query_params.to_dict())


def _write_link(query: Mapping[str, str]) -> None:
    """Put `query` into the address bar. Written only where it differs: every write is a step of the Back button."""
    st.session_state[LINK] = dict(query)
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)


@st.fragment
def _show_player(
    columns: Columns, selection: Selection, content: Comparison, charts: Sequence[Chart], catalogue: Catalogue
) -> None:
    """The player, in a fragment of its own: moving through the frames reruns nothing but this."""
    if not content.n_ready:
        return
    longest = max((pane.track for pane in content.panes), key=lambda track: track.n_frames)
    try:
        known = columns.pts_seconds(longest)
    except Unreadable as error:
        show_notes([f"The times of this clip's frames cannot be read: {error}."])
        return
    view = View(
        clip=selection.clip,
        pts_seconds=known if longest.is_complete else with_expected_times(known, selection.clip.n_frames),
        panes=content.panes,
        charts=charts,
        energies=content.energies,
        titles=content.titles,
        choices=catalogue.choices(selection.clip.key, selection.target) if selection.target else (),
    )
    # Where the viewer moved in this very run, the link does not know it yet, and must not pull the player back.
    has_moved = st.session_state.pop(MOVED, False)
    linked = (selection.frame, selection.speed, selection.look)
    frame, speed, look = st.session_state.get(ASKED, linked) if has_moved else linked
    st.session_state[ASKED] = (frame, speed, look)
    position = player(
        view,
        key=PLAYER,
        frame=frame,
        speed=speed,
        look=look,
        on_change=_note_move,
        on_wish=partial(_grant_and_rerun, catalogue),
    )
    if has_moved:
        # Of the newest choices: a fragment that ran before the page could draw them again knows older ones.
        newest, _ = from_query(_link(), catalogue)
        if newest is not None and newest.clip.key == selection.clip.key:
            moved = replace(newest, frame=position.frame, speed=position.speed, look=position.look)
            _write_link(to_query(moved))


def _note_move() -> None:
    st.session_state[MOVED] = True


def _chart(numbers: PlotData) -> Chart:
    is_signed = numbers.plot.id == "energy" and numbers.unit != ""
    drawn = figure(numbers.lines, axis=numbers.axis, unit=numbers.unit, has_zero_line=is_signed)
    return Chart(numbers.plot.id, numbers.plot.title, drawn)


def _show_gaps(store: Store, content: Comparison, numbers: Sequence[PlotData], scale: Scale) -> None:
    """What to keep in mind, what cannot be read, and what is missing with the command that makes it."""
    problems = [text for item in numbers for text in item.problems]
    show_notes([*remarks(content, scale), *problems])
    for gap in content.gaps:
        with st.container(border=True, gap="xsmall"):
            st.text(gap.what)
            if gap.command:
                st.code(for_store(gap.command, store), language="bash", wrap_lines=True)


def _show_words(numbers: Sequence[PlotData]) -> None:
    """The charts in numbers, and what energy means."""
    with st.container(key="words", gap=None):
        for item in numbers:
            if item.lines:
                st.text(summary(item.plot.title, item.lines, item.unit))
        if any(item.plot.id == "energy" for item in numbers):
            st.text(ENERGY_MEANING)


def _show_empty(store: Store, tracks: Sequence[Track]) -> None:
    """The store has nothing to show: say why and what to run, and look again by itself."""
    with st.container(key="empty"):
        st.header("Nothing to compare yet")
        st.text(f"The store {store.root} holds no frames.")
        st.text("Compute the bundled clips, or a video of your own:")
        commands = ("python -m precompute run phone walkthrough", "python -m precompute run my-video.mp4")
        st.code("\n".join(for_store(command, store) for command in commands), language="bash", wrap_lines=True)
        if has_unreadable_tracks(store):
            st.text("There are tracks in it, but none of them can be read. To see why:")
            st.code(for_store("python -m precompute verify", store), language="bash", wrap_lines=True)
        st.caption("The first frames appear here by themselves, as soon as they are stored.")
        show_failed(store)
    refresh_when_changed(store, tracks, None)


def has_unreadable_tracks(store: Store) -> bool:
    """Are there track folders although nothing is listed? Called where the list is empty."""
    folder = store.root / "tracks"
    return folder.is_dir() and any((track / "manifest.json").exists() for track in folder.iterdir())
