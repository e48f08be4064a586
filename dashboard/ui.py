"""The script that Streamlit runs for every session: opens the store and shows one of the pages."""

from __future__ import annotations

import streamlit as st

from analysis.columns import Columns
from cache.store import Store, default_root
from dashboard.access import BadSignIn, is_let_in, needs_sign_in
from dashboard.views import about, compare


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
    store, columns = _open_store(str(default_root()))
    about_page = st.Page(lambda: about.page(compare_page), title="About", url_path="about")
    compare_page = st.Page(lambda: _show(store, columns, about_page), title="Compare", url_path="compare", default=True)
    st.navigation([compare_page, about_page], position="hidden").run()


def _ask_to_sign_in() -> None:
    with st.container(key="empty"):
        st.header("Crosscheck")
        st.text("Compare dense-prediction networks frame by frame on video. Sign in to continue.")
        st.button("Sign in", type="primary", on_click=st.login)


def _show(store: Store, columns: Columns, about_page: st.Page) -> None:
    try:
        compare.page(store, columns, about_page)
    except OSError as error:
        st.header("The store cannot be read")
        st.text(f"{store.root}: {error.strerror or error}")
        st.text("Make the folder readable for the user that runs the dashboard, or pass another one:")
        st.code("streamlit run dashboard/app.py -- --store DIR", language="bash")
    if needs_sign_in():
        st.button("Sign out", type="tertiary", on_click=st.logout)


@st.cache_resource(show_spinner=False)
def _open_store(root: str) -> tuple[Store, Columns]:
    """One store for all sessions: it caches the manifests that it has parsed and the packs that it has hashed."""
    store = Store(root, read_only=True)
    return store, Columns(store)


main()
