"""The worker: what it makes of requests, in which order, and what it does when it is stopped, robbed or starved."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from cache import store as store_module
from cache.files import NotWritten
from cache.requests.lease import Lease, free
from cache.requests.limits import Limits, clip_bytes
from cache.requests.objects import FolderObjects
from cache.requests.queue import Requests, new_worker
from cache.requests.records import Asked, Failure, Options, Progress, Request, Source
from cache.requests.uploads import Uploads
from cache.store import Store
from consistency.zoo.read import load_zoo
from dashboard.visitors.requested import rows
from precompute.cli.app import app
from precompute.failures import KINDS
from precompute.jobs import predict
from precompute.jobs.output import packs
from precompute.jobs.predict import Networks
from precompute.serving import keeper, worker
from precompute.serving.compute_request import Setup
from precompute.serving.housekeeping import LOOKED_AT_SECONDS, tidy
from precompute.serving.worker import MAX_LOST, Worker
from precompute.signals import Stop, stop_on_signals
from tests.fixtures.media import write_video
from tests.fixtures.web.sites import running
from tests.fixtures.web.waits import PATIENCE_SECONDS, wait_until
from tests.fixtures.zoos import write_zoo

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
N_FRAMES = 6
SMALL = Options(zoo="tiny", size=64)


@pytest.fixture(scope="module", autouse=True)
def tiny_zoo(tmp_path_factory: pytest.TempPathFactory):
    """An installed zoo of one target, computed by one thread."""
    folder = tmp_path_factory.mktemp("zoos")
    (folder / "tiny").mkdir()
    write_zoo(folder / "tiny", targets=("normal",))
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSCHECK_ZOOS", str(folder))
        yield folder
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "count.mp4", N_FRAMES)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


class Desk:
    """A store's requests, and a worker that does them until none waits."""

    def __init__(self, store: Store) -> None:
        self.store, self.requests, self.uploads = store, Requests(store.root), Uploads(store.root)
        self.said: list[str] = []

    def ask(
        self,
        source: Path | Source,
        who: str = "ann",
        when: float | None = None,
        *,
        is_visitors: bool = False,
        **options,
    ) -> Request:
        source = Source("file", str(source), source.name) if isinstance(source, Path) else source
        when = time.time() if when is None else when
        return self.requests.ask(Asked(source, replace(SMALL, **options), who, when, is_visitors=is_visitors))

    def worker(self, **facts) -> Worker:
        setup = {name: facts.pop(name) for name in ("allow_files",) if name in facts}

        def say(line: str, /, **facts: object) -> None:
            self.said.append(line)

        return Worker(self.store, Setup(CPU, batch_size=1, **setup), say=say, **facts)

    def serve(self, **facts) -> int:
        return self.worker(**facts).serve(Stop(), until_idle=True)

    def after(self, request: Request) -> Request:
        found = self.requests.get(request.id)
        assert found is not None
        return found

    def failure(self, request: Request) -> Failure:
        ended = self.after(request).ended
        assert ended is not None and ended.failure is not None, ended
        return ended.failure


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr("cache.requests.lease.TELL_SECONDS", 0.0)
    for name in ("POLL_SECONDS", "RETRY_SECONDS", "BUSY_SECONDS"):
        monkeypatch.setattr(worker, name, 0.05)


def on_first_frame(monkeypatch: pytest.MonkeyPatch, act: Callable[[Lease], object]) -> list[Progress]:
    """Call `act` once a frame is computed, and slow down after it. Returns all progress that is told."""
    told: list[Progress] = []
    tell = Lease.tell

    def watched(lease: Lease, progress: Progress) -> None:
        is_first = progress.n_done == 1 and progress.stage == "compute" and progress not in told
        told.append(progress)
        tell(lease, progress)
        if is_first:
            act(lease)
        if progress.stage == "compute" and progress.n_done:
            time.sleep(0.1)

    monkeypatch.setattr(Lease, "tell", watched)
    return told


# What it makes of requests


def test_a_request_becomes_the_tracks_that_a_run_would_compute(desk, clip, tmp_path, monkeypatch):
    told = on_first_frame(monkeypatch, lambda lease: None)
    request = desk.ask(clip)
    assert desk.serve() == 0
    done = desk.after(request)
    assert done.state == "done" and done.ended is not None and done.ended.result is not None
    result = done.ended.result
    assert (result.n_tracks, result.n_frames_computed) == (10, N_FRAMES)
    assert [progress.stage for progress in told][:2] == ["plan", "compute"]
    assert told[-1].n_done == told[-1].n_total == N_FRAMES and told[-1].clip == result.clip
    command = ["run", str(clip), "--zoo", "tiny", "--size", "64", "--device", "cpu", "--store", str(tmp_path / "run")]
    assert CliRunner().invoke(app, command).exit_code == 0
    expected = {track.head.key for track in Store(tmp_path / "run", read_only=True).tracks()}
    assert {track.head.key for track in desk.store.tracks()} == expected


