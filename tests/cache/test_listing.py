"""Laws of listings: whatever becomes of the index, a store lists what its manifests say."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from cache.clips import listing, rows
from cache.clips.lines import line_from_text, line_of, line_to_text
from cache.clips.rows import ClipRow, read_rows, write_rows
from cache.records import Track, manifest_bytes
from cache.store import Store
from cache.writer import TrackWriter
from tests.fixtures.tracks import append, make_head, stored


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two clips, of which one has two tracks."""
    store = Store(tmp_path / "store")
    for number, method in ((0, "baseline"), (0, "consistency"), (1, "baseline")):
        stored(store, method=method, source=str(number) * 64)
    return store


def as_read(root: Path) -> dict[str, object]:
    """Clip key -> its line, from the manifests alone."""
    by_clip: dict[str, list[Track]] = {}
    for track in Store(root, read_only=True).tracks():
        by_clip.setdefault(track.head.clip.key, []).append(track)
    return {clip: line_of(tracks) for clip, tracks in by_clip.items()}


def as_listed(root: Path, *, read_only: bool = True) -> dict[str, object]:
    return dict(Store(root, read_only=read_only).listing().lines)


def filled(store: Store) -> Path:
    """The file with the rows of the store's clips."""
    store.listing()
    return store.root / "index" / "clips.db"


def test_a_listing_says_what_the_manifests_say(store):
    assert as_listed(store.root) == as_read(store.root)
    assert len(store.listing().lines) == 2


def test_a_listing_names_the_tracks_of_each_clip(store):
    found = store.listing()
    for clip in found.lines:
        assert store.listed_tracks(found, clip) == store.tracks(clip=clip)
        assert sorted(found.keys(clip)) == sorted(
            track.head.key for track in store.tracks() if track.head.clip.key == clip
        )


def test_a_kept_listing_reads_no_manifest(store, monkeypatch):
    filled(store)
    again = Store(store.root, read_only=True)
    monkeypatch.setattr("cache.store.read_json", lambda path: pytest.fail(f"read {path}"))
    assert len(again.listing().lines) == 2


def test_a_new_clip_is_listed_without_reading_the_others(store, monkeypatch):
    filled(store)
    new = stored(store, method="baseline", source="2" * 64)
    again, read = Store(store.root, read_only=True), []
    monkeypatch.setattr("cache.store.read_json", lambda path: (read.append(path.parent.name), track_json(path))[1])
    assert new.head.clip.key in again.listing().lines
    assert read == [new.head.key]
    assert again.tracks(clip=new.head.clip.key) == [new]
    assert set(read) == {new.head.key}


def track_json(path: Path):
    import json

    return json.loads(path.read_bytes())


def test_a_rewritten_a_removed_and_a_growing_track_are_seen(store):
    filled(store)
    first, second, third = store.tracks()
    changed = replace(first.head, clip=replace(first.head.clip, title="Another title"))
    manifest = store.track_folder(first.head.key) / "manifest.json"
    manifest.write_bytes(manifest_bytes(replace(first, head=changed)))
    os.utime(manifest, ns=(1, 1))
    shutil.rmtree(store.track_folder(third.head.key))
    growing = make_head(method="growing", source="5" * 64)
    append(store, growing, 0, 2)
    assert as_listed(store.root) == as_read(store.root)
    line = as_listed(store.root)[growing.clip.key]
    assert not line.is_complete and line.n_ready == 2
    append(store, growing, 2, 1)
    assert as_listed(store.root)[growing.clip.key].n_ready == 3
    assert second.head.clip.key in as_listed(store.root)


