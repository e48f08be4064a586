"""Laws of summary rows: they say what the packs say, are kept, and are never shown beside another manifest."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest

from analysis.columns import Columns
from analysis.noise import noise_floor
from analysis.summaries import rows
from analysis.summaries.measure import measure_of, parts_of
from analysis.summaries.record import MAX_PARTS, Expected, Summary, from_text, to_text
from analysis.summaries.rows import Summaries
from cache.records import manifest_bytes
from cache.store import Store
from tests.fixtures.stores import add_track, build_store, make_clip

N_FRAMES = 12


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return build_store(tmp_path, n_frames=N_FRAMES, frames_per_pack=5)


def read_only(store: Store) -> Summaries:
    return Summaries(Store(store.root, read_only=True))


def by_key(found: tuple[list[Summary], int]) -> dict[str, Summary]:
    assert found[1] == 0
    return {one.key: one for one in found[0]}


def same(one: Summary) -> str:
    return to_text(one, "")


def test_a_row_says_of_each_track_what_its_packs_say(store: Store):
    found = by_key(Summaries(store).read())
    columns = Columns(store)
    assert set(found) == set(store.track_keys())
    for track in store.tracks(kind="energy"):
        values = columns.series(track, "terms", "standardised")
        summary = found[track.head.key]
        energy = summary.measures["energy"]
        assert energy.mean == pytest.approx(values.mean()) and energy.worst_frame == values.argmax()
        assert energy.floor == noise_floor(values)
        assert np.allclose(energy.parts, values), "a short clip is kept whole"
        assert summary.share_unlike == (values > 3).mean()
    for track in store.tracks(kind="prediction"):
        error = found[track.head.key].measures["angle_degrees"]
        assert error.mean == pytest.approx(columns.series(track, "angle_degrees", "raw").mean())
        assert (error.title, error.unit) == ("Mean angular error", "°")


def test_rows_that_were_kept_are_read_without_the_packs(store: Store):
    kept = by_key(Summaries(store).read())
    for pack in store.root.glob("tracks/*/*.pack"):
        pack.unlink()
    found = by_key(read_only(store).read())
    assert {key: same(one) for key, one in found.items()} == {key: same(one) for key, one in kept.items()}


def test_a_store_that_may_not_be_written_is_read_into_memory_and_stays_as_it_is(store: Store):
    shutil.rmtree(store.root / "index")
    before = sorted(store.root.rglob("*"))
    summaries = read_only(store)
    first = by_key(summaries.read())
    assert len(first) == len(store.track_keys())
    assert sorted(store.root.rglob("*")) == before
    for pack in store.root.glob("tracks/*/*.pack"):
        pack.unlink()
    assert by_key(summaries.read()).keys() == first.keys()


def test_a_track_whose_manifest_changed_is_read_again_and_one_that_is_gone_is_not_shown(store: Store):
    Summaries(store).read()
    watching = read_only(store)
    before = by_key(watching.read())
    energy, other = store.tracks(kind="energy")
    constants = {**energy.head.constants, "mu": [0.0 for _ in energy.head.constants["mu"]]}
    changed = replace(energy, head=replace(energy.head, constants=constants))
    manifest = store.track_folder(energy.head.key) / "manifest.json"
    manifest.write_bytes(manifest_bytes(changed))
    os.utime(manifest, ns=(1, 1))
    store.remove([other.head.key])
    for summaries in (watching, read_only(store)):
        after = by_key(summaries.read())
        assert other.head.key not in after
        assert after[energy.head.key].measures["energy"].mean > before[energy.head.key].measures["energy"].mean


@pytest.mark.parametrize(
    "row", ["", "{}", "[]", "null", '{"version": 1}', "\x00", '{"version": 1, "kind": 3, "key": 1}', "[" * 5000]
)
def test_a_damaged_row_is_computed_again(store: Store, row: str):
    kept = by_key(Summaries(store).read())
    for key in kept:
        store.keep_summary(key, row)
    found = by_key(read_only(store).read())
    assert {key: same(one) for key, one in found.items()} == {key: same(one) for key, one in kept.items()}


def test_a_row_of_another_version_or_with_a_wrong_value_is_no_row(store: Store):
    (summary, *_) = Summaries(store).read()[0]
    row = json.loads(to_text(summary, "1-1"))
    read = from_text(summary.key, json.dumps(row))
    assert read is not None and read[0] == "1-1" and same(read[1]) == same(summary)
    for change in (
        {"version": 2},
        {"n_frames": "many"},
        {"is_merged": 1},
        {"limit": "nan"},
        {"clip": "{}"},
        {"measures": 1},
    ):
        assert from_text(summary.key, json.dumps({**row, **change})) is None, change
    assert from_text("0" * 64, json.dumps(row)) is None, "a row of another track"


def test_a_growing_track_is_listed_without_numbers_and_looked_at_again(tmp_path: Path):
    store = build_store(tmp_path, n_frames=N_FRAMES, frames_per_pack=5, ready_frames=5)
    summaries = read_only(store)
    growing = [one for one in summaries.read()[0] if not one.is_complete]
    assert {one.kind for one in growing} == {"prediction", "readout", "energy"}
    assert all(not one.measures and one.n_frames == 5 for one in growing)
    for track in store.tracks():
        store.complete(replace(track, is_complete=True))
    assert all(one.is_complete for one in summaries.read()[0])


def test_reading_stops_in_time_and_goes_on_at_the_next_look(store: Store):
    shutil.rmtree(store.root / "index")
    summaries = read_only(store)
    found, n_missing = summaries.read(seconds=0)
    assert n_missing == len(store.track_keys()) - len(found) > 0
    assert summaries.read()[1] == 0


def test_a_manifest_that_cannot_be_read_does_not_have_all_rows_read_at_every_look(store: Store):
    Summaries(store).read()
    energy, other = store.tracks(kind="energy")
    watched = Store(store.root, read_only=True)
    watched.summary_rows = MagicMock(wraps=watched.summary_rows)
    summaries = Summaries(watched)
    (store.track_folder(energy.head.key) / "manifest.json").write_text("{")
    for _ in range(3):
        assert energy.head.key not in by_key(summaries.read())
    assert watched.summary_rows.call_count == 1
    manifest = store.track_folder(other.head.key) / "manifest.json"
    os.utime(manifest, ns=(1, 1))
    Summaries(store).read(only=[other.head.key])
    for pack in store.root.glob("tracks/*/*.pack"):
        pack.unlink()
    assert not by_key(summaries.read())[other.head.key].problem, "the row that was kept meanwhile is read"


def add_generation(store: Store, weights: str, number: int) -> tuple[str, str]:
    """An energy, and what was merged of the same networks, which states an error to expect. Returns their keys."""
    clip = make_clip("Counting frames", n_frames=N_FRAMES)
    common: Any = {"zoo": "mini", "path": "rgb-normal", "edges": {"rgb-normal": weights * 64}}
    energy = add_track(store, clip, kind="energy", method="consistency", number=number, **common)
    paths = energy.head.constants["paths"]
    expected = {"error": "angle_degrees", "features": paths[:1], "coefficients": [1.0], "intercept": 3.0}
    merged = add_track(
        store,
        clip,
        kind="prediction",
        method="merged",
        number=number + 1,
        more_columns={"terms": np.full((N_FRAMES, len(paths)), 0.1, np.float32)},
        constants={"merge": {"of": "consistency"}, "paths": paths, "expected": expected},
        **common,
    )
    return energy.head.key, merged.head.key


def test_what_was_merged_by_each_generation_of_networks_is_judged_by_its_own_energy_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store = Store(tmp_path)
    generations = [add_generation(store, weights, number) for weights, number in (("a", 20), ("b", 30), ("c", 40))]
    summaries = Summaries(store)
    found = by_key(summaries.read())
    for energy, merged in generations:
        assert found[merged].used_energy == energy
        assert found[merged].expected is not None and found[merged].expected.n_usual > 0
    monkeypatch.setattr(rows, "summarise", lambda *given: pytest.fail("a kept row is computed again"))
    assert by_key(summaries.read()) == found and by_key(Summaries(store).read()).keys() == found.keys()


def test_a_damaged_pack_is_said_and_not_kept(store: Store):
    track = store.tracks(kind="energy")[0]
    pack = store.pack_file(track.head.key, track.packs[0].sha256)
    data = bytearray(pack.read_bytes())
    data[-1] ^= 1
    pack.write_bytes(bytes(data))
    store.forget()
    summary = by_key(Summaries(store).read())[track.head.key]
    assert "damaged" in summary.problem and not summary.measures
    assert track.head.key not in store.summary_rows()


def test_parts_are_means_of_stretches_and_leave_out_what_has_no_value():
    values = np.arange(4.0 * MAX_PARTS)
    assert np.allclose(parts_of(values), values.reshape(-1, 4).mean(axis=1))
    assert np.array_equal(parts_of(np.array([1.0, np.nan, 3.0])), np.float32([1, np.nan, 3]), equal_nan=True)
    assert len(parts_of(np.zeros(0))) == 0
    nothing = measure_of(np.full(3, np.nan))
    assert nothing.worst_frame == -1 and np.isnan(nothing.mean)


def test_the_mean_of_an_expected_error_is_of_the_frames_like_the_calibration():
    one = Expected("angle_degrees", 2.0, 1.0, 4.0, 2.0, 0.9, 2, 3, np.float32([1, np.nan, 3]))
    assert one.mean == 2