def test_what_is_stored_is_not_computed_again_and_networks_stay_loaded(desk, clip, monkeypatch):
    loaded = []
    load = predict.load_network
    monkeypatch.setattr(predict, "load_network", lambda edge, **more: loaded.append(edge.name) or load(edge, **more))
    at_work = desk.worker()
    desk.ask(clip, max_frames=2)
    at_work.serve(Stop(), until_idle=True)
    n_loaded = len(loaded)
    assert n_loaded
    another = desk.ask(clip, who="bob", max_frames=2)
    third = desk.ask(clip, max_frames=3)
    at_work.serve(Stop(), until_idle=True)
    assert len(loaded) == n_loaded, "networks are loaded once"
    results = [desk.after(request).ended.result for request in (another, third)]
    assert [result.n_frames_computed for result in results] == [0, 3]


def test_the_networks_that_were_asked_for_the_longest_ago_are_forgotten_first(tiny_zoo):
    edges = [edge for edge in load_zoo("tiny").edges if edge.weights][:3]
    networks = Networks()
    sizes = []
    for edge in edges:
        before = networks.bytes
        networks.load(edge, CPU, torch.float32)
        sizes.append(networks.bytes - before)
    networks.load(edges[0], CPU, torch.float32)
    networks.trim(sizes[0] + sizes[2])
    assert [networks.has(edge, CPU, torch.float32) for edge in edges] == [True, False, True]
    networks.trim(0)
    assert networks.bytes == 0


def test_stills_come_before_videos_and_visitors_in_turn(desk, clip):
    asked = [
        desk.ask(clip, when=1.0),
        desk.ask(clip, when=2.0, start=0.01),
        desk.ask(clip, who="bob", when=3.0, start=0.02),
        desk.ask(clip, who="bob", when=4.0, max_frames=1),
    ]
    desk.serve()
    started = [line.split()[0] for line in desk.said if line.endswith(": started")]
    assert started == [asked[number].id[:12] for number in (3, 0, 2, 1)]


SHA = "a" * 64


@pytest.mark.parametrize(
    ("source", "options", "code", "words"),
    [
        (Source("file", "/nowhere/clip.mp4"), {}, "not_found", "no such file"),
        (Source("file", "clip.mp4"), {}, "bad_request", "not an absolute path"),
        (Source("file", "https://example.org/a.mp4"), {}, "bad_request", "not an absolute path"),
        (Source("file", "/a\0b"), {}, "not_found", "no such file"),
        (Source("address", "/etc/passwd"), {}, "unsupported_url", "not a URL"),
        (Source("address", "file:///etc/passwd"), {}, "unsupported_url", "scheme"),
        (Source("address", "http://127.0.0.1/a.mp4?key=secret"), {}, "blocked_address", "127.0.0.1"),
        (Source("sample", "../../etc/passwd"), {}, "bad_request", "not a bundled clip"),
        (Source("upload", SHA, "holiday.mp4"), {}, "not_found", "holiday.mp4"),
        (Source("sample", "phone"), {"start": 5.0, "end": 1.0}, "bad_request", "end is 1"),
        (Source("sample", "phone"), {"size": 9999}, "bad_request", "size is 9999"),
        (Source("sample", "phone"), {"zoo": "nothing"}, "bad_weights", "unknown zoo"),
        (Source("sample", "phone"), {"configurations": ("mini/*/rgb",)}, "bad_request", "mini/*/rgb"),
    ],
)
def test_a_request_that_cannot_be_done_fails_with_a_code_and_a_next_step(desk, source, options, code, words):
    request = desk.ask(source, **options)
    assert desk.serve() == 1
    failure = desk.failure(request)
    assert (failure.code, bool(failure.next_step)) == (code, True) and words in failure.message, failure
    shown = f"{failure.message} {failure.next_step} {desk.said}"
    assert "secret" not in shown and str(desk.store.root) not in shown


def test_files_by_name_are_refused_where_they_are_not_accepted(desk, clip):
    request = desk.ask(clip)
    desk.serve(allow_files=False)
    assert desk.failure(request).code == "bad_request" and str(clip.parent) not in desk.failure(request).message


# What visitors cause to be stored


@pytest.fixture
def site(clip, monkeypatch):
    """A server of videos, which yt-dlp may reach though it is this machine."""
    monkeypatch.setenv("CROSSCHECK_ALLOW_LOOPBACK", "1")
    with running() as server:
        yield lambda name: Source("address", server.page(f"/{name}.mp4", clip.read_bytes(), "video/mp4"))


def downloads(desk: Desk) -> list[str]:
    folder = desk.uploads.downloads_dir
    return sorted(path.suffix for path in folder.rglob("*") if path.is_file() and path.suffix in (".mp4", ".json"))


