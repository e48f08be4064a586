"""Laws of the menus of a store with many clips: they name the newest ones and the one shown, and a search finds all others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cache.records import Track
from dashboard.catalogue import Catalogue
from dashboard.selection import menus as menus_module
from dashboard.selection.link import from_query
from dashboard.selection.menus import MAX_FOUND, clips_with, menus
from tests.fixtures.tracks import make_head


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    monkeypatch.setattr(menus_module, "MAX_CLIPS", 3)
    heads = [make_head(source=f"{n:064x}") for n in range(40)]
    named = [replace(head, clip=replace(head.clip, title=f"Room {n:02d}")) for n, head in enumerate(heads)]
    return Catalogue([Track(head, (), is_complete=True) for head in named])


def test_the_menu_of_clips_names_the_newest_and_the_one_shown(catalogue: Catalogue):
    last = catalogue.clips[-1]
    selection, _ = from_query({"clip": last.key}, catalogue)
    assert selection is not None
    assert list(menus(catalogue, selection)[0].options) == [*(clip.key for clip in catalogue.clips[:3]), last.key]


def test_a_search_finds_clips_by_every_word_and_by_the_key(catalogue: Catalogue):
    clip = next(clip for clip in catalogue.clips if clip.title == "Room 37")
    assert clips_with(catalogue, "37 ROOM") == ({clip.key: "Room 37"}, 1)
    assert clips_with(catalogue, clip.key[:12]) == ({clip.key: "Room 37"}, 1)
    assert clips_with(catalogue, "no such room") == ({}, 0)
    assert clips_with(catalogue, "  ") == ({}, 0)
    found, n_found = clips_with(catalogue, "room")
    assert (len(found), n_found) == (MAX_FOUND, 40)
