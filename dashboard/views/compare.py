"""Compare: which of two configurations is better on which frames? The page around the player."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from cache.records import Clip, Track
from cache.reports import last_report
from cache.store import STORE_VARIABLE, Store
from dashboard.charts import figure, summary
from dashboard.choices import LETTERS, Available, Configuration, Shown, one_line, shown, web_address
from dashboard.lineup import MAX_CONFIGURATIONS, Lineup, added, moved, removed, suggestion
from dashboard.numbers import Numbers, read
from dashboard.paths import energy_tracks, graph_data, readout_ways, ways
from dashboard.picker import picker
from dashboard.player import LOOK, Chart, View, player
from dashboard.series import Columns, Unreadable, same_constants, with_expected_times
from dashboard.state import SCALES, Scale, Selection, find_configuration, from_query, to_query

REFRESH_SECONDS = 2.0
"""How often the store is asked while a job writes: a pack of 256 frames takes a job seconds."""
NO_READOUT = ""
"""The readout menu's value for none."""
MARKDOWN_SIGNS = frozenset("\\`*_{}[]()<>#+-.!|~$:&^=")
ARRANGEMENTS: Mapping[str, Callable[[Lineup, int], Lineup]] = {
    "left": partial(moved, by=-1),
    "right": partial(moved, by=1),
    "remove": removed,
}
"""What can be asked for a letter's place."""
MAX_FAILED_SHOWN = 50
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
    available = Available(tracks)
    selection, notes = from_query(st.query_params.to_dict(), available)
    if selection is None:
        _show_empty(store, tracks)
        return
    st.session_state[LINK] = st.query_params.to_dict()
    if not notes:  # a link that asks for something that is not here stays as it is until something is chosen
        _write_link(to_query(selection))
    content = shown(available, selection.clip, selection.target, selection.readout, selection.configurations)
    numbers = [read(columns, plot, selection.scale) for plot in content.plots]
    _show_controls(store, columns, available, selection)
    # Always there, so that the player keeps its place among the elements: in another place it would start anew.
    with st.container(key="notices", gap="xsmall"):
        if content.is_growing:
            ready = f"{content.n_ready} of {selection.clip.n_frames} frames ready"
            st.text(f"Not finished: {ready}. More appears here by itself while the job runs.")
        _show_notes(notes)
    charts = [_chart(item) for item in numbers if item.lines]
    _show_player(columns, selection, content, charts, available)
    _show_gaps(store, content, numbers, selection.scale)
    _show_words(numbers)
    _show_about(selection.clip, content.caveats)
    _show_failed(store)
    if any(not track.is_complete for track in tracks if track.head.clip.key == selection.clip.key):
        _refresh_when_changed(store, tracks, selection.clip.key)


# Choices


def _show_controls(store: Store, columns: Columns, available: Available, selection: Selection) -> None:
    clip, target = selection.clip.key, selection.target
    with st.container(key="controls", horizontal=True, vertical_alignment="bottom", gap="small"):
        _select("Clip", "clip", {c.key: available.clip_label(c) for c in available.clips}, clip, available)
        if target is None:
            return
        image = available.title("rgb")
        targets = {name: f"{image} → {available.title(name)}" for name in available.targets(clip)}
        _select("Prediction", "predict", targets, target, available)
        ends = available.readouts(clip, target)
        readouts = {name: f"{available.title(target)} → {available.title(name)}" for name in ends}
        _select("Readout", "readout", {NO_READOUT: "None", **readouts}, selection.readout or NO_READOUT, available)
        # Before the menus of which there are more and fewer: in another place it would start anew, and be closed.
        with st.container(key="paths"):
            _show_graph(store, columns, available, selection)
        options = available.configurations(clip, target)
        labels = {option.spelling: available.configuration_label(option, options) for option in options}
        lineup = selection.configurations
        for letter, configuration in zip(LETTERS, lineup, strict=False):
            _select(letter, letter.lower(), labels, configuration.spelling, available)
            if letter == LETTERS[0]:
                arrange = partial(moved, at=0, by=1)
                _icon_button("Swap A and B", "swap", ":material/swap_horiz:", arrange, available)
        new = suggestion(lineup, options)
        is_full = len(lineup) >= MAX_CONFIGURATIONS
        reason = "Eight are as many as fit" if is_full else "Everything stored for this prediction is shown already"
        words = f"Add {labels[new.spelling]}" if new and not is_full else reason
        _icon_button(
            "Add a configuration",
            "add",
            ":material/add:",
            partial(_with_suggestion, options=options) if new else None,
            available,
            help_text=words,
            is_enabled=not is_full,
        )
        key = _menu_key("scale", selection.scale)
        st.segmented_control(
            "Energy",
            SCALES,
            key=key,
            required=True,
            format_func=str.capitalize,
            help=SCALE_HELP,
            on_change=_choose,
            args=("scale", key, available),
        )


