"""Laws of verifying, repairing and collecting."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock

from cache.maintenance import Orphan, collect, repair, verify
from cache.records import StoreError, Track
from cache.store import Store
from cache.writer import TrackWriter
from precompute.downloads.leftovers import unfinished_downloads, unused_media
from tests.fixtures.tracks import append, flip, make_head, quarantined, stored


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


# Damage


def test_what_a_job_is_writing_is_not_repaired(store):
    track = stored(store)
    store.pack_path(track.head.key, track.packs[1].sha256).unlink()
    (problem,) = [problem for problem in verify(store) if problem]
    with Store(store.root).writing(track.head.clip.key), pytest.raises(StoreError, match="another job"):
        repair(store, problem)


@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
def test_a_repaired_track_is_made_again_from_the_damaged_pack_on(store, damage):
    track = stored(store)
    path = store.pack_path(track.head.key, track.packs[1].sha256)
    data = path.read_bytes()
    path.unlink()
    if damage != "delete":
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:] if damage == "flip" else data[:-1])
    (problem,) = [problem for problem in verify(store) if problem]
    assert "verify --fix" in problem.what and "A <b>title</b>" in problem.name
    repair(store, problem)
    assert not store.holds(track.head.key)
    assert TrackWriter(store, track.head).n_frames == 4
    append(store, track.head, 4, 2)
    assert TrackWriter(store, track.head).finish() == track
    assert not [problem for problem in verify(store) if problem]


def test_a_damaged_pack_is_kept_in_quarantine_with_a_note(store):
    track = stored(store)
    path = store.pack_path(track.head.key, track.packs[1].sha256)
    flip(path)
    damaged = path.read_bytes()
    (problem,) = [problem for problem in verify(store) if problem]
    repair(store, problem)
    ((name, note),) = quarantined(store).items()
    assert (store.root / "quarantine" / f"{name}.pack").read_bytes() == damaged and not path.exists()
    assert note["track"] == track.head.key and "damaged" in note["what"] and "A <b>title</b>" in note["name"]
    assert note["from"] == str(path.relative_to(store.root)) and note["when"]


def test_a_writer_takes_over_no_damaged_pack(store):
    head = make_head()
    append(store, head, 0, 4)
    append(store, head, 4, 2)
    flip(store.pack_path(head.key, store.get(head.key).packs[1].sha256))
    writer = TrackWriter(Store(store.root), head)
    assert writer.n_frames == 4 and len(quarantined(store)) == 1


def test_an_unreadable_track_is_put_into_quarantine_with_its_packs(store):
    for make_again in (lambda: repair(store, next(iter(verify(store)))), lambda: TrackWriter(store, make_head())):
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
        (problem,) = [problem for problem in verify(store) if problem]
        path.write_bytes(whole)
        repair(store, problem)
    assert Store(store.root).tracks() == [track] and not quarantined(store)


# Files that nothing names


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
    told = list(collect(Store(store.root, read_only=True), min_age_seconds=0, dry_run=True))
    assert sum(orphan.bytes for orphan in told) == 4 * len(left) and all(path.exists() for path in left)
    assert list(collect(store, min_age_seconds=0)) == told
    assert sorted(store.root.joinpath("tracks").rglob("*")) == before
    assert [track.n_frames for track in store.tracks()] == [6, 4]


def test_what_is_young_or_of_a_clip_that_a_job_writes_is_no_orphan(store):
    track = stored(store)
    litter(store, track)
    assert not list(collect(store))
    with Store(store.root).writing(track.head.clip.key):
        assert [orphan.path.name for orphan in collect(store, min_age_seconds=0)] == ["a" * 64]


def test_downloads_that_broke_off_and_half_written_notes_go_unless_a_job_is_at_them(store):
    def collected() -> list[Orphan]:
        return list(collect(store, min_age_seconds=0, downloads=unfinished_downloads(store.media_dir)))

    urls, idle, busy = (store.media_dir / name for name in ("urls", f"download-{'1' * 32}", f"download-{'2' * 32}"))
    for folder in (urls, idle, busy, store.root / "reports", store.root / "quarantine"):
        folder.mkdir()
        (folder / ".note.json.0123").write_bytes(b"half")
        (folder / "kept.json").write_bytes(b"whole")
    (store.media_dir / ".0123").mkdir()
    (idle / "video.mp4.part").write_bytes(b"half")
    (urls / f"{'1' * 64}.lock").touch()
    assert not list(collect(store, downloads=unfinished_downloads(store.media_dir))), "it is young"
    with FileLock(urls / f"{'2' * 64}.lock"):
        gone = {orphan.path.relative_to(store.root).as_posix() for orphan in collected()}
    notes = {f"{folder}/.note.json.0123" for folder in ("media/urls", "reports", "quarantine")}
    assert gone == {"media/.0123", f"media/{idle.name}", *notes} and not idle.exists()
    assert sorted(path.name for path in busy.iterdir()) == [".note.json.0123", "kept.json"]
    assert [orphan.path for orphan in collected()] == [busy]
    assert all((store.root / name).parent.joinpath("kept.json").exists() for name in notes)


def test_downloads_go_only_when_asked_and_only_where_no_track_was_made_from_them(store):
    stored(store)
    urls = store.media_dir / "urls"
    unused = partial(unused_media, store.media_dir)
    urls.mkdir()
    for letter in "01":
        (store.media_dir / f"{letter * 64}.mp4").write_bytes(b"video")
        (urls / f"{letter}.json").write_text(json.dumps({"path": f"{letter * 64}.mp4"}))
    assert not list(collect(store, min_age_seconds=0))
    gone = {orphan.path.name for orphan in collect(store, min_age_seconds=0, unused=unused)}
    assert gone == {f"{'1' * 64}.mp4", "1.json"}, "of the other the track was made"
    next(store.root.rglob("manifest.json")).write_text("{")
    assert not list(collect(store, min_age_seconds=0, unused=unused)), (
        "nobody knows what an unreadable track was made from"
    )


def test_quarantine_is_emptied_only_when_asked(store):
    track = stored(store)
    flip(store.pack_path(track.head.key, track.packs[0].sha256))
    flip(next(store.root.rglob("manifest.json")))
    TrackWriter(store, track.head)
    assert not list(collect(store, min_age_seconds=0)) and len(quarantined(store)) == 1
    assert len(list(collect(store, min_age_seconds=0, quarantine=True))) == 2
    assert not list((store.root / "quarantine").iterdir())
