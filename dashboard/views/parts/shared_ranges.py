"""The display ranges of domains, shared by all sessions and pages."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from cache.records import Track
from cache.store import Store
from dashboard.compare.ranges import Ranges


def ranges_of(store: Store, tracks: Iterable[Track]) -> dict[str, tuple[float, float]]:
    """Domain -> the values at which its colours begin and end, over all `tracks` of that domain."""
    return _ranges(str(store.root), store).of(tracks)


@st.cache_resource(show_spinner=False)
def _ranges(root: str, _store: Store) -> Ranges:
    return Ranges(_store)
