"""Adding a video: uploads in parts, what may be asked for, and what is shown of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from cache.requests import queue, receiving
from cache.requests.limits import Limits, Refused, usage
from cache.requests.queue import Requests, new_worker
from cache.requests.records import Asked, Ended, Failure, Options, Progress, Request, Result, Source
from cache.requests.uploads import Uploads
from cache.store import Store
from dashboard.server.asking_routes import asking_routes
from dashboard.visitors import visitor as visitors
from dashboard.visitors.asking import address_in
from dashboard.visitors.requested import offers, rows, state_text, title_of
from tests.fixtures.stores import build_store

ANN, BOB = "a" * 32, "b" * 32
VIDEO = b"\0\0\0\x20ftypisom" + bytes(range(256)) * 40
PART = {"start": 0, "end": 10, "fps": 10}


class Visitor:
    """A browser with its ticket."""

    def __init__(self, client: TestClient, who: str) -> None:
        self._client, self._ticket = client, {visitors.TICKET_HEADER: visitors.ticket_of(who)}

    def send(self, method: str, path: str, **given):
        headers = self._ticket | given.pop("headers", {})
        return self._client.request(method, f"/asking/{path}", headers=headers, **given)

    def upload(self, data: bytes, *, n_part: int = 4096) -> str:
        id = self.send("POST", "uploads", json={"bytes": len(data)}).json()["id"]
        answer = None
        for at in range(0, len(data), n_part):
            answer = self.send("PUT", f"uploads/{id}?at={at}", content=data[at : at + n_part])
            assert answer.status_code == 200, answer.text
        assert answer is not None
        return answer.json()["upload"]

    def ask(self, source: dict, **options):
        return self.send("POST", "requests", json={"source": source, "options": PART | options})

    def listed(self) -> list[dict]:
        return self.send("GET", "requests").json()["requests"]


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("CROSSCHECK_REQUESTS", "everyone")
    with TestClient(Starlette(routes=asking_routes(Store(tmp_path)))) as client:
        yield client


@pytest.fixture
def ann(client: TestClient) -> Visitor:
    return Visitor(client, ANN)


@pytest.fixture
def bob(client: TestClient) -> Visitor:
    return Visitor(client, BOB)


# Uploads


def test_a_file_sent_in_parts_is_stored_under_its_digest_and_can_be_asked_for(ann, tmp_path):
    sha256 = ann.upload(VIDEO)
    assert sha256 == hashlib.sha256(VIDEO).hexdigest() and Uploads(tmp_path).path(sha256).read_bytes() == VIDEO
    assert ann.ask({"upload": sha256, "title": "../../holiday.mp4"}).status_code == 201
    (request,) = Requests(tmp_path).all()
    assert request.asked.source == Source("upload", sha256, "../../holiday.mp4")
    assert (request.asked.who, request.asked.bytes, request.asked.options.end) == (ANN, len(VIDEO), 10)
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == [sha256]


def test_an_upload_goes_on_at_the_byte_that_the_server_has(ann):
    id = ann.send("POST", "uploads", json={"bytes": len(VIDEO)}).json()["id"]
    assert ann.send("PUT", f"uploads/{id}?at=0", content=VIDEO[:1000]).json() == {"received": 1000, "upload": None}
    for wrong in ("at=0", "at=999", "at=x", ""):
        again = ann.send("PUT", f"uploads/{id}?{wrong}", content=VIDEO[:1000])
        assert (again.status_code, again.json()) == (409, {"received": 1000})
    assert ann.send("PUT", f"uploads/{id}?at=1000", content=VIDEO[1000:]).json()["upload"]
    assert ann.send("PUT", f"uploads/{id}?at=1000", content=b"x").status_code == 404


def test_more_bytes_than_were_stated_leave_nothing(ann, tmp_path):
    id = ann.send("POST", "uploads", json={"bytes": 10}).json()["id"]
    assert ann.send("PUT", f"uploads/{id}?at=0", content=b"x" * 11).status_code == 422
    assert list((tmp_path / "uploads").iterdir()) == []


def test_a_part_that_is_too_large_is_refused(ann, monkeypatch):
    monkeypatch.setattr("dashboard.server.asking_routes.MAX_PART_BYTES", 100)
    id = ann.send("POST", "uploads", json={"bytes": 1000}).json()["id"]
    assert ann.send("PUT", f"uploads/{id}?at=0", content=b"x" * 101).status_code == 422


def test_an_upload_that_is_given_up_or_left_alone_is_deleted(ann, tmp_path, monkeypatch):
    id = ann.send("POST", "uploads", json={"bytes": 10}).json()["id"]
    assert ann.send("DELETE", f"uploads/{id}").status_code == 204
    assert list((tmp_path / "uploads").iterdir()) == []
    ann.send("POST", "uploads", json={"bytes": 10})
    monkeypatch.setattr(receiving, "IDLE_SECONDS", -1.0)
    ann.send("POST", "uploads", json={"bytes": 10})
    assert len(list((tmp_path / "uploads").iterdir())) == 1


@pytest.mark.parametrize(
    ("limits", "n_bytes", "words"),
    [
        ("upload-mb=1", 1_000_001, "the limit is 1 MB"),
        ("upload-mb-per-day=1", 1_000_001, "MB a day"),
        ("mb-in-all=1", 1_000_001, "the room for what visitors"),
        ("", 0, "empty"),
        ("", -5, "empty"),
        ("", "9", "without its size"),
        ("", True, "without its size"),
        ("", None, "without its size"),
    ],
)
def test_limits_are_checked_before_a_byte_is_read(limits, n_bytes, words, ann, tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSCHECK_REQUEST_LIMITS", limits)
    answer = ann.send("POST", "uploads", json={"bytes": n_bytes})
    assert answer.status_code == 422 and words in answer.json()["found"] and answer.json()["next_step"]
    assert not (tmp_path / "uploads").exists()


def test_uploads_count_from_their_first_byte_whether_they_were_asked_for_or_not(ann, bob, monkeypatch):
    monkeypatch.setenv("CROSSCHECK_REQUEST_LIMITS", "upload-mb-per-day=0.02")
    ann.upload(VIDEO)
    assert ann.send("POST", "uploads", json={"bytes": len(VIDEO)}).status_code == 422
    bob.send("POST", "uploads", json={"bytes": 15_000})
    assert bob.send("POST", "uploads", json={"bytes": 15_000}).status_code == 422


def test_a_visitor_has_few_uploads_under_way_at_once(ann, bob):
    statuses = [ann.send("POST", "uploads", json={"bytes": 10}).status_code for _ in range(receiving.MAX_OPEN + 1)]
    assert statuses == [201] * receiving.MAX_OPEN + [422]
    assert bob.send("POST", "uploads", json={"bytes": 10}).status_code == 201


# Others, and other sites


def test_nobody_sees_ends_or_uses_what_others_asked_for_and_uploaded(ann, bob, tmp_path):
    sha256 = ann.upload(VIDEO)
    ann.ask({"upload": sha256, "title": "secret"})
    (row,) = ann.listed()
    assert bob.listed() == []
    assert bob.ask({"upload": sha256, "title": "guessed"}).status_code == 422
    assert bob.send("POST", "requests", json={"again": row["id"]}).status_code == 422
    bob.send("POST", f"requests/{row['id']}/cancel")
    bob.send("DELETE", f"requests/{row['id']}")
    assert [one["state"] for one in ann.listed()] == ["waiting"]
    id = ann.send("POST", "uploads", json={"bytes": 10}).json()["id"]
    assert bob.send("PUT", f"uploads/{id}?at=0", content=b"x" * 10).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {visitors.TICKET_HEADER: ""},
        {visitors.TICKET_HEADER: f"{ANN}.99999999999.{'0' * 64}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_without_a_ticket_or_from_another_site_nothing_is_answered(headers, ann, tmp_path):
    for method, path in (("POST", "uploads"), ("GET", "requests"), ("POST", "requests"), ("DELETE", "requests/x")):
        assert ann.send(method, path, json={"bytes": 10}, headers=headers).status_code == 401
    assert not {"requests", "uploads"} & {path.name for path in tmp_path.iterdir()}


def test_where_asking_is_off_nothing_is_accepted(ann, monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSCHECK_REQUESTS", "off")
    assert ann.send("POST", "uploads", json={"bytes": 10}).status_code == 403
    assert ann.ask({"address": "https://example.org/a.mp4"}).status_code == 403
    assert not {"requests", "uploads"} & {path.name for path in tmp_path.iterdir()}


# Asking


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://www.youtube.com/watch?v=abc", "https://www.youtube.com/watch?v=abc"),
        ("  youtu.be/abc ", "https://youtu.be/abc"),
        ("example.org/a/b.mp4?x=1", "https://example.org/a/b.mp4?x=1"),
    ],
)
def test_addresses_are_taken_as_people_paste_them(text, address):
    assert address_in(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "phone",
        "a.mp4",
        "/etc/passwd",
        "../a.mp4",
        "C:/a.mp4",
        "~/a.mp4",
        "file:///etc/passwd",
        "ftp://a.b/c",
        "javascript:alert(1)",
    ],
)
def test_no_file_of_the_server_can_be_named(text, ann, tmp_path):
    with pytest.raises(Refused, match="not a web address"):
        address_in(text)
    assert ann.ask({"address": text}).status_code == 422 and Requests(tmp_path).all() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"[" * 30_000,
        b'{"source": 1, "options": {}}',
        b'{"source": {"file": "/etc/passwd"}, "options": {"end": 1}}',
        b'{"source": {"kind": "file", "name": "/etc/passwd"}, "options": {"end": 1}}',
        b'{"source": {"upload": "../../etc/passwd"}, "options": {"end": 1}}',
        b'{"source": {"address": "https://a.b/c"}, "options": {"end": "x"}}',
        b'{"source": {"address": "https://a.b/c"}, "options": {"end": 1, "start": 2}}',
        b'{"source": {"address": "https://a.b/c"}, "options": {"end": 1, "zoo": "../zoo"}}',
        b'{"source": {"address": "https://a.b/c"}, "options": {"end": 1, "configurations": []}}',
        b'{"source": {"address": "https://a.b/c"}, "options": {"end": 1e999}}',
        b'{"source": {"address": "https://a.b/c"}, "options": {}}',
        b'{"again": "' + b"0" * 40_000 + b'"}',
        b'{"again": "../../x"}',
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_a_next_step(body, ann, tmp_path):
    answer = ann.send("POST", "requests", content=body)
    assert answer.status_code == 422 and answer.json()["found"] and answer.json()["next_step"]
    assert Requests(tmp_path).all() == []


def test_the_page_asks_for_no_larger_frames_than_it_offers(ann, tmp_path):
    answer = ann.ask({"address": "https://example.org/a.mp4"}, size=4096)
    assert answer.status_code == 422 and "4096 pixels" in answer.json()["found"]
    assert ann.ask({"address": "https://example.org/a.mp4"}, size=256, crop="none").status_code == 201
    assert Requests(tmp_path).all()[0].asked.options.crop == "centre"


def test_an_upload_given_up_while_a_part_is_on_its_way_is_refused_in_words(ann, tmp_path):
    receiver = receiving.receiver_of(tmp_path)
    for is_whole in (False, True):
        id = receiver.begin(ANN, Limits(), 10)
        one = receiver.find(ANN, id)
        assert one is not None
        receiver.write(one, b"x" * (10 if is_whole else 5))
        assert ann.send("DELETE", f"uploads/{id}").status_code == 204
        with pytest.raises(Refused, match="given up"):
            receiver.finish(one) if is_whole else receiver.write(one, b"x" * 5)
    assert list((tmp_path / "uploads").iterdir()) == []


def test_requests_at_the_same_moment_are_not_more_than_the_limit(ann, tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSCHECK_REQUEST_LIMITS", "waiting=2")
    barrier = Barrier(8)

    def counted(requests, who, now, **more):
        used = usage(requests, who, now, **more)
        with suppress(BrokenBarrierError):
            barrier.wait(0.2)  # whoever could be here at the same time is
        return used

    monkeypatch.setattr(queue, "usage", counted)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: ann.ask({"address": f"https://example.org/{n}.mp4"}), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [422] * 6
    assert len(Requests(tmp_path).all()) == 2


def test_a_picture_that_is_added_as_a_video_is_a_still_whatever_its_name(ann, tmp_path):
    ann.ask({"upload": ann.upload(b"\xff\xd8\xff\xe0" + VIDEO), "title": "clip.mp4"})
    (request,) = Requests(tmp_path).all()
    assert request.asked.options == Options(max_frames=1)


def test_a_failed_request_can_be_asked_for_again_and_an_ended_one_deleted(ann, tmp_path):
    ann.ask({"address": "https://example.org/a.mp4"})
    requests = Requests(tmp_path)
    lease = requests.claim(requests.all()[0].id, new_worker())
    assert lease is not None
    lease.end("failed", failure=Failure("network", "no answer", "try again"))
    (failed,) = ann.listed()
    assert failed["canRetry"] and failed["text"] == "failed [network]: no answer. Next: try again."
    again = ann.send("POST", "requests", json={"again": failed["id"]}).json()["id"]
    assert again != failed["id"] and [row["state"] for row in ann.listed()] == ["waiting", "failed"]
    ann.send("POST", f"requests/{again}/cancel")
    ann.send("DELETE", f"requests/{failed['id']}")
    assert [row["state"] for row in ann.listed()] == ["cancelled"]


# What is shown


def request(state: str = "waiting", who: str = ANN, when: float = 0.0, **facts) -> Request:
    asked = Asked(Source("address", f"https://example.org/{when}?key=1"), Options(end=5.0), who, when)
    return Request(f"{asked.key}-1", asked, state, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (request(), "waiting: 2 requests before it"),
        (request("running", progress=Progress("download", 1_500_000, 3_000_000)), "downloading: 1.5 of 3.0 MB"),
        (request("running", progress=Progress("download", 1_500_000)), "downloading: 1.5 MB"),
        (request("running", progress=Progress("compute", 5, 100)), "computing: 5 of 100 frames"),
        (request("running", is_stopping=True), "being cancelled"),
        (
            request("done", ended=Ended("done", 2.0, result=Result("c" * 64, "t", 3, 100, 12.4))),
            "done: 100 frames in 12 s",
        ),
        (request("done", ended=Ended("done", 2.0, result=Result("c" * 64))), "done: it was stored already"),
        (request("cancelled", ended=Ended("cancelled", 2.0)), "cancelled"),
    ],
)
def test_every_state_has_its_words(one, text):
    assert state_text(one, 2) == text


def test_places_in_the_line_count_everybody_and_name_nobody():
    everybody = [request("running", BOB, 1.0), request("waiting", BOB, 2.0), request("waiting", ANN, 3.0)]
    (own,) = rows(everybody, ANN, lambda clip: False)
    assert own["text"] == "waiting: 1 request before it"  # bob's other one comes after ann's
    assert own["title"] == "example.org/3.0" and "key" not in str(own)


def test_a_clip_can_be_opened_from_its_first_frames_on():
    one = request("running", progress=Progress("compute", 5, 100, "A clip", "c" * 64))
    assert [rows([one], ANN, lambda clip, is_there=is_there: is_there)[0]["clip"] for is_there in (False, True)] == [
        "",
        "c" * 64,
    ]
    assert title_of(one) == "A clip"


def test_what_a_video_costs_is_measured_on_what_is_stored_and_done(tmp_path):
    store = build_store(tmp_path, n_frames=3)
    tracks = store.tracks()
    (offer,) = offers(tracks, [])
    assert offer["seconds"] is None and all(group["bytes"] > 0 and group["pictures"] > 0 for group in offer["bytes"])
    done = request("done", ended=Ended("done", 9.0, result=Result("c" * 64, "", 4, 50, 20.0)))
    zoo = replace(done, asked=replace(done.asked, options=Options(zoo=offer["zoo"])))
    assert offers(tracks, [zoo])[0]["seconds"] == 20.0 / 200
    assert offers([], [zoo]) == [{"zoo": "mini", "bytes": [], "inputBytes": 0, "seconds": None}]
