"""`make demo` runs two processes, and none is left when it ends, however it ends."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis.shifts import parse_shifts
from consistency.zoo.read import load_zoo
from dashboard.configuration import PREFERRED_METHODS
from precompute.jobs.output.tracks import select_configurations
from tests.fixtures.children import is_running
from tests.fixtures.web.waits import PATIENCE_SECONDS, wait_until
from tools import demo

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = """
import sys
from tools.demo import run_together
own, folder = sys.argv[1:]
child = "import os, pathlib, signal, sys, time; " + own + "; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); "
wait = [sys.executable, "-c", child + "time.sleep(999)", folder + "/page"]
other = [sys.executable, "-c", child + "time.sleep(999)", folder + "/worker"]
sys.exit(run_together({"page": wait, "worker": other}))
"""
OBEYS = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))"
IGNORES = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


def started(folder: Path, own: str) -> tuple[subprocess.Popen[str], list[int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, own, str(folder)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    paths = [folder / "page", folder / "worker"]
    wait_until(lambda: all(path.exists() and path.read_text() for path in paths), "both processes")
    return process, [int(path.read_text()) for path in paths]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_ends_both(tmp_path, number):
    process, pids = started(tmp_path, OBEYS)
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0 and err == "" and not any(map(is_running, pids))


def test_a_second_ctrl_c_kills_what_does_not_end(tmp_path):
    process, pids = started(tmp_path, IGNORES)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None and all(map(is_running, pids)), "the worker may finish its pack"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0 and not any(map(is_running, pids))


def test_where_one_ends_the_other_is_ended_and_the_code_is_its_own(tmp_path):
    process, pids = started(tmp_path, OBEYS)
    os.kill(pids[0], signal.SIGKILL)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode != 0 and "page ended" in err and not any(map(is_running, pids))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not end children with their parent")
def test_what_is_killed_takes_both_along(tmp_path):
    process, pids = started(tmp_path, OBEYS)
    process.kill()
    process.communicate(timeout=PATIENCE_SECONDS)
    wait_until(lambda: not any(map(is_running, pids)), "the end of both")


LATER = """
import sys
from pathlib import Path
from tools.demo import Later, run_together
folder = Path(sys.argv[1])
note = "import os, pathlib, sys; (pathlib.Path(sys.argv[1]) / sys.argv[2]).write_text(str(os.nice(0))); "
def child(name, after): return [sys.executable, "-c", note + after, str(folder), name]
commands = {"page": child("page", "import time; time.sleep(999)")}
sys.exit(run_together(commands, Later("gallery", [child("gallery", sys.argv[2]), child("ladders", "pass")], (folder / "page").exists)))
"""


@pytest.mark.parametrize(("after", "says"), [("pass", ""), ("sys.exit(3)", "gallery ended with 3")])
def test_what_comes_later_starts_when_the_page_is_up_runs_niced_and_ends_nothing(tmp_path, after, says):
    process = subprocess.Popen(
        [sys.executable, "-c", LATER, str(tmp_path), after],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: (tmp_path / "gallery").exists() and (tmp_path / "gallery").read_text(), "the later command")
    assert int((tmp_path / "gallery").read_text()) == 19
    if says:
        assert process.stderr is not None
        assert says in process.stderr.readline()
    wait_until((tmp_path / "ladders").exists, "the command after it, whatever the first one said")
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0


def test_make_demo_starts_the_page_and_a_worker_and_the_procfile_names_one():
    plan = subprocess.run(["make", "--dry-run", "demo"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "tools.demo" in plan and "CROSSCHECK_REQUESTS" in plan
    first, page = plan.index("precompute run phone walkthrough"), plan.index("tools.demo")
    assert first < page and "multitask" not in plan  # the page does not wait for what it does not open with
    (words,) = [line for line in plan.splitlines() if "precompute run" in line]
    chosen = shlex.split(words)[-1].split(",")
    methods = {method for method, _ in select_configurations(load_zoo("mini"), chosen)}
    assert methods >= {*PREFERRED_METHODS, "merged"} and "multitask" not in methods
    assert set(demo.LATER) >= {"phone", "walkthrough", "gallery"}
    ladders = parse_shifts(demo.LADDERS[demo.LADDERS.index("--shift") + 1])
    assert [(one.kind.name, one.severity) for one in ladders if one] == [
        (kind, severity) for kind in ("jpeg", "blur") for severity in range(1, 6)
    ]
    (worker,) = [line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("worker: ")]
    assert worker == "worker: python -m precompute serve --no-files"
