"""The script that Streamlit runs for every session: opens the store and shows one of the pages."""

from __future__ import annotations

import streamlit as st

from analysis.columns import Columns
from cache.store import Store, default_root
from dashboard.access import BadSignIn, is_let_in, needs_sign_in
from dashboard.views import compare

# Streamlit leaves 6 rem above and 5 rem beside a wide page; a viewer needs that room for its frames.
# (A comment, as Streamlit shows a bare string of its main script on the page.)
STYLE = """
<style>
[data-testid="stMainBlockContainer"] { padding: 0.25rem 1.25rem 1.5rem; }
[data-testid="stMainBlockContainer"] > [data-testid="stVerticalBlock"] { gap: 0.5rem; }
[data-testid="stHeader"] { height: 0; min-height: 0; background: none; }
.st-key-controls { gap: 0.5rem 0.625rem; }
.st-key-controls > * { min-width: 7rem; }
/* The keys of menus end in a number (see compare/choices.py). */
.st-key-controls > [class*="st-key-readout-"] { flex-grow: 1.4; }
.st-key-controls > [class*="st-key-predict-"] { flex-grow: 1.2; }
.st-key-controls :is(.st-key-swap, .st-key-add, [class*="st-key-scale-"]) { min-width: 0; flex: none; width: auto; }
:is(.st-key-swap, .st-key-add) button { padding: 0 0.25rem; }
.st-key-controls > :has(> .st-key-paths) { min-width: 0; flex: none; width: 2rem; }
.st-key-add { margin-left: -0.375rem; }
/* Icons whose names are for screen readers. */
:is(.st-key-swap, .st-key-add) button p { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
[class*="st-key-scale-"] button:not(label button) { min-height: 2.5rem; }
[class*="st-key-scale-"] label { height: 1.5rem; min-height: 0; margin-bottom: 0.2rem; }
.st-key-about, .st-key-words { padding-left: 0.25rem; }
.st-key-about [data-testid="stText"], .st-key-about a, .st-key-words [data-testid="stText"] { font-size: 0.8125rem; }
.st-key-about a { min-height: 0; padding: 0; }
.st-key-words [data-testid="stText"] { font-variant-numeric: tabular-nums; }
.st-key-empty { max-width: 44rem; margin: 8vh auto 0; }
@media (min-width: 641px) {
  .st-key-controls > :is([class*="st-key-c-"], [class*="st-key-d-"], [class*="st-key-e-"], [class*="st-key-f-"], [class*="st-key-g-"], [class*="st-key-h-"]) { max-width: 15rem; }
}
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding: 0.5rem 0.5rem 1rem; }
  .st-key-controls > * { min-width: calc(50% - 0.5rem); }
  .st-key-controls > [class*="st-key-readout-"] { min-width: 100%; }
  .st-key-controls > :is([class*="st-key-a-"], [class*="st-key-b-"]) { min-width: calc(50% - 2rem); }
}
</style>
"""


def main() -> None:
    st.set_page_config(page_title="Compare · Crosscheck", page_icon="🎞️", layout="wide")
    st.html(STYLE)
    try:
        if not is_let_in():
            _ask_to_sign_in()
            return
    except BadSignIn as error:
        st.header("Sign-in is not set up")
        st.text(str(error))
        return
    store, columns = _open_store(str(default_root()))
    views = [st.Page(lambda: _show(store, columns), title="Compare", url_path="compare", default=True)]
    st.navigation(views, position="hidden").run()


def _ask_to_sign_in() -> None:
    with st.container(key="empty"):
        st.header("Crosscheck")
        st.text("Compare dense-prediction networks frame by frame on video. Sign in to continue.")
        st.button("Sign in", type="primary", on_click=st.login)


def _show(store: Store, columns: Columns) -> None:
    try:
        compare.page(store, columns)
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
