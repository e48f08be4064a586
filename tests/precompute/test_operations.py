"""What those who run a worker see of it: health, counters, and a log that programs read."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import pytest
import torch
from typer.testing import CliRunner

from cache.requests.queue import LEASE_SECONDS, Requests
from cache.store import Store
from precompute.cli.app import app
from precompute.serving.endpoint import place_of
from precompute.serving.health import health_of
from precompute.serving.metrics import Metrics
from precompute.signals import Stop
from tests.fixtures.media import write_video
from tests.fixtures.web.waits import PATIENCE_SECONDS, wait_until
from tests.fixtures.zoos import write_zoo
from tests.precompute.test_serving import N_FRAMES, ROOT, SLOW_WORKER, Desk

LONG_PACKS = SLOW_WORKER.replace("4 * 64 * 64", "30 * 64 * 64")
"""A worker that is busy for seconds between two packs."""


@pytest.fixture(scope="module", autouse=True)
def tiny_zoo(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("zoos")
    (folder / "tiny").mkdir()
    write_zoo(folder / "tiny", targets=("normal",))
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSCHECK_ZOOS", str(folder))
        yield
    torch.set_num_threads(n_threads)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(Store(tmp_path / "store"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "count.mp4", N_FRAMES)


def get(address: str) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def counted(text: str) -> dict[str, float]:
    """Series by name and labels."""
    lines = (line.rpartition(" ") for line in text.splitlines() if line.startswith("crosscheck_"))
    return {name: float(value) for name, _, value in lines}


def test_a_worker_that_is_told_to_end_says_that_it_is_draining_and_leaves_its_request_to_others(desk, tmp_path):
    request = desk.ask(write_video(tmp_path / "long.mp4", 60))
    words = [
        "serve",
        "--device",
        "cpu",
        "--batch-size",
        "1",
        "--threads",
        "1",
        "--metrics",
        "0",
        "--log-format",
        "json",
    ]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
        "CROSSCHECK_STORE": str(desk.store.root),
    }
    log = tmp_path / "log"

    def records() -> list[dict]:
        return [json.loads(line) for line in log.read_text().splitlines()]

    with (
        log.open("w") as err,
        subprocess.Popen(
            [sys.executable, "-c", LONG_PACKS, *words], env=environment, stdout=subprocess.PIPE, stderr=err
        ) as process,
    ):
        wait_until(lambda: desk.after(request).progress.n_done >= 3, "frames of the request")
        (address,) = (record["address"] for record in records() if "address" in record)
        status, text = get(f"{address}/healthz")
        assert status == 200 and json.loads(text)["status"] == "ok" and json.loads(text)["doing"] == request.id
        series = counted(get(f"{address}/metrics")[1])
        assert series["crosscheck_frames_computed_total"] >= 3 and series["crosscheck_draining"] == 0
        assert series['crosscheck_requests{state="running"}'] == 1
        assert get(f"{address}/other")[0] == 404

        process.send_signal(signal.SIGTERM)
        wait_until(lambda: get(f"{address}/healthz")[0] == 503, "the end to begin")
        status, text = get(f"{address}/healthz")
        assert json.loads(text)["status"] == "draining", text
        assert process.wait(PATIENCE_SECONDS) == 0
    assert desk.after(request).state == "waiting" and desk.requests.workers() == []
    ended = [record for record in records() if record.get("outcome")]
    assert [(record["outcome"], record["request"], record["level"]) for record in ended] == [
        ("given_back", request.id, "info")
    ]


def test_what_a_worker_did_is_counted_once(desk, clip):
    worker = desk.worker()
    worker.tally = metrics = Metrics(desk.store, worker.health)
    assert counted(metrics.text().decode())['crosscheck_requests_ended_total{outcome="done"}'] == 0
    desk.ask(clip)
    desk.ask(clip.with_name("none.mp4"))
    worker.serve(Stop(), until_idle=True)
    first = counted(metrics.text().decode())
    assert first['crosscheck_requests_ended_total{outcome="done"}'] == 1
    assert first['crosscheck_requests_ended_total{outcome="failed"}'] == 1
    assert first['crosscheck_failures_total{code="not_found"}'] == 1
    assert first["crosscheck_frames_computed_total"] == N_FRAMES
    assert first["crosscheck_stored_bytes_total"] == sum(track.bytes for track in desk.store.tracks())
    assert first["crosscheck_request_seconds_count"] == 1

    desk.ask(clip, who="bob")
    waiting = counted(metrics.text().decode())
    assert waiting['crosscheck_requests{state="waiting"}'] == 1 and waiting["crosscheck_oldest_waiting_seconds"] >= 0
    worker.serve(Stop(), until_idle=True)
    again = counted(metrics.text().decode())
    assert again['crosscheck_requests_ended_total{outcome="done"}'] == 2
    assert again['crosscheck_requests{state="waiting"}'] == 0
    for name in ("crosscheck_frames_computed_total", "crosscheck_stored_bytes_total"):
        assert again[name] == first[name], "what is stored is not computed again"


def test_two_scrapes_at_once_read_the_queue_one_after_the_other(desk, monkeypatch):
    def together(self, *, with_dropped):
        with suppress(BrokenBarrierError):
            both.wait(timeout=0.3)
            overlapped.append(True)
        return before(self, with_dropped=with_dropped)

    before, both, overlapped = Requests.all, Barrier(2), []
    monkeypatch.setattr(Requests, "all", together)
    metrics = Metrics(desk.store, desk.worker().health)
    with ThreadPoolExecutor(2) as scrapes:
        texts = list(scrapes.map(lambda _: metrics.text().decode(), range(2)))
    assert all(counted(text)['crosscheck_requests{state="waiting"}'] == 0 for text in texts)
    assert not overlapped


def test_a_worker_whose_heartbeat_is_as_old_as_others_wait_for_it_is_stalled():
    def status(age: float, *, is_draining: bool = False) -> str:
        return health_of(is_draining=is_draining, doing="", heartbeat_age_seconds=age).status

    assert status(0.0) == status(LEASE_SECONDS - 1) == "ok" and status(LEASE_SECONDS) == "stalled"
    assert status(LEASE_SECONDS, is_draining=True) == "draining"


def test_a_port_alone_is_open_to_this_machine_alone():
    assert place_of("9464") == ("127.0.0.1", 9464)
    assert place_of("0.0.0.0:9464") == ("0.0.0.0", 9464)
    assert place_of("[::1]:9464") == ("::1", 9464)
    for wrong in ("", "here", "9464:", ":9464", "1.2.3.4", "host:70000", "::1:9464", "a/b:1", "0x1:1 "):
        with pytest.raises(ValueError, match="ADDRESS"):
            place_of(wrong)


def test_a_port_that_is_taken_is_wrong_usage(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = ["serve", "--until-idle", "--metrics", str(taken.getsockname()[1]), "--store", str(tmp_path)]
        result = CliRunner().invoke(app, words)
    assert result.exit_code == 2 and "give another port" in result.stderr, result.stderr


def test_a_run_logs_as_json_what_it_plans_stores_and_fails_at(clip, tmp_path):
    missing = str(tmp_path / "none.mp4")
    words = ["run", str(clip), missing, "--zoo", "tiny", "--size", "64", "--store", str(tmp_path / "store")]
    result = CliRunner().invoke(app, [*words, "--log-format", "json"])
    assert result.exit_code == 1 and result.stdout == "", result.output
    records = [json.loads(line) for line in result.stderr.splitlines()]
    assert all({"time", "level", "logger", "message"} <= record.keys() for record in records)
    by_message = {record["message"]: record for record in records}
    assert by_message["planned"]["n_frames"] == by_message["stored"]["n_frames_computed"] == N_FRAMES
    (failed,) = [record for record in records if record["level"] == "error"]
    assert failed["code"] == "not_found" and failed["source"] == missing and failed["next_step"]
    assert by_message["run ended"]["n_failed"] == 1
