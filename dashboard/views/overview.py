"""The Overview: every configuration on every clip, ranked by what is known of its error, with the way to the frame that decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import streamlit as st

from dashboard.commands import command_for
from dashboard.components.overview import overview as tables
from dashboard.overview.data import for_visitor
from dashboard.overview.deciding import link_of, rival_of
from dashboard.overview.ranking import Ranking
from dashboard.overview.reading import DIRECT, PATHS, Drawn, drawn, read_overview
from dashboard.overview.table import Cell, Table
from dashboard.overview.words import NO_ENERGY, basis, headline, notes
from dashboard.site import Site
from dashboard.views.parts.link_choice import pills_in_link
from dashboard.views.parts.widgets import REFRESH_SECONDS, show_commands, show_notes
from dashboard.visitors.access import PASS, pass_query

LOOK_SECONDS = 1.0
"""After computing missing rows for this long, the page shows what it has so far."""
COMPARE = "compare"
FILES = {
    "Trust report (HTML)": "report.html",
    "Markdown": "report.md",
    "CSV": "overview.csv",
    "Parquet": "overview.parquet",
}


def page(site: Site) -> None:
    """Show the page for the link that the browser is on."""
    link = st.query_params.to_dict()
    found = read_overview(site.store, link, LOOK_SECONDS)
    with st.container(key="overview-head", gap="xsmall"):
        st.title("Overview", anchor=False)
        words = st.container(key="overview-words", gap="xsmall")
    if not found.targets:
        _show_empty(site, found.n_unread)
        return
    with st.container(key="overview-choices", horizontal=True, vertical_alignment="bottom", gap="small"):
        target = pills_in_link("overview", "predict", "Prediction", found.targets, next(iter(found.targets)))
        pills_in_link("overview", "paths", "Paths", PATHS, DIRECT)
    link = {**st.query_params.to_dict(), "predict": target}
    shown = drawn(found, link)
    table, ranking = shown.table, shown.ranking
    with words:
        st.text(headline(table, ranking))
        st.text(basis(table, ranking))
    downloads = {title: _address(name, link) for title, name in FILES.items()}
    pressed = tables(for_visitor(shown.data, table, found.unlisted, downloads), key="overview")
    show_notes(notes(table, ranking, found.n_unread))
    _show_missing(site, shown)
    with st.container(key="overview-trust", gap="xsmall"):
        st.header("How far the energy can be trusted", anchor=False)
        for text in (NO_ENERGY, *shown.trust):
            st.text(text)
    cell = _pressed(table, pressed)
    if cell is not None and COMPARE in site.pages:
        _open(site, table, ranking, cell, is_unlisted=cell.clip.key in found.unlisted)
    if found.n_unread or shown.is_growing:
        _look_again(site, found.n_unread)


def _address(name: str, link: Mapping[str, str]) -> str:
    kept = {key: link[key] for key in ("predict", "paths", "clip") if key in link}
    pass_ = pass_query().removeprefix(f"?{PASS}=")
    return f"{name}?{urlencode({**kept, **({PASS: pass_} if pass_ else {})})}"


def _pressed(table: Table, request: Mapping[str, str]) -> Cell | None:
    """The cell that was pressed, if it is in the table: the request comes from outside."""
    key, spelling = request.get("clip", ""), request.get("configuration", "")
    return next(
        (c for c in table.cells if key and c.clip.key.startswith(key) and c.configuration.spelling == spelling), None
    )


def _open(site: Site, table: Table, ranking: Ranking, cell: Cell, *, is_unlisted: bool) -> None:
    query = link_of(site.store, site.columns, table, cell, rival_of(table, ranking, cell), is_unlisted)
    st.switch_page(site.pages[COMPARE], query_params=query)


def _show_missing(site: Site, shown: Drawn) -> None:
    """The commands that compute the cells that the table lacks."""
    n_missing, first = shown.missing
    if not n_missing:
        return
    with st.container(border=True, gap="xsmall"):
        n_all = len(shown.table.clips) * len(shown.table.configurations)
        st.text(f"{n_missing} of {n_all} combinations are not computed. To compute them, such as:")
        show_commands([command_for(clip, c) for clip, c in first], site.store)


def _show_empty(site: Site, n_unread: int) -> None:
    with st.container(key="empty"):
        if n_unread:
            st.text("The numbers of this store are being read for the first time; they appear here as they come.")
        else:
            st.header("Nothing to look over yet")
            st.text(
                "No configuration has predicted a clip of this store. Compute the bundled clips, or videos of your own:"
            )
            commands: Sequence[str] = (
                "python -m precompute run phone walkthrough",
                "python -m precompute run my-video.mp4 another.mp4",
            )
            show_commands(commands, site.store)
    _look_again(site, n_unread)


def _look_again(site: Site, n_unread: int) -> None:
    """Draw the page again once the store holds something else, or while numbers are still to be read."""
    before = site.store.listing().state

    @st.fragment(run_every=REFRESH_SECONDS)
    def look() -> None:
        if n_unread or site.store.listing().state != before:
            st.rerun()

    look()
