"""Requests in the store: asked once, done by one worker at a time, never lost."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cache.files import NotWritten
from cache.records import BadRecord, StoreError
from cache.requests import records
from cache.requests.lease import free
from cache.requests.limits import Limits, Refused
from cache.requests.objects import MAX_OBJECT_BYTES, FolderObjects
from cache.requests.queue import LEASE_SECONDS, Requests, find, new_worker
from cache.requests.records import Asked, Failure, Options, Progress, Result, Source
from cache.requests.watch import LONGEST_STEP_SECONDS, Watch

CLIP = "c" * 64
RESULT = Result(CLIP, "A clip", 5)
FAILURE = Failure("network", "clip: lost", "run again", True)


def asked(name: str = "phone", who: str = "ann", when: float = 1000.0, **options) -> Asked:
    return Asked(Source("sample", name), Options(**options), who, when)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def claimed(requests: Requests, **options):
    request = requests.ask(asked(**options))
    lease = requests.claim(request.id, new_worker())
    assert lease is not None
    return lease


# Asking


def test_a_request_waits_runs_and_ends_with_its_result(tmp_path):
    requests = Requests(tmp_path)
    made = requests.ask(asked())
    assert made.state == "waiting" and requests.get(made.id) == made
    lease = requests.claim(made.id, new_worker())
    assert lease is not None
    lease.tell(Progress("compute", 3, 10, "A clip", CLIP))
    shown = Requests(tmp_path).get(made.id)
    assert shown is not None and shown.state == "running"
    assert (shown.progress.stage, shown.progress.n_done, shown.progress.clip) == ("compute", 3, CLIP)
    assert lease.end("done", result=RESULT)
    (ended,) = Requests(tmp_path).all()
    assert ended.state == "done" and ended.ended is not None and ended.ended.result == RESULT


def test_the_same_asked_twice_is_one_request_while_it_is_live_and_another_visitors_is_another(tmp_path):
    requests = Requests(tmp_path)
    first = requests.ask(asked())
    assert requests.ask(asked(when=2000.0)) == first
    assert requests.ask(asked(who="bob")).id != first.id
    assert requests.ask(asked(fps=5.0)).id != first.id
    lease = requests.claim(first.id, new_worker())
    assert lease is not None and requests.ask(asked()).id == first.id
    assert lease.end("failed", failure=FAILURE)
    again = requests.ask(asked())
    assert again.id != first.id and again.state == "waiting", "what failed may be asked again"


def test_what_is_done_is_not_asked_again_while_its_result_is_stored(tmp_path):
    requests = Requests(tmp_path)
    lease = claimed(requests)
    assert lease.end("done", result=RESULT)
    assert requests.ask(asked(), is_stored=lambda request: True).id == lease.id
    assert requests.ask(asked(), is_stored=lambda request: False).id != lease.id


def ask_many(root: Path, n_requests: int, start, results) -> None:
    start.wait()
    requests = Requests(root)
    results.put([requests.ask(asked(f"clip {number}")).id for number in range(n_requests)])


def test_eight_processes_that_ask_for_the_same_at_once_make_one_request_of_each(tmp_path):
    ids = crowd(ask_many, tmp_path, 12)
    assert all(found == ids[0] for found in ids) and len(set(ids[0])) == 12
    assert len(Requests(tmp_path).all()) == 12


def claim_many(root: Path, n_requests: int, start, results) -> None:
    start.wait()
    requests, mine = Requests(root), []
    for request in requests.all():
        lease = requests.claim(request.id, new_worker())
        mine += [request.id] if lease and lease.is_held() else []
    results.put(mine)


def test_of_eight_workers_that_claim_at_once_one_gets_each_request(tmp_path):
    made = {Requests(tmp_path).ask(asked(f"clip {number}")).id for number in range(12)}
    got = [id for ids in crowd(claim_many, tmp_path, 12) for id in ids]
    assert sorted(got) == sorted(made)


def crowd(target, root: Path, n_requests: int, n_processes: int = 8) -> list[list[str]]:
    """What each of some processes that begin together has found."""
    forked = multiprocessing.get_context("fork")
    start, results = forked.Event(), forked.Queue()
    children = [forked.Process(target=target, args=(root, n_requests, start, results)) for _ in range(n_processes)]
    for child in children:
        child.start()
    start.set()
    found = [results.get(timeout=120) for _ in children]
    for child in children:
        child.join()
    return found


# Leases


def test_a_request_whose_worker_falls_silent_is_free_after_the_lease_and_not_before(tmp_path):
    monotonic = Clock()
    requests = Requests(tmp_path)
    other = Requests(tmp_path, monotonic=monotonic)
    lease = claimed(requests)
    lease.beat()
    for _ in range(int(LEASE_SECONDS / 2)):
        assert other.free_expired() == []
        monotonic.seconds += 2.0
    assert other.free_expired() == [lease.id]
    (request,) = other.all()
    assert request.state == "waiting" and not lease.is_held()
    assert not lease.end("done", result=RESULT), "a worker that comes back late ends nothing"
    second = other.claim(lease.id, new_worker())
    assert second is not None and second.n_lost == 1
    assert second.end("done", result=RESULT) and not lease.end("failed", failure=FAILURE)
    assert [request.state for request in other.all()] == ["done"]


def test_a_worker_that_beats_keeps_its_request_however_the_clocks_jump(tmp_path):
    wall, monotonic = Clock(), Clock()
    requests = Requests(tmp_path, now=wall)
    other = Requests(tmp_path, now=wall, monotonic=monotonic)
    lease = claimed(requests)
    for jump in (1e6, -2e6, 3600.0, -5.0, 1e9 - 1e6):
        lease.beat()
        assert other.free_expired() == []
        wall.seconds = max(0.0, wall.seconds + jump)
        monotonic.seconds += 2.0
    monotonic.seconds += 1e6  # the whole machine stood still: nobody could beat
    assert other.free_expired() == [] and lease.is_held()
    lease.beat()
    monotonic.seconds += 2.0
    assert other.free_expired() == []


def test_an_observer_that_stood_still_has_not_observed():
    clock = Clock()
    watch = Watch(10.0, clock)
    assert watch.stopped({"a": b"1"}) == []
    clock.seconds += 1000.0
    assert watch.stopped({"a": b"1"}) == [] and LONGEST_STEP_SECONDS < 10.0
    clock.seconds += 5.0
    assert watch.stopped({"a": b"1"}) == ["a"]
    assert watch.stopped({"a": b"2"}) == []


def test_a_request_given_back_waits_again_and_counts_no_loss(tmp_path):
    requests = Requests(tmp_path)
    lease = claimed(requests)
    lease.give_back()
    assert [request.state for request in requests.all()] == ["waiting"] and not lease.is_held()
    for _ in range(5):
        again = requests.claim(lease.id, new_worker())
        assert again is not None and again.n_lost == 0
        assert requests.claim(lease.id, new_worker()) is None
        again.give_back()
    assert len(os.listdir(tmp_path / "requests")) <= 4, "earlier attempts are tidied up"  # noqa: PTH208


def test_the_clip_of_a_killed_attempt_is_known_to_the_next_one_and_to_the_end(tmp_path):
    requests = Requests(tmp_path)
    lease = claimed(requests)
    lease.tell(Progress("compute", 3, 10, "A clip", CLIP))
    for _ in range(2):
        assert free(FolderObjects(tmp_path / "requests"), lease.id, lease._n, "expired")
        lease = requests.claim(lease.id, new_worker())  # and killed before it says a word
        assert lease is not None and lease.progress == Progress(title="A clip", clip=CLIP)
    lease.give_back()
    requests.cancel(lease.id)
    (request,) = requests.all()
    assert request.ended is not None and request.ended.clip == CLIP


def test_a_claim_made_on_an_old_listing_does_not_hold(tmp_path):
    """Attempt 1 was freed, taken again as attempt 2 and tidied up, all between another's look and its claim."""
    requests = Requests(tmp_path)
    lease = claimed(requests)
    stale = Requests(tmp_path)
    table = stale._table
    old = {lease.id: stale._table()[lease.id]}
    lease.give_back()
    second = requests.claim(lease.id, new_worker())
    assert second is not None
    old[lease.id].claim = old[lease.id].last = 0
    looks = iter([old])
    stale._table = lambda: next(looks, None) or table()
    assert stale.claim(lease.id, new_worker()) is None
    assert second.is_held()


