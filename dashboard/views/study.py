"""The Study page: how far the energies of a store's clips can be believed, with the interval of every figure."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from functools import partial
from threading import Lock
from typing import Any

import streamlit as st

from analysis.columns import Columns
from analysis.statistics import LEAST_FOR_CORRELATION
from cache.store import Store
from dashboard.catalogue import Catalogue, catalogue_of
from dashboard.compare.expected import MEASURES as EXPECTED_ERRORS
from dashboard.components.chart import chart
from dashboard.components.clip_groups import clip_groups
from dashboard.configuration import Configuration
from dashboard.gallery.items import COMMAND as GALLERY_COMMAND
from dashboard.gallery.items import listed
from dashboard.numbers import number
from dashboard.selection.defaults import USUAL_TARGET, default_configurations
from dashboard.site import Site
from dashboard.study import charts, tables
from dashboard.study.figures import MAX_POINTS, Level, correlated, covered, ordered, told_apart
from dashboard.study.frames import Frames, Measure, confidences_of, gather, measures_of
from dashboard.study.groups import LINK_LETTERS, Groups, default_groups, read_assigned, read_groups, spell_group
from dashboard.study.reference import references
from dashboard.study.words import joined, over_what
from dashboard.text import counted, one_line
from dashboard.views.parts.html_table import html_table
from dashboard.views.parts.link_choice import menu_in_link, pills_in_link
from dashboard.views.parts.widgets import refresh_when_changed, show_commands, show_notes
from dashboard.visitors.asking import asker_of

PAGE = "study"
INTRODUCTION = (
    "Does the energy know where predictions are wrong? Every figure is of the clips in this store, with the number of frames "
    "or clips behind it and its 95 % interval."
)
TRUTH_COMMAND = "python -m precompute run walkthrough"
LEVELS = {"frames": "Frames", "clips": "Clips"}
GROUP_LETTERS = ("A", "B")
GROUPS = "study groups"
"""In the session: the link's groups as they were last read or written, and the keys they stand for."""
PATIENCE_SECONDS = 0.4
"""Reading that takes longer shows how far it is."""
MAX_KEPT = 4
"""Gathered stores in memory, of other targets, errors or moments."""


def page(site: Site) -> None:
    """Show the page for the link that the browser is on."""
    store, columns = site.store, site.columns
    look = partial(catalogue_of, store, st.query_params.to_dict(), asker_of(store).clips())
    catalogue = look()
    with st.container(key="study-head", gap="xsmall"):
        st.title("Study", anchor=False)
        st.text(INTRODUCTION)
    targets = _targets(catalogue)
    if not targets:
        _say("This store holds no predictions yet.", store, "python -m precompute run phone walkthrough")
        refresh_when_changed(look, catalogue, None)
        return
    with st.container(key="study-choices", horizontal=True, vertical_alignment="top", gap="small"):
        default = USUAL_TARGET if USUAL_TARGET in targets else next(iter(targets))
        target = pills_in_link(PAGE, "predict", "Prediction", targets, default)
        measure = _measure(measures_of(catalogue, target))
        frames = _frames(store, columns, catalogue, target, measure)
        level: Level = "clips" if pills_in_link(PAGE, "level", "Points", LEVELS, "frames") == "clips" else "frames"
        details = _details(catalogue, frames)
    _show_correlation(store, catalogue, frames, level)
    groups = _show_groups(store, catalogue, frames, details)
    _show_orders(store, columns, catalogue, frames, details)
    _show_coverage(store, catalogue, frames)
    _show_reference(target)
    _show_downloads(columns, catalogue, frames, level, groups)
    show_notes(frames.notes)
    if any(not line.is_complete for line in catalogue.shelf.lines.values()):
        st.text("A job is still writing this store; the figures follow as frames are stored.")
        refresh_when_changed(look, catalogue, None)


# Choices


def _targets(catalogue: Catalogue) -> dict[str, str]:
    """Domains that are predicted directly on any clip -> title."""
    found = {
        configuration.domains[-1]
        for clip in catalogue.clips
        for target in catalogue.targets(clip.key)
        for configuration in catalogue.configurations(clip.key, target)
        if configuration.is_direct
    }
    return {name: catalogue.title(name) for name in catalogue.in_order(found)}


def _measure(options: Sequence[Measure]) -> Measure | None:
    if len(options) < 2:
        return next(iter(options), None)
    titles = {one.column: one.title for one in options}
    chosen = menu_in_link(PAGE, "measure", "Error", titles, options[0].column)
    return next(one for one in options if one.column == chosen)


def _details(catalogue: Catalogue, frames: Frames) -> Configuration | None:
    """The method whose confidences and histograms are shown."""
    options = {c.full_spelling: c for c in frames.configurations}
    if not options:
        return None
    first = default_configurations(list(options.values()))[0].full_spelling
    names = {spelled: _label(catalogue, frames, c) for spelled, c in options.items()}
    return options[menu_in_link(PAGE, "of", "Details of", names, first)]


def _label(catalogue: Catalogue, frames: Frames, configuration: Configuration) -> str:
    return one_line(catalogue.configuration_label(configuration, frames.configurations))