def test_an_address_that_two_visitors_give_is_computed_once_unlisted_and_kept_until_both_deleted_it(desk, site):
    first, second = (desk.ask(site("a"), who, is_visitors=True, max_frames=2) for who in ("ann", "bob"))
    desk.serve()
    results = [desk.after(request).ended.result for request in (first, second)]
    assert [result.n_frames_computed for result in results] == [2, 0] and results[0].clip == results[1].clip
    assert desk.uploads.unlisted() == {results[0].clip} and downloads(desk) == [".json", ".mp4"]
    assert not list(desk.store.media_dir.rglob("*.mp4"))
    desk.requests.drop(first.id)
    desk.serve()
    assert desk.store.tracks() and downloads(desk) and desk.uploads.unlisted()
    desk.requests.drop(second.id)
    desk.serve()
    assert desk.store.tracks() == [] and downloads(desk) == [] and desk.uploads.unlisted() == frozenset()


def test_what_the_operator_asked_for_stays_listed_and_stored_though_a_visitor_asks_for_it_and_deletes_it(desk, site):
    desk.ask(site("a"), "command line", max_frames=2)
    desk.serve()
    visitors = desk.ask(site("a"), "ann", is_visitors=True, max_frames=2)
    desk.serve()
    assert desk.after(visitors).ended.result.n_frames_computed == 0 and desk.uploads.unlisted() == frozenset()
    desk.requests.drop(visitors.id)
    desk.serve(limits=Limits(mb_in_all=0.0))
    assert desk.store.tracks() and list(desk.store.media_dir.rglob("*.mp4")) and downloads(desk) == []


def test_a_clip_that_the_operator_asks_for_after_a_visitor_is_listed_and_kept(desk, site):
    visitors = desk.ask(site("a"), "ann", is_visitors=True, max_frames=2)
    desk.serve()
    desk.ask(site("a"), "command line", max_frames=2)
    desk.serve()
    assert desk.uploads.unlisted() == frozenset()
    desk.requests.drop(visitors.id)
    desk.serve()
    assert desk.store.tracks() and downloads(desk) == [] and list(desk.store.media_dir.rglob("*.mp4"))


def test_a_download_is_kept_while_another_clip_is_made_of_it_and_its_name_while_another_address_leads_to_it(desk, site):
    first = desk.ask(site("a"), is_visitors=True, max_frames=1)
    second = desk.ask(site("a"), is_visitors=True, max_frames=2)
    third = desk.ask(site("b"), is_visitors=True, max_frames=3)
    desk.serve()
    assert downloads(desk) == [".json", ".json", ".mp4"], "the same bytes are stored once"
    for request, left in ((first, [".json", ".json", ".mp4"]), (second, [".json", ".mp4"]), (third, [])):
        desk.requests.drop(request.id)
        desk.serve()
        assert downloads(desk) == left
    assert desk.store.tracks() == []


def test_for_want_of_room_the_oldest_of_visitors_goes_and_nothing_of_the_operators(desk, site, clip, monkeypatch):
    desk.ask(clip, "command line", max_frames=4)
    desk.serve()
    (operators,) = {track.head.clip.key for track in desk.store.tracks()}
    old = desk.ask(site("a"), is_visitors=True, max_frames=2)
    desk.serve()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 600.0)
    new = desk.ask(site("b"), is_visitors=True, max_frames=3)
    desk.serve()
    kept = {desk.after(new).ended.clip, operators}
    n_bytes = desk.uploads.n_bytes() + clip_bytes(desk.requests.all())
    assert desk.after(old).ended.n_bytes > 0
    full = Limits(mb_in_all=(n_bytes - 1) / 1e6, upload_mb=0.0)
    desk.serve(limits=full)
    assert len(desk.requests.all()) == 3, "somebody may be looking at it"
    monkeypatch.setattr(time, "time", lambda: real() + LOOKED_AT_SECONDS + 300.0)
    desk.serve(limits=full)
    assert {request.id for request in desk.requests.all()} & {old.id, new.id} == {new.id}
    assert {track.head.clip.key for track in desk.store.tracks()} == kept
    monkeypatch.setattr(time, "time", lambda: real() + 2 * LOOKED_AT_SECONDS)
    desk.serve(limits=Limits(mb_in_all=0.0))
    assert {track.head.clip.key for track in desk.store.tracks()} == {operators} and downloads(desk) == []
    assert [request.asked.who for request in desk.requests.all()] == ["command line"]


def test_for_want_of_room_a_request_stays_while_another_asks_for_the_same_bytes_under_another_name(
    desk, clip, monkeypatch
):
    wanted, other = (desk.uploads.put([clip.read_bytes() + tail], 10**6) for tail in (b"", b"\0"))
    real = time.time
    requests = []
    for at, (upload, title) in enumerate([(wanted, "mine.mp4"), (other, "other.mp4"), (wanted, "copy.mp4")]):
        monkeypatch.setattr(time, "time", lambda at=at: real() + 600.0 * at)
        requests.append(desk.ask(Source("upload", upload.sha256, title), f"visitor {at}", max_frames=1))
        desk.serve()
    n_bytes = desk.uploads.n_bytes() + clip_bytes(desk.requests.all())
    monkeypatch.setattr(time, "time", lambda: real() + 2 * LOOKED_AT_SECONDS)
    desk.serve(limits=Limits(mb_in_all=(n_bytes - 1) / 1e6, upload_mb=0.0))
    assert {request.id for request in desk.requests.all()} == {requests[0].id, requests[2].id}
    assert desk.uploads.stored() == [wanted] and desk.store.tracks()


