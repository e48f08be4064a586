"""Operations on a bucket that fails: what fails is reported, nothing wrong is shown, and the same work done again ends whole."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cache.backends.address import Address
from cache.backends.bucket_store import BucketStore
from cache.maintenance import collect, verify
from cache.records import StoreError, Track
from cache.writer import TrackWriter
from tests.bucket.faults import address_of, faulty
from tests.fixtures.tracks import frames, make_head

for _package in ("moto.server", "boto3", "obstore"):
    pytest.importorskip(_package, reason="needs requirements/bucket-tests.txt: make test-bucket")

N_OPERATIONS = int(os.environ.get("CROSSCHECK_FAULT_OPERATIONS", "40"))
"""1,000 in the figures of docs/buckets.md."""
RATE = 0.2
N_TRACKS = 6
HEADS = [make_head(method=f"method{n}") for n in range(N_TRACKS)]
CHUNK = 2


def right(store: BucketStore, track: Track) -> bool:
    return list(store.images(track)) == frames(0, track.n_frames) and (
        not track.packs or store.column(track, "error").tolist() == list(range(track.n_frames))
    )


def test_of_many_operations_with_faults_none_shows_anything_wrong(
    endpoint, address: Address, tmp_path: Path, monkeypatch, capsys
):
    choose = random.Random(7)
    monkeypatch.setattr("cache.backends.objects.FIRST_PAUSE_SECONDS", 0.01)
    outcomes, wrong = Counter[str](), []
    store = BucketStore(address)

    def write() -> None:
        """Take a track some chunks further, as a job that may be ended anywhere."""
        head = choose.choice(HEADS)
        with store.writing(head.clip.key):
            if store.holds(head.key):
                return
            writer = TrackWriter(store, head)
            for _ in range(choose.randint(1, 3)):
                if writer.n_frames < 6:
                    start = writer.n_frames
                    numbers = np.arange(start, start + CHUNK, dtype=np.float32)
                    writer.append(start, frames(start, CHUNK), {"error": numbers})
            if writer.n_frames == 6:
                writer.finish()
                for key in choose.sample([head.key for head in HEADS], 1):
                    store.keep_summary(key, f"summary of {key}")
                store.share_index()

    def look() -> None:
        """Everything, as a machine that has never seen the store."""
        folder = tmp_path / f"copies{choose.random()}"
        monkeypatch.setenv("CROSSCHECK_BUCKET_CACHE", str(folder))
        shown = BucketStore(address, read_only=True)
        try:
            for track in shown.tracks():
                # A pack that is gone is a track removed or made again since a stale listing: named, not shown.
                try:
                    if not right(shown, track):
                        wrong.append(f"frames of {track.head.method}")
                except StoreError as error:
                    if "damaged" in str(error):
                        wrong.append(str(error))
                    outcomes["refused while looking"] += 1
            for key, row in shown.summary_rows().items():
                if row != f"summary of {key}":
                    wrong.append("a summary")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def remove() -> None:
        head = choose.choice(HEADS)
        with store.writing(head.clip.key):
            store.remove([head.key])

    def check() -> None:
        wrong.extend(problem.what for problem in verify(store) if problem and "missing" not in problem.what)

    def tidy() -> None:
        list(collect(store, min_age_seconds=choose.choice((0, 3600))))

    work: list[Callable[[], None]] = [write, write, write, write, look, look, look, remove, check, tidy]
    with faulty(endpoint, seed=7, rate=RATE) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address_of(proxy))
        store = BucketStore(address, lease_seconds=4)
        for _ in range(N_OPERATIONS):
            do = choose.choice(work)
            try:
                do()
                outcomes["done"] += 1
            except StoreError as error:
                outcomes["reported"] += 1
                if "http" in str(error) or "secret" in str(error):
                    wrong.append(f"it says {error}")
        faults, n_requests = dict(proxy.counts), proxy.n_requests
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("CROSSCHECK_BUCKET_CACHE", str(tmp_path / "after"))
    store = BucketStore(address, lease_seconds=4)
    for head in HEADS:  # the same work done again ends whole
        with store.writing(head.clip.key, on_wait=lambda: None):
            if not store.holds(head.key):
                writer = TrackWriter(store, head)
                for start in range(writer.n_frames, 6, CHUNK):
                    numbers = np.arange(start, start + CHUNK, dtype=np.float32)
                    writer.append(start, frames(start, CHUNK), {"error": numbers})
                writer.finish()
    list(collect(store, min_age_seconds=0))
    tracks = store.tracks()
    with capsys.disabled():
        print(
            f"\n{N_OPERATIONS} operations, {n_requests} requests, faults {faults}: {dict(outcomes)}; {len(wrong)} wrong"
        )
    assert not wrong and faults and outcomes["done"] > N_OPERATIONS / 3
    assert len(tracks) == N_TRACKS and all(track.is_complete and right(store, track) for track in tracks)
    assert not [problem for problem in verify(store) if problem]
    named = {f"packs/{track.head.key}/{pack.sha256}.pack" for track in tracks for pack in track.packs}
    assert {entry.name for entry in store.bucket.list("packs")} == named and not list(store.bucket.list("growing"))


@pytest.mark.parametrize("size", [100, 20 << 20])
def test_an_object_arrives_whole_through_cut_off_and_refused_answers_or_not_at_all(
    endpoint, address, monkeypatch, size
):
    store = BucketStore(address)
    data = random.Random(1).randbytes(size)
    store.bucket.put("clock/large", data)
    with faulty(endpoint, seed=3, rate=0.3) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address_of(proxy))
        monkeypatch.setattr("cache.backends.objects.FIRST_PAUSE_SECONDS", 0.01)
        bucket = BucketStore(address, read_only=True).bucket
        found = []
        for _ in range(8):
            try:
                found.append(b"".join(bucket.fetch("clock/large")))
            except StoreError as error:
                assert "http" not in str(error)
        assert found and all(one == data for one in found) and proxy.counts


def test_a_put_whose_answer_was_lost_is_recognised_as_ones_own(endpoint, address, monkeypatch):
    store = BucketStore(address)
    with faulty(endpoint, seed=1, rate=0.5) as proxy:
        monkeypatch.setattr(
            proxy, "fault", lambda method, is_listing: "lost" if method == "PUT" and next(turns) else ""
        )
        turns = iter([True, False, True, False])
        monkeypatch.setenv("AWS_ENDPOINT_URL", address_of(proxy))
        bucket = BucketStore(address, read_only=True).bucket
        etag = bucket.put_new("clock/x", b"mine")
        assert etag and store.bucket.get("clock/x").data == b"mine"
        assert bucket.replace("clock/x", b"mine again", etag) and store.bucket.get("clock/x").data == b"mine again"
