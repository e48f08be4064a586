"""The Shift page: how energy, self-disagreement and error follow the strength of a shift, with the pictures of the chosen strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from dashboard.catalogue import Catalogue, catalogue_of
from dashboard.commands import command_for
from dashboard.compare.comparison import Comparison, compare
from dashboard.compare.plots import read
from dashboard.compare.styles import styles_by_letter
from dashboard.components.player import player
from dashboard.components.shift_curves import shift_curves
from dashboard.configuration import Configuration, find_configuration
from dashboard.numbers import digits_of
from dashboard.player_data import LETTERS, VIEW_STATE, Position, View
from dashboard.selection.choices import LINK, follow, menu_key, newest_link, note_move
from dashboard.selection.link import Selection, from_query, to_query
from dashboard.shift.chart_data import chart_data
from dashboard.shift.curves import ERROR, Read, read_ladder
from dashboard.shift.findings import Row, headline, judged, rows, usual_tolerance
from dashboard.shift.ladders import COMMAND, Ladder, chosen_ladder, ladders_of
from dashboard.shift.numbers_file import numbers_csv
from dashboard.site import Site
from dashboard.text import counted, one_line
from dashboard.views.parts.comparison_view import times_of
from dashboard.views.parts.html_table import html_table
from dashboard.views.parts.shared_ranges import ranges_of
from dashboard.views.parts.widgets import refresh_when_changed, show_commands, show_notes
from dashboard.visitors.asking import asker_of

MOST_CONFIGURATIONS = 4
PLOTS_OF_PLAYER = ("energy", "error")
PLAYER = "shift-player"
PLACE = ("frame", "speed", *VIEW_STATE)
"""Names in the link of the place in the clip, which is the player's."""
INTRODUCTION = (
    "What the energy does as an image gets worse: the same clip under one change of its frames at rising strengths."
)
ABOUT = (
    "Curves are means over the frames of a strength. Bands are 95\N{NO-BREAK SPACE}% intervals of the mean, by a block bootstrap over "
    "frames, as neighbouring frames repeat each other. Steps stand at equal distances, whatever their strengths; ▾1 to ▾5 are the "
    "severities of ImageNet-C. A point opens Compare at the frame nearest to its mean. Self-disagreement is the difference from the "
    "same configuration's prediction of the clean frame, and needs no ground truth."
)
HEADINGS: Mapping[str, str] = {
    "Configuration": "",
    "Energy": "Mean energy of the clean clip, and of the strongest strength",
    "Rises at": "Steps at which the mean energy is higher than at the one before",
    "Energy and strength": "Spearman's ρ of the strength and the mean energy, over the steps",
    "Energy and error": "Spearman's ρ of energy and error, over all frames of all steps",
    "Resilience": "Error of the clean clip divided by the mean error of all strengths: 100 % is no worse",
    "Breakdown": "The first strength with a mean above the tolerance",
    "Unlike calibration": "The first strength with a mean energy above that of 97.5 % of the validation frames",
}


def page(site: Site) -> None:
    """Show the page for the link that the browser is on."""
    link = st.query_params.to_dict()
    look = partial(catalogue_of, site.store, link, asker_of(site.store).clips())
    catalogue = look()
    ladders = ladders_of(catalogue)
    with st.container(key="shift-head", horizontal=True, vertical_alignment="bottom", gap="small"):
        st.title("Shift", anchor=False)
        st.text(INTRODUCTION)
    if not ladders:
        _show_empty(site, catalogue)
        refresh_when_changed(look, catalogue, None)
        return
    ladder, at, note = chosen_ladder(ladders, catalogue, link)
    selection = _selection(catalogue, ladder, link)
    st.session_state[LINK] = link
    _show_menus(catalogue, ladders, ladder, at, selection)
    show_notes([note] if note else [])
    if selection.target is None or not selection.configurations:
        show_notes(["No prediction of the clean clip is stored. To compute it:"])
        show_commands([command_for(ladder.source)], site.store)
        return
    found = read_ladder(site.columns, catalogue, ladder, selection.target, selection.configurations)
    with st.container(key="shift-finding"):
        st.text(headline(ladder, found))
    if found.plots:
        data = chart_data(ladder, found, selection, at, styles_by_letter(catalogue, selection))
        shift_curves(data, key="shift-curves", on_step=partial(_choose_step, ladder))
    _show_player(site, catalogue, ladder, at, selection)
    _show_numbers(ladder, found)
    _show_missing(site, ladder, found)
    if found.growing or any(catalogue.is_growing(step.clip.key) for step in ladder.steps):
        refresh_when_changed(look, catalogue, None)


