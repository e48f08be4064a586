"""The script that Streamlit runs for every session: opens the store and shows one of the pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from analysis.columns import Columns
from cache.backends.objects import BucketError
from cache.backends.opening import default_place, open_place
from cache.store import Store
from dashboard.pages import PAGES
from dashboard.selection.choices import arrive
from dashboard.site import Site
from dashboard.views.parts.bar import SENTENCE, bar
from dashboard.visitors.access import BadSignIn, is_let_in, needs_sign_in


def main() -> None:
    st.set_page_config(page_icon="🎞️", layout="wide")
    try:
        if not is_let_in():
            _ask_to_sign_in()
            return
    except BadSignIn as error:
        st.header("Sign-in is not set up")
        st.text(str(error))
        return
    store, columns = _open_store(str(default_place()))
    pages: dict[str, StreamlitPage] = {}
    site = Site(store, columns, pages)
    for entry in PAGES:
        show = partial(_show, site, entry.show)
        pages[entry.name] = st.Page(show, title=entry.title, url_path=entry.name, default=entry is PAGES[0])
    opened = st.navigation(list(pages.values()), position="hidden")
    place = st.container(key="bar", horizontal=True, vertical_alignment="center", gap="small")
    name = next(name for name, page in pages.items() if page is opened)
    arrive(name)
    opened.run()
    with place:  # last: the page's run decides which clip and configurations the links carry
        bar(site, name)


def _ask_to_sign_in() -> None:
    with st.container(key="empty"):
        st.header("Crosscheck")
        st.text(SENTENCE)
        st.text("Sign in to continue.")
        st.button("Sign in", type="primary", on_click=st.login)


def _show(site: Site, show: Callable[[Site], None]) -> None:
    try:
        show(site)
    except BucketError as error:
        st.header("The store cannot be read")
        st.text(f"{error.found[:1].upper()}{error.found[1:]}.")
        st.text(f"Whoever runs this page can {error.next_step}.")
    except OSError as error:
        st.header("The store cannot be read")
        st.text(f"{site.store.root}: {error.strerror or error}")
        st.text("Make the folder readable for the user that runs the dashboard, or pass another one:")
        st.code("streamlit run dashboard/app.py -- --store DIR", language=None)
    if needs_sign_in():
        st.button("Sign out", type="tertiary", on_click=st.logout)


@st.cache_resource(show_spinner=False)
def _open_store(root: str) -> tuple[Store, Columns]:
    """One store for all sessions: it caches the manifests that it has parsed and the packs that it has hashed."""
    store = open_place(root, read_only=True)
    return store, Columns(store)


if __name__ == "__main__":  # processes that Streamlit's own tests spawn import it under another name
    main()
