"""Laws of keys, tracks, their manifests and the index."""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
import threading
import tomllib
from dataclasses import replace
from pathlib import Path

import diskcache
import numpy as np
import pytest

from cache import writer
from cache.files import read_json
from cache.index import TextDisk, open_index
from cache.keys import digest, track_key
from cache.maintenance import verify
from cache.records import BadRecord, Head, StoreError, Track, head_to_json, sealed, track_from_json, track_to_json
from cache.store import CorruptPack, Store
from cache.version import VERSION
from cache.writer import PartWriter, TrackWriter
from tests.fixtures.tracks import append, frames, make_head, stored
from tests.fixtures.web.serving import ROOT
from tests.fixtures.web.waits import PATIENCE_SECONDS


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


# Keys


def test_a_key_depends_on_every_input_and_not_on_their_order():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    base = ("c", "prediction", "mini", "baseline", "rgb-normal", {"edges": {"e": "1"}})
    keys = {track_key(*base)}
    for place, other in enumerate(["d", "readout", "lab", "cycle", "rgb-depth", {"edges": {"e": "2"}}]):
        keys.add(track_key(*base[:place], other, *base[place + 1 :]))
    assert len(keys) == 7


def test_a_number_that_json_cannot_hold_makes_no_key():
    with pytest.raises(ValueError, match="JSON"):
        digest({"fps": float("nan")})


# The store


def test_a_stored_track_is_found_again_whole(store):
    track = stored(store)
    again = Store(store.root)
    assert again.tracks() == [track]
    assert list(again.images(track)) == frames(0, 6)
    assert again.column(track, "error").tolist() == list(range(6))


def test_a_manifest_round_trips_through_json():
    track = Track(make_head(), (), is_complete=True)
    assert track_from_json(json.loads(json.dumps(track_to_json(track)))) == track


def test_a_growing_track_shows_its_finished_packs_and_is_not_complete(store):
    append(store, make_head(), 0, 4)
    (track,) = Store(store.root, read_only=True).tracks()
    assert (track.n_frames, track.is_complete) == (4, False)


def test_a_writer_goes_on_where_a_killed_one_stopped(store):
    head = make_head()
    append(store, head, 0, 4)
    progress = store.root / "tracks" / head.key / "progress.jsonl"
    progress.write_bytes(progress.read_bytes() + b'{"sha256": "torn')
    assert TrackWriter(store, head).n_frames == 4
    append(store, head, 4, 2)
    assert list(store.images(TrackWriter(store, head).finish())) == frames(0, 6)


def put_part(store: Store, head: Head, start: int, n: int) -> None:
    """As another machine puts it."""
    PartWriter(store, head).append(start, frames(start, n), {"error": np.arange(start, start + n, dtype=np.float32)})


def test_a_part_that_arrives_while_a_writer_checks_the_packs_is_taken_over(store, monkeypatch):
    head = make_head()
    append(store, head, 0, 4)

    def late(*found):
        monkeypatch.undo()
        put_part(store, head, 4, 2)
        return writer._intact_packs(*found)

    monkeypatch.setattr(writer, "_intact_packs", late)
    opened = TrackWriter(store, head)
    assert opened.n_frames == 6 and opened.holds(4)
    assert store.read(head.key) == Track(opened.head, tuple(opened._packs), is_complete=False)
    assert list(store.images(opened.finish())) == frames(0, 6)


def test_a_track_is_not_finished_before_the_end_of_its_clip(store):
    head = make_head()
    put_part(store, head, 0, 4)
    put_part(store, head, 5, 1)
    with pytest.raises(StoreError, match="4 frames of 6"):
        TrackWriter(store, head).finish(6)
    PartWriter(store, head).finish(6, {})
    with pytest.raises(StoreError, match="4 frames of 6"):
        TrackWriter(store, head).finish()
    assert not store.holds(head.key) and TrackWriter(store, head).holds(5), "nothing is lost"
    append(store, head, 4, 1)
    assert list(store.images(TrackWriter(store, head).finish())) == frames(0, 6)


