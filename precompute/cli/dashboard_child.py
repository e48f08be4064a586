"""The dashboard as a child process of `compare`: started on a free port, and ended with the command."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from cache.store import STORE_VARIABLE
from precompute.signals import end_with_parent

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "dashboard" / "app.py"
START_SECONDS = 120.0
"""Longest wait for the first answer: a busy machine takes half a minute to import everything."""
END_SECONDS = 10.0
"""Time to end by itself before it is killed."""
POLL_SECONDS = 0.1
ANSWER_SECONDS = 5.0
"""Longest wait for one answer."""


class NoDashboard(Exception):
    """It cannot be started; the message says why and what to do."""


class DashboardChild:
    """A running dashboard; leaving the context ends it. It answers this machine alone."""

    def __init__(self, store: str, port: int | None) -> None:
        """`store`: as `--store` takes it. `port`: None for Streamlit's usual one if it is free, else any free one. Raises NoDashboard and OSError."""
        if importlib.util.find_spec("streamlit") is None:
            raise NoDashboard("streamlit is not installed; install it with: pip install -r requirements/web.txt")
        if not APP.is_file():
            raise NoDashboard(f"{APP} is missing; run this from a copy of the whole project")
        self.port = free_port(port)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (`end` closes it)
        self._is_ending = threading.Event()
        command = [sys.executable, "-m", "streamlit", "run", str(APP), "--server.port", str(self.port)]
        command += ["--server.address", "localhost", "--server.headless", "true"]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,  # where .streamlit/config.toml is
            env=os.environ | {STORE_VARIABLE: store if "://" in store else str(Path(store).absolute())},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            # A group of its own: Ctrl-C reaches the command alone, which may finish its pack first.
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 -- it is one system call
        )

    def __enter__(self) -> DashboardChild:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def wait_until_it_answers(self) -> bool:
        """Whether it does; False once it is being ended. Raises NoDashboard if it ends by itself, or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ending.is_set():
            if self._answers():
                return not self._is_ending.is_set()
            if self._process.poll() is not None or time.monotonic() > deadline:
                if self._is_ending.is_set():  # set before it is ended
                    break
                raise NoDashboard(f"the dashboard did not start: {self._last_line()}")
            self._is_ending.wait(POLL_SECONDS)
        return False

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def ask_to_end(self) -> None:
        """Let whoever waits for its first answer stop; nothing is said of it any more."""
        self._is_ending.set()

    def end(self) -> None:
        """End it and what it started."""
        self.ask_to_end()
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()

    def _answers(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # this machine: never through a proxy
        try:
            with opener.open(f"http://localhost:{self.port}/_stcore/health", timeout=ANSWER_SECONDS) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def _last_line(self) -> str:
        self._log.seek(0)
        return (self._log.read().decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]


def free_port(wanted: int | None, usual: int = 8501) -> int:
    """The wanted port, else the usual one if it is free, else any that is. Raises NoDashboard."""
    for port in [wanted] if wanted is not None else [usual, 0]:
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]
    raise NoDashboard(f"port {wanted} is in use; pass another --port, or none")
