"""Starts children that are like those of `sandbox`, but soon: a server imports their module once, and forks for each of them.

A fork takes milliseconds where a new interpreter with its imports takes a third of a second of processor time. The server itself
reads nothing but its socket, so each child begins as fresh as a new process. Linux only: elsewhere libraries do not survive a fork.

The server is `python -P -m precompute.fork_server MODULE SOCKET`. For each child it receives four descriptors: the child's pipes of
requests and messages, its standard error, and a socket of its own. There the server sends the child's number; a byte, or the end of
that socket, lets it kill the child's group, after which it sends how the child ended. Until then the child stays unreaped, so its
number is its own.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Lock
from typing import IO

from precompute.sandbox import Running, environment

ANSWER_SECONDS = 10.0
"""Longest wait for the number of a new child; the server may still be importing. Afterwards the server counts as hung."""
END_SECONDS = 1.0
"""Longest wait for the exit status of a killed child."""
IS_POSSIBLE = sys.platform == "linux" and hasattr(os, "pidfd_open")

log = logging.getLogger(__name__)


# --- the client's end ---


class ForkServer:
    """The server of a module, started when it is first needed, and again where it has died. For many threads."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """Let it import now what it will need. Raises OSError if it cannot start."""
        with self._lock:
            self._started()

    def launch(self, requests: int, messages: int, stderr: IO[bytes] | int) -> Running:
        """A new child with those pipes. Raises OSError, also if the server has died or hangs; the next call then starts another."""
        with ExitStack() as stack, self._lock:
            ours, theirs = socket.socketpair()
            stack.callback(theirs.close)
            stack.callback(ours.close)
            ours.settimeout(ANSWER_SECONDS)
            error = stack.enter_context(Path(os.devnull).open("wb")) if isinstance(stderr, int) else stderr
            try:
                descriptors = [requests, messages, error.fileno(), theirs.fileno()]
                socket.send_fds(self._started(), [b"n"], descriptors)
                theirs.close()
                pid = int(ours.recvfrom(32)[0] or b"0")
                if not pid:
                    raise ChildProcessError(f"the server of {self._module} has ended")
                child = _Forked(pid, ours)
            except OSError:
                self._end()
                raise
            stack.pop_all()
            return child

    def end(self) -> None:
        """End it and its children."""
        with self._lock:
            self._end()

    def _started(self) -> socket.socket:
        if self._socket is None or self._process is None or self._process.poll() is not None:
            self._end()
            ours, theirs = socket.socketpair()
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "precompute.fork_server", self._module, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=environment(),
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,  # Ctrl-C reaches the job alone, which may finish its pack first
                )
            except BaseException:
                ours.close()
                raise
            finally:
                theirs.close()
            self._socket = ours
            log.debug("started the server of %s, process %d", self._module, self._process.pid)
        return self._socket

    def _end(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
        self._socket = self._process = None


class _Forked:
    """A child of the server."""

    def __init__(self, pid: int, control: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._control = control
        self._descriptor = os.pidfd_open(pid)

    def has_ended(self) -> bool:
        if self.returncode is not None:
            return True
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def kill(self) -> None:
        """Kill it and its group, also where the server has died."""
        if self.returncode is not None:
            return
        was_running = not self.has_ended()
        with suppress(OSError):
            self._control.settimeout(END_SECONDS)
            self._control.send(b"k")
            if answer := self._control.recvfrom(32)[0]:
                self.returncode = int(answer)
        with suppress(OSError):  # it has ended
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        if self.returncode is None:  # nobody knows; the server has died
            self.returncode = -signal.SIGKILL if was_running else 1
        self._control.close()
        os.close(self._descriptor)


# --- the server's end ---


def main(arguments: list[str]) -> None:
    """Serve until the client ends, then end all children."""
    work: Callable[[list[str]], None] = importlib.import_module(arguments[0]).main
    client = socket.socket(fileno=int(arguments[1]))
    gc.freeze()
    poll = select.poll()
    poll.register(client, select.POLLIN)
    children: dict[int, tuple[socket.socket, int]] = {}
    while True:
        for descriptor, _ in poll.poll():
            if descriptor in children:
                poll.unregister(descriptor)
                _finish(*children.pop(descriptor))
                continue
            data, given, _, _ = socket.recv_fds(client, 1, 4)
            if not data:
                for control, pid in children.values():
                    _finish(control, pid)
                return
            requests, messages, stderr, own = given
            control = socket.socket(fileno=own)
            pid = os.fork()
            if not pid:
                client.close()
                for other, _ in children.values():
                    other.close()
                control.close()
                _be_child(work, requests, messages, stderr)
            with suppress(OSError):
                os.setpgid(pid, pid)
            for one in (requests, messages, stderr):
                os.close(one)
            children[own] = control, pid
            poll.register(own, select.POLLIN)
            with suppress(OSError):
                control.send(str(pid).encode())


def _be_child(work: Callable[[list[str]], None], requests: int, messages: int, stderr: int) -> None:
    """Never returns."""
    status = 1
    try:
        os.setpgid(0, 0)
        os.dup2(stderr, 2)
        os.close(stderr)
        work([str(requests), str(messages)])
        status = 0
    except BaseException as error:  # as an interpreter of its own would do
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        os._exit(status)


def _finish(control: socket.socket, pid: int) -> None:
    """Kill the child's group, reap the child, and send how it ended: as `Popen.returncode`."""
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(OSError):
        control.send(str(status).encode())
    control.close()


if __name__ == "__main__":
    main(sys.argv[1:])