def test_a_part_of_a_track_that_was_removed_meanwhile_is_refused_in_words_and_leaves_nothing(store):
    head = make_head()
    shard = PartWriter(store, head)
    store.remove([head.key])
    with pytest.raises(StoreError, match="removed meanwhile"):
        shard.append(0, frames(0, 1), {"error": np.zeros(1, np.float32)})
    assert store.track_keys() == []


def test_a_track_that_is_finished_while_it_is_looked_up_is_found(store, monkeypatch):
    append(store, make_head(), 0, 4)
    reader = Store(store.root, read_only=True)

    def finish_first(path: Path):
        monkeypatch.setattr("cache.growing.read_json", read_json)
        TrackWriter(store, make_head()).finish()
        return read_json(path)

    monkeypatch.setattr("cache.growing.read_json", finish_first)
    track = reader.get(make_head().key)
    assert track is not None and track.is_complete and track.n_frames == 4


def test_a_gap_or_an_overlap_of_frames_is_refused(store):
    append(store, make_head(), 0, 4)
    for start in (0, 3, 5):
        with pytest.raises(ValueError, match="holds 4 frames"):
            append(store, make_head(), start, 1)


def test_an_undeclared_or_missing_column_is_refused(store):
    with pytest.raises(ValueError, match="differ from the declared"):
        TrackWriter(store, make_head()).append(0, [b"x"], {})


def test_removing_one_track_leaves_another_with_the_same_packs_whole(store):
    first, second = stored(store), stored(store, method="consistency")
    assert store.remove([first.head.key]) == first.bytes
    assert list(store.images(second)) == frames(0, 6)
    assert store.remove([second.head.key]) == second.bytes
    assert not list(store.root.rglob("*.pack")) and store.tracks() == []


def test_a_complete_track_is_never_written_again(store):
    track = stored(store)
    with pytest.raises(StoreError, match="is complete"):
        TrackWriter(store, track.head)
    assert store.holds(track.head.key)


def test_a_finished_track_keeps_nothing_that_killed_writers_left(store):
    head = make_head()
    append(store, head, 0, 4)
    folder = store.root / "tracks" / head.key
    (folder / ".abc.pack.0123").write_bytes(b"half")
    (folder / f"{'f' * 64}.pack").write_bytes(b"never listed")
    track = TrackWriter(store, head).finish()
    assert {path.name for path in folder.iterdir()} == {"manifest.json", f"{track.packs[0].sha256}.pack"}


def test_a_store_whose_index_is_gone_or_damaged_loses_nothing(store):
    track = stored(store)
    for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(b"no database" * 999)):
        damage(store.root / "index" / "cache.db")
        assert Store(store.root).tracks() == [track]


@pytest.mark.parametrize("name", ["price $HOME", "${HOME}", "$$", "~root"])
def test_a_store_whose_path_holds_a_dollar_or_a_tilde_keeps_its_index_in_it(tmp_path, monkeypatch, name):
    """diskcache would write to the home folder's name instead."""
    monkeypatch.chdir(tmp_path)
    store = Store(Path(name))
    stored(store)
    assert (tmp_path / name / "index" / "cache.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_index_with_bits_turned_costs_nothing_and_is_made_anew(store):
    track = stored(store)
    Store(store.root).tracks()
    path = store.root / "index" / "cache.db"
    whole = path.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(whole), 60):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        for name in ("cache.db-wal", "cache.db-shm"):
            path.with_name(name).unlink(missing_ok=True)
        assert Store(store.root).tracks() == [track]
    opened = Store(store.root)
    assert opened.rebuild_index() == 1
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM Cache").fetchall() == [(1,)]
    database.close()


def test_an_index_row_that_lies_is_not_believed_once_the_manifest_has_changed(store):
    track = stored(store)
    Store(store.root).tracks()  # fills the index
    manifest = store.root / "tracks" / track.head.key / "manifest.json"
    changed = replace(track, head=replace(track.head, method="cycle"))
    manifest.write_text(json.dumps(track_to_json(changed)))
    os.utime(manifest, ns=(1, 1))
    assert Store(store.root).tracks() == [changed]


