"""What every page is given: the store, what reads its numbers, and the other pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streamlit.navigation.page import StreamlitPage

from analysis.columns import Columns
from cache.store import Store


@dataclass(frozen=True)
class Site:
    """One run of the page's script."""

    store: Store
    columns: Columns
    pages: Mapping[str, StreamlitPage]
    """Name in the address -> page, in the order of the bar."""
