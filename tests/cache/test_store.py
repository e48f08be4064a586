"""Laws of packs, keys and the store."""

from __future__ import annotations

import io
import json
import os
import pickle
import sqlite3
import struct
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from cache.keys import clip_key, digest, track_key
from cache.pack import MAX_FRAMES, BadPack, build_pack, read_column, read_header, read_images, read_previews
from cache.records import BadRecord, Clip, Head, StoreError, Track, sealed, track_from_json, track_to_json
from cache.store import CorruptPack, Store
from consistency.domains import DOMAINS
from tests.fixtures.waits import PATIENCE_SECONDS

SOURCE = "0" * 64


def make_head(path: str = "rgb-normal", method: str = "baseline") -> Head:
    key = clip_key(SOURCE, {"fps": None})
    clip = Clip(key, "A <b>title</b>", SOURCE, {"fps": None}, width=8, height=8, n_frames=6)
    return Head(
        key=track_key(key, "prediction", "mini", method, path, {"edges": {}}),
        kind="prediction",
        clip=clip,
        zoo="mini",
        method=method,
        path=path,
        domain=DOMAINS["normal"].record(),
        codec="png",
        edges={},
        columns={"error": {"title": "Error", "unit": ""}},
        computed_on={"time": "2026-01-01"},
    )


def frames(start: int, n: int) -> list[bytes]:
    return [f"frame {start + k}".encode() for k in range(n)]


def append(store: Store, head: Head, start: int, n: int) -> None:
    store.writer(head).append(start, frames(start, n), {"error": np.arange(start, start + n, dtype=np.float32)})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def stored(store: Store, **names: str) -> Track:
    """A finished track of six frames in two packs."""
    head = make_head(**names)
    append(store, head, 0, 4)
    append(store, head, 4, 2)
    return store.writer(head).finish()


# Packs


