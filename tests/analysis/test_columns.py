"""Laws of columns: one number per frame, read once, named by the manifest, and never guessed where a pack is damaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.columns import Columns, series_title, series_unit, with_expected_times
from analysis.energy import Unreadable, energy
from cache.records import Track
from cache.store import Store
from tests.fixtures.stores import build_store


def energy_of_baseline(store: Store) -> Track:
    (track,) = (track for track in store.tracks(kind="energy") if track.head.method == "baseline")
    return track


def pack_file(store: Store, track: Track) -> Path:
    return next(store.root.rglob(f"{track.packs[0].sha256}.pack"))


def test_series_of_a_store_are_those_of_its_columns(tmp_path: Path) -> None:
    store = build_store(tmp_path, n_frames=7, frames_per_pack=3)
    track = energy_of_baseline(store)
    terms, columns = store.column(track, "terms"), Columns(store)
    for scale in ("standardised", "raw"):
        expected = energy(terms, track.head.constants, scale)
        assert columns.series(track, "terms", scale).tolist() == expected.tolist()
    assert np.allclose(columns.pts_seconds(track), np.arange(7) / 30)


def test_a_damaged_pack_is_named_instead_of_plotted(tmp_path: Path) -> None:
    store = build_store(tmp_path, n_frames=3)
    track = energy_of_baseline(store)
    path = pack_file(store, track)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(Unreadable, match="damaged"):
        Columns(store).series(track, "terms", "raw")


def test_a_column_is_read_once(tmp_path: Path) -> None:
    store = build_store(tmp_path, n_frames=3)
    track = store.tracks(kind="energy")[0]
    columns = Columns(store)
    first = columns.column(track, "terms")
    pack_file(store, track).unlink()
    assert columns.column(track, "terms") is first


def test_titles_and_units_are_those_of_the_manifest(tmp_path: Path) -> None:
    store = build_store(tmp_path, n_frames=2)
    track = store.tracks(kind="prediction")[0]
    described = {"angle_degrees": {"title": "Angle, as it was called", "unit": "grad"}}
    old = replace(track, head=replace(track.head, columns=described))
    assert series_title(old, "angle_degrees") == "Angle, as it was called"
    assert series_unit(old, "angle_degrees", "raw") == series_unit(old, "angle_degrees", "standardised") == "grad"
    assert (series_title(old, "error"), series_unit(old, "error", "raw")) == ("error", "")


def test_an_energy_is_named_by_its_domain_and_measured_on_the_chosen_scale(tmp_path: Path) -> None:
    track = energy_of_baseline(build_store(tmp_path, n_frames=2))
    track = replace(track, head=replace(track.head, columns={"terms": {"title": "Path disagreement", "unit": "code"}}))
    assert series_title(track, "terms") == "Consistency energy"
    assert (series_unit(track, "terms", "standardised"), series_unit(track, "terms", "raw")) == ("σ", "code")


def test_frames_that_are_not_ready_have_expected_times() -> None:
    assert with_expected_times([0.0, 0.5, 1.0], 5) == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert with_expected_times([0.0, 0.5, 1.0], 2) == [0.0, 0.5, 1.0]
    assert len(with_expected_times([], 3)) == 3