def test_a_cancelled_request_ends_at_once_if_it_waits_and_soon_if_it_runs(tmp_path):
    requests = Requests(tmp_path)
    waiting = requests.ask(asked())
    requests.cancel(waiting.id)
    assert [request.state for request in requests.all()] == ["cancelled"]
    lease = claimed(requests, name="walkthrough")
    requests.cancel(lease.id)
    shown = requests.get(lease.id)
    assert shown is not None and shown.state == "running" and shown.is_stopping and lease.is_stopping()
    assert lease.end("cancelled")
    requests.cancel(lease.id)
    assert {request.state for request in requests.all()} == {"cancelled"}
    assert requests.ask(asked()).state == "waiting"


def test_a_forgotten_request_is_gone_and_its_worker_notices(tmp_path):
    requests = Requests(tmp_path)
    lease = claimed(requests)
    requests.forget(lease.id)
    assert requests.all() == [] and not lease.is_held() and os.listdir(tmp_path / "requests") == []  # noqa: PTH208
    lease.beat()
    again = requests.ask(asked())
    assert again.id == lease.id or again.state == "waiting"
    assert not lease.is_held() and not lease.end("done", result=RESULT)
    requests.sweep()
    assert [request.state for request in requests.all()] == ["waiting"]


def test_a_dropped_request_is_shown_to_nobody(tmp_path):
    requests = Requests(tmp_path)
    made = requests.ask(asked())
    requests.drop(made.id)
    assert requests.all() == [] and requests.get(made.id) is None
    assert [request.state for request in requests.all(with_dropped=True)] == ["cancelled"]