def pack_file(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "one.pack"
    path.write_bytes(data)
    return path


def pack_bytes(n: int = 3, *, has_previews: bool = True) -> bytes:
    columns = {"a": np.arange(n * 2, dtype=np.float32).reshape(n, 2), "b": np.arange(n, dtype=np.float16)}
    previews = [b"p" * (i + 1) for i in range(n)] if has_previews else []
    return build_pack(frames(0, n), codec="png", width=8, height=8, channels=1, columns=columns, previews=previews)


def test_a_pack_gives_back_its_images_columns_and_previews(tmp_path):
    path = pack_file(tmp_path, pack_bytes())
    assert read_images(path) == frames(0, 3)
    assert read_previews(path) == [b"p", b"pp", b"ppp"]
    assert read_column(path, "a").tolist() == [[0, 1], [2, 3], [4, 5]]
    assert read_column(path, "b").dtype == np.float16


def test_a_pack_may_have_no_previews(tmp_path):
    path = pack_file(tmp_path, pack_bytes(has_previews=False))
    assert read_images(path) == frames(0, 3)
    assert read_previews(path) == []


def test_previews_that_are_not_one_for_each_frame_are_not_stored():
    with pytest.raises(ValueError, match="as many previews"):
        build_pack(frames(0, 3), codec="png", width=8, height=8, channels=1, columns={}, previews=[b"p"])


@pytest.mark.parametrize("has_previews", [False, True])
def test_every_truncation_of_a_pack_is_refused(has_previews: bool):
    data = pack_bytes(has_previews=has_previews)
    for length in range(len(data)):
        with pytest.raises(BadPack):
            read_header(io.BytesIO(data[:length]), length)


def test_a_pack_header_that_reaches_outside_the_file_is_refused():
    for change in (
        {"sizes": [1, 2, 1 << 60]},
        {"sizes": [-1, 8, 14]},
        {"sizes": []},
        {"codec": "pickle"},
        {"columns": {"a": {"dtype": "<f4", "shape": [3, 1 << 40], "offset": 0}}},
        {"columns": {"a": {"dtype": "|O", "shape": [3], "offset": 0}}},
        {"columns": {"a": {"dtype": "<f4", "shape": [3], "offset": -4}}},
        {"columns": []},
        {"sizes": None},
        {"sizes": [float("inf")] * 3},
        {"previews": [1]},
        {"previews": {"sizes": [1, 2, 3]}},
    ):
        forged = with_header(pack_bytes(), lambda header, change=change: header | change)
        with pytest.raises(BadPack):
            read_header(io.BytesIO(forged), len(forged))


@pytest.mark.parametrize(
    "change", [{"codec": "gif"}, {"sizes": [1, 5]}, {"sizes": [1, 2, 4]}, {"sizes": [0, 3, 3]}, {"offset": 0}]
)
def test_previews_that_do_not_fit_their_pack_are_refused(change):
    forged = with_header(pack_bytes(), lambda header: header | {"previews": header["previews"] | change})
    with pytest.raises(BadPack):
        read_header(io.BytesIO(forged), len(forged))


def with_header(data: bytes, change: Callable[[dict], dict]) -> bytes:
    """The pack with another header over the same images and columns."""
    (length,) = struct.unpack("<I", data[8:12])
    text = json.dumps(change(json.loads(data[12 : 12 + length])), separators=(",", ":")).encode()
    return data[:8] + struct.pack("<I", len(text)) + text + data[12 + length :]


def test_the_same_header_written_again_is_accepted():
    same = with_header(pack_bytes(), lambda header: header)
    assert read_header(io.BytesIO(same), len(same)).n_frames == 3


@pytest.mark.parametrize("n", [0, MAX_FRAMES + 1])
def test_a_pack_of_too_few_or_too_many_frames_is_not_built(n):
    with pytest.raises(ValueError, match="1 to 256"):
        build_pack([b"x"] * n, codec="png", width=8, height=8, channels=1, columns={})


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
    assert store.writer(head).n_frames == 4
    append(store, head, 4, 2)
    assert list(store.images(store.writer(head).finish())) == frames(0, 6)


def test_a_track_that_is_finished_while_it_is_looked_up_is_found(store, monkeypatch):
    append(store, make_head(), 0, 4)
    reader = Store(store.root, read_only=True)
    original = Store._growing

    def finish_first(self, folder):
        monkeypatch.setattr(Store, "_growing", original)
        store.writer(make_head()).finish()
        return original(self, folder)

    monkeypatch.setattr(Store, "_growing", finish_first)
    track = reader.get(make_head().key)
    assert track is not None and track.is_complete and track.n_frames == 4


def test_what_a_job_is_writing_is_not_repaired(store):
    track = stored(store)
    store.pack_path(track.head.key, track.packs[1].sha256).unlink()
    (problem,) = [problem for problem in store.verify() if problem]
    with Store(store.root).writing(track.head.clip.key), pytest.raises(StoreError, match="another job"):
        store.repair(problem)


def test_a_gap_or_an_overlap_of_frames_is_refused(store):
    append(store, make_head(), 0, 4)
    for start in (0, 3, 5):
        with pytest.raises(ValueError, match="holds 4 frames"):
            append(store, make_head(), start, 1)


def test_an_undeclared_or_missing_column_is_refused(store):
    with pytest.raises(ValueError, match="differ from the declared"):
        store.writer(make_head()).append(0, [b"x"], {})


def test_removing_one_track_leaves_another_with_the_same_packs_whole(store):
    first, second = stored(store), stored(store, method="consistency")
    assert store.remove([first.head.key]) == first.bytes
    assert list(store.images(second)) == frames(0, 6)
    assert store.remove([second.head.key]) == second.bytes
    assert not list(store.root.rglob("*.pack")) and store.tracks() == []


def test_a_complete_track_is_never_written_again(store):
    track = stored(store)
    with pytest.raises(StoreError, match="is complete"):
        store.writer(track.head)
    assert store.holds(track.head.key)


def test_a_finished_track_keeps_nothing_that_killed_writers_left(store):
    head = make_head()
    append(store, head, 0, 4)
    folder = store.root / "tracks" / head.key
    (folder / ".abc.pack.0123").write_bytes(b"half")
    (folder / f"{'f' * 64}.pack").write_bytes(b"never listed")
    track = store.writer(head).finish()
    assert {path.name for path in folder.iterdir()} == {"manifest.json", f"{track.packs[0].sha256}.pack"}


def test_a_store_whose_index_is_gone_or_damaged_loses_nothing(store):
    track = stored(store)
    for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(b"no database" * 999)):
        damage(store.root / "index" / "cache.db")
        assert Store(store.root).tracks() == [track]


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
    list(opened._index.iterkeys())
    assert not witness.exists()


