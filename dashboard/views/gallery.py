"""The Gallery: sample results on pictures and clips unlike the rooms that the networks learned from, ordered by energy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from cache.store import Store
from dashboard.catalogue import Catalogue, catalogue_of
from dashboard.components.gallery import gallery
from dashboard.gallery.cards import Card, cards_of, options_of, targets_of, trust_words
from dashboard.gallery.data import IMAGE, gallery_data
from dashboard.gallery.items import CATEGORIES, COMMAND, listed
from dashboard.selection.defaults import default_target
from dashboard.site import Site
from dashboard.views.parts.link_choice import pills_in_link
from dashboard.views.parts.shared_ranges import ranges_of
from dashboard.views.parts.widgets import refresh_when_changed, show_commands

INTRODUCTION = (
    "Sample results on pictures and clips unlike the rendered rooms that the bundled networks were trained on, the lowest energy "
    "first. The truth of the real ones is unknown: a low energy means that the paths of a method agree, not that its prediction is "
    "right."
)
EVERY = "all"


def page(site: Site) -> None:
    """Show the page for the link that the browser is on."""
    store, items = site.store, listed()
    catalogue = catalogue_of(store, {})
    targets = targets_of(catalogue, items)
    with st.container(key="gallery-head", gap="xsmall"):
        st.title("Gallery", anchor=False)
        st.text(INTRODUCTION)
    default = default_target(targets, partial(options_of, catalogue, items))
    if default is None:
        _show_missing(store, catalogue, 0, len(items))
        return
    with st.container(key="gallery-choices", horizontal=True, vertical_alignment="bottom", gap="small"):
        target = pills_in_link(
            "gallery", "predict", "Prediction", {name: catalogue.title(name) for name in targets}, default
        )
        cards = cards_of(catalogue, site.columns, items, target)
        found = {card.item.category for card in cards}
        shown_categories = {name: title for name, title in CATEGORIES.items() if name in found}
        category = pills_in_link("gallery", "category", "Category", {EVERY: "All", **shown_categories}, EVERY)
        if IMAGE in site.pages:
            with st.container(key="gallery-yours"):
                st.page_link(site.pages[IMAGE], label="Try your own picture")
    with st.container(key="gallery-trust"):
        st.text(_trust(catalogue, cards, target))
        if len(cards) < len(items):
            st.text(f"{len(cards)} of {len(items)} are computed; the others appear as they are stored.")
    shown = [card for card in cards if category in (EVERY, card.item.category)]
    ends_of = partial(ranges_of, store)
    gallery(gallery_data(catalogue, ends_of, cards, shown, target, site.pages), key="gallery")
    if len(cards) < len(items):
        _show_missing(store, catalogue, len(cards), len(items))


def _trust(catalogue: Catalogue, cards: Sequence[Card], target: str) -> str:
    """How far the energies of this target can be believed, as the zoo of the first card states it."""
    first = next((reading.trust for card in cards for reading in card.readings if reading.trust), None)
    return trust_words(catalogue.title(target), first)


def _show_missing(store: Store, catalogue: Catalogue, n_done: int, n_items: int) -> None:
    """How many are computed and how the others come, and a look at the store every few seconds."""
    with st.container(border=True, gap="xsmall", key="gallery-missing"):
        st.text(f"{n_done} of {n_items} are computed. `make demo` computes the others in the background; or run:")
        show_commands([COMMAND], store)
        st.caption("Each appears by itself as soon as it is stored.")
    refresh_when_changed(partial(catalogue_of, store, {}), catalogue, None)
