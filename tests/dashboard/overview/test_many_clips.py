"""An overview of many clips is that of few: the same table, ranking and data, from briefs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.summaries.briefs import keep_summaries
from benchmarks.growth_store import METHODS, fill, keep_rows
from cache.store import Store
from dashboard.overview import reading
from dashboard.overview.reading import drawn, read_overview
from dashboard.overview.words import basis, headline, notes


def said(root: Path, link: dict[str, str]) -> tuple[object, ...]:
    store = Store(root, read_only=True)
    reading._readers_of.cache_clear()
    reading._KEPT.clear()
    found = read_overview(store, link, float("inf"))
    shown = drawn(found, link)
    words = (
        headline(shown.table, shown.ranking),
        basis(shown.table, shown.ranking),
        notes(shown.table, shown.ranking, 0),
    )
    return json.dumps(shown.data), words, dict(found.targets), shown.trust, shown.missing[0]


@pytest.mark.parametrize(
    ("n_clips", "link"), [(2, {}), (6, {"paths": "all", "predict": "depth"})], ids=["over frames", "over clips"]
)
def test_briefs_show_what_whole_summaries_show(tmp_path: Path, monkeypatch, n_clips: int, link: dict[str, str]):
    store = Store(tmp_path)
    keys = list(fill(store, n_clips, n_frames=9))
    assert len(store.listing().lines) == len(set(keys)) == n_clips
    whole = said(tmp_path, link)
    monkeypatch.setattr(reading, "FEW_CLIPS", 0)
    assert said(tmp_path, link) == whole, "from packs"
    for key in keys:
        keep_summaries(store, key)
    assert said(tmp_path, link) == whole, "from rows"
    assert json.loads(str(whole[0]))["configurations"][0]["label"] == METHODS[0]


def test_the_rows_of_the_benchmark_are_those_of_a_job(tmp_path: Path, monkeypatch):
    store = Store(tmp_path)
    keys = list(fill(store, 3, n_frames=9))
    monkeypatch.setattr(reading, "FEW_CLIPS", 0)
    whole = said(tmp_path, {})
    keep_rows(store, len(keys), n_frames=9)
    for pack in tmp_path.glob("tracks/*/*.pack"):
        pack.unlink()
    monkeypatch.setattr(reading, "few_sources", lambda table: [])  # which would read curves
    briefly = said(tmp_path, {})
    assert json.loads(str(briefly[0]))["cells"] == json.loads(str(whole[0]))["cells"]