def test_an_index_row_of_many_levels_is_not_used(store):
    track = stored(store)
    Store(store.root).tracks()  # fills the index
    manifest = store.root / "tracks" / track.head.key / "manifest.json"
    index = open_index(store.root / "index")
    assert index
    index.put(track.head.key, manifest.stat().st_mtime_ns, sealed(track_to_json(track) | {"constants": nested(900)}))
    index.close()
    assert Store(store.root).tracks() == [track]


def test_no_pickle_of_the_index_is_ever_loaded(store, tmp_path):
    track = stored(store)
    Store(store.root).tracks()
    witness = tmp_path / "unpickled"

    class Payload:
        def __reduce__(self):
            return (os.mkdir, (str(witness),))

    blob = pickle.dumps(Payload())
    with sqlite3.connect(store.root / "index" / "cache.db") as database:
        assert database.execute("UPDATE Cache SET value = ?, mode = 4, raw = 0", (blob,)).rowcount == 1
        database.execute("INSERT INTO Cache (key, raw, value, mode, tag) VALUES (?, 0, ?, 4, 0)", (blob, blob))
    database.close()
    opened = Store(store.root)
    assert opened.tracks() == [track]
    with diskcache.Cache(str(store.root / "index"), disk=TextDisk) as index:
        list(index)
    assert not witness.exists()


def test_every_flipped_byte_of_a_pack_is_found_and_never_shown(store):
    track = stored(store)
    path = store.pack_path(track.head.key, track.packs[0].sha256)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(CorruptPack):
            list(Store(store.root, read_only=True).images(track))
    assert [problem for problem in verify(store) if problem]
    path.write_bytes(whole)
    assert not [problem for problem in verify(store) if problem]


def test_a_missing_pack_is_named_with_what_to_do(store):
    track = stored(store)
    store.pack_path(track.head.key, track.packs[1].sha256).unlink()
    with pytest.raises(CorruptPack, match=r"missing.*verify --fix"):
        list(store.images(track))


def test_every_bit_that_turns_in_a_manifest_hides_the_track_or_changes_nothing(store):
    track = stored(store)
    path = next(store.root.rglob("manifest.json"))
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        assert Store(store.root, read_only=True).tracks() in ([], [track])


def test_a_manifest_of_the_first_schema_is_read_as_one_of_this(store):
    track = stored(store)
    path = next(store.root.rglob("manifest.json"))
    fields = track_to_json(track)
    del fields["digest"]
    path.write_text(json.dumps(fields | {"schema": 1}))
    assert Store(store.root).tracks() == [track] and Store(store.root).holds(track.head.key)
    path.write_text(json.dumps(fields))
    with pytest.raises(BadRecord, match=r"manifest\.digest"):
        Store(store.root).get(track.head.key)


def test_a_track_of_a_newer_version_is_left_alone(store):
    track = stored(store)
    manifest = store.root / "tracks" / track.head.key / "manifest.json"
    manifest.write_text(json.dumps(track_to_json(track) | {"schema": 99}))
    (problem,) = verify(Store(store.root))
    assert not problem.is_repairable and "upgrade" in problem.what
    with pytest.raises(BadRecord, match="newer version"):
        TrackWriter(Store(store.root), track.head)


def nested(depth: int) -> dict[str, object]:
    """Objects inside each other, so many that JSON still reads them."""
    value: dict[str, object] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


ENERGY = {"kind": "energy", "columns": {"terms": {"title": "", "unit": ""}}}
BAD_MANIFESTS = [
    {"kind": "virus"},
    {"computed_on": []},
    {"computed_on": {"time": 5}},
    {"columns": ["error"]},
    {"edges": {"rgb-normal": 1}},
    {"domain": 3},
    {"packs": [{"sha256": "../x"}]},
    {"packs": 7},
    {"path": "../../etc"},
    *({name: nested(900)} for name in ("constants", "edges", "kind", "packs", "unknown")),
    {"path": "normal"},
    {"kind": "readout"},
    {"kind": "input"},
    {"domain": {"channels": 1, "scale": "log", "lo": 0, "hi": 1}},
    {"domain": {"channels": 1, "scale": "linear", "lo": 1, "hi": 1}},
    {"domain": {"channels": 1, "scale": "linear", "lo": None, "hi": 1}},
    {"domain": {"channels": 1, "scale": "linear", "lo": float("nan"), "hi": 1}},
    {"domain": {"channels": 1, "scale": "linear", "lo": 0, "hi": float("inf")}},
    {"domain": {"channels": 1, "scale": "linear", "lo": 0, "hi": 1, "step": float("nan")}},
    {"clip": None},
    {"packs": [{"sha256": "a" * 64, "start": 0, "n_frames": 1, "bytes": 1.5}]},
    ENERGY | {"constants": {}},
    ENERGY | {"constants": {"paths": ["p"], "mu": [0], "sigma": [0]}},
    ENERGY | {"constants": {"paths": ["p"], "mu": [0, 1], "sigma": [1]}},
    ENERGY | {"constants": {"paths": 1, "mu": 2, "sigma": 3}},
    ENERGY | {"columns": {}, "constants": {"paths": ["p"], "mu": [0], "sigma": [1]}},
]