def _show_graph(store: Store, columns: Columns, available: Available, selection: Selection) -> None:
    """The paths to the target and its readouts as a graph: a click on one shows it."""
    assert selection.target is not None
    clip, target, lineup = selection.clip, selection.target, selection.configurations

    def here(command: str) -> str:
        return _for_store(command, store)

    found = ways(available, columns, clip, target, here)
    readouts = readout_ways(available, columns, clip, target, lineup, here)
    of_frames = energy_tracks(available, clip, [*found, *readouts])
    data = graph_data(found, lineup, LETTERS, of_frames, readouts, selection.readout)
    picker(data, key=GRAPH, on_wish=partial(_grant, available))


def _icon_button(
    name: str,
    key: str,
    icon: str,
    arrange: Callable[[Lineup], Lineup] | None,
    available: Available,
    *,
    help_text: str | None = None,
    is_enabled: bool = True,
) -> None:
    """A button that shows its icon and says its name to those who do not see it; it gives the view another line-up."""
    st.button(
        name,
        key=key,
        icon=icon,
        help=_plain(help_text or name),
        type="tertiary",
        disabled=not is_enabled or arrange is None,
        on_click=_arrange,
        args=(arrange, available),
    )


def _select(label: str, name: str, options: Mapping[str, str], value: str, available: Available) -> None:
    """A menu of `options` (value -> label) that writes its choice into the link."""
    # Streamlit tells options apart by their labels.
    labels = list(options.values())
    distinct = {v: text if labels.count(text) == 1 else f"{text} ({v})" for v, text in options.items()}
    key = _menu_key(name, value)
    st.selectbox(
        label,
        list(distinct),
        key=key,
        format_func=lambda option: distinct.get(option, str(option)),
        on_change=_choose,
        args=(name, key, available),
    )


def _menu_key(name: str, value: str) -> str:
    """The key of a menu that is about to show `value`: another one where the page has changed what it shows.

    A browser that has not heard of the change yet sends the old value with its next request, whatever that is about, and
    under the same key that would look like a choice.
    """
    version = st.session_state.setdefault(f"{name} version", 0)
    if st.session_state.get(_shown_in(f"{name} {version}"), value) != value:
        version = st.session_state[f"{name} version"] = version + 1
    key = f"{name} {version}"
    st.session_state[_shown_in(key)] = st.session_state[key] = value
    return key


def _shown_in(key: str) -> str:
    """Where the page remembers what it had a menu show: Streamlit forgets the value of one that is gone."""
    return f"{key} shown"


def _choose(name: str, key: str, available: Available) -> None:
    """Take over the choice of the widget of that key; what does not go with it falls back to its default."""
    chosen = str(st.session_state[key] or "")
    if chosen == st.session_state.get(_shown_in(key)):
        _write_link(_link())  # what was shown, sent by a browser that has not heard of what is shown now
        return
    st.session_state[_shown_in(key)] = chosen
    query = _link() | {name: chosen}
    if name == "clip":
        for moved in ("frame", *LOOK):
            query.pop(moved, None)
    _write_normalised(query, available)


def _with_suggestion(lineup: Lineup, options: Sequence[Configuration]) -> Lineup:
    """With what is suggested for this line-up: a second press may come before the button of the first is drawn again."""
    new = suggestion(lineup, options)
    return added(lineup, new) if new else lineup


def _arrange(arrange: Callable[[Lineup], Lineup], available: Available) -> None:
    # Of what is shown, which a link with unknown names does not say.
    selection, _ = from_query(_link(), available)
    if selection is not None:
        _write_link(to_query(replace(selection, configurations=arrange(selection.configurations))))


