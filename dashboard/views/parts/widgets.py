"""Parts that every page needs: credits, failures, notices, commands and the refresh while a job writes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import streamlit as st

from cache.records import Clip
from cache.reports import last_report
from cache.store import STORE_VARIABLE, Store
from dashboard.catalogue import Catalogue
from dashboard.commands import blanks, for_folder
from dashboard.text import counted, one_line, web_address
from dashboard.visitors.asking import SERVE, Asker

REFRESH_SECONDS = 2.0
"""How often the store is checked while a job writes: a pack of 256 frames takes a job seconds."""
MAX_FAILED_SHOWN = 50


def show_about(clip: Clip, caveats: Sequence[str]) -> None:
    """Credits and size of the clip. All of it comes from outside: shown as text, and linked only to the web."""
    with st.container(key="about", horizontal=True, vertical_alignment="center", gap="small"):
        facts = [counted(clip.n_frames, "frame"), f"{clip.width}×{clip.height}", *caveats]
        for text in (clip.author, clip.licence, clip.attribution):
            if text and one_line(text, 400) not in facts:
                facts.append(one_line(text, 400))
        st.text(f"{one_line(clip.title)} · " + " · ".join(facts))
        address = web_address(clip.url)
        if address:
            st.link_button("Source", address, type="tertiary")
        elif clip.url:
            st.text(f"Source: {one_line(clip.url, 200)}")


def show_failed(store: Store) -> None:
    """The sources that the last run could not store. Names and messages come from outside: shown as text."""
    report = last_report(store.root)
    if report is None or not report.failed:
        return
    n_failed = len(report.failed)
    with st.expander(f"{counted(n_failed, 'source')} failed in the last run"):
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
    """Notices, which may contain words from outside: shown as text."""
    if texts:
        with st.container(border=True, gap="xsmall"):
            for text in texts:
                st.text(text)


def show_unserved(asker: Asker, store: Store) -> None:
    """Where no worker runs: that requests wait, and how to start one."""
    if not asker.is_served():
        with st.container(border=True, gap="xsmall"):
            st.text("No worker is running, so requests wait. Start one on the server:")
            show_commands([SERVE], store)


def for_store(command: str, store: Store) -> str:
    """`command` for the store of this page, named if it is not the default one."""
    is_default = STORE_VARIABLE not in os.environ
    return command if is_default else for_folder(command, store.root)


def show_commands(commands: Sequence[str], store: Store) -> None:
    """Commands for the store of this page, to copy, with what to replace in them."""
    spelled = [for_store(command, store) for command in commands]
    # Without a language: the colours of bash are too pale on light pages.
    st.code("\n".join(spelled), language=None, wrap_lines=True)
    if found := next(filter(None, map(blanks, spelled)), ""):
        st.caption(found)


def refresh_when_changed(look: Callable[[], Catalogue], shown: Catalogue, clip: str | None) -> None:
    """Look every few seconds and redraw the page once the store holds something else than the catalogue `shown`.

    `clip` limits this to the tracks of one clip. The player keeps its place, as its key and its clip stay the same.
    """
    before = shown.fingerprint(clip)

    @st.fragment(run_every=REFRESH_SECONDS)
    def check() -> None:
        if look().fingerprint(clip) != before:
            st.rerun()

    check()