def test_every_flipped_byte_of_a_pack_is_found_and_never_shown(store):
    track = stored(store)
    path = store.pack_path(track.head.key, track.packs[0].sha256)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(CorruptPack):
            list(Store(store.root, read_only=True).images(track))
    assert [problem for problem in store.verify() if problem]
    path.write_bytes(whole)
    assert not [problem for problem in store.verify() if problem]


@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
def test_a_repaired_track_is_made_again_from_the_damaged_pack_on(store, damage):
    track = stored(store)
    path = store.pack_path(track.head.key, track.packs[1].sha256)
    data = path.read_bytes()
    path.unlink()
    if damage != "delete":
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:] if damage == "flip" else data[:-1])
    (problem,) = [problem for problem in store.verify() if problem]
    assert "verify --fix" in problem.what and "A <b>title</b>" in problem.name
    store.repair(problem)
    assert not store.holds(track.head.key)
    assert store.writer(track.head).n_frames == 4
    append(store, track.head, 4, 2)
    assert store.writer(track.head).finish() == track
    assert not [problem for problem in store.verify() if problem]


def test_a_missing_pack_is_named_with_what_to_do(store):
    track = stored(store)
    store.pack_path(track.head.key, track.packs[1].sha256).unlink()
    with pytest.raises(CorruptPack, match=r"missing.*verify --fix"):
        list(store.images(track))


def quarantined(store: Store) -> dict[str, dict]:
    """Name in the quarantine -> its note."""
    return {path.stem: json.loads(path.read_text()) for path in (store.root / "quarantine").glob("*.json")}


def flip(path: Path) -> bytes:
    """Turn the last bit of a file; returns what it was."""
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    return data


def test_a_damaged_pack_is_kept_in_quarantine_with_a_note(store):
    track = stored(store)
    path = store.pack_path(track.head.key, track.packs[1].sha256)
    flip(path)
    damaged = path.read_bytes()
    (problem,) = [problem for problem in store.verify() if problem]
    store.repair(problem)
    ((name, note),) = quarantined(store).items()
    assert (store.root / "quarantine" / f"{name}.pack").read_bytes() == damaged and not path.exists()
    assert note["track"] == track.head.key and "damaged" in note["what"] and "A <b>title</b>" in note["name"]
    assert note["from"] == str(path.relative_to(store.root)) and note["when"]


def test_a_writer_takes_over_no_damaged_pack(store):
    head = make_head()
    append(store, head, 0, 4)
    append(store, head, 4, 2)
    flip(store.pack_path(head.key, store.get(head.key).packs[1].sha256))
    writer = Store(store.root).writer(head)
    assert writer.n_frames == 4 and len(quarantined(store)) == 1


def test_an_unreadable_track_is_put_into_quarantine_with_its_packs(store):
    for make_again in (lambda: store.repair(next(iter(store.verify()))), lambda: store.writer(make_head())):
        track = stored(store)
        flip(store.root / "tracks" / track.head.key / "manifest.json")
        before = set(quarantined(store))
        make_again()
        (name,) = set(quarantined(store)) - before
        assert len(list((store.root / "quarantine" / name).glob("*.pack"))) == 2
        assert not store.holds(track.head.key)
        store.remove([track.head.key])


def test_a_problem_that_a_job_has_mended_meanwhile_is_left_alone(store):
    track = stored(store)
    for path in (store.pack_path(track.head.key, track.packs[1].sha256), next(store.root.rglob("manifest.json"))):
        whole = flip(path)
        (problem,) = [problem for problem in store.verify() if problem]
        path.write_bytes(whole)
        store.repair(problem)
    assert Store(store.root).tracks() == [track] and not quarantined(store)


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


# What nothing names


def litter(store: Store, track: Track) -> set[Path]:
    """Leave behind what killed jobs do."""
    folder = store.root / "tracks" / track.head.key
    begun = store.root / "tracks" / ("a" * 64)
    begun.mkdir()
    left = {folder / ".abc.pack.0123", folder / f"{'f' * 64}.pack", folder / "progress.jsonl", begun / ".head.json.01"}
    for path in left:
        path.write_bytes(b"half")
    return left


