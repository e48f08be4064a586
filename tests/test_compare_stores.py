"""Does the comparison of two stores find every difference?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cache.store import Store
from cache.writer import TrackWriter
from tests.fixtures.tracks import append, make_head, stored
from tools.compare_stores import main


@pytest.fixture
def stores(tmp_path: Path) -> tuple[Store, Store]:
    """Two stores with the same track, computed at different times."""
    old, new = Store(tmp_path / "old"), Store(tmp_path / "new")
    stored(old)
    head = replace(make_head(), computed_on={"time": "2027-01-01"})
    append(new, head, 0, 4)
    append(new, head, 4, 2)
    TrackWriter(new, head).finish()
    return old, new


def test_tracks_with_the_same_packs_are_equal_whenever_they_were_computed(stores, capsys):
    old, new = stores
    assert main([str(old.root), str(new.root)]) == 0
    assert capsys.readouterr().out == "1 equal, 0 different, 0 missing\n"


def test_missing_and_different_tracks_are_named_and_fail(stores, capsys):
    old, new = stores
    stored(old, method="cycle")
    stored(old, method="consistency")
    append(new, make_head(method="consistency"), 0, 3)
    append(new, make_head(method="consistency"), 3, 3)
    TrackWriter(new, make_head(method="consistency")).finish()
    assert main([str(old.root), str(new.root)]) == 1
    *lines, summary = capsys.readouterr().out.splitlines()
    assert summary == "1 equal, 1 different, 1 missing"
    assert sorted(line.split(" (")[0] for line in lines) == [
        "different: mini/consistency/rgb-normal",
        "missing: mini/cycle/rgb-normal",
    ]


def test_two_stores_with_nothing_in_common_to_compare_are_not_called_equal(stores):
    old, new = stores
    assert main([str(old.root), str(new.root), "--clip", "no such clip"]) == 1