def test_where_there_is_no_room_a_visitors_request_fails_by_name_and_the_operators_is_done(desk, site, clip):
    desk.ask(site("a"), is_visitors=True, max_frames=1)
    desk.serve()
    visitors = desk.ask(site("a"), is_visitors=True, max_frames=2)
    operators = desk.ask(clip, "command line", max_frames=2)
    assert desk.serve(limits=Limits(mb_in_all=0.0001)) == 1
    assert desk.failure(visitors).code == "no_room" and desk.failure(visitors).can_retry
    assert desk.after(operators).state == "done"


def test_a_visitors_download_may_be_no_larger_than_an_upload(desk, site):
    request = desk.ask(site("a"), is_visitors=True, max_frames=1)
    desk.serve(limits=Limits(upload_mb=0.001))
    assert desk.failure(request).code == "too_large" and downloads(desk) == []


def test_an_upload_is_computed_under_its_name_unlisted_and_deleted_on_demand(desk, clip):
    upload = desk.uploads.put([clip.read_bytes()], 10**6)
    request = desk.ask(Source("upload", upload.sha256, "My <b>holiday</b>\x1b.mp4"))
    desk.serve()
    ended = desk.after(request).ended
    assert ended is not None and ended.result is not None and ended.result.title == "My <b>holiday</b>\ufffd.mp4"
    assert desk.uploads.unlisted() == {ended.clip}
    desk.requests.drop(request.id)
    desk.serve()
    assert desk.requests.all(with_dropped=True) == [] and desk.uploads.stored() == []
    assert desk.store.tracks() == [] and desk.uploads.unlisted() == frozenset()
    assert not any(path.is_file() for name in ("requests", "uploads") for path in (desk.store.root / name).iterdir())


def test_an_upload_of_a_clip_that_was_public_before_stays_listed(desk, clip):
    desk.ask(clip, max_frames=1)
    desk.serve()
    upload = desk.uploads.put([clip.read_bytes()], 10**6)
    request = desk.ask(Source("upload", upload.sha256, "mine.mp4"), max_frames=1)
    desk.serve()
    assert desk.after(request).state == "done" and desk.uploads.unlisted() == frozenset()
    desk.requests.drop(request.id)
    desk.serve()
    assert desk.store.tracks() and desk.uploads.stored() == []


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_clip_first_made_from_an_upload_is_listed_and_kept_once_it_is_computed_from_a_file(desk, clip, is_asked):
    upload = desk.uploads.put([clip.read_bytes()], 10**6)
    request = desk.ask(Source("upload", upload.sha256, "mine.mp4"), max_frames=1)
    desk.serve()
    assert desk.uploads.unlisted()
    if is_asked:
        desk.ask(clip, max_frames=1)
        desk.serve()
    else:
        command = ["run", clip, "--zoo", "tiny", "--size", 64, "--max-frames", 1, "--device", "cpu"]
        assert call(*command, "--store", desk.store.root).exit_code == 0
    assert desk.uploads.unlisted() == frozenset()
    desk.requests.drop(request.id)
    desk.serve()
    assert desk.store.tracks() and desk.uploads.stored() == []


def test_a_clip_that_a_kept_request_ended_with_is_kept_even_if_it_is_unlisted(desk, clip):
    upload = desk.uploads.put([clip.read_bytes()], 10**6)
    request = desk.ask(Source("upload", upload.sha256, "mine.mp4"), max_frames=1)
    desk.ask(clip, max_frames=1, when=time.time() + 1.0)
    desk.serve()
    desk.uploads.unlist(desk.after(request).ended.clip)  # as a request that was planned before the other had begun does
    desk.requests.drop(request.id)
    desk.serve()
    assert desk.store.tracks() and desk.uploads.stored() == []


def test_uploads_go_after_their_time_but_not_while_another_request_needs_them(desk, clip):
    upload = desk.uploads.put([clip.read_bytes()], 10**6)
    source = Source("upload", upload.sha256, "mine.mp4")
    old, other = desk.ask(source, max_frames=1), desk.ask(source, who="bob", max_frames=1)
    desk.serve(limits=Limits(days=1.0))
    assert desk.after(old).state == desk.after(other).state == "done"
    desk.requests.drop(old.id)
    desk.serve(limits=Limits(days=1.0))
    assert desk.uploads.stored() and desk.store.tracks()
    desk.serve(limits=Limits(days=0.0))
    assert desk.requests.all() == [] and desk.uploads.stored() == [] and desk.store.tracks() == []


