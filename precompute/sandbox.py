"""Runs a module on untrusted input in a child process: under limits, watched, and ended in any case.

A child is `python -P -m MODULE READ WRITE`. READ is a pipe of requests, one line of JSON each; WRITE is a pipe of messages:
4 bytes of length, that many bytes of JSON, then the bytes of an array if the message announces one. A failure travels as
the fields of a `SourceError`.
"""

from __future__ import annotations

import json
import logging
import math
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event
from typing import IO, Any, Protocol

from precompute.failures import SourceError

KILL_SECONDS = 1.0
"""Seconds to wait for a killed child: one that hangs in a dead network drive ends only when the drive answers."""

EXIT_SECONDS = 5.0
"""Seconds to wait for the exit status of a child whose messages have ended."""

EXIT_CHECK_SECONDS = 0.01
"""Seconds between two checks of whether it has ended."""

STOP_SECONDS = 0.1
"""Seconds between two checks of `stopped` while the child sends nothing."""

PIPE_BYTES = 1 << 20
"""Requested size of the pipe of messages: five 256 x 256 frames, so that neither side waits for each frame."""

MAX_MESSAGE_BYTES = 1 << 20
"""Longest JSON message that the parent accepts; arrays are not part of it."""

LENGTH_BYTES = 4
"""Size of the length before each message, big-endian."""

log = logging.getLogger(__name__)


class Silent(Exception):
    """The child has sent nothing for longer than it may."""


class Ended(Exception):
    """The child ended early, or sent bytes that are not a message."""


# --- the parent's end ---


class Running(Protocol):
    """A process that leads a group."""

    pid: int

    @property
    def returncode(self) -> int | None:
        """How it ended, negative for a signal; None until it was killed, or its end was awaited."""
        ...

    def has_ended(self) -> bool:
        """Whether it is no longer running."""
        ...

    def kill(self) -> None:
        """Kill it and what it started."""
        ...


class Launch(Protocol):
    """Starts a child with its two pipes. Raises OSError if it cannot start."""

    def __call__(self, requests: int, messages: int, stderr: IO[bytes] | int) -> Running: ...


class Child:
    """A running child; leaving the context ends it and every process that it started. Raises OSError if it cannot start."""

    def __init__(
        self,
        module: str,
        *,
        silence_seconds: float,
        stderr: IO[bytes] | int = subprocess.DEVNULL,
        pass_fds: Sequence[int] = (),
        launch: Launch | None = None,
    ) -> None:
        """`launch`: what starts it in place of a new interpreter; it must not need `pass_fds`."""
        self.silence_seconds = silence_seconds
        """Longest wait for one message."""
        with ExitStack() as ours, ExitStack() as theirs:
            requests, write_requests = os.pipe()
            theirs.callback(os.close, requests)
            self._requests = ours.enter_context(os.fdopen(write_requests, "wb", 0))
            read_messages, messages = os.pipe()
            theirs.callback(os.close, messages)
            self._messages = ours.enter_context(os.fdopen(read_messages, "rb", 0))
            _enlarge(messages)
            self._process: Running = (
                launch(requests, messages, stderr)
                if launch
                else _Interpreter(start(command(module, requests, messages), stderr, [requests, messages, *pass_fds]))
            )
            self._pipes = ours.pop_all()
        self._name = f"{module}, process {self._process.pid}"
        log.debug("started %s", self._name)
        self._poll = select.poll()
        self._poll.register(self._messages, select.POLLIN)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def ask(self, request: Mapping[str, Any]) -> None:
        """Send a request."""
        with suppress(BrokenPipeError):  # it has ended: `receive` reports that
            self._requests.write(json.dumps(request).encode() + b"\n")

    def receive(self, stopped: Event | None = None) -> dict[str, Any] | None:
        """The next message; None once `stopped` is set. Raises the SourceError that the child sends, Silent and Ended."""
        length = self._read(LENGTH_BYTES, stopped)
        if length is None:
            return None
        n_bytes = int.from_bytes(length, "big")
        if n_bytes > MAX_MESSAGE_BYTES:
            raise Ended
        try:
            message = dict(json.loads(self._read(n_bytes) or b""))
            failure = SourceError(**message.pop("failure")) if "failure" in message else None
        except (ValueError, TypeError, RecursionError):
            raise Ended from None
        if failure is not None:
            raise failure
        return message

    def receive_into(self, buffer: memoryview) -> None:
        """Fill a flat buffer with the array that follows a message. Raises Silent and Ended."""
        self._fill(buffer, None)

    def has_ended(self) -> bool:
        """Whether it is no longer running."""
        return self._process.has_ended()

    def exit_status(self) -> int | None:
        """How an ended child ended, negative for a signal; None if it is still running. Kills what an ended one started."""
        deadline = time.monotonic() + EXIT_SECONDS
        while not self._process.has_ended():
            if time.monotonic() > deadline:
                return None
            time.sleep(EXIT_CHECK_SECONDS)
        self.end()
        return self._process.returncode

    def end(self) -> None:
        """Kill the child and what it started."""
        self._process.kill()
        log.debug("ended %s: status %s", self._name, self._process.returncode)
        self._pipes.close()

    def _read(self, n_bytes: int, stopped: Event | None = None) -> bytes | None:
        data = bytearray(n_bytes)
        return bytes(data) if self._fill(memoryview(data), stopped) else None

    def _fill(self, buffer: memoryview, stopped: Event | None) -> bool:
        """Whether the buffer was filled before `stopped` was set."""
        deadline = time.monotonic() + self.silence_seconds
        while buffer:
            if stopped is not None and stopped.is_set():
                return False
            if time.monotonic() > deadline:
                raise Silent
            if not self._poll.poll(STOP_SECONDS * 1000):
                continue
            n_bytes = self._messages.readinto(buffer)
            if not n_bytes:
                raise Ended
            buffer = buffer[n_bytes:]
        return True