def _selection(catalogue: Catalogue, ladder: Ladder, link: Mapping[str, str]) -> Selection:
    """What the link asks for, on the ladder's clean clip, of direct predictions: only those have energies."""
    selection, _ = from_query({**link, "clip": ladder.source.key}, catalogue)
    assert selection is not None  # the ladder's clip is in the catalogue
    direct = dict.fromkeys(one for one in selection.configurations if one.is_direct)
    return replace(selection, configurations=tuple(direct)[:MOST_CONFIGURATIONS])


# Menus, which write their choices into the link


def _show_menus(catalogue: Catalogue, ladders: Sequence[Ladder], ladder: Ladder, at: int, selection: Selection) -> None:
    names = {one.name: f"{one.kind.title} · {catalogue.clip_label(one.source)}" for one in ladders}
    by_name = {one.name: one for one in ladders}
    with st.container(key="shift-menus", horizontal=True, vertical_alignment="bottom", gap="small"):
        key = menu_key("shift-ladder", ladder.name)
        st.selectbox(
            "Ladder",
            list(names),
            key=key,
            format_func=lambda name: names.get(name, str(name)),
            on_change=partial(_choose_ladder, key, by_name),
        )
        if selection.target is not None:
            targets = catalogue.targets(ladder.source.key)
            key = menu_key("shift-target", selection.target)
            st.selectbox(
                "Prediction", targets, key=key, format_func=catalogue.title, on_change=partial(_choose_target, key)
            )
            _show_configurations(catalogue, ladder, selection)
        labels = [step.label for step in ladder.steps]
        key = menu_key("shift-strength", labels[at])
        st.select_slider("Strength", labels, key=key, on_change=partial(_choose_strength, key, ladder))


def _show_configurations(catalogue: Catalogue, ladder: Ladder, selection: Selection) -> None:
    assert selection.target is not None
    options = [one for one in catalogue.configurations(ladder.source.key, selection.target) if one.is_direct]
    key = menu_key("shift-lineup", [one.spelling for one in selection.configurations])
    st.multiselect(
        "Configurations",
        [one.spelling for one in options],
        key=key,
        max_selections=MOST_CONFIGURATIONS,
        on_change=partial(_choose_lineup, key, options),
    )


def _write(changes: Mapping[str, str], *, without: Sequence[str] = ()) -> None:
    query = {name: text for name, text in newest_link().items() if name not in without} | dict(changes)
    st.session_state[LINK] = query
    if st.query_params.to_dict() != query:  # every write is a step of the Back button
        st.query_params.from_dict(query)


def _choose_ladder(key: str, ladders: Mapping[str, Ladder]) -> None:
    ladder = ladders.get(str(st.session_state[key]))
    if ladder is not None:
        _write(_link_of(ladder, len(ladder.steps) - 1), without=("frame", *VIEW_STATE))


def _choose_target(key: str) -> None:
    _write({"predict": str(st.session_state[key])})


def _choose_strength(key: str, ladder: Ladder) -> None:
    labels = [step.label for step in ladder.steps]
    if st.session_state[key] in labels:
        _choose_step(ladder, labels.index(st.session_state[key]))


def _choose_step(ladder: Ladder, at: int) -> None:
    if 0 <= at < len(ladder.steps):
        _write(_link_of(ladder, at))


def _link_of(ladder: Ladder, at: int) -> dict[str, str]:
    """The clean clip and the strength; strength 0 keeps the kind."""
    step = ladder.steps[at]
    clip = to_query(Selection(ladder.source, None, None, ()))["clip"]
    return {"clip": clip, "shift": step.spelling if step.shift else f"{ladder.kind.name}:{step.spelling}"}


def _choose_lineup(key: str, options: Sequence[Configuration]) -> None:
    chosen = [one for text in st.session_state[key] if (one := find_configuration(text, options))]
    if chosen:
        letters = dict(zip(LETTERS.lower(), (one.spelling for one in chosen), strict=False))
        only = (
            {"b": chosen[0].spelling} if len(chosen) == 1 else {}
        )  # A and B have defaults: named twice, it is shown once
        _write({**letters, **only}, without=tuple(LETTERS.lower()))


# Pictures


