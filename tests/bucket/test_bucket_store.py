"""Laws of a store in a bucket: those of a store in a folder, and those of what only a bucket has."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from cache.backends import lease
from cache.backends.bucket_store import BucketStore
from cache.backends.objects import Bucket, BucketError
from cache.backends.opening import open_place
from cache.clips.rows import ClipRow
from cache.maintenance import collect, repair, verify
from cache.records import BadRecord, StoreError, Track
from cache.store import CorruptPack
from cache.writer import TrackWriter
from tests.bucket.conftest import KEY, SECRET
from tests.fixtures.tracks import append, frames, make_head, stored

for _package in ("moto.server", "boto3", "obstore"):
    pytest.importorskip(_package, reason="needs requirements/bucket-tests.txt: make test-bucket")


def names(store: BucketStore) -> list[str]:
    """All objects of the store but the marker, leases and the index."""
    return [
        entry.name
        for folder in ("manifests", "packs", "growing", "quarantine", "clock")
        for entry in store.bucket.list(folder)
    ]


def turn(store: BucketStore, name: str) -> None:
    """Turn a bit in the middle of an object."""
    found = store.bucket.get(name)
    assert found is not None
    middle = len(found.data) // 2
    data = found.data
    store.bucket.put(name, data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])


def test_a_track_is_found_whole_by_another_machine(store, other_machine):
    track = stored(store)
    again = other_machine()
    assert again.tracks() == [track] and again.get(track.head.key) == track and again.read(track.head.key) == track
    assert list(again.images(track)) == frames(0, 6) and again.image(track, 5) == frames(5, 1)[0]
    assert again.column(track, "error").tolist() == list(range(6))
    assert again.holds(track.head.key) and not again.holds("0" * 64)


def test_of_a_removed_clip_no_row_stays_on_this_machine(store):
    track = stored(store)
    clip = track.head.clip.key
    stamps = store.listing().stamps(clip)
    store.keep_clip_rows("overview", {clip: ClipRow(stamps, "the title of an upload")})
    store.remove([track.head.key])
    assert store.clip_rows("overview") == {}


def test_a_growing_track_shows_its_finished_packs_and_a_new_writer_resumes_there(store, other_machine):
    head = make_head()
    append(store, head, 0, 4)
    (track,) = other_machine().tracks()
    assert (track.n_frames, track.is_complete) == (4, False)
    again = other_machine(read_only=False)
    assert not again.holds(head.key) and TrackWriter(again, head).n_frames == 4
    append(again, head, 4, 2)
    assert list(again.images(TrackWriter(again, head).finish())) == frames(0, 6)
    assert {name.split("/")[0] for name in names(store)} == {"manifests", "packs"}


def test_a_finished_track_is_never_begun_again(store):
    track = stored(store)
    with pytest.raises(StoreError, match="is complete"):
        TrackWriter(store, track.head)
    assert store.holds(track.head.key)


def test_the_first_of_two_writers_of_a_track_wins_and_both_are_content(store, other_machine):
    """Neither holds the lease, as after two network cuts: the conditions of the puts alone keep the track whole."""
    first, second = store, other_machine(read_only=False)
    head = make_head()
    track = stored(first)
    late = replace(track, packs=track.packs[:1])
    second.complete(late)
    assert other_machine().read(head.key) == track and list(other_machine().images(track)) == frames(0, 6)


def test_a_writer_whose_track_another_has_begun_meanwhile_stops_and_loses_nothing(store, other_machine):
    head = make_head()
    writer = TrackWriter(store, head)
    other = TrackWriter(other_machine(read_only=False), head)
    other.append(0, frames(0, 4), {"error": np.arange(4, dtype=np.float32)})
    with pytest.raises(StoreError, match="another job"):
        writer.append(0, frames(0, 2), {"error": np.arange(2, dtype=np.float32)})
    other.append(4, frames(4, 2), {"error": np.arange(4, 6, dtype=np.float32)})
    assert list(other_machine().images(other.finish())) == frames(0, 6)


def test_removing_one_track_leaves_another_with_the_same_packs_whole(store, other_machine):
    first, second = stored(store), stored(store, method="consistency")
    assert store.remove([first.head.key]) == first.bytes
    assert list(other_machine().images(second)) == frames(0, 6) and store.tracks() == [second]
    assert store.remove([second.head.key]) == second.bytes and not names(store)


@pytest.mark.parametrize("damage", ["flip", "delete"])
def test_a_damaged_pack_is_never_shown_and_verify_and_repair_mend_it(store, other_machine, damage):
    track = stored(store)
    name = f"packs/{track.head.key}/{track.packs[1].sha256}.pack"
    turn(store, name) if damage == "flip" else store.bucket.delete([name])
    shown = other_machine()
    with pytest.raises(CorruptPack, match="damaged" if damage == "flip" else "missing"):
        shown.image(track, 5)
    assert shown.image(track, 0) == frames(0, 1)[0]
    (problem,) = [problem for problem in verify(store) if problem]
    repair(store, problem)
    assert len(list(store.bucket.list("quarantine"))) == (2 if damage == "flip" else 0)
    assert not store.holds(track.head.key) and TrackWriter(store, track.head).n_frames == 4
    append(store, track.head, 4, 2)
    assert TrackWriter(store, track.head).finish() == track
    assert not [problem for problem in verify(other_machine()) if problem]


def test_a_damaged_manifest_hides_its_track_and_repair_sets_all_of_it_aside(store, other_machine):
    track = stored(store)
    turn(store, f"manifests/{track.head.key}.json")
    shown = other_machine()
    assert shown.tracks() == [] and shown.track_keys() == [track.head.key]
    with pytest.raises(BadRecord):
        shown.get(track.head.key)
    (problem,) = [problem for problem in verify(store) if problem]
    repair(store, problem)
    assert all(name.startswith("quarantine/") for name in names(store)) and len(names(store)) == 4
    assert stored(store) == track


def test_a_copy_that_was_changed_on_this_machine_is_fetched_again(store):
    track = stored(store)
    path = store.pack_path(track.head.key, track.packs[0].sha256)
    path.write_bytes(b"other bytes")
    assert store.image(track, 0) == frames(0, 1)[0]


def test_gc_deletes_what_nothing_names_and_nothing_else(store, other_machine):
    track = stored(store)
    key, growing = track.head.key, make_head(method="consistency")
    append(store, growing, 0, 4)
    whole = names(store)
    lone = f"packs/{'a' * 64}/{'b' * 64}.pack"
    extra = [f"packs/{key}/{'f' * 64}.pack", f"packs/{growing.key}/{'e' * 64}.pack", lone, f"growing/{key}.json"]
    for name in extra:
        store.bucket.put(name, b"left over")
    assert not list(collect(store))  # all of it is young
    told = {str(one.path.relative_to(store.root)) for one in collect(store, min_age_seconds=0, dry_run=True)}
    assert told == set(extra) and set(names(store)) == {*whole, *extra}
    assert {str(one.path.relative_to(store.root)) for one in collect(store, min_age_seconds=0)} == set(extra)
    assert names(store) == whole and list(other_machine().images(track)) == frames(0, 6)


def test_gc_leaves_a_clip_alone_that_a_job_writes(store, other_machine):
    track = stored(store)
    name = f"packs/{track.head.key}/{'f' * 64}.pack"
    store.bucket.put(name, b"left over")
    with store.writing(track.head.clip.key):
        assert not list(collect(other_machine(read_only=False), min_age_seconds=0))
    assert [one.bytes for one in collect(other_machine(read_only=False), min_age_seconds=0)] == [9]


# Leases


def test_a_second_writer_of_a_clip_is_refused_or_waits_its_turn(store, other_machine):
    clip = make_head().clip.key
    other = other_machine(read_only=False)
    order = []

    def wait() -> None:
        with other.writing(clip, on_wait=lambda: order.append("waits")):
            order.append("second")

    with store.writing(clip):
        with pytest.raises(StoreError, match="another job is writing"), other.writing(clip):
            pass
        waiting = threading.Thread(target=wait)
        waiting.start()
        while not order:
            time.sleep(0.01)
        order.append("first")
    waiting.join(20)
    assert order == ["waits", "first", "second"]


def test_of_many_at_once_one_at_a_time_holds_a_lease(address):
    held, most, done = [], [], []

    def work() -> None:
        with BucketStore(address).writing("0" * 64, on_wait=lambda: None):
            held.append(1)
            most.append(len(held))
            time.sleep(0.05)
            held.pop()
        done.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert max(most) == 1 and len(done) == 4


def test_the_lease_of_a_killed_job_is_free_after_its_time_and_what_it_wrote_is_resumed(address):
    """The clock of the bucket counts, which has whole seconds."""
    killed = lease.acquire(Bucket(address), "leases/x.json", seconds=2)
    killed._ending.set()  # as if its process were gone
    began, waits = time.monotonic(), []
    taken = lease.acquire(Bucket(address), "leases/x.json", seconds=2, on_wait=lambda: waits.append(1))
    assert waits == [1] and 1 < time.monotonic() - began < 20
    killed._ending.clear()
    killed._renew()  # as if it had only been asleep
    with pytest.raises(StoreError, match="took over"):
        killed.require()
    taken.require()
    taken.release()


def test_a_job_that_lost_its_lease_writes_nothing_more(address, other_machine):
    sleeper = BucketStore(address)
    head = make_head()
    with sleeper.writing(head.clip.key):
        writer = TrackWriter(sleeper, head)
        writer.append(0, frames(0, 4), {"error": np.arange(4, dtype=np.float32)})
        before = names(sleeper)
        entry = sleeper.bucket.get(f"leases/{head.clip.key}.json")
        sleeper.bucket.replace(f"leases/{head.clip.key}.json", b'{"owner": "another"}', entry.etag)
        sleeper._leases[head.clip.key]._renew()
        with pytest.raises(StoreError, match="took over"):
            writer.append(4, frames(4, 2), {"error": np.arange(4, 6, dtype=np.float32)})
        with pytest.raises(StoreError, match="took over"):
            writer.finish()
    assert names(sleeper) == before


def test_an_object_is_put_once_and_replaced_only_by_who_saw_it(store):
    bucket = store.bucket
    etag = bucket.put_new("clock/x", b"first")
    assert etag and bucket.put_new("clock/x", b"second") is None and bucket.get("clock/x").data == b"first"
    newer = bucket.replace("clock/x", b"third", etag)
    assert newer and bucket.replace("clock/x", b"fourth", etag) is None and bucket.get("clock/x").data == b"third"
    assert bucket.replace("clock/none", b"x", etag) is None and bucket.get("clock/none") is None


# Listing


def test_another_machine_lists_from_the_index_without_asking_for_each_track(store, other_machine, monkeypatch):
    tracks = [stored(store, method=f"method{n}") for n in range(5)]
    for track in tracks:
        store.keep_summary(track.head.key, f"summary of {track.head.key}")
    store.share_index()
    asked = []
    get = Bucket.get
    monkeypatch.setattr(Bucket, "get", lambda self, name, **rest: asked.append(name) or get(self, name, **rest))
    shown = other_machine()
    assert {track.head.key for track in shown.tracks()} == {track.head.key for track in tracks}
    assert len(asked) == 1 and asked[0].startswith("index/")
    assert shown.summary_rows() == {track.head.key: f"summary of {track.head.key}" for track in tracks}
    shown.tracks()
    assert len(asked) == 1


def test_an_index_that_lies_or_is_damaged_is_not_believed(store, other_machine):
    track = stored(store)
    lie = json.loads(store.bucket.get(f"manifests/{track.head.key}.json").data)
    lie["zoo"] = "other"
    store._shared.add({track.head.key: ("another etag", lie, "a lie")})
    store.bucket.put("index/damaged.json.gz", b"\x1f\x8b no gzip")
    store.bucket.put("index/other.json.gz", __import__("gzip").compress(b"[1]"))
    shown = other_machine()
    assert shown.tracks() == [track] and shown.summary_rows() == {}


def test_many_parts_of_the_index_become_one_and_lose_no_row(store, other_machine, monkeypatch):
    monkeypatch.setattr("cache.backends.shared_index.MAX_PARTS", 3)
    tracks = [stored(store, method=f"method{n}") for n in range(6)]
    for track in tracks:
        store.keep_summary(track.head.key, "a summary")
        store.share_index()
    assert len(list(store.bucket.list("index"))) <= 4
    assert set(other_machine().summary_rows()) == {track.head.key for track in tracks}
    assert store.rebuild_index() == 6 and len(list(store.bucket.list("index"))) == 1


def test_long_listings_are_whole(store):
    expected = [f"packs/{n:064x}" for n in range(0, 16**64, 16**64 // 1500)]
    from cache.backends.objects import in_threads

    in_threads(lambda name: store.bucket.put(name, b"x"), expected)
    assert sorted(entry.name for entry in store.bucket.list_hex("packs")) == expected


# Copies


def test_copies_stay_below_their_limit_and_the_longest_unused_go_first(store, other_machine, monkeypatch):
    tracks = [stored(store, method=f"method{n}") for n in range(6)]
    shown = other_machine()
    shown.copies._limit = 3 * tracks[0].bytes
    monkeypatch.setattr("cache.backends.local_copies.IN_USE_SECONDS", -1.0)
    monkeypatch.setattr("cache.backends.local_copies._MARK_SECONDS", 0.0)
    for track in tracks:
        assert list(shown.images(track)) == frames(0, 6)
        assert shown.image(tracks[0], 0)  # the first stays in use
        assert shown.copies.n_bytes() <= shown.copies._limit
    assert shown.copies.path(tracks[0].head.key, tracks[0].packs[0].sha256).exists()
    assert not shown.copies.path(tracks[1].head.key, tracks[1].packs[0].sha256).exists()


# Words


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"bucket": "not-there-at-all"}, "does not exist"),
        ({"endpoint": "http://127.0.0.1:1"}, "cannot be reached"),
    ],
)
def test_a_bucket_that_cannot_be_used_is_named_without_a_key(address, monkeypatch, change, word):
    monkeypatch.setenv("AWS_ENDPOINT_URL", change.get("endpoint", os.environ["AWS_ENDPOINT_URL"]))
    monkeypatch.setattr("cache.backends.objects.READ_TRIES", 1)
    asked = replace(address, bucket=change.get("bucket", address.bucket))
    for use in (
        lambda: BucketStore(asked),
        lambda: BucketStore(asked, read_only=True).require(),
        lambda: BucketStore(asked, read_only=True).tracks(),
    ):
        with pytest.raises(BucketError) as caught:
            use()
        assert word in str(caught.value) and f"s3://{asked.bucket}" in str(caught.value)
        assert KEY not in str(caught.value) and SECRET not in str(caught.value) and "http" not in str(caught.value)


def test_a_bucket_that_cannot_be_reached_is_no_damage(store, monkeypatch):
    """`verify --fix` must not set aside what it could not read."""
    track = stored(store)
    whole = names(store)

    def fails(*_: object, **__: object) -> None:
        raise BucketError("it answered 500")

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "head", fails)
        patch.setattr(Bucket, "get", fails)
        for use in (
            lambda: list(verify(store)),
            lambda: store.holds(track.head.key),
            lambda: store.get(track.head.key),
        ):
            with pytest.raises(BucketError):
                use()
    assert names(store) == whole and store.holds(track.head.key)


def test_a_prefix_without_a_store_is_named_and_two_stores_in_a_bucket_are_apart(store, address):
    track: Track = stored(store)
    other = replace(address, prefix="some")
    with pytest.raises(StoreError, match="is not a Crosscheck store"):
        BucketStore(other, read_only=True).require()
    assert BucketStore(other).tracks() == [] and open_place(str(address), read_only=True).tracks() == [track]


def test_keys_of_buckets_are_checked_like_those_of_folders(store):
    for use in (store.get, store.read, store.holds, lambda key: store.remove([key])):
        with pytest.raises(StoreError, match="is not a track key"):
            use("../x")
    with pytest.raises(StoreError, match="is not a pack name"):
        store.pack_path("0" * 64, "x/y")
