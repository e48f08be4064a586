"""The About page: what consistency is, why it matters, how systems are built with it, and what its numbers mean."""

from __future__ import annotations

import streamlit as st


def page(compare_page: st.Page) -> None:
    """Show the page; `compare_page` is the way back."""
    st.page_link(compare_page, label="Back to the comparison", query_params=st.query_params.to_dict())