def test_where_the_clock_jumps_an_upload_under_way_and_one_not_asked_for_yet_stay(desk):
    incoming = desk.uploads.begin(10)
    incoming.write(b"ab")
    upload = desk.uploads.put([b"abcd"], 10)
    for path in (desk.store.root / "uploads").iterdir():
        os.utime(path, (0, 0))  # as of a clock that was years ahead since
    tidy(desk.store, desk.requests, desk.uploads, limits=None, now=time.time())
    assert desk.uploads.stored() == [upload] and incoming.finish().bytes == 2
    os.utime(desk.uploads.path(upload.sha256), (0, 0))
    tidy(desk.store, desk.requests, desk.uploads, limits=Limits(days=1.0), now=time.time())
    assert upload not in desk.uploads.stored()


def test_an_upload_asked_for_again_while_it_is_being_deleted_stays_with_its_clip_unlisted(desk, clip, monkeypatch):
    upload = desk.uploads.put([clip.read_bytes()], 10**6)
    source = Source("upload", upload.sha256, "mine.mp4")
    first = desk.ask(source, max_frames=1)
    desk.serve()
    desk.requests.drop(first.id)
    writing = Store.writing

    def ask_then_write(store, *given, **options):
        desk.ask(source, max_frames=1)
        return writing(store, *given, **options)

    monkeypatch.setattr(Store, "writing", ask_then_write)
    assert tidy(desk.store, desk.requests, desk.uploads, limits=None, now=time.time()) == []
    assert {track.head.clip.key for track in desk.store.tracks()} == desk.uploads.unlisted()
    assert desk.uploads.stored() == [upload] and desk.uploads.unlisted()


def test_of_two_clips_from_one_upload_each_goes_with_its_request(desk, clip):
    upload = desk.uploads.put([clip.read_bytes()], 10**6)
    source = Source("upload", upload.sha256, "mine.mp4")
    first, second = desk.ask(source, max_frames=1), desk.ask(source, max_frames=1, start=0.03)
    desk.serve()
    clips = [desk.after(request).ended.clip for request in (first, second)]
    assert desk.uploads.unlisted() == set(clips) and clips[0] != clips[1]
    desk.requests.drop(first.id)
    desk.serve()
    assert desk.uploads.unlisted() == {clips[1]} == {track.head.clip.key for track in desk.store.tracks()}
    assert desk.uploads.stored() == [upload]
    desk.requests.drop(second.id)
    desk.serve()
    assert desk.store.tracks() == [] and desk.uploads.stored() == [] and desk.uploads.unlisted() == frozenset()


def test_a_dropped_request_outlasts_a_live_one_on_its_upload_so_that_its_clip_is_not_forgotten(desk, clip):
    upload = desk.uploads.put([clip.read_bytes()], 10**6)
    source = Source("upload", upload.sha256, "mine.mp4")
    first = desk.ask(source, max_frames=1)
    desk.serve()
    second = desk.ask(source, max_frames=1, start=0.03)
    desk.requests.drop(first.id)
    desk.serve()
    assert len(desk.uploads.unlisted()) == 2, "it might have been of the same clip"
    desk.serve()
    assert desk.uploads.unlisted() == {desk.after(second).ended.clip}
    assert desk.requests.all(with_dropped=True) == [desk.after(second)]


def test_what_a_killed_attempt_stored_of_an_upload_is_deleted_even_if_the_next_one_finds_no_upload(desk, clip):
    upload = desk.uploads.put([clip.read_bytes()], 10**6)
    done = desk.ask(Source("upload", upload.sha256, "mine.mp4"), max_frames=1)
    desk.serve()
    (unlisted,) = desk.uploads.unlisted()
    desk.requests.forget(done.id)
    request = desk.ask(Source("upload", upload.sha256, "mine.mp4"), max_frames=1)
    lease = desk.requests.claim(request.id, new_worker())
    lease.tell(Progress("compute", 0, 1, "mine.mp4", unlisted))
    assert free(FolderObjects(desk.store.root / "requests"), lease.id, lease._n, "expired")
    assert desk.uploads.delete(upload.sha256)
    desk.serve()
    assert desk.failure(request).code == "not_found"
    desk.requests.drop(request.id)
    desk.serve()
    assert desk.store.tracks() == [] and desk.uploads.unlisted() == frozenset()


def test_while_the_clock_jumps_nothing_is_too_old(desk, clip, monkeypatch):
    desk.ask(clip, max_frames=1)
    at_work = desk.worker()
    at_work.serve(Stop(), until_idle=True)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 1e9)
    at_work._next_tidy = 0.0
    at_work.serve(Stop(), until_idle=True)
    assert len(desk.requests.all()) == 1
    elapsed = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: elapsed() + worker.DISTRUST_SECONDS)
    monkeypatch.setattr(time, "time", lambda: real() + 1e9 + worker.DISTRUST_SECONDS)
    at_work.serve(Stop(), until_idle=True)
    assert desk.requests.all() == [], "it has been steady for a day since"