def _grant(available: Available, wish: Mapping[str, str]) -> None:
    """Do what player or graph ask for: another place for a letter, another configuration, one more, or another readout.

    Configurations have to be in the store.
    """
    _write_link(_link())  # where nothing is changed, the newest choices stay, not those that the browser knew
    selection, _ = from_query(_link(), available)
    if selection is None or selection.target is None:
        return
    lineup = selection.configurations
    at = LETTERS.find(wish.get("letter") or "?")
    arrange = ARRANGEMENTS.get(wish.get("do", ""))
    if arrange is not None and at in range(len(lineup)):
        _write_link(to_query(replace(selection, configurations=arrange(lineup, at))))
    if "readout" in wish:
        _read_out(wish["readout"], selection, available)
        return
    if "open" not in wish:
        return
    options = available.configurations(selection.clip.key, selection.target)
    found = find_configuration(wish["open"], options)
    if found is None:
        st.toast(_plain(f"{one_line(wish['open'], 60)} is not precomputed for this clip."))
    elif at in range(len(lineup)):
        if lineup[at] != found:
            _write_link(to_query(replace(selection, configurations=(*lineup[:at], found, *lineup[at + 1 :]))))
    elif found in lineup:
        st.toast(_plain(f"{found.spelling} is shown already, as {LETTERS[lineup.index(found)]}."))
    elif len(lineup) >= MAX_CONFIGURATIONS:
        st.toast("Eight configurations are as many as fit: remove one first.")
    else:
        _write_link(to_query(replace(selection, configurations=added(lineup, found))))


def _read_out(readout: str, selection: Selection, available: Available) -> None:
    assert selection.target is not None
    if readout == NO_READOUT or readout in available.readouts(selection.clip.key, selection.target):
        _write_link(to_query(replace(selection, readout=readout or None)))
    else:
        st.toast(_plain(f"The readout {one_line(readout, 60)} is not precomputed for this clip."))


def _grant_and_rerun(available: Available, wish: Mapping[str, str]) -> None:
    """The same out of a fragment, after which the whole page has to be drawn again."""
    before = _link()
    _grant(available, wish)
    if _link() != before:
        st.rerun()


def _plain(text: str) -> str:
    """`text` for a place where Streamlit reads Markdown: every sign that could be some stands for itself."""
    return "".join(f"\\{letter}" if letter in MARKDOWN_SIGNS else letter for letter in text)


def _write_normalised(query: Mapping[str, str], available: Available) -> None:
    selection, _ = from_query(query, available)
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


# What is seen


def _show_about(clip: Clip, caveats: Sequence[str]) -> None:
    """Whose clip it is. All of it comes from outside: text, never markup, and a link only to the web."""
    with st.container(key="about", horizontal=True, vertical_alignment="center", gap="small"):
        facts = [f"{clip.n_frames} frames", f"{clip.width}×{clip.height}", *caveats]
        for text in (clip.author, clip.licence, clip.attribution):
            if text and one_line(text, 400) not in facts:
                facts.append(one_line(text, 400))
        st.text(f"{one_line(clip.title)} · " + " · ".join(facts))
        address = web_address(clip.url)
        if address:
            st.link_button("Source", address, type="tertiary", icon=":material/open_in_new:")
        elif clip.url:
            st.text(one_line(clip.url, 200))


def _show_failed(store: Store) -> None:
    """Which sources the last run could not store. Their names and messages come from outside: text, never markup."""
    report = last_report(store.root)
    if report is None or not report.failed:
        return
    n_failed = len(report.failed)
    with st.expander(f"{n_failed} {'source' if n_failed == 1 else 'sources'} failed in the last run"):
        for item in report.failed[:MAX_FAILED_SHOWN]:
            again = " The same command may succeed later." if item.can_retry else ""
            st.text(
                f"{one_line(item.title or item.source, 300)}\n"
                f"{one_line(item.message, 500)} [{one_line(item.code)}]\n"
                f"Next: {one_line(item.next_step, 300)}.{again}"
            )
        if n_failed > MAX_FAILED_SHOWN:
            st.text(f"and {n_failed - MAX_FAILED_SHOWN} more")


@st.fragment
def _show_player(
    columns: Columns, selection: Selection, content: Shown, charts: Sequence[Chart], available: Available
) -> None:
    """The player, in a fragment of its own: moving through the frames reruns nothing but this."""
    if not content.n_ready:
        return
    longest = max((pane.track for pane in content.panes), key=lambda track: track.n_frames)
    try:
        known = columns.pts_seconds(longest)
    except Unreadable as error:
        _show_notes([f"The times of this clip's frames cannot be read: {error}."])
        return
    view = View(
        clip=selection.clip,
        pts_seconds=known if longest.is_complete else with_expected_times(known, selection.clip.n_frames),
        panes=content.panes,
        charts=charts,
        energies=content.energies,
        titles=content.titles,
        choices=available.choices(selection.clip.key, selection.target) if selection.target else (),
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
        on_wish=partial(_grant_and_rerun, available),
    )
    if has_moved:
        # Of the newest choices: a fragment that ran before the page could draw them again knows older ones.
        newest, _ = from_query(_link(), available)
        if newest is not None and newest.clip.key == selection.clip.key:
            moved = replace(newest, frame=position.frame, speed=position.speed, look=position.look)
            _write_link(to_query(moved))