def test_a_worker_is_seen_while_it_announces_itself(tmp_path):
    monotonic = Clock()
    requests = Requests(tmp_path, monotonic=monotonic)
    assert not requests.is_served()
    worker = new_worker()
    requests.announce(worker, {"device": "cpu"})
    assert requests.is_served() and requests.workers()[0]["device"] == "cpu"
    for _ in range(int(LEASE_SECONDS / 2) + 1):
        requests.free_expired()
        monotonic.seconds += 2.0
    requests.free_expired()
    assert not requests.is_served(), "a killed worker is forgotten"
    requests.announce(worker, {})
    requests.retire(worker)
    assert requests.workers() == []


def test_a_visitor_over_a_limit_is_refused_but_the_same_request_is_found(tmp_path):
    requests = Requests(tmp_path)
    made = requests.ask(asked(end=5.0), limits=Limits(waiting=1))
    assert requests.ask(asked(end=5.0), limits=Limits(waiting=1)) == made
    with pytest.raises(Refused, match="not done yet"):
        requests.ask(asked(end=6.0), limits=Limits(waiting=1))
    assert len(requests.all()) == 1


# Bad input


def put(root: Path, name: str, data: bytes) -> None:
    (root / "requests").mkdir(exist_ok=True)
    (root / "requests" / name).write_bytes(data)


GOOD = json.loads(records.to_json(asked()))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"[" * 60_000,
        b"\xff\xfe",
        b"1" * 5000,
        b'{"a":' * 9000,
        b" " * (MAX_OBJECT_BYTES + 1),
        *(
            json.dumps(GOOD | change).encode()
            for change in (
                {"who": ""},
                {"who": 3},
                {"who": "x" * 200},
                {"when": "now"},
                {"when": float("nan")},
                {"when": 10**400},
                {"when": True},
                {"bytes": -1},
                {"source": None},
                {"source": {"kind": "upload", "name": "../../etc/passwd"}},
                {"source": {"kind": "shell", "name": "rm"}},
                {"source": {"kind": "file", "name": ""}},
                {"source": {"kind": "file", "name": "x" * 5000}},
                {"options": []},
                {"options": {"zoo": "../zoo"}},
                {"options": {"zoo": 3}},
                {"options": {"configurations": 3}},
                {"options": {"configurations": []}},
                {"options": {"configurations": ["*"] * 100}},
                {"options": {"fps": -1}},
                {"options": {"size": 1e9}},
                {"options": {"crop": "none\n"}},
                {"options": {"max_frames": True}},
            )
        ),
    ],
)
def test_a_request_that_is_not_one_is_passed_over(tmp_path, data):
    with pytest.raises(BadRecord):
        records.asked_from_json(data[: MAX_OBJECT_BYTES + 1])
    requests = Requests(tmp_path)
    made = requests.ask(asked())
    put(tmp_path, f"{'a' * 32}-1.asked.json", data)
    assert requests.all() == [made] and requests.get(f"{'a' * 32}-1") is None