def test_an_upload_whose_bytes_changed_is_refused(desk, clip):
    upload = desk.uploads.put([clip.read_bytes()], 10**6)
    desk.uploads.path(upload.sha256).write_bytes(clip.read_bytes() + b"x")
    request = desk.ask(Source("upload", upload.sha256, "mine.mp4"))
    desk.serve()
    assert desk.failure(request).code == "changed" and upload.sha256 not in desk.failure(request).message


# Stopped, robbed, starved


def test_a_request_cancelled_while_it_runs_ends_cancelled_and_the_next_one_is_done(desk, clip, monkeypatch, quick):
    told = on_first_frame(monkeypatch, lambda lease: Requests(desk.store.root).cancel(lease.id))
    request, following = desk.ask(clip, when=1.0), desk.ask(clip, when=2.0, max_frames=1, start=0.03)
    video = desk.ask(clip, when=3.0, start=0.01)
    desk.requests.cancel(following.id)
    assert desk.serve() == 0
    assert [desk.after(one).state for one in (request, following, video)] == ["cancelled", "cancelled", "cancelled"]
    assert max(progress.n_done for progress in told) < N_FRAMES


def test_a_request_taken_away_is_left_alone_and_done_by_whoever_has_it_then(desk, clip, monkeypatch, quick):
    """As after a pause of the machine, when another worker has taken over."""
    robbed = []

    def rob(lease: Lease) -> None:
        if not robbed:
            robbed.append(free(FolderObjects(desk.store.root / "requests"), lease.id, lease._n, "expired"))

    on_first_frame(monkeypatch, rob)
    request = desk.ask(clip)
    assert desk.serve() == 0
    assert robbed == [True] and any("lost" in line for line in desk.said)
    done = desk.after(request)
    assert done.state == "done" and sum("tracks stored" in line for line in desk.said) == 1


def test_a_late_look_at_one_request_does_not_end_the_next_one(desk, clip, monkeypatch):
    leases = [desk.requests.claim(desk.ask(clip, start=start).id, new_worker()) for start in (0.0, 0.01)]
    watched = keeper.Keeper(desk.requests, new_worker(), dict)
    with ExitStack() as stack:
        stack.enter_context(watched.holding(leases[0]))

        def late() -> bool:
            stack.close()
            stack.enter_context(watched.holding(leases[1]))
            return False

        monkeypatch.setattr(leases[0], "is_held", late)
        watched._beat()
        watched.raise_if_ended()
        desk.requests.cancel(leases[1].id)
        watched._beat()
        with pytest.raises(keeper.LeaseEnded, match="cancelled"):
            watched.raise_if_ended()


def test_a_clip_that_another_job_writes_is_left_for_later(desk, clip, quick, monkeypatch):
    first = desk.ask(clip)
    desk.serve()
    ended = desk.after(first).ended
    assert ended is not None
    desk.store.remove([track.head.key for track in desk.store.tracks()])
    again, other = desk.ask(clip, when=1.0), desk.ask(clip, when=2.0, start=0.01)
    lock = desk.store.writing(ended.clip)
    lock.__enter__()
    end = Lease.end

    def released(lease: Lease, *words, **facts) -> bool:
        lock.__exit__(None, None, None)
        return end(lease, *words, **facts)

    monkeypatch.setattr(Lease, "end", released)
    desk.said.clear()
    desk.serve()
    assert {desk.after(request).state for request in (again, other)} == {"done"}
    assert any("another job is writing" in line for line in desk.said)


def test_a_request_that_kills_its_workers_is_given_up(desk, clip):
    request = desk.ask(clip)
    objects = FolderObjects(desk.store.root / "requests")
    for _ in range(MAX_LOST):
        lease = desk.requests.claim(request.id, new_worker())
        assert lease is not None and free(objects, lease.id, lease._n, "expired")
    assert desk.serve() == 1
    assert desk.failure(request).code == "worker_lost" and "3 workers" in desk.failure(request).message


def row_of(desk: Desk, request: Request) -> dict:
    """What the page's list shows of a request."""
    return next(
        row for row in rows(desk.requests.all(), request.asked.who, lambda clip: True) if row["id"] == request.id
    )