def damage_a_bit(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE rows_1 SET text = replace(text, '\"bytes\": ', '\"bytes\": 9')")
    connection.close()


def claim_other_stamps(file: Path) -> None:
    """Rows of another state of the manifests, well formed."""
    rows = read_rows(file.parent, listing._ROWS)
    clips = list(rows)
    swapped = {
        clip: ClipRow(rows[other].stamps, rows[clip].text) for clip, other in zip(clips, clips[::-1], strict=True)
    }
    write_rows(file.parent, listing._ROWS, swapped)


def claim_another_version(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE rows_1 SET name = 'lines 0'")
        connection.execute("CREATE TABLE rows_2 (anything TEXT)")
    connection.close()


def forge(file: Path) -> None:
    """Rows with right digests that are no lines."""
    rows = read_rows(file.parent, listing._ROWS)
    texts = ["[]", "{}", '{"clip": {}}', "null", "\x00", '{"clip": {"key": "x"}, "newest": [1, 2]}']
    write_rows(
        file.parent,
        listing._ROWS,
        {clip: ClipRow(row.stamps, text) for (clip, row), text in zip(rows.items(), texts, strict=False)},
    )


DAMAGES = {
    "deleted": lambda file: file.unlink(),
    "folder deleted": lambda file: shutil.rmtree(file.parent),
    "cut": lambda file: os.truncate(file, 5000),
    "empty": lambda file: os.truncate(file, 0),
    "text": lambda file: file.write_text("no database" * 1000),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "changed": damage_a_bit,
    "other stamps": claim_other_stamps,
    "another version": claim_another_version,
    "no lines": forge,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("read_only", [True, False])
def test_a_damaged_index_changes_no_listing(store, damage, read_only):
    expected = as_read(store.root)
    DAMAGES[damage](filled(store))
    assert as_listed(store.root, read_only=read_only) == expected
    assert as_listed(store.root, read_only=read_only) == expected


@pytest.mark.parametrize("damage", ["deleted", "folder deleted", "cut", "text"])
def test_an_index_damaged_in_the_midst_changes_no_listing(store, damage, monkeypatch):
    expected = as_read(store.root)
    file = filled(store)
    before = listing.sweep

    def sweep(folder: Path):
        if file.exists():
            DAMAGES[damage](file)
        return before(folder)

    monkeypatch.setattr(listing, "sweep", sweep)
    assert as_listed(store.root, read_only=False) == expected


def test_two_writers_at_once_list_the_same(store):
    expected = as_read(store.root)
    file = filled(store)
    file.unlink()
    found: list[dict[str, object]] = []
    threads = [threading.Thread(target=lambda: found.append(as_listed(store.root, read_only=False))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4
    assert as_listed(store.root) == expected


def test_an_unreadable_manifest_is_left_out_until_it_changes(store):
    track = store.tracks()[0]
    manifest = store.track_folder(track.head.key) / "manifest.json"
    manifest.write_text("{}")
    read = Store(store.root, read_only=True)
    assert dict(read.listing().lines) == dict(read.listing().lines) == as_read(store.root)
    manifest.write_bytes(manifest_bytes(track))
    assert dict(read.listing().lines) == as_read(store.root)
    assert track.head.key in read.listing().keys(track.head.clip.key)


def test_a_store_that_may_not_be_written_keeps_no_rows(store):
    Store(store.root, read_only=True).listing()
    assert not (store.root / "index" / "clips.db").exists()


def test_a_costly_look_serves_for_a_while_unless_this_process_wrote(store, monkeypatch):
    monkeypatch.setattr(listing, "ALWAYS_SECONDS", -1.0)
    read = Store(store.root, read_only=True)
    read._lister._look = slow(read._lister._look, monkeypatch)
    first = read.listing()
    new = stored(store, source="7" * 64)
    assert read.listing() is first
    assert new.head.clip.key in read.listing(rest=0.0).lines
    assert new.head.clip.key in store.listing().lines


def test_what_this_process_changes_behind_a_costly_look_is_seen_by_the_next(store, monkeypatch):
    monkeypatch.setattr(listing, "ALWAYS_SECONDS", -1.0)
    look = slow(store._lister._look, monkeypatch)

    def look_and_change(is_kept: bool):
        found = look(is_kept)
        monkeypatch.setattr(store._lister, "_look", look)
        stored(store, source="7" * 64)
        return found

    monkeypatch.setattr(store._lister, "_look", look_and_change)
    assert len(store.listing().lines) == 2
    assert len(store.listing().lines) == 3


def slow(look, monkeypatch):
    """A look that takes an hour of the clock."""
    now = [0.0]
    monkeypatch.setattr(listing.time, "monotonic", lambda: now[0])

    def slowly(is_kept: bool):
        now[0] += 3600
        return look(is_kept)

    return slowly


def test_a_line_survives_its_text(store):
    for line in store.listing().lines.values():
        assert line_from_text(line_to_text(line)) == line


def test_rows_of_one_name_leave_the_others_alone(tmp_path):
    row = ClipRow(bytes(rows.STAMP_BYTES), "text")
    write_rows(tmp_path, "a", {"clip": row})
    write_rows(tmp_path, "b", {"clip": row}, gone=["clip"])
    assert read_rows(tmp_path, "a") == {"clip": row} and read_rows(tmp_path, "b") == {}


def test_of_a_removed_clip_no_row_stays_and_no_letter_of_its_title(store):
    secret = "the title of an upload"
    head = make_head(source="3" * 64)
    head = replace(head, clip=replace(head.clip, title=secret))
    append(store, head, 0, 6)
    clip = TrackWriter(store, head).finish().head.clip.key
    file = filled(store)
    stamps = store.listing().stamps(clip)
    assert stamps
    store.keep_clip_rows("overview", {clip: ClipRow(stamps, secret), "another clip": ClipRow(b"", "stays")})
    assert secret.encode() in file.read_bytes()
    store.remove([head.key])
    assert secret.encode() not in file.read_bytes()
    assert set(read_rows(file.parent, "overview")) == {"another clip"}
    assert set(read_rows(file.parent, listing._ROWS)) == set(as_read(store.root)) == set(store.listing().lines)


def test_rows_made_from_a_removed_track_go_though_it_cannot_be_read(store):
    file, track = filled(store), store.tracks()[0]
    (store.track_folder(track.head.key) / "manifest.json").write_text("{}")
    Store(store.root).remove([track.head.key])
    assert track.head.clip.key not in read_rows(file.parent, listing._ROWS)
    assert as_listed(store.root) == as_read(store.root)
