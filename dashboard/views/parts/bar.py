"""The bar on top of every page: what this is, and the ways to the other pages with the clip and the configurations chosen."""

from __future__ import annotations

import streamlit as st

from dashboard.components.drawing import drawing
from dashboard.components.page_links import lead_on
from dashboard.selection.choices import newest_link
from dashboard.selection.link import carried
from dashboard.site import Site

SENTENCE = "Compare networks on video and see where their predictions contradict each other."


def bar(site: Site, current: str) -> None:
    """Name, links and one sentence on the page named `current`. Call it after the page, whose run may change the link."""
    link = carried(newest_link())
    with st.container(key="brand", horizontal=True, vertical_alignment="center", gap="small"):
        drawing("three_nodes", key="brand-drawing")
        st.html("<h1>Crosscheck</h1>")
    with st.container(key="pages", horizontal=True, vertical_alignment="center", gap=None):
        for name, page in site.pages.items():
            with st.container(key=f"page-{name}"):
                st.page_link(page, label=page.title, query_params=link)
    with st.container(key="sentence"):
        st.text(SENTENCE)
    lead_on(f"page-{current}")
