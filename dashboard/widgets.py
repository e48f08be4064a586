"""Parts that every page needs: menus with stable keys, notices, credits, failures and the refresh while a job writes."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

import streamlit as st

from analysis.energy import Scale, same_constants
from cache.records import Clip, Track
from cache.reports import last_report
from cache.store import STORE_VARIABLE, Store
from dashboard.compare.comparison import Comparison
from dashboard.text import one_line, web_address

REFRESH_SECONDS = 2.0
"""How often the store is asked while a job writes: a pack of 256 frames takes a job seconds."""
MARKDOWN_SIGNS = frozenset("\\`*_{}[]()<>#+-.!|~$:&^=")
MAX_FAILED_SHOWN = 50


def menu_key(name: str, value: str) -> str:
    """The key of a menu that is about to show `value`: another one where the page has changed what it shows.

    A browser that has not heard of the change yet sends the old value with its next request, whatever that is about, and
    under the same key that would look like a choice.
    """
    version = st.session_state.setdefault(f"{name} version", 0)
    if st.session_state.get(shown_in(f"{name} {version}"), value) != value:
        version = st.session_state[f"{name} version"] = version + 1
    key = f"{name} {version}"
    st.session_state[shown_in(key)] = st.session_state[key] = value
    return key


def shown_in(key: str) -> str:
    """Where the page remembers what it had a menu show: Streamlit forgets the value of one that is gone."""
    return f"{key} shown"


def plain(text: str) -> str:
    """`text` for a place where Streamlit reads Markdown: every sign that could be some stands for itself."""
    return "".join(f"\\{letter}" if letter in MARKDOWN_SIGNS else letter for letter in text)


# What is seen


def show_about(clip: Clip, caveats: Sequence[str]) -> None:
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


def show_failed(store: Store) -> None:
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


def show_notes(texts: Sequence[str]) -> None:
    """Remarks that may hold words from outside: as text."""
    if texts:
        with st.container(border=True, gap="xsmall"):
            for text in texts:
                st.text(text)


def for_store(command: str, store: Store) -> str:
    """`command` for the store that this page shows, where that is not the default one."""
    is_default = STORE_VARIABLE not in os.environ
    return command if is_default else f"{command} --store {shlex.quote(str(store.root))}"


def refresh_when_changed(store: Store, tracks: Sequence[Track], clip: str | None) -> None:
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


def remarks(content: Comparison, scale: Scale) -> list[str]:
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
