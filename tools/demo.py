"""Runs the dashboard and a worker side by side until one of them ends, or until Ctrl-C: `make demo`.

Once the page answers, the other methods of the bundled clips and the gallery are computed beside them at the lowest priority, then
the ladders of the Shift page.
Nothing waits for them, and what is computed already takes a second.

python -m tools.demo --port 8501
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from precompute.signals import SIGNALS, end_with_parent

ROOT = Path(__file__).resolve().parent.parent
GRACE_SECONDS = 30.0
"""For the worker to finish its current pack; then it is killed, and its request is taken again later."""
LOOK_SECONDS = 0.1
LEAST_PRIORITY = 19
LATER = ("phone", "walkthrough", "gallery")
"""Sources whose every configuration is computed once the page is up; `make demo` has computed the first ones before."""
LADDERS = ("walkthrough", "--fps", "5", "--shift", "jpeg@1..5,blur@1..5")
LADDERS += ("--configurations", ",".join(f"mini/*/rgb-{target}" for target in ("normal", "reshading", "depth")))
"""What the Shift page shows, computed after LATER."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 after Ctrl-C or SIGTERM; the exit code of the process that ended by itself."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=8501, help="port of the dashboard (default: 8501)")
    options = parser.parse_args(arguments)
    page = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.port", str(options.port)]
    all_words = (["serve"], ["run", *LATER], ["run", *LADDERS])
    worker, *rest = ([sys.executable, "-m", "precompute", *words] for words in all_words)
    later = Later("the background job", rest, lambda: answers(options.port))
    return run_together({"page": page, "worker": worker}, later)


@dataclass(frozen=True)
class Later:
    """Commands that run one after the other once something is ready, at the lowest priority and in silence. They may end when they
    like."""

    name: str
    commands: list[list[str]]
    is_ready: Callable[[], bool]


def answers(port: int) -> bool:
    """Whether the page on that port of this machine is up."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=LOOK_SECONDS):
            return True
    except OSError:
        return False


def run_together(commands: dict[str, list[str]], later: Later | None = None) -> int:
    """Start the commands by their names, end the others when one ends, and leave none running."""
    stopped: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.append(number)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    running: dict[str, subprocess.Popen[bytes]] = {}
    waiting: list[list[str]] = []
    background: tuple[list[str], subprocess.Popen[bytes]] | None = None
    name = later.name if later else ""
    try:
        for which, command in commands.items():
            running[which] = _start(command)
        while not stopped:
            if later and later.is_ready():
                waiting, later = list(later.commands), None
            if waiting and background is None:
                background = (waiting[0], _start(waiting.pop(0), is_quiet=True))
            if background and (status := background[1].poll()) is not None:
                if status:
                    again = f"run `{' '.join(['python', *background[0][1:]])}` to see why"
                    print(f"{name} ended with {status}; {again}", file=sys.stderr, flush=True)
                background = None
            for which, process in running.items():
                if (status := process.poll()) is not None:
                    print(f"{which} ended with {status}; stopping the rest", file=sys.stderr, flush=True)
                    return status or 1
            time.sleep(LOOK_SECONDS)
        return 0
    finally:
        _end([*running.values(), *([background[1]] if background else [])], stopped)
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(command: Sequence[str], *, is_quiet: bool = False) -> subprocess.Popen[bytes]:
    """A process in a group of its own: Ctrl-C reaches this one alone, which then ends them in order."""

    def prepare() -> None:
        end_with_parent()
        if is_quiet:
            os.nice(LEAST_PRIORITY)

    output = subprocess.DEVNULL if is_quiet else None
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=prepare,  # noqa: PLW1509 -- this process has one thread
    )


def _end(processes: list[subprocess.Popen[bytes]], stopped: list[int]) -> None:
    """Ask the processes to end; kill those that have not after GRACE_SECONDS, or after another Ctrl-C."""
    for process in processes:
        _signal(process, signal.SIGTERM)
    deadline, n_signals = time.monotonic() + GRACE_SECONDS, len(stopped)
    while any(process.poll() is None for process in processes):
        if time.monotonic() > deadline or len(stopped) > n_signals:
            break
        time.sleep(LOOK_SECONDS)
    for process in processes:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    """To the process's whole group, as long as the process has not been waited for."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)


if __name__ == "__main__":
    sys.exit(main())
