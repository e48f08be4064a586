"""How much may be asked for, in which order it is done, and where uploads go."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cache.files import NotWritten
from cache.records import StoreError
from cache.requests.limits import (
    Limits,
    Refused,
    Usage,
    asking,
    limits_of,
    require_allowed,
    require_upload,
    usage,
    video_seconds,
)
from cache.requests.order import in_turn
from cache.requests.records import Asked, Ended, Failure, Options, Request, Result, Source
from cache.requests.uploads import Uploads, in_parts

DAY = 86400.0
SHA = "a" * 64


def asked(who: str = "ann", when: float = 0.0, kind: str = "address", n_bytes: int = 0, **options) -> Asked:
    name = SHA if kind == "upload" else f"https://example.org/{when}"
    return Asked(Source(kind, name), Options(**options), who, when, n_bytes)  # type: ignore[arg-type]


def request(state: str = "waiting", began: float = 0.0, **facts) -> Request:
    one = asked(**facts)
    failure = Failure("network", "", "") if state == "failed" else None
    ended = Ended(state, began + 1, began, failure) if state in ("failed", "cancelled") else None  # type: ignore[arg-type]
    return Request(f"{one.key}-1", one, state, ended=ended)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "seconds"),
    [
        ({"end": 10.0}, 10.0),
        ({"start": 4.0, "end": 10.0}, 6.0),
        ({"max_frames": 1}, 0.0),
        ({"max_frames": 240}, 10.0),
        ({"max_frames": 50, "fps": 10.0, "end": 60.0}, 5.0),
        ({"max_frames": 240, "fps": 1000.0}, 10.0),
        ({}, 3600.0),
        ({"max_duration": 20.0}, 20.0),
        ({"kind": "upload"}, None),
        ({"kind": "upload", "end": 3.0}, 3.0),
    ],
)
def test_a_request_counts_as_the_part_that_it_asks_for(facts, seconds):
    assert video_seconds(asked(**facts)) == seconds


@pytest.mark.parametrize(
    ("used", "facts", "words"),
    [
        (Usage(waiting=5), {"end": 5.0}, "5 of your requests"),
        (Usage(waiting_in_all=100), {"end": 5.0}, "as many as are accepted"),
        (Usage(seconds_today=1796.0), {"end": 5.0}, "4 s of your 30 min"),
        (Usage(), {}, "3600 s of video"),
        (Usage(), {"kind": "upload"}, "the whole video"),
        (Usage(), {"kind": "upload", "end": 5.0, "n_bytes": 3_000_000_000}, "3000 MB"),
        (Usage(bytes_today=4_000_000_000), {"kind": "upload", "end": 5.0, "n_bytes": 200_000_000}, "a day are used"),
        (Usage(bytes_in_all=20_400_000_000), {"kind": "upload", "end": 5.0, "n_bytes": 200_000_000}, "the room"),
    ],
)
def test_a_request_over_a_limit_is_refused_with_what_to_do(used, facts, words):
    with pytest.raises(Refused, match=words) as caught:
        require_allowed(asked(**facts), used, Limits())
    assert caught.value.next_step and "\n" not in str(caught.value)


def test_what_is_at_the_limit_is_allowed():
    require_allowed(asked(end=5.0), Usage(4, 99, 1795.0), Limits())
    require_allowed(asked(max_frames=1), Usage(seconds_today=9e9), Limits())
    require_allowed(asked(kind="upload", end=1.0, n_bytes=2_048_000_000), Usage(bytes_today=2_048_000_000), Limits())


def test_usage_counts_a_day_of_the_visitor_and_what_all_have_waiting():
    requests = [
        request(end=10.0, when=DAY),
        request("running", end=20.0, when=DAY + 1),
        request("failed", end=40.0, when=DAY + 2),
        request("cancelled", end=80.0, when=0.0),
        request(who="bob", end=160.0, when=DAY),
        request("failed", kind="upload", n_bytes=7, when=DAY, end=1.0),
        request("failed", kind="upload", n_bytes=7, when=DAY + 1, end=1.0, who="bob"),
    ]
    assert usage(requests, "ann", DAY + 100.0, n_file_bytes=7) == Usage(2, 3, 71.0, 7, 7)
    assert usage(requests, "ann", 3 * DAY).seconds_today == 0.0
    assert usage(requests, "ann", 0.0).seconds_today == 151.0, "a clock that was set back frees nobody"


def test_visitors_of_one_network_address_share_a_limit_and_those_of_unknown_ones_do_not():
    same = [request(who=str(n), when=DAY, end=600.0) for n in range(4)]
    same = [replace(one, asked=replace(one.asked, network="x")) for one in same]
    used = usage([*same, request(who="z", when=DAY, end=600.0)], "new", DAY, network="x")
    assert (used.waiting, used.seconds_today) == (0, 0.0)
    assert used.of_address is not None and (used.of_address.waiting, used.of_address.seconds_today) == (4, 2400.0)
    require_allowed(asked("new", end=600.0), used, Limits(minutes=13.0))
    for limits, words in (
        (Limits(minutes=12.0), "your network address's 48 min"),
        (Limits(waiting=1), "4 of your network address's requests"),
        (Limits(waiting=4, per_address=1), "4 of your network address's requests"),
    ):
        with pytest.raises(Refused, match=words):
            require_allowed(asked("new", end=600.0), used, limits)
    with pytest.raises(Refused, match="0 of your network address's 0 MB"):
        require_upload(5_000_000, used, Limits(upload_mb_per_day=5.0, per_address=0))
    assert usage(same, "new", DAY).of_address is None


def test_the_room_counts_each_clip_once_and_files_beside_it():
    requests = [
        Request(
            str(n), asked(when=n), "done", ended=Ended("done", 1.0, result=Result(clip), clip=clip, n_bytes=n_bytes)
        )
        for n, (clip, n_bytes) in enumerate(((SHA, 5), (SHA, 7), ("b" * 64, 11), ("c" * 64, 0)))
    ]
    used = usage(requests, "bob", DAY, n_file_bytes=100)
    assert used.bytes_in_all == 118
    visitors = Asked(Source("address", "https://example.org/a"), Options(end=1.0), "bob", 0.0, is_visitors=True)
    require_allowed(visitors, used, Limits(mb_in_all=0.000119))
    with pytest.raises(Refused, match="the room"):
        require_allowed(visitors, used, Limits(mb_in_all=0.000118))
    require_allowed(asked(end=1.0), used, Limits(mb_in_all=0.000118)), "the operator's own room is the disk"


def test_settings_are_read_and_wrong_ones_name_what_is_allowed():
    assert asking({}) == asking({"CROSSCHECK_REQUESTS": ""}) == "off"
    assert asking({"CROSSCHECK_REQUESTS": "signed-in"}) == "signed-in"
    with pytest.raises(ValueError, match="off, signed-in, everyone"):
        asking({"CROSSCHECK_REQUESTS": "yes"})
    assert limits_of({}) == Limits()
    assert limits_of({"CROSSCHECK_REQUEST_LIMITS": "waiting=2, minutes=1.5,upload-mb=10"}) == Limits(
        waiting=2, minutes=1.5, upload_mb=10.0
    )
    for text in ("waiting", "waiting=-1", "waiting=2.5", "minutes=nan", "minutes=inf", "speed=3", "=", "waiting=x"):
        with pytest.raises(ValueError, match="waiting-in-all"):
            limits_of({"CROSSCHECK_REQUEST_LIMITS": text})


# Order


def who_in_turn(requests: list[Request]) -> list[str]:
    return [one.asked.who for one in in_turn(requests)]


def test_a_visitor_with_many_requests_delays_another_by_one():
    many = [request(who="ann", when=float(number)) for number in range(100)]
    assert who_in_turn([*many, request(who="bob", when=500.0)])[:3] == ["ann", "bob", "ann"]
    served = request("failed", who="ann", when=-1.0 + 1, began=9.0)
    assert who_in_turn([served, *many[1:], request(who="bob", when=500.0)])[:2] == ["bob", "ann"]
    running = request("running", who="bob", when=3.0)
    assert who_in_turn([running, request(who="bob", when=4.0), request(who="ann", when=5.0)]) == ["ann", "bob"]


def test_stills_come_before_videos_and_older_ones_first():
    requests = [
        request(when=1.0),
        request(when=3.0, max_frames=1),
        request(when=2.0, max_frames=1),
        request(who="bob", when=4.0, max_frames=1),
        request("running", when=0.0),
    ]
    assert [one.asked.when for one in in_turn(requests)] == [4.0, 2.0, 3.0, 1.0]


def test_the_order_is_that_in_which_the_turns_come_to_pass():
    requests = [request(who=who, when=when) for when, who in enumerate("aabbcaac")]
    foreseen = [one.id for one in in_turn(requests)]
    done, clock = [], 10.0
    while waiting := in_turn(requests):
        first = waiting[0]
        done.append(first.id)
        clock += 1
        ended = Ended("cancelled", clock, clock)
        requests = [
            Request(one.id, one.asked, "cancelled", ended=ended) if one.id == first.id else one for one in requests
        ]
    assert done == foreseen and len(done) == 8


def test_a_thousand_visitors_are_ordered_quickly():
    requests = [request(who=f"visitor {number}", when=float(number % 7)) for number in range(1000)]
    began = time.process_time()
    assert len(in_turn(requests)) == 1000
    assert time.process_time() - began < 0.5


# Uploads


def test_bytes_are_stored_under_their_digest_and_deleted(tmp_path):
    uploads = Uploads(tmp_path)
    made = uploads.put(in_parts(b"abc" * 1_000_000), 3_000_000)
    assert uploads.path(made.sha256).read_bytes() == b"abc" * 1_000_000 and uploads.stored() == [made]
    assert uploads.put([b"abc"] * 1_000_000, 3_000_000) == made
    assert not uploads.delete(made.sha256, min_age_seconds=60.0)
    assert uploads.delete(made.sha256) and not uploads.delete(made.sha256) and uploads.stored() == []


def test_too_many_bytes_are_refused_before_they_are_stored(tmp_path):
    uploads, n_read = Uploads(tmp_path), 0

    def endless():
        nonlocal n_read
        while True:
            n_read += 1
            yield bytes(1000)

    with pytest.raises(Refused, match="more than"):
        uploads.put(endless(), 10_000)
    with pytest.raises(Refused, match="empty"):
        uploads.put([], 10_000)
    assert n_read == 11 and list((tmp_path / "uploads").iterdir()) == []


def test_an_upload_that_breaks_off_or_fills_the_disk_leaves_nothing(tmp_path, monkeypatch):
    def broken():
        yield b"half"
        raise ConnectionResetError

    uploads = Uploads(tmp_path)
    with pytest.raises(Refused, match="interrupted"):
        uploads.put(broken(), 100)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotWritten, match="No space left"):
        uploads.put([b"whole"], 100)
    assert list((tmp_path / "uploads").iterdir()) == []


def test_an_upload_grows_part_by_part_hidden_until_it_is_whole(tmp_path):
    uploads = Uploads(tmp_path)
    incoming = uploads.begin(10)
    incoming.write(b"ab")
    incoming.write(b"cd")
    assert incoming.n_bytes == 4 and uploads.stored() == []
    made = incoming.finish()
    incoming.discard()  # nothing is left to discard
    assert made == uploads.put([b"abcd"], 10) and uploads.path(made.sha256).read_bytes() == b"abcd"
    with pytest.raises(Refused, match="more than"):
        uploads.begin(3).write(b"abcd")


def test_what_a_killed_process_left_of_an_upload_is_swept_once_it_is_old(tmp_path):
    uploads = Uploads(tmp_path)
    uploads.begin(10).write(b"ab")
    uploads.sweep(min_age_seconds=60.0)
    assert len(list((tmp_path / "uploads").iterdir())) == 1
    whole = uploads.put([b"abcd"], 10)
    uploads.sweep(min_age_seconds=0.0)
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == [whole.sha256]


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\0", "/" * 64])
def test_no_name_leads_out_of_the_folder(tmp_path, name):
    uploads = Uploads(tmp_path)
    with pytest.raises(StoreError):
        uploads.path(name)
    with pytest.raises(StoreError):
        uploads.unlist(name)


def test_a_clip_is_unlisted_until_it_is_listed_again(tmp_path: Path):
    uploads = Uploads(tmp_path)
    uploads.unlist(SHA)
    assert uploads.unlisted() == {SHA}
    uploads.relist(SHA)
    uploads.relist(SHA)
    assert uploads.unlisted() == frozenset()
