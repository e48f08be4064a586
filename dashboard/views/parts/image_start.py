"""The start of the Image page: where a picture comes from, which networks see it, and what this visitor asked for before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from cache.requests.records import Options, Request, Source
from dashboard.components.picture_input import picture_input
from dashboard.site import Site
from dashboard.text import one_line, without_markdown
from dashboard.views.parts.widgets import show_unserved
from dashboard.visitors.asking import REFUSALS, Asker, address_in, words_of

ASKED = "image.asked"
"""In the session: the requests that the page waits for; their clip is not known yet."""
ERROR = "image.error"
ZOOS = {"mini": "mini: three methods, the quickest", "lab": "lab: eight methods, all nine domains"}
SAMPLES = (
    ("phone", 1.0, "A phone's video, at 1 s"),
    ("walkthrough", 2.0, "A rendered room, at 2 s"),
    ("walkthrough", 6.6, "A rendered room, at 6.6 s"),
)
"""Bundled clip, seconds, and what the button says."""
MAX_SHOWN = 12
FIRST_METHOD = "consistency"
STATES = {
    "waiting": "waiting",
    "running": "being computed",
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
}


def start(site: Site, asker: Asker) -> None:
    """Show it."""
    with st.container(key="image-start"):
        st.header("See what the networks see in your picture", anchor=False)
        st.text(
            "Surface normals, depth, reshading, curvature, edges and keypoints, by networks trained in different ways, and "
            "where the paths to each of them disagree."
        )
        if asker.refusal:
            st.text(asker.refusal)
            if not site.store.is_folder:
                return
            st.code("CROSSCHECK_REQUESTS=everyone streamlit run dashboard/app.py", language=None)
            return
        show_unserved(asker, site.store)
        zoo = st.segmented_control(
            "Networks", list(ZOOS), default="mini", required=True, format_func=lambda zoo: ZOOS[zoo], key="image-zoo"
        )
        picture_input(
            asker.ticket, key="image-input", on_upload=lambda sha256, title: _ask_upload(asker, sha256, title)
        )
        if error := st.session_state.pop(ERROR, ""):
            st.error(without_markdown(error), icon=None)
        _other_ways(asker, zoo or "mini")
        st.caption(
            f"Pictures and results are deleted after {asker.limits.days:g} days, sooner if room is needed, or when you say so. They "
            "are shown to nobody else without their link."
        )
        _earlier(site, asker)


def ask(asker: Asker, source: Source, zoo: str, at_seconds: float = 0.0) -> None:
    """Ask for everything that the zoo predicts of that frame; where that is much, for one method first."""
    everything = [("*",)]
    if zoo != "mini":
        everything.insert(0, (f"{zoo}/{FIRST_METHOD}/*",))
    try:
        ids = [
            asker.ask(source, Options(zoo, configurations, start=at_seconds, max_frames=1)).id
            for configurations in everything
        ]
    except Exception as error:
        st.session_state[ERROR] = words_of(error)
        return
    st.session_state[ASKED] = ids


def _ask_upload(asker: Asker, sha256: str, title: str) -> None:
    try:
        source = Source("upload", sha256, one_line(title, 100))
    except ValueError as error:
        st.session_state[ERROR] = words_of(error)
        return
    ask(asker, source, str(st.session_state.get("image-zoo") or "mini"))


def _other_ways(asker: Asker, zoo: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="image-samples"):
        st.text("Or try")
        for at, (name, seconds, words) in enumerate(SAMPLES):
            source = Source("sample", name)
            st.button(words, key=f"sample-{at}", on_click=ask, args=(asker, source, zoo, seconds))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input("Address of a picture or video", placeholder="https://…", key="image-address")
        st.button("Open", key="open-address", on_click=_ask_address, args=(asker, zoo))
    if st.toggle("Use the camera", key="image-camera"):
        taken = st.camera_input("Camera", label_visibility="collapsed", key="image-photo")
        if taken is not None and st.session_state.get("image.photo") != taken.file_id:
            st.session_state["image.photo"] = taken.file_id  # once, however often the page runs
            _ask_photo(asker, taken.getbuffer(), zoo)
            st.rerun()


def _ask_photo(asker: Asker, data: memoryview, zoo: str) -> None:
    try:
        sha256 = asker.upload(data)
    except Exception as error:
        st.session_state[ERROR] = words_of(error)
        return
    ask(asker, Source("upload", sha256, "photo"), zoo)


def _ask_address(asker: Asker, zoo: str) -> None:
    address = str(st.session_state.get("image-address") or "")  # typed in the tick of the press
    try:
        source = Source("address", address_in(address))
    except REFUSALS as error:
        st.session_state[ERROR] = words_of(error)
        return
    ask(asker, source, zoo)


def _earlier(site: Site, asker: Asker) -> None:
    """What this visitor asked for before, each with its link."""
    shown: dict[Source, Request] = {}
    for request in asker.own():
        if request.asked.options.is_still:
            shown.setdefault(request.asked.source, request)
    if not shown:
        return
    st.subheader("Your pictures", anchor=False)
    for request in list(shown.values())[:MAX_SHOWN]:
        clip = request.ended.clip if request.ended else request.progress.clip
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if clip:
                st.page_link(site.pages["image"], label="Open", query_params={"clip": clip})
            st.text(f"{title_of(request)} · {STATES[request.state]}")
            if request.ended and request.ended.failure:
                st.text(failure_words(request))
            st.button(
                "Delete", key=f"delete-{request.id}", type="tertiary", on_click=delete_all, args=(asker, [request])
            )


def title_of(request: Request) -> str:
    """What the visitor chose: the words of the sample's button, the name of the file, or the address."""
    source, seconds = request.asked.source, request.asked.options.start
    known = (words for name, at, words in SAMPLES if source.kind == "sample" and (name, at) == (source.name, seconds))
    return one_line(next(known, source.title or source.name), 60)


def failure_words(request: Request) -> str:
    """Why it failed, and what to do."""
    failure = request.ended.failure if request.ended else None
    if failure is None:
        return ""
    again = " Asking again may help." if failure.can_retry else ""
    return (
        f"{one_line(failure.message, 400)} [{one_line(failure.code, 40)}] "
        f"Next: {one_line(failure.next_step, 300)}.{again}"
    )


def delete_all(asker: Asker, requests: Sequence[Request], then: Callable[[], None] = lambda: None) -> None:
    """Delete these requests, and others about the same pictures, with everything that belongs to them."""
    sources = {request.asked.source for request in requests}
    try:
        for request in asker.own():
            if request.asked.source in sources and request.asked.options.is_still:
                asker.delete(request.id)
    except Exception as error:
        st.session_state[ERROR] = words_of(error)
        return
    then()