def _frames(
    store: Store,
    columns: Columns,
    catalogue: Catalogue,
    target: str,
    measure: Measure | None,
) -> Frames:
    """All frames, read once while the store stays the same."""
    state = hashlib.sha256(repr(catalogue.fingerprint()).encode()).hexdigest()
    name = state, target, measure.column if measure else ""
    kept, lock = _gathered(str(store.root))
    with lock:
        if name in kept:
            return kept[name]
    place, began = st.empty(), time.monotonic()

    def show(done: int, whole: int) -> None:
        if time.monotonic() - began > PATIENCE_SECONDS:
            place.progress(done / whole, f"Reading energies and errors: {done} of {counted(whole, 'clip')}")

    found = gather(catalogue, columns, target, measure, show)
    place.empty()
    with lock:
        kept[name] = found
        while len(kept) > MAX_KEPT:
            kept.pop(next(iter(kept)))
    return found


@st.cache_resource(show_spinner=False)
def _gathered(root: str) -> tuple[dict[tuple[str, str, str], Frames], Lock]:
    """What was gathered of a store, by its state, target and error: for all sessions, which are threads."""
    return {}, Lock()


# Sections


def _show_correlation(store: Store, catalogue: Catalogue, frames: Frames, level: Level) -> None:
    st.header("Energy against error", anchor=False)
    if frames.measure is None:
        _say(_no_truth(catalogue, frames), store, TRUTH_COMMAND)
        return
    found = correlated(frames, level)
    if not found:
        text = "No clip has both an energy and an error of this target. The job computes what is missing:"
        _say(text, store, TRUTH_COMMAND)
        return
    with st.container(key="study-correlation", horizontal=True, gap="medium"):
        with st.container(key="study-correlation-chart"):
            chart(charts.scatter(catalogue, frames, frames.measure, found), key="study-scatter")
        with st.container(key="study-correlation-words", gap="xsmall"):
            _table(tables.correlations(found, level, partial(_label, catalogue, frames)))
            st.text(joined([over_what(one.rho) for one in found]))
            if level == "clips" and all(one.rho.n_clips < LEAST_FOR_CORRELATION for one in found):
                st.text(
                    "Clips can be compared from three with ground truth on; choose Frames, or compute more of them."
                )
            n_drawn, n = sum(len(one.energy) for one in found), sum(_n_points(one.rho, level) for one in found)
            if n_drawn < n:
                text = f"{n_drawn:,} of {n:,} points are drawn, evenly spaced in time (at most {MAX_POINTS:,}); the figures count all."
                st.text(text)
            st.text(
                "r is Pearson's correlation, ρ Spearman's: 1 if both rise together, 0 if they have nothing in common. "
                + ("A clip's point is the mean of its frames." if level == "clips" else "Each point is a frame.")
            )


def _n_points(found, level: Level) -> int:
    return found.n_clips if level == "clips" else found.n_frames


def _show_groups(store: Store, catalogue: Catalogue, frames: Frames, details: Configuration | None) -> Groups:
    """Returns the keys of the clips in A and in B."""
    st.header("Two groups of clips", anchor=False)
    if len(frames.clips) < 2:
        text = f"Groups need two clips with energies; this store has {len(frames.clips)}. The gallery's {len(listed())} pictures and clips:"
        _say(text, store, GALLERY_COMMAND)
        return (), ()
    st.text("Does the energy tell group B from group A? Assign clips: A what networks know, B what may be unlike it.")
    groups = _groups(catalogue, frames)
    if not all(groups):
        empty = " and ".join(letter for letter, group in zip(GROUP_LETTERS, groups, strict=True) if not group)
        st.text(f"Nothing to compare yet: assign at least one clip to {empty}.")
        return groups
    found = told_apart(frames, groups[0], groups[1])
    if not found:
        st.text("No method has energies in both groups.")
        return groups
    with st.container(key="study-roc", horizontal=True, gap="medium"):
        with st.container(key="study-roc-chart"):
            chart(charts.curves_of_groups(catalogue, frames, found), key="study-roc-curves")
        of_details = next((one for one in found if one.configuration == details), found[0])
        with st.container(key="study-histogram"):
            chart(charts.histograms(catalogue, frames, of_details), key="study-histograms")
    _table(tables.areas_of_groups(found, partial(_label, catalogue, frames)))
    st.text(joined([over_what(one.auc) for one in found]))
    st.text("AUC: the chance that a frame of B has a higher energy than one of A; 0.50 is chance, 1.00 always.")
    return groups


