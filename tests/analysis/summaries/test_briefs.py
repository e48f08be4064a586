"""Laws of briefs: an overview of many clips says the same whether rows, manifests or packs were read."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.summaries import briefs
from analysis.summaries.briefs import (
    BRIEF_PARTS,
    Briefs,
    brief_rows,
    briefs_from_text,
    highest,
    keep_summaries,
    row_name,
)
from analysis.summaries.rows import Summaries
from cache.clips.rows import ClipRow
from cache.store import Store
from tests.fixtures.stores import build_store

TARGET = "normal"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return build_store(tmp_path, n_frames=50)


def told(found: list[Any]) -> dict[str, str]:
    """Key -> everything a brief says, as text in which NaN equals NaN."""
    return {one.key: repr({k: repr(v) for k, v in asdict(one).items()}) for one in found}


def read(store: Store) -> dict[str, str]:
    again = Store(store.root, read_only=True)
    found, n_unread = Briefs(again, Summaries(again)).read(again.listing(), TARGET)
    assert n_unread == 0
    return told(found)


def test_kept_briefs_say_what_the_packs_say_and_read_none(store: Store):
    expected = read(store)
    assert expected
    for clip in store.listing().lines:
        keep_summaries(store, clip)
    for pack in store.root.glob("tracks/*/*.pack"):
        pack.unlink()
    assert read(store) == expected


@pytest.mark.parametrize("text", ["", "[]", "null", "[[]]", '[["{}", 1, 2, 3, 4, 5, 6, 7, 8]]', "\x00"])
def test_a_row_that_is_none_or_of_another_state_is_computed_again(store: Store, text: str):
    expected = read(store)
    for clip in store.listing().lines:
        keep_summaries(store, clip)
        stamps = store.listing().stamps(clip)
        assert stamps
        other = (
            stamps if text != "[]" else stamps[:-1] + b"\x01"
        )  # an empty list is well formed, so its stamps must tell
        store.keep_clip_rows(row_name(TARGET), {clip: ClipRow(other, text)})
    assert read(store) == expected


def test_briefs_of_tracks_that_were_removed_are_not_shown_though_there_is_no_time_to_read_the_others(store: Store):
    briefs_read = Briefs(store, Summaries(store))
    before, _ = briefs_read.read(store.listing(), TARGET)
    store.remove([before[0].key])
    assert briefs_read.read(store.listing(), TARGET, seconds=0.0) == ([], 1)
    again, n_unread = briefs_read.read(store.listing(), TARGET)
    assert {one.key for one in again} == {one.key for one in before[1:]} and n_unread == 0


def test_a_clip_of_which_time_allows_a_part_is_still_missing_and_is_gone_on_with(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    now, computed, before = [0.0], [], Summaries._compute

    def compute(self, track, *rest):
        now[0] += 1
        computed.append(track.head.key)
        return before(self, track, *rest)

    monkeypatch.setattr(Summaries, "_compute", compute)
    monkeypatch.setattr("analysis.summaries.rows.time.monotonic", lambda: now[0])
    read_only = Store(store.root, read_only=True)
    briefs_read = Briefs(read_only, Summaries(read_only))
    assert briefs_read.read(read_only.listing(), TARGET, seconds=2)[1] == 1
    assert briefs_read.read(read_only.listing(), TARGET)[1] == 0
    assert len(computed) == len(set(computed))


def test_a_clip_is_kept_without_a_look_at_the_others(store: Store, monkeypatch: pytest.MonkeyPatch):
    clip = next(iter(store.listing().lines))
    own = {track.head.key for track in store.tracks(clip=clip)}
    read_keys: set[str] = set()
    before = Summaries._compute

    def compute(self, track, *rest):
        read_keys.add(track.head.key)
        return before(self, track, *rest)

    monkeypatch.setattr(Summaries, "_compute", compute)
    keep_summaries(Store(store.root), clip)
    assert read_keys == own


def test_no_peak_of_a_curve_is_lost(store: Store):
    values = np.random.default_rng(0).normal(0, 1, 250).astype(np.float32)
    values[7] = math.nan
    found = highest(values)
    assert len(found) == BRIEF_PARTS and found.max() == np.nanmax(values)
    assert len(highest(values[:3])) == 3 and len(highest(values[:0])) == 0
    assert np.isnan(highest(np.full(100, np.nan, np.float32))).all()


def test_briefs_survive_their_text(store: Store):
    clip, line = next(iter(store.listing().lines.items()))
    found, _ = Summaries(store).read(only=store.listing().keys(clip))
    for name, text in brief_rows(found).items():
        target = name.rsplit(" ", 1)[-1]
        again = briefs_from_text(json.dumps(json.loads(text)), line.clip)
        assert again is not None
        assert told(again) == told([briefs.brief_of(one) for one in found if briefs.is_told(one, target)])
