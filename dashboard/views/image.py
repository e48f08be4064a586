"""The Image page: a picture of the visitor, all domains that networks predict of it, and where their paths disagree."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice

import streamlit as st

from analysis.energy import Unreadable
from analysis.shifts import source_of
from cache.records import Clip, Track
from cache.requests.records import Request
from dashboard.catalogue import Catalogue, catalogue_of
from dashboard.commands import DEFAULT_ZOO
from dashboard.compare.card.merged import NO_ENERGY_OF_MERGED
from dashboard.components.player import player
from dashboard.image.percentile import Standing, standing
from dashboard.image.raw_values import npz
from dashboard.image.sheet import (
    ARRANGEMENTS,
    TITLES,
    Method,
    Sheet,
    domains_sheet,
    is_still,
    methods_of,
    methods_sheet,
    paths_sheet,
    targets_of,
)
from dashboard.player_data import Position, View, read_view_state
from dashboard.selection.choices import LINK, newest_link
from dashboard.selection.defaults import MERGED
from dashboard.selection.link import carried
from dashboard.site import Site
from dashboard.space.selecting import has_depth
from dashboard.text import one_line, without_markdown
from dashboard.views.parts.energy_strip import energy_strips
from dashboard.views.parts.image_start import ASKED, ERROR, ZOOS, ask, delete_all, failure_words, start, title_of
from dashboard.views.parts.shared_ranges import ranges_of
from dashboard.views.parts.widgets import for_store, show_notes, show_unserved
from dashboard.visitors.asking import Asker, asker_of

LOOK_SECONDS = 0.25
"""Between two looks at what is being computed: a part of the time that a small zoo takes."""
MAX_VIDEOS = 200
"""Clips that the energies of a picture are compared with, the newest ones."""
SHOWN_AT_FIRST = 2
"""Methods of the sheet: as many as fit on a screen with all domains."""


def page(site: Site) -> None:
    """Show the picture that the link names, or what asks for one."""
    asker = asker_of(site.store)
    link = st.query_params.to_dict()
    waiting = _waiting(asker)
    key = link.get("clip", "")
    if waiting:
        known = next((clip for request in waiting if (clip := _clip_of(request))), "")
        if known:
            key = known
    look = partial(catalogue_of, site.store, {"clip": key})
    catalogue = look()
    clip = _named(catalogue, key)
    if clip is not None and waiting:
        st.session_state.pop(ASKED, None)
        st.query_params.from_dict({**newest_link(), "clip": clip.key})
    if clip is not None:
        st.session_state[LINK] = {**newest_link(), "clip": clip.key}
        live = [request for request in _requests_of(asker, clip.key) if request.is_live]
        _follow(site, asker, live, look, catalogue, clip.key)
        _show(site, asker, catalogue, clip)
    elif waiting:
        _show_waiting(site, asker, waiting)
        _follow(site, asker, waiting, look, catalogue, key)
    else:
        if len(key) == 64 and catalogue.clip(key) is None:
            show_notes(["The link asks for a picture that is not here: it was deleted, or the link is incomplete."])
        start(site, asker)


def _waiting(asker: Asker) -> list[Request]:
    """What this session asked for, until its clip can be shown."""
    found = [request for id_ in st.session_state.get(ASKED, ()) if (request := asker.get(id_))]
    if not found:
        st.session_state.pop(ASKED, None)
    return found


def _clip_of(request: Request) -> str:
    return (request.ended.clip if request.ended else "") or request.progress.clip


def _requests_of(asker: Asker, clip: str) -> list[Request]:
    """This visitor's requests that are about that clip."""
    own = [request for request in asker.own() if request.asked.options.is_still]
    sources = {(request.asked.source, request.asked.options.start) for request in own if _clip_of(request) == clip}
    return [request for request in own if (request.asked.source, request.asked.options.start) in sources]


def _named(catalogue: Catalogue, key: str) -> Clip | None:
    """The picture with that key, or the one whose key begins so; None for videos."""
    found = [clip for clip in catalogue.starting(key) if not source_of(clip.sampling)]
    return found[0] if found and is_still(found[0]) else None


# While it is computed