def test_fields_of_a_newer_version_are_ignored():
    assert records.asked_from_json(json.dumps(GOOD | {"colour": "red"}).encode()) == asked()


def test_a_request_under_anothers_name_is_passed_over(tmp_path):
    put(tmp_path, f"{'a' * 32}-1.asked.json", records.to_json(asked()))
    assert Requests(tmp_path).all() == []


def test_a_broken_end_is_an_end_and_a_broken_heartbeat_or_claim_harms_nothing(tmp_path):
    requests = Requests(tmp_path)
    lease = claimed(requests)
    put(tmp_path, f"{lease.id}.beat-1.json", b"{")
    assert [request.state for request in requests.all()] == ["running"]
    put(tmp_path, f"{lease.id}.claim-1.json", b"[]")
    assert not lease.is_held()
    put(tmp_path, f"{lease.id}.end.json", b"\0\0")
    (request,) = Requests(tmp_path).all()
    assert request.state == "failed" and request.ended is not None and request.ended.failure is not None
    assert request.ended.failure.code == "bad_store"
    assert requests.claim(lease.id, new_worker()) is None


@pytest.mark.parametrize(
    "name", ["x.json", "../x", "a" * 200, f"{'a' * 32}-1.asked.json.gz", f"{'g' * 32}-1.asked.json"]
)
def test_other_files_in_the_folder_are_passed_over(tmp_path, name):
    put(tmp_path, Path(name).name, b"{}")
    (tmp_path / "requests" / f"{'b' * 32}-1.asked.json").mkdir()
    assert Requests(tmp_path).all() == []
    Requests(tmp_path).sweep()


def test_of_two_requests_that_begin_alike_neither_is_meant(tmp_path):
    requests = Requests(tmp_path)
    made = requests.ask(asked())
    assert find(requests, made.id[:6]) == made
    for start in ("", "zz"):
        with pytest.raises(StoreError, match="no request"):
            find(requests, start)


# The disk


def test_a_full_disk_is_one_clear_error_and_leaves_nothing_behind(tmp_path, monkeypatch):
    requests = Requests(tmp_path)
    made = requests.ask(asked())

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotWritten, match="No space left"):
        requests.ask(asked("walkthrough"))
    with pytest.raises(NotWritten):
        requests.claim(made.id, new_worker())
    monkeypatch.undo()
    assert requests.all() == [made] and len(os.listdir(tmp_path / "requests")) == 1  # noqa: PTH208


def test_a_store_that_cannot_be_written_is_listed(tmp_path, monkeypatch):
    made = Requests(tmp_path).ask(asked())

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(NotWritten, match="Read-only"):
        Requests(tmp_path).ask(asked("walkthrough"))
    monkeypatch.undo()
    assert Requests(tmp_path).all() == [made]
    assert Requests(tmp_path / "none").all() == [] and not (tmp_path / "none").exists()


def test_a_file_system_without_links_keeps_the_promise_too(tmp_path, monkeypatch):
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refused)
    objects = FolderObjects(tmp_path / "requests")
    assert objects.put_new("a", b"1")
    assert not objects.put_new("a", b"2") and objects.get("a") == b"1" and objects.names() == ["a"]


def test_a_thousand_requests_are_listed_quickly(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    objects = FolderObjects(tmp_path / "requests")
    for number in range(1000):
        one = replace(asked(f"clip {number}"), when=float(number))
        objects.put_new(f"{one.key}-1.asked.json", records.to_json(one))
        objects.put_new(f"{one.key}-1.claim-1.json", b"{}")
        objects.put_new(f"{one.key}-1.end.json", records.to_json(records.Ended("done", 5.0, 4.0, None, RESULT)))
    requests = Requests(tmp_path)
    began = time.process_time()
    assert [request.asked.when for request in requests.all()] == [float(number) for number in range(1000)]
    cold = time.process_time() - began
    began = time.process_time()
    requests.all()
    assert cold < 1.0 and time.process_time() - began < 0.1, cold