def test_after_a_killed_worker_the_list_shows_the_frames_that_it_left_and_at_last_why_it_was_given_up(desk, clip):
    request = desk.ask(clip)
    objects = FolderObjects(desk.store.root / "requests")
    for number in range(MAX_LOST):
        lease = desk.requests.claim(request.id, new_worker())
        assert lease is not None
        lease.tell(Progress("compute", 2, N_FRAMES, "count.mp4", SHA))
        lease.beat()  # what is told too soon after is written by the next heartbeat
        assert (row_of(desk, request)["text"], row_of(desk, request)["clip"]) == ("computing: 2 of 6 frames", SHA)
        assert free(objects, lease.id, lease._n, "expired"), number
        assert row_of(desk, request)["text"] == "waiting: next"
    desk.serve()
    shown = row_of(desk, request)
    assert shown["text"].startswith("failed [worker_lost]: ") and KINDS["worker_lost"].next_step in shown["text"]
    assert shown["canRetry"] and shown["clip"] == SHA, "what they stored can be opened"


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "disk_full"), (errno.EDQUOT, "disk_full"), (errno.EROFS, "store_readonly")],
    ids=["full", "quota", "read-only"],
)
def test_a_disk_that_refuses_frames_is_named_in_the_list_and_asking_again_resumes(
    desk, clip, monkeypatch, number: int, code: str
):
    write, refused = store_module.write_whole, []

    def refuse(path: Path, parts) -> None:
        n_packs = len(list(desk.store.root.glob("tracks/*/*.pack")))
        if path.suffix == ".pack" and (refused or n_packs >= 14):
            refused.append(path)
            raise OSError(number, os.strerror(number), str(path))
        write(path, parts)

    monkeypatch.setattr(packs, "PACK_PIXELS", 2 * 64 * 64)
    monkeypatch.setattr(store_module, "write_whole", refuse)
    request = desk.ask(clip)
    assert desk.serve() == 1 and refused
    shown = row_of(desk, request)
    assert shown["text"].startswith(f"failed [{code}]: count.mp4: the store") and shown["canRetry"]
    assert KINDS[code].next_step in shown["text"] and str(desk.store.root) not in shown["text"]
    assert shown["clip"] and min(track.n_frames for track in desk.store.tracks()) >= 2, "finished packs stay"
    monkeypatch.setattr(store_module, "write_whole", write)
    again = desk.ask(clip)
    desk.serve()
    result = desk.after(again).ended.result
    assert result is not None and 0 < result.n_frames_computed < N_FRAMES


def test_an_end_that_a_full_disk_refuses_is_recorded_once_there_is_room(desk, clip, monkeypatch, quick):
    put_new, refused = FolderObjects.put_new, []

    def full(objects: FolderObjects, name: str, data: bytes) -> bool:
        if (".end." in name or ".claim-" in name) and len([one for one in refused if one == name]) < 2:
            refused.append(name)
            raise NotWritten("the folder cannot be written (No space left on device); free disk space")
        return put_new(objects, name, data)

    monkeypatch.setattr(FolderObjects, "put_new", full)
    request = desk.ask(clip, max_frames=1)
    desk.serve()
    assert desk.after(request).state == "done" and len(refused) == 4
    assert len([line for line in desk.said if "No space left" in line]) == 2, "one line each time"


@pytest.mark.parametrize("is_set_before", [True, False])
def test_a_signal_ends_the_wait_for_a_full_disk_after_a_pack_that_failed(desk, clip, monkeypatch, quick, is_set_before):
    put_new, waits = FolderObjects.put_new, []

    def full(objects: FolderObjects, name: str, data: bytes) -> bool:
        if ".end." in name:
            raise NotWritten("the folder cannot be written (No space left on device); free disk space")
        return put_new(objects, name, data)

    with stop_on_signals(lambda: None) as stop:

        def fail(*_: object, **__: object) -> None:
            stop.has_unsaved_frames = True
            if is_set_before:
                signal.raise_signal(signal.SIGTERM)
            raise NotWritten("the pack cannot be written")

        def waited(seconds: float) -> None:
            waits.append(seconds)
            assert len(waits) < 3, "the signal is ignored"
            signal.raise_signal(signal.SIGTERM)

        monkeypatch.setattr(FolderObjects, "put_new", full)
        monkeypatch.setattr(worker, "compute_request", fail)
        # Of the worker alone: ends of processes sleep, too.
        monkeypatch.setattr(worker, "time", SimpleNamespace(**{**vars(time), "sleep": waited}))
        desk.ask(clip, max_frames=1)
        with pytest.raises(KeyboardInterrupt):
            desk.worker().serve(stop)
    assert len(waits) == (0 if is_set_before else 1)


def test_a_heartbeat_that_cannot_be_written_stops_nothing(desk, clip, monkeypatch, quick):
    def full(*_: object) -> None:
        raise NotWritten("full")

    monkeypatch.setattr(FolderObjects, "put", full)
    request = desk.ask(clip, max_frames=2)
    desk.serve()
    assert desk.after(request).state == "done"


# The commands


def call(*words: str | Path | int) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_picture_asked_for_by_a_command_is_done_before_the_videos_asked_for_earlier(store, clip, tmp_path):
    picture = tmp_path / "named-like-a-video.mp4"
    cv2.imwrite(str(tmp_path / "written.png"), np.full((64, 64, 3), 90, np.uint8))
    (tmp_path / "written.png").rename(picture)
    for source in (clip, picture):
        call("ask", source, "--zoo", "tiny", "--size", "64", "--store", store.root)
    served = call("serve", "--until-idle", "--store", store.root)
    done = [line for line in served.stdout.splitlines() if "stored" in line]
    assert len(done) == 2 and "named-like-a-video" in done[0] and "stored, 1 frame computed" in done[0], served.output