def is_json(value: object) -> bool:
    try:
        return bool(json.dumps(value, allow_nan=False))
    except ValueError:
        return False


def test_a_bad_manifest_hides_its_track_and_verify_names_it(store):
    good, bad = stored(store), stored(store, method="consistency")
    manifest = store.root / "tracks" / bad.head.key / "manifest.json"
    whole = track_to_json(bad)
    texts = ["", "[]", "null", "{", "[" * 200_000, '{"schema": 99}', *BAD_MANIFESTS]
    for stamp, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            # What JSON has no word for cannot be sealed either.
            text = json.dumps(sealed(whole | text) if is_json(text) else whole | text)  # noqa: PLW2901
        manifest.write_text(text)
        os.utime(manifest, ns=(stamp, stamp))
        opened = Store(store.root)
        assert opened.tracks() == [good]
        assert any(problem and bad.head.key[:12] in problem.name for problem in verify(opened))
        with pytest.raises(BadRecord):
            opened.get(bad.head.key)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 63])
def test_a_name_that_is_no_digest_never_becomes_a_path(store, name):
    for ask in (store.get, lambda name: store.pack_path(name, "0" * 64), lambda name: store.pack_path("0" * 64, name)):
        with pytest.raises(StoreError, match="64 hexadecimal digits"):
            ask(name)


def test_a_second_writer_of_a_clip_is_told_or_waits_its_turn(store):
    with store.writing("clip"):
        with pytest.raises(StoreError, match="another job"), Store(store.root).writing("clip"):
            pass
        order: list[str] = []
        waits = threading.Event()

        def second() -> None:
            with Store(store.root).writing("clip", on_wait=waits.set):
                order.append("second")

        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(PATIENCE_SECONDS)
        order.append("first")
    thread.join(PATIENCE_SECONDS)
    assert order == ["first", "second"]


def test_a_store_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--store DIR"):
        Store(tmp_path / "file" / "store")


def test_a_read_only_store_is_read_without_touching_it(store):
    track = stored(store)
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}
    reader = Store(store.root, read_only=True)
    assert reader.tracks() == [track] and list(reader.images(track)) == frames(0, 6)
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*")} == before


def test_a_store_that_is_not_there_or_no_folder_holds_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    for name in ("none", "file"):
        assert Store(tmp_path / name, read_only=True).tracks() == []


def test_a_manifest_names_the_version_that_began_the_track(store):
    head = make_head()
    append(store, head, 0, 4)
    earlier = store.root / "tracks" / head.key / "head.json"
    begun = head_to_json(replace(head, computed_on={"crosscheck": "0.1.0"}))
    earlier.write_text(json.dumps(begun))
    assert TrackWriter(store, head).finish().head.computed_on == {"crosscheck": "0.1.0"}
    assert stored(store, method="consistency").head.computed_on["crosscheck"] == VERSION
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


def test_a_track_of_a_version_that_did_not_name_itself_is_complete_and_is_resumed(store):
    head = make_head()
    append(store, head, 0, 4)
    folder = store.root / "tracks" / head.key
    (folder / "head.json").write_text(json.dumps(head_to_json(head)))
    assert "crosscheck" not in head.computed_on and TrackWriter(store, head).n_frames == 4
    assert TrackWriter(store, head).finish().head.computed_on == head.computed_on
    assert Store(store.root).holds(head.key)