class _Interpreter:
    """A child in an interpreter of its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process, self.pid = process, process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    def has_ended(self) -> bool:
        return _has_ended(self._process)

    def kill(self) -> None:
        if self._process.returncode is None:  # then the number is still its own
            with suppress(ProcessLookupError, PermissionError):  # macOS refuses if only the ended child is left
                os.killpg(self.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=KILL_SECONDS)


def command(module: str, requests: int, messages: int) -> list[str]:
    return [sys.executable, "-P", "-m", module, str(requests), str(messages)]


def start(command: Sequence[str], stderr: IO[bytes] | int, pass_fds: Sequence[int]) -> subprocess.Popen[bytes]:
    """A process that shares nothing with this one but the pipes."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        env=environment(),
        pass_fds=pass_fds,
        # The leader of a group, to be ended with all that it started. Ctrl-C reaches the parent alone, which may finish
        # its pack first.
        start_new_session=True,
    )


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    if sys.platform != "linux":  # macOS has no waitid before Python 3.13
        return process.poll() is not None
    # Not reaped before `end` has killed its group: until then the group's number is its own.
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return process.returncode is not None or os.waitid(os.P_PID, process.pid, flags) is not None


def environment() -> dict[str, str]:
    """The environment variables of a child."""
    root = str(Path(__file__).parents[1])
    python_path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    # Each malloc arena and each BLAS thread reserves address space, which the memory limits count.
    return os.environ | {"PYTHONPATH": python_path, "MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1"}


def _enlarge(pipe: int) -> None:
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # over the user's limit for pipes: slower, not wrong
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


# --- the child's end ---


class Parent:
    """Where a child's requests come from and its messages go; `arguments` are those of its command line."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._requests = os.fdopen(int(arguments[0]), "rb")
        self._messages = os.fdopen(int(arguments[1]), "wb")

    def requests(self) -> Iterator[dict[str, Any]]:
        """The requests as they come, until the parent ends."""
        for line in self._requests:
            yield json.loads(line)

    def send(self, message: Mapping[str, Any], array: memoryview | bytes = b"") -> None:
        """A message, with the bytes of an array that it announces; ends this process if the parent no longer listens."""
        data = json.dumps(message).encode()
        try:
            self._messages.write(len(data).to_bytes(LENGTH_BYTES, "big") + data)
            self._messages.write(array)
            self._messages.flush()
        except BrokenPipeError:
            os._exit(1)

    def fail(self, error: SourceError) -> None:
        """Report a failure, which the parent's `receive` raises."""
        self.send({"failure": error.fields()})


def limit(limits: Mapping[int, int], *, is_final: bool = True) -> None:
    """Let the kernel limit this process: `resource.RLIMIT_*` -> most bytes. It writes no core dumps either.

    Final limits can never be raised again. RLIMIT_AS is set on Linux only: macOS does not enforce it.
    """
    for which, value in ({resource.RLIMIT_CORE: 0} | dict(limits)).items():
        if which != resource.RLIMIT_AS or sys.platform == "linux":
            hard = resource.getrlimit(which)[1]
            allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(which, (allowed, allowed if is_final else hard))


def limit_cpu(seconds: int) -> None:
    """Let the kernel end this process (SIGXCPU) after this many more processor seconds; each call starts the count again."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit({resource.RLIMIT_CPU: math.ceil(usage.ru_utime + usage.ru_stime) + seconds}, is_final=False)