@st.fragment
def _show_player(site: Site, catalogue: Catalogue, ladder: Ladder, at: int, selection: Selection) -> None:
    """The panes at the chosen strength, in a fragment of its own; another strength keeps the frame."""
    clip = ladder.steps[at].clip
    comparison = compare(catalogue, clip, selection.target, None, selection.configurations)
    longest = comparison.longest
    if longest is None or not comparison.n_ready:
        show_notes(["No frame of this strength is stored yet."])
        return
    times = times_of(site.columns, longest, clip)
    if times is None:
        return
    plots = [read(site.columns, plot, "standardised").chart for plot in comparison.plots if plot.id in PLOTS_OF_PLAYER]
    shown = replace(selection, clip=clip)
    view = View(
        clip=clip,
        pts_seconds=times,
        panes=_panes(comparison, ladder.steps[at].label),
        charts=[chart for chart in plots if chart.series],
        energies=comparison.energies,
        titles=comparison.titles,
        styles=styles_by_letter(catalogue, shown),
        ranges=ranges_of(site.store, (pane.track for pane in comparison.panes)),
    )
    linked = Position(selection.frame or 0, selection.speed, selection.view_state)
    position = follow(linked, lambda sent: player(view, key=PLAYER, position=sent, on_change=note_move))
    if position is not None:
        moved = replace(shown, frame=position.frame, speed=position.speed, view_state=position.view_state)
        _write({name: text for name, text in to_query(moved).items() if name in PLACE}, without=PLACE)


def _panes(comparison: Comparison, label: str):
    """The panes, of which the input says at which strength it is."""
    return [
        replace(pane, title=f"Input, {label}", heading=f"Input, {label}") if pane.role == "input" else pane
        for pane in comparison.panes
    ]


# Numbers and what is missing


def _show_numbers(ladder: Ladder, found: Read) -> None:
    judge = judged(found)
    if judge is None:
        return
    with st.container(key="shift-numbers", gap="small"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            unit = "" if judge.unit in ("", "code") else f", {judge.unit}"
            usual = round(usual_tolerance(judge), digits_of(judge.unit))
            tolerance = st.number_input(
                f"Tolerance of the {'error' if judge.id == ERROR else 'self-disagreement'}{unit}",
                min_value=0.0,
                value=usual,
                step=10.0 ** -digits_of(judge.unit),
                format=f"%.{digits_of(judge.unit)}f",
                key=f"shift-tolerance-{ladder.name}-{judge.title}",
                help="Breakdown is the first strength with a mean above it. It starts at twice the clean error; without ground "
                "truth, at half of the largest self-disagreement.",
            )
            st.download_button(
                "Numbers (.csv)",
                data=partial(numbers_csv, ladder, found),
                file_name=f"crosscheck-{ladder.source.key[:12]}-{ladder.kind.name}.csv",
                mime="text/csv",
                on_click="ignore",
            )
        listed = [_cells(row) for row in rows(ladder, found, float(tolerance))]
        html_table(f"Numbers of the {ladder.kind.title}", list(HEADINGS), listed, HEADINGS)
        if judge.id != ERROR:
            st.text(
                "The truth of this clip is not known: breakdown is about the self-disagreement, and resilience has no value."
            )
        st.caption(ABOUT)


def _cells(row: Row) -> tuple[str, ...]:
    name = f"{row.letter} {one_line(row.name, 60)}"
    return name, row.energy, row.rises, row.with_strength, row.with_error, row.kept, row.breaks, row.unlike


def _show_missing(site: Site, ladder: Ladder, found: Read) -> None:
    show_notes(found.problems)
    if found.growing:
        steps = ", ".join(step.label for step in found.growing)
        show_notes([f"Not finished: {steps}. More frames are counted as they are stored."])
    for configuration, steps in found.missing.items():
        labels = ", ".join(step.label for step in steps)
        with st.container(border=True, gap="xsmall"):
            st.text(f"{configuration.full_spelling} is not computed at {labels}.")
            shifts = ",".join(step.spelling for step in steps if step.shift)
            words = f" --shift {shifts}" if shifts else ""
            command = command_for(ladder.source, configuration) + words
            show_commands([command], site.store)


def _show_empty(site: Site, catalogue: Catalogue) -> None:
    with st.container(key="empty"):
        st.header("No ladder yet")
        lost = len(catalogue.shifted)
        if lost:
            st.text(
                f"{counted(lost, 'clip')} under a shift are stored, but not the clean clip that they were made from."
            )
        st.text("Compute the bundled clip under JPEG compression and blur, or a video of your own:")
        own = "python -m precompute run my-video.mp4 --fps 5 --shift jpeg@1..5,blur@1..5"
        show_commands((COMMAND, own), site.store)
        st.caption(
            "It appears here as soon as its first frames are stored. `make demo` computes the first in the background."
        )
