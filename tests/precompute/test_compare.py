"""`compare` as a user calls it: a clip is computed, its page is served meanwhile, and Ctrl-C leaves nothing running."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cache.store import Store
from precompute.cli.app import app
from precompute.cli.compare import PageOpener
from precompute.cli.dashboard_child import DashboardChild, NoDashboard, free_port
from precompute.jobs.events import Computing, Planned
from precompute.jobs.job import Settings
from precompute.signals import stop_on_signals
from tests.fixtures.children import is_running
from tests.fixtures.media import write_video
from tests.fixtures.web.serving import free_port as a_port
from tests.fixtures.web.waits import PATIENCE_SECONDS, wait_until
from tests.fixtures.zoos import write_zoo

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_zoo(tmp_path_factory.mktemp("zoo"), targets=("normal",))


@contextmanager
def comparing(folder: Path, zoo: Path, source: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The running command, and the file that its output goes to."""
    words = ["compare", str(source), "--store", str(folder / "store"), "--zoo", str(zoo), "--size", "64"]
    command = [sys.executable, "-m", "precompute", *words, "--device", "cpu", "--no-browser", *options]
    log = folder / "log.txt"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield process, log
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def started_by(pid: int) -> list[int]:
    """The processes that it started, and those that they started."""
    found = [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]
    return [*found, *(below for one in found for below in started_by(one))]


def page_link(log: Path, process: subprocess.Popen[bytes]) -> str:
    wait_until(lambda: process.poll() is not None or "page: http" in log.read_text(), "the link to the page")
    (link,) = re.findall(r"page: (http\S+)", log.read_text())
    return link


def test_a_clip_is_computed_and_served_until_ctrl_c_and_then_opens_at_once(tmp_path, zoo):
    clip = write_video(tmp_path / "clip.mp4", 4)
    for times in (1, 2):
        with comparing(tmp_path, zoo, clip) as (process, log):
            link = page_link(log, process)
            wait_until(lambda: "press Ctrl-C" in log.read_text(), "the end of the job")
            (key,) = {track.head.clip.key for track in Store(tmp_path / "store", read_only=True).tracks()}
            assert link.endswith(f"/?clip={key[:12]}")
            with urllib.request.urlopen(link, timeout=PATIENCE_SECONDS) as answer:
                assert answer.status == 200
            own = started_by(process.pid)
            assert own
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_SECONDS) == 0, log.read_text()
            wait_until(lambda: not any(map(is_running, own)), "the end of what it started")  # noqa: B023
            assert ("4 frames computed" if times == 1 else "0 frames computed") in log.read_text()


def test_a_source_that_fails_is_said_before_any_page(tmp_path, zoo):
    (tmp_path / "letter.mp4").write_text("not a video, whatever its name")
    with comparing(tmp_path, zoo, tmp_path / "letter.mp4") as (process, log):
        assert process.wait(PATIENCE_SECONDS) == 1
        assert "error[bad_media]" in log.read_text() and "page:" not in log.read_text()


def test_ctrl_c_before_the_end_stops_job_and_page_with_code_130(tmp_path, zoo):
    clip = write_video(tmp_path / "clip.mp4", 600)
    with comparing(tmp_path, zoo, clip, "--batch-size", "1") as (process, log):
        page_link(log, process)
        own = started_by(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) in (0, 130), log.read_text()
        if "600 frames computed" not in log.read_text():
            assert process.returncode == 130 and "run the same command again to resume" in log.read_text()
        wait_until(lambda: not any(map(is_running, own)), "the end of what it started")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not end children with their parent")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_no_page_is_left_when_the_terminal_closes_or_the_command_is_killed(number, tmp_path, zoo):
    clip = write_video(tmp_path / "clip.mp4", 4)
    with comparing(tmp_path, zoo, clip) as (process, log):
        page_link(log, process)
        wait_until(lambda: "press Ctrl-C" in log.read_text(), "the end of the job")
        own = started_by(process.pid)
        assert own
        process.send_signal(number)
        process.wait(PATIENCE_SECONDS)
        wait_until(lambda: not any(map(is_running, own)), "the end of what it started")


def test_a_job_under_nohup_outlives_its_terminal():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals(lambda: None):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_page_that_is_ended_while_it_starts_says_nothing(tmp_path, monkeypatch, capfd):
    asked = threading.Event()

    def answers(_: DashboardChild) -> bool:
        asked.set()
        return False

    monkeypatch.setattr(DashboardChild, "_answers", answers)
    failed: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    with ExitStack() as stack:
        page = PageOpener(str(tmp_path), None, wants_browser=False, stack=stack)
        page.emit(Planned("clip", "c" * 64, 4, 1, 1, 0.0, "cpu", "float32", ""))
        page.emit(Computing(1, 0, 4))
        assert asked.wait(PATIENCE_SECONDS)
        opening = page._opening
    assert opening is not None and not opening.is_alive() and not page.failure and not failed
    assert "page" not in "".join(capfd.readouterr())


def test_the_limit_that_a_failure_names_can_be_raised(tmp_path, monkeypatch):
    given: list[object] = []
    monkeypatch.setattr("precompute.jobs.job.run_job", lambda _, sources, settings, **more: given.append(settings))
    monkeypatch.setattr(PageOpener, "stay", lambda page: None)
    words = ["compare", "https://example.org/long.mp4", "--store", str(tmp_path / "store"), "--max-duration", "7200"]
    CliRunner().invoke(app, words)
    (settings,) = given
    assert isinstance(settings, Settings) and settings.limits.max_seconds == 7200


def test_a_port_in_use_is_refused_if_it_was_asked_for_and_avoided_if_not():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(NoDashboard, match=f"port {port} is in use"):
            free_port(port)
        assert free_port(None, usual=port) != port
    assert free_port(wanted := a_port()) == wanted