def _show_waiting(site: Site, asker: Asker, waiting: Sequence[Request]) -> None:
    with st.container(key="image-start"):
        st.header(without_markdown(title_of(waiting[0])), anchor=False)
        failed = next((request for request in waiting if request.state in ("failed", "cancelled")), None)
        if failed is not None:
            st.text(failure_words(failed) or "It was cancelled.")
            st.button("Back", on_click=_forget, type="primary")
            return
        st.button("Cancel", key="cancel-picture", on_click=_cancel, args=(asker, list(waiting)))
        show_unserved(asker, site.store)


def _follow(site: Site, asker: Asker, requests: Sequence[Request], look, shown: Catalogue, clip: str) -> None:
    """Say how far the requests are, and draw the page again when there is more to show."""
    ids = [request.id for request in requests if request.is_live]
    before = _state(requests, shown, clip)

    @st.fragment(run_every=LOOK_SECONDS if ids else None)
    def follow() -> None:
        now = [request for id_ in ids if (request := asker.get(id_))]
        if ids and _state(now, look(), clip) != before:
            st.rerun()
        st.text(_progress_words(now))

    with st.container(key="image-progress"):
        follow()


def _state(requests: Sequence[Request], catalogue: Catalogue, clip: str) -> tuple[object, ...]:
    shown = tuple((track.head.key, track.n_frames) for track in catalogue.tracks(clip))
    return tuple((request.id, request.state, _clip_of(request)) for request in requests), shown


def _progress_words(requests: Sequence[Request]) -> str:
    running = next((request for request in requests if request.state == "running"), None)
    if running is None:
        return "Waiting for its turn …" if requests else ""
    progress = running.progress
    if progress.stage == "download":
        total = f" of {progress.n_total / 1e6:.1f}" if progress.n_total else ""
        return f"Downloading: {progress.n_done / 1e6:.1f}{total} MB"
    return "Computing: pictures appear as they are ready …" if progress.stage == "compute" else "Reading the picture …"


def _cancel(asker: Asker, requests: Sequence[Request]) -> None:
    for request in requests:
        asker.cancel(request.id)
    _forget()


def _forget() -> None:
    """Back to the start."""
    st.session_state.pop(ASKED, None)
    query = {name: text for name, text in newest_link().items() if name != "clip"}
    st.session_state[LINK] = query
    st.query_params.from_dict(query)


# The result


def _show(site: Site, asker: Asker, catalogue: Catalogue, clip: Clip) -> None:
    methods = methods_of(catalogue, clip.key)
    requests = _requests_of(asker, clip.key)
    if error := st.session_state.pop(ERROR, ""):
        show_notes([error])
    show_notes([words for request in requests if (words := failure_words(request))])
    sheet = _chosen_sheet(catalogue, clip, methods)
    if sheet.panes:
        _show_player(site, clip, sheet)
    _show_energies(site, catalogue, sheet)
    _show_actions(site, asker, catalogue, clip, requests)


def _chosen_sheet(catalogue: Catalogue, clip: Clip, methods: Sequence[Method]) -> Sheet:
    """The menus over the pictures, and the panes that they choose."""
    if not methods:
        return domains_sheet(catalogue, clip.key, ())
    names = {method.spelling: method for method in methods}
    targets = targets_of(catalogue, clip.key)
    with st.container(key="image-menus", horizontal=True, vertical_alignment="bottom", gap="small"):
        shown = st.segmented_control(
            "Show",
            ARRANGEMENTS,
            default="domains",
            required=True,
            format_func=lambda one: TITLES[one],
            key="image-shown",
        )
        if shown != "domains":
            title = catalogue.title
            target = st.selectbox("Domain", targets, format_func=title, key="image-target") or targets[0]
            if shown == "methods":
                return methods_sheet(catalogue, clip.key, target, methods)
            method = st.selectbox("Method", list(names), key="image-method")
            return paths_sheet(catalogue, clip.key, target, names.get(method or "", methods[0]))
        first = [method.spelling for method in methods if method.zoo == methods[0].zoo][:SHOWN_AT_FIRST]
        # The key says what is chosen at first: as methods become ready, there is more to choose.
        key = f"image-methods-{'-'.join(first)}"
        chosen = st.multiselect("Methods, the first one in full", list(names), first, max_selections=8, key=key)
    return domains_sheet(catalogue, clip.key, [names[name] for name in chosen] or methods[:1])