def _groups(catalogue: Catalogue, frames: Frames) -> Groups:
    """The link's groups, else the viewer's, else the default."""
    names, state = [f"group-{letter.lower()}" for letter in GROUP_LETTERS], st.session_state
    links = tuple(st.query_params.get(name) for name in names)
    if GROUPS not in state or state[GROUPS][0] != links:
        state[GROUPS] = links, read_groups(links, frames.clips, default_groups(frames.clips, listed()))
    stored = {clip.key for clip in frames.clips}
    a, b = (tuple(key for key in group if key in stored) for group in state[GROUPS][1])

    def write(sent: Any) -> None:
        groups = read_assigned(sent, frames.clips)
        if groups is None:
            return
        spelled = tuple(map(spell_group, groups))
        for name, text in zip(names, spelled, strict=True):
            if text is None:
                st.query_params.pop(name, None)
            else:
                st.query_params[name] = text
        state[GROUPS] = spelled, groups

    titles = {clip.key[:LINK_LETTERS]: one_line(catalogue.clip_label(clip)) for clip in frames.clips}
    short = [[key[:LINK_LETTERS] for key in group] for group in (a, b)]
    clip_groups(titles, short, key="study-groups", on_change=write)
    return a, b


def _show_orders(
    store: Store, columns: Columns, catalogue: Catalogue, frames: Frames, details: Configuration | None
) -> None:
    st.header("Which confidence to believe", anchor=False)
    measure = frames.measure
    if measure is None or details is None:
        _say(_no_truth(catalogue, frames), store, TRUTH_COMMAND)
        return
    name = _label(catalogue, frames, details)
    pooled, problems = confidences_of(catalogue, columns, frames.of(details))
    with st.spinner("Resampling …"):
        found = ordered(pooled)
    if not found:
        _say(f"{name} has no confidence on a clip with ground truth.", store, TRUTH_COMMAND)
        show_notes(problems)
        return
    st.text(
        f"Every confidence of {name} on clips with ground truth: drop the frames it doubts most, and see how the error of "
        f"the rest falls. Mean error of all: {number(found[0].mean_error, measure.unit)}."
    )
    with st.container(key="study-orders", horizontal=True, gap="medium"):
        with st.container(key="study-sparsification"):
            chart(charts.sparsifications(found), key="study-sparsifications")
        with st.container(key="study-risk"):
            chart(charts.risks(found, measure), key="study-risks")
    _table(tables.orders(found, measure))
    st.text(joined([over_what(one.ause) for one in found if not one.is_constant]))
    st.text(
        "AUSE: area to the oracle, 0 is ideal. AURG: area to chance, 0 is chance. Both over 50 shares of frames removed."
    )
    show_notes(problems)


def _show_coverage(store: Store, catalogue: Catalogue, frames: Frames) -> None:
    st.header("Does the expected error hold?", anchor=False)
    found = covered(frames)
    if not found:
        text = "No clip with ground truth has an expected error with an interval. Zoos that state one, as mini does, give it:"
        _say(text, store, TRUTH_COMMAND)
        return
    with st.container(key="study-coverage", horizontal=True, gap="medium"):
        with st.container(key="study-coverage-chart"):
            chart(charts.coverages(catalogue, frames, found), key="study-coverages")
        with st.container(key="study-coverage-words", gap="xsmall"):
            _table(tables.coverages(found, partial(_label, catalogue, frames)))
            stated = {EXPECTED_ERRORS[one.error][0] for one in found}
            st.text(
                f"A zoo states one interval of the {' and the '.join(sorted(stated))}: the dot, with Wilson's 95 % interval for as "
                "many trials as there are clips or independent blocks. The line continues it to other coverages as if logarithms "
                "of errors spread normally."
            )
            if any(one.found.n_unlike for one in found):
                st.text("Left out: frames of an energy unlike the calibration, for which no interval is stated.")
            if any(one.n_left_out for one in found):
                st.text("Clips that state another interval, from another version of the zoo, are left out.")


def _show_reference(target: str) -> None:
    found = references(target)
    if not found:
        return
    with st.expander("Reference: the bundled zoos on their own test rooms"):
        st.text("Measured by the project on rendered rooms, not on the clips of this store.")
        _table(tables.trusts(found))


def _show_downloads(
    columns: Columns, catalogue: Catalogue, frames: Frames, level: Level, groups: Sequence[Sequence[str]]
) -> None:
    def statistics() -> bytes:
        orders = [(c, ordered(confidences_of(catalogue, columns, frames.of(c))[0])) for c in frames.configurations]
        found = correlated(frames, level), level, told_apart(frames, groups[0], groups[1]), orders, covered(frames)
        return tables.statistics_csv(*found)

    with st.container(key="study-downloads", horizontal=True, gap="small"):
        name = f"study-{frames.target}"
        st.download_button("Statistics (CSV)", statistics, f"{name}-statistics.csv", "text/csv", on_click="ignore")
        points = partial(tables.points_csv, frames)
        st.download_button("Frames (CSV)", points, f"{name}-frames.csv", "text/csv", on_click="ignore")


# Words


def _table(table: tables.Table) -> None:
    html_table(table.name, table.headings, table.rows)


def _no_truth(catalogue: Catalogue, frames: Frames) -> str:
    return (
        f"No clip of this store has ground truth of {catalogue.title(frames.target)}, so there is no error to compare with. "
        "The bundled walk-through of rendered rooms has:"
    )


def _say(text: str, store: Store, command: str) -> None:
    """What is missing, and the command that computes it."""
    with st.container(border=True, gap="xsmall"):
        st.text(text)
        show_commands([command], store)