def test_what_is_asked_is_listed_done_and_cancelled_by_commands(store, clip, tmp_path):
    at = ["--store", store.root]
    small = ["--zoo", "tiny", "--size", "64"]
    made = call("ask", clip, *small, *at)
    assert made.exit_code == 0 and "count.mp4: waiting" in made.stdout and "no worker is running" in made.stderr
    assert call("ask", clip, *small, *at).stdout == made.stdout
    other = call("ask", "phone", "--zoo", "tiny", "--max-frames", "1", *at).stdout.split()[0]
    (first, second) = json.loads(call("requests", "--json", *at).stdout)
    assert (first["state"], first["kind"], second["source"]) == ("waiting", "file", "phone")
    assert "cancelled" in call("cancel", other, *at).stdout
    done = call("serve", "--until-idle", "--device", "cpu", *at)
    assert done.exit_code == 0 and "10 tracks stored" in done.stdout, done.output
    listed = call("requests", *at)
    assert "done: 10 tracks, 6 frames computed" in listed.stdout and "cancelled" in listed.stdout
    assert "no worker" not in listed.stderr and call("requests", "--live", "--json", *at).stdout.strip() == "[]"
    assert "deleted" in call("cancel", other, "--delete", *at).stdout
    assert len(json.loads(call("requests", "--json", *at).stdout)) == 1


def test_a_failed_request_is_shown_with_its_next_step_and_exits_1(store, clip):
    broken = clip.with_name("broken.mp4")
    broken.write_bytes(b"no video" * 99)
    call("ask", broken, "--store", store.root)
    assert call("serve", "--until-idle", "--device", "cpu", "--store", store.root).exit_code == 1
    waited = call("ask", broken, "--store", store.root)
    assert waited.exit_code == 0 and "waiting" in waited.stdout, "what failed may be asked again"
    listed = " ".join(call("requests", "--store", store.root).stdout.split())
    assert "failed [bad_media]" in listed and "; " in listed and str(clip.parent) not in listed


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ask", "nothing.mp4"], "no such file"),
        (["ask", "phone", "--zoo", "../zoo"], "zoo list"),
        (["ask", "phone", "--start", "5", "--end", "1"], "end is 1"),
        (["ask", "phone", "--who", ""], "who is"),
        (["ask", "~nobody/x"], "no such file"),
        (["cancel", "abc"], "no request has"),
        (["serve", "--device", "cuda"], "use --device cpu"),
        (["ask", "phone", "--store", "/proc/none"], "cannot be written"),
        (["serve", "--store", "/proc/none"], "cannot be written"),
        (["cancel", "abc", "--store", "/proc/none"], "cannot be written"),
    ],
)
def test_wrong_usage_exits_with_2_and_one_line(words, expected, store, monkeypatch):
    monkeypatch.setenv("CROSSCHECK_STORE", str(store.root))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = call(*words)
    (line,) = [line for line in result.stderr.splitlines() if line]
    assert result.exit_code == 2 and expected in line and store.tracks() == []


def test_a_wrong_setting_of_limits_names_what_is_allowed(store, monkeypatch):
    monkeypatch.setenv("CROSSCHECK_REQUEST_LIMITS", "speed=3")
    result = call("serve", "--device", "cpu", "--store", store.root)
    assert result.exit_code == 2 and "waiting-in-all" in result.stderr


def test_an_empty_store_has_no_requests_and_says_how_to_make_one(tmp_path):
    result = call("requests", "--store", tmp_path / "none")
    assert result.exit_code == 0 and "precompute ask" in result.stdout and not (tmp_path / "none").exists()


SLOW_WORKER = """
import sys, time
from cache.requests.lease import Lease
from precompute.jobs.output import packs
packs.PACK_PIXELS = 4 * 64 * 64
tell = Lease.tell
def slowly(lease, progress):
    tell(lease, progress)
    time.sleep(0.1)
Lease.tell = slowly
from precompute.cli.app import app
app(prog_name="python -m precompute")
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_gives_the_request_back_after_the_pack_and_the_next_worker_resumes(desk, tmp_path, number, status):
    video = write_video(tmp_path / "long.mp4", 60)
    request = desk.ask(video)
    command = [sys.executable, "-c", SLOW_WORKER, "serve", "--device", "cpu", "--batch-size", "1", "--threads", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CROSSCHECK_STORE": str(desk.store.root)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: desk.after(request).progress.n_done >= 5, "frames of the request")
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == status and "Traceback" not in err and "given back" in out, out + err
    assert "stopping: " in err and desk.after(request).state == "waiting"
    assert desk.requests.workers() == []
    stored = min(track.n_frames for track in desk.store.tracks())
    assert 4 <= stored < 60 and stored % 4 == 0
    desk.serve()
    ended = desk.after(request).ended
    assert ended is not None and ended.result is not None and ended.result.n_frames_computed == 60 - stored


def test_a_request_that_names_no_configuration_is_refused(store):
    refused = call("ask", "phone", "--configurations", ",", "--store", store.root)
    assert refused.exit_code == 2 and "--configurations names none" in refused.stderr
    assert not list(Requests(store.root).all())