def _note_move() -> None:
    st.session_state[MOVED] = True


def _chart(numbers: Numbers) -> Chart:
    is_signed = numbers.plot.id == "energy" and numbers.unit != ""
    drawn = figure(numbers.lines, axis=numbers.axis, unit=numbers.unit, has_zero_line=is_signed)
    return Chart(numbers.plot.id, numbers.plot.title, drawn)


def _show_gaps(store: Store, content: Shown, numbers: Sequence[Numbers], scale: Scale) -> None:
    """What to keep in mind, what cannot be read, and what is missing with the command that makes it."""
    problems = [text for item in numbers for text in item.problems]
    _show_notes([*_remarks(content, scale), *problems])
    for gap in content.gaps:
        with st.container(border=True, gap="xsmall"):
            st.text(gap.what)
            if gap.command:
                st.code(_for_store(gap.command, store), language="bash", wrap_lines=True)


def _show_words(numbers: Sequence[Numbers]) -> None:
    """The charts in numbers, and what energy means."""
    with st.container(key="words", gap=None):
        for item in numbers:
            if item.lines:
                st.text(summary(item.plot.title, item.lines, item.unit))
        if any(item.plot.id == "energy" for item in numbers):
            st.text(ENERGY_MEANING)


def _show_notes(texts: Sequence[str]) -> None:
    """Remarks that may hold words from outside: as text."""
    if texts:
        with st.container(border=True, gap="xsmall"):
            for text in texts:
                st.text(text)


def _show_empty(store: Store, tracks: Sequence[Track]) -> None:
    """The store has nothing to show: say why and what to run, and look again by itself."""
    with st.container(key="empty"):
        st.header("Nothing to compare yet")
        st.text(f"The store {store.root} holds no frames.")
        st.text("Compute the bundled clips, or a video of your own:")
        commands = ("python -m precompute run phone walkthrough", "python -m precompute run my-video.mp4")
        st.code("\n".join(_for_store(command, store) for command in commands), language="bash", wrap_lines=True)
        if has_unreadable_tracks(store):
            st.text("There are tracks in it, but none of them can be read. To see why:")
            st.code(_for_store("python -m precompute verify", store), language="bash", wrap_lines=True)
        st.caption("The first frames appear here by themselves, as soon as they are stored.")
        _show_failed(store)
    _refresh_when_changed(store, tracks, None)


def _for_store(command: str, store: Store) -> str:
    """`command` for the store that this page shows, where that is not the default one."""
    is_default = STORE_VARIABLE not in os.environ
    return command if is_default else f"{command} --store {shlex.quote(str(store.root))}"


def has_unreadable_tracks(store: Store) -> bool:
    """Are there track folders although nothing is listed? Called where the list is empty."""
    folder = store.root / "tracks"
    return folder.is_dir() and any((track / "manifest.json").exists() for track in folder.iterdir())


def _refresh_when_changed(store: Store, tracks: Sequence[Track], clip: str | None) -> None:
    """Look at the store every few seconds, and show the page anew when it holds other than the `tracks` shown.

    The player keeps its place: its key and its clip stay the same.
    """
    before = _fingerprint(tracks, clip)

    @st.fragment(run_every=REFRESH_SECONDS)
    def look() -> None:
        if _fingerprint(store.tracks(), clip) != before:
            st.rerun()

    look()


def _fingerprint(tracks: Sequence[Track], clip: str | None) -> tuple[tuple[str, int, bool], ...]:
    return tuple((t.head.key, t.n_frames, t.is_complete) for t in tracks if clip in (None, t.head.clip.key))


# Numbers


def _remarks(content: Shown, scale: Scale) -> list[str]:
    """What makes the comparison less than fair, in words."""
    remarks = []
    for plot in content.plots:
        tracks = [curve.track for curve in plot.curves]
        # Raw terms of different paths are no more alike than terms standardised with different constants.
        names = ("paths",) if scale == "raw" else ("paths", "mu", "sigma")
        if plot.id == "energy" and not all(same_constants(tracks[0], other, names) for other in tracks[1:]):
            remarks.append(
                "These energies are measured with different paths or constants: "
                "compare where the curves rise and fall, not their heights."
            )
        if len({track.n_frames for track in tracks}) > 1:
            n_frames = min(track.n_frames for track in tracks)
            remarks.append(
                f"{plot.title}: not all configurations have the same frames; compared on the first {n_frames}."
            )
    return remarks
