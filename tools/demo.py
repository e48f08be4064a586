"""Runs the dashboard and a worker side by side until one of them ends, or until Ctrl-C: `make demo`.

python -m tools.demo --port 8501
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from precompute.signals import SIGNALS, end_with_parent

ROOT = Path(__file__).resolve().parent.parent
GRACE_SECONDS = 30.0
"""For the worker to finish its current pack; then it is killed, and its request is taken again later."""
LOOK_SECONDS = 0.1


def main(arguments: Sequence[str] | None = None) -> int:
    """0 after Ctrl-C or SIGTERM; the exit code of the process that ended by itself."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=8501, help="port of the dashboard (default: 8501)")
    options = parser.parse_args(arguments)
    page = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.port", str(options.port)]
    return run_together({"page": page, "worker": [sys.executable, "-m", "precompute", "serve"]})


def run_together(commands: dict[str, list[str]]) -> int:
    """Start the commands by their names, end the others when one ends, and leave none running."""
    stopped: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.append(number)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands.items():
            running[name] = _start(command)
        while not stopped:
            for name, process in running.items():
                if (status := process.poll()) is not None:
                    print(f"{name} ended with {status}; stopping the rest", file=sys.stderr, flush=True)
                    return status or 1
            time.sleep(LOOK_SECONDS)
        return 0
    finally:
        _end(list(running.values()), stopped)
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """A process in a group of its own: Ctrl-C reaches this one alone, which then ends them in order."""
    return subprocess.Popen(
        command,
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509 -- this process has one thread
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
