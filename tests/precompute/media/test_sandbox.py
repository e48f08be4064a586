"""A guarded child is limited, watched, and ended in any case, whatever it sends."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from threading import Event, Timer

import pytest

from precompute import sandbox
from precompute.failures import SourceError
from precompute.sandbox import Child, Ended, Silent
from tests.fixtures.children import ANSWER, child_that_runs, children, is_running
from tests.fixtures.web.waits import PATIENCE_SECONDS, wait_until

ECHO = ANSWER + "for request in parent.requests():\n    parent.send(request, bytes(range(request['n_bytes'])))"


def child_of(monkeypatch: pytest.MonkeyPatch, program: str, silence_seconds: float = PATIENCE_SECONDS) -> Child:
    child_that_runs(monkeypatch, program)
    return Child("none", silence_seconds=silence_seconds)


def with_length(message: bytes) -> bytes:
    return len(message).to_bytes(4, "big") + message


def test_requests_are_answered_in_order_with_their_arrays(monkeypatch) -> None:
    with child_of(monkeypatch, ECHO) as child:
        for n_bytes in (0, 3, 200):
            child.ask({"n_bytes": n_bytes, "text": "two\nlines"})
            assert child.receive() == {"n_bytes": n_bytes, "text": "two\nlines"}
            array = bytearray(n_bytes)
            child.receive_into(memoryview(array))
            assert array == bytes(range(n_bytes))


def test_a_failure_of_the_child_is_raised_with_its_fields(monkeypatch) -> None:
    program = ANSWER + "from precompute.failures import SourceError\nparent.fail(SourceError('live', 'a; b', 'c; d'))"
    with child_of(monkeypatch, program) as child, pytest.raises(SourceError) as caught:
        child.receive()
    assert (caught.value.code, caught.value.found, caught.value.next_step) == ("live", "a; b", "c; d")


@pytest.mark.parametrize(
    "message",
    [
        b"garbage",
        with_length(b"{]"),
        with_length(b"[1"),
        with_length(b'{"failure": {"code": "unknown", "found": "x"}}'),
        with_length(b'{"failure": [1]}'),
        b"\xff\xff\xff\xff" + b"x" * 50_000,
        b"",
    ],
)
def test_what_is_not_a_message_counts_as_an_early_end(message: bytes, monkeypatch) -> None:
    program = (
        f"import os, sys, time\nos.write(int(sys.argv[2]), {message!r})\nif len({message!r}) > 999: time.sleep(60)"
    )
    with child_of(monkeypatch, program) as child, pytest.raises(Ended):
        child.receive()


@pytest.mark.parametrize("sent", [b"", b"\0\0", b"\0\0\0\x09{"], ids=["nothing", "half a length", "half a message"])
def test_a_silent_child_is_noticed_also_in_the_middle_of_a_message(sent: bytes, monkeypatch) -> None:
    program = f"import os, sys, time\nos.write(int(sys.argv[2]), {sent!r})\ntime.sleep(60)"
    with child_of(monkeypatch, program, silence_seconds=0.5) as child, pytest.raises(Silent):
        child.receive()


def test_a_stop_ends_the_wait_for_a_message(monkeypatch) -> None:
    stopped = Event()
    Timer(0.2, stopped.set).start()
    with child_of(monkeypatch, "import time; time.sleep(3600)") as child:
        assert child.receive(stopped) is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_child_ends_with_all_that_it_started_and_leaves_no_handle(monkeypatch) -> None:
    n_children, n_handles = len(children()), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    program = (
        ANSWER + "import subprocess, time\nparent.send({'pid': subprocess.Popen(['sleep', '60']).pid})\ntime.sleep(60)"
    )
    with child_of(monkeypatch, program) as child:
        message = child.receive()
        assert message is not None and is_running(message["pid"])
    wait_until(lambda: not is_running(message["pid"]), "the end of what the child started")
    assert (len(children()), len(os.listdir("/proc/self/fd"))) == (n_children, n_handles)  # noqa: PTH208


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_a_child_started_ends_also_after_its_exit_status_was_read(monkeypatch) -> None:
    program = ANSWER + "import subprocess\nparent.send({'pid': subprocess.Popen(['sleep', '60']).pid})\nsys.exit(7)"
    with child_of(monkeypatch, program) as child:
        message = child.receive()
        with pytest.raises(Ended):
            child.receive()
        assert child.exit_status() == child.exit_status() == 7
    assert message is not None
    wait_until(lambda: not is_running(message["pid"]), "the end of what the child started")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_child_that_cannot_start_leaves_no_handle(monkeypatch) -> None:
    n_handles, pipes = len(os.listdir("/proc/self/fd")), iter([os.pipe()])  # noqa: PTH208

    def pipe() -> tuple[int, int]:
        for handles in pipes:
            return handles
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch, pytest.raises(OSError, match="Too many open files"):
        patch.setattr(os, "pipe", pipe)
        Child("none", silence_seconds=1)
    assert len(os.listdir("/proc/self/fd")) == n_handles  # noqa: PTH208


def test_a_child_that_nobody_listens_to_ends() -> None:
    requests, _keep = os.pipe()
    read, messages = os.pipe()
    os.close(read)
    program = ANSWER + "parent.send({})\nraise SystemExit(7)"
    command = [sys.executable, "-c", program, str(requests), str(messages)]
    done = subprocess.run(command, pass_fds=[requests, messages], env=sandbox.environment(), check=False)
    for handle in (requests, _keep, messages):
        os.close(handle)
    assert done.returncode == 1


def test_final_limits_cannot_be_raised_again_and_processor_time_can_be_moved_on() -> None:
    program = (
        "import resource as r\n"
        "from precompute.sandbox import limit, limit_cpu\n"
        "limit({r.RLIMIT_FSIZE: 5000})\n"
        "limit({r.RLIMIT_NOFILE: 50}, is_final=False)\n"
        "limit({r.RLIMIT_NOFILE: 60}, is_final=False)\n"
        "limit_cpu(10)\n"
        "limit_cpu(20)\n"
        "limit({r.RLIMIT_FSIZE: 9000})\n"
        "assert r.getrlimit(r.RLIMIT_FSIZE) == (5000, 5000)\n"
        "assert r.getrlimit(r.RLIMIT_CORE) == (0, 0)\n"
        "assert r.getrlimit(r.RLIMIT_NOFILE)[0] == 60\n"
        "assert 20 <= r.getrlimit(r.RLIMIT_CPU)[0] <= 25"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