@st.fragment
def _show_player(site: Site, clip: Clip, sheet: Sheet) -> None:
    view = View(
        clip=clip,
        pts_seconds=[0.0],
        panes=sheet.panes,
        charts=(),
        ranges=ranges_of(site.store, sheet.tracks),
    )
    link = st.query_params.to_dict()
    linked = Position(0, 1.0, read_view_state(link))
    player(view, key="image-player", page="image_page", position=linked)


def _show_energies(site: Site, catalogue: Catalogue, sheet: Sheet) -> None:
    """Where the energies of the picture lie among those of the stored clips."""
    compared = _energies_of_videos(catalogue_of(site.store, {}))
    found: list[tuple[str, Standing]] = []
    problems: list[str] = []
    for energy in sheet.energies:
        name = f"{energy.letter} {catalogue.title(energy.target)}, {energy.method.name}"
        try:
            found.append((name, standing(site.columns, energy.track, compared)))
        except Unreadable as error:
            problems.append(f"The energy of {name} cannot be read: {error}.")
    if found:
        shown = {energy.method.zoo for energy in sheet.energies}
        zoo = next((zoo for zoo in ZOOS if zoo in shown), DEFAULT_ZOO)  # never a text from outside
        energy_strips(found, for_store(f"python -m precompute run walkthrough --zoo {zoo}", site.store))
    if merged := [letter for letter, method in sheet.letters if method.name == MERGED[1]]:
        st.caption(f"{' and '.join(merged)} {MERGED[1]}: no energy, as {NO_ENERGY_OF_MERGED}.")
    show_notes(problems)


def _energies_of_videos(catalogue: Catalogue) -> list[Track]:
    """The energies of the newest MAX_VIDEOS clips that have any."""
    names = ((clip, catalogue.shelf.lines[clip.key].names) for clip in catalogue.clips if clip.n_frames > 1)
    clips = (clip for clip, known in names if any(name.kind == "energy" for name in known))
    tracks = (track for clip in islice(clips, MAX_VIDEOS) for track in catalogue.tracks(clip.key))
    return [track for track in tracks if track.head.kind == "energy" and not source_of(track.head.clip.sampling)]


def _show_actions(
    site: Site,
    asker: Asker,
    catalogue: Catalogue,
    clip: Clip,
    requests: Sequence[Request],
) -> None:
    own = catalogue.tracks(clip.key)
    is_unlisted = clip.key in catalogue.unlisted
    with st.container(key="image-actions", horizontal=True, vertical_alignment="center", gap="small"):
        link = carried(newest_link()) | {"clip": clip.key}
        st.page_link(site.pages["compare"], label="Open in Compare", query_params=link)
        if has_depth(catalogue, clip.key):
            st.page_link(site.pages["space"], label="Depth in space", query_params=link)
        st.download_button(
            "Raw values (.npz)",
            data=partial(npz, site.store, own),
            file_name=f"crosscheck-{clip.key[:12]}.npz",
            mime="application/octet-stream",
            help="Each prediction and energy as float32, in the unit of its domain; `about` says what each array is.",
            on_click="ignore",
        )
        if requests and not asker.refusal:
            stored = {track.head.zoo for track in own}
            asked = requests[-1].asked
            for zoo in ZOOS:
                if zoo not in stored and not any(one.is_live and one.asked.options.zoo == zoo for one in requests):
                    arguments = (asker, asked.source, zoo, asked.options.start)
                    st.button(f"Add the networks of {zoo}", on_click=_ask_more, args=arguments)
            with st.popover("Delete"):
                st.text("Delete this picture with everything computed from it? Its link will lead nowhere.")
                st.button("Delete it", type="primary", on_click=delete_all, args=(asker, requests, _forget))
        st.button("Another picture", on_click=_forget)
    title = one_line(clip.title)
    facts = f"{title} · {clip.width}×{clip.height} as the networks saw it"
    st.text(f"{facts} · only those who have this page's address can see it" if is_unlisted else facts)


def _ask_more(asker: Asker, source, zoo: str, start_seconds: float) -> None:
    ask(asker, source, zoo, start_seconds)
    st.session_state.pop(ASKED, None)  # the page of the picture follows it