def test_orphans_are_told_by_a_dry_run_then_removed_and_nothing_else_is(store):
    track = stored(store)
    append(store, make_head(method="cycle"), 0, 4)
    before = sorted(store.root.joinpath("tracks").rglob("*"))
    left = litter(store, track)
    told = list(Store(store.root, read_only=True).collect(min_age_seconds=0, dry_run=True))
    assert sum(orphan.bytes for orphan in told) == 4 * len(left) and all(path.exists() for path in left)
    assert list(store.collect(min_age_seconds=0)) == told
    assert sorted(store.root.joinpath("tracks").rglob("*")) == before
    assert [track.n_frames for track in store.tracks()] == [6, 4]


def test_what_is_young_or_of_a_clip_that_a_job_writes_is_no_orphan(store):
    track = stored(store)
    litter(store, track)
    assert not list(store.collect())
    with Store(store.root).writing(track.head.clip.key):
        assert [orphan.path.name for orphan in store.collect(min_age_seconds=0)] == ["a" * 64]


def test_downloads_that_broke_off_and_half_written_notes_go_unless_a_job_is_at_them(store):
    urls, idle, busy = (store.media_dir / name for name in ("urls", f"download-{'1' * 32}", f"download-{'2' * 32}"))
    for folder in (urls, idle, busy, store.root / "reports", store.root / "quarantine"):
        folder.mkdir()
        (folder / ".note.json.0123").write_bytes(b"half")
        (folder / "kept.json").write_bytes(b"whole")
    (store.media_dir / ".0123").mkdir()
    (idle / "video.mp4.part").write_bytes(b"half")
    (urls / f"{'1' * 64}.lock").touch()
    assert not list(store.collect()), "it is young"
    with FileLock(urls / f"{'2' * 64}.lock"):
        gone = {orphan.path.relative_to(store.root).as_posix() for orphan in store.collect(min_age_seconds=0)}
    notes = {f"{folder}/.note.json.0123" for folder in ("media/urls", "reports", "quarantine")}
    assert gone == {"media/.0123", f"media/{idle.name}", *notes} and not idle.exists()
    assert sorted(path.name for path in busy.iterdir()) == [".note.json.0123", "kept.json"]
    assert [orphan.path for orphan in store.collect(min_age_seconds=0)] == [busy]
    assert all((store.root / name).parent.joinpath("kept.json").exists() for name in notes)


def test_downloads_go_only_when_asked_and_only_where_no_track_was_made_from_them(store):
    stored(store)
    urls = store.media_dir / "urls"
    urls.mkdir()
    for letter in "01":
        (store.media_dir / f"{letter * 64}.mp4").write_bytes(b"video")
        (urls / f"{letter}.json").write_text(json.dumps({"path": f"{letter * 64}.mp4"}))
    assert not list(store.collect(min_age_seconds=0))
    gone = {orphan.path.name for orphan in store.collect(min_age_seconds=0, media=True)}
    assert gone == {f"{'1' * 64}.mp4", "1.json"}, "of the other the track was made"
    next(store.root.rglob("manifest.json")).write_text("{")
    assert not list(store.collect(min_age_seconds=0, media=True)), "nobody knows what an unreadable track was made from"


def test_quarantine_is_emptied_only_when_asked(store):
    track = stored(store)
    flip(store.pack_path(track.head.key, track.packs[0].sha256))
    flip(next(store.root.rglob("manifest.json")))
    store.writer(track.head)
    assert not list(store.collect(min_age_seconds=0)) and len(quarantined(store)) == 1
    assert len(list(store.collect(min_age_seconds=0, quarantine=True))) == 2
    assert not list((store.root / "quarantine").iterdir())


def test_a_track_of_a_newer_version_is_left_alone(store):
    track = stored(store)
    manifest = store.root / "tracks" / track.head.key / "manifest.json"
    manifest.write_text(json.dumps(track_to_json(track) | {"schema": 99}))
    (problem,) = Store(store.root).verify()
    assert not problem.is_repairable and "upgrade" in problem.what
    with pytest.raises(BadRecord, match="newer version"):
        Store(store.root).writer(track.head)


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
    {"path": "normal"},
    {"kind": "readout"},
    {"kind": "input"},
    {"domain": {"channels": 1, "scale": "log", "lo": 0, "hi": 1}},
    {"domain": {"channels": 1, "scale": "linear", "lo": 1, "hi": 1}},
    {"domain": {"channels": 1, "scale": "linear", "lo": None, "hi": 1}},
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
        assert any(problem and bad.head.key[:12] in problem.name for problem in opened.verify())
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
