"""Decoders forked from a server read as new ones do; whatever ends one, or the server, the next one works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from precompute import fork_server
from precompute.failures import SourceError
from precompute.media import decoder
from precompute.media.decoder import FORKS, frames, probe
from precompute.media.sources import Source, fingerprint
from tests.fixtures.children import children, is_running
from tests.fixtures.web.waits import wait_until

pytestmark = pytest.mark.skipif(not fork_server.IS_POSSIBLE, reason="elsewhere each decoder is a new interpreter")


@pytest.fixture
def picture(tmp_path: Path) -> Source:
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3))
    return Source(path, fingerprint(path)[0], "picture")


@pytest.fixture
def server() -> Iterator[int]:
    """The process of the server."""
    before = set(children())
    with FORKS.ready():
        (pid,) = set(children()) - before
        yield int(pid)
    assert set(children()) == before, "it ends with the block"


def test_a_forked_decoder_reads_as_a_new_one_does_and_is_then_ended(picture: Source, request: pytest.FixtureRequest):
    expected = probe(picture), [frame.rgb for frame in frames(picture.path)]
    server = request.getfixturevalue("server")
    assert probe(picture) == expected[0]
    np.testing.assert_array_equal([frame.rgb for frame in frames(picture.path)], expected[1])
    with FORKS.ready():
        assert probe(picture) == expected[0]
    assert str(server) in children(), "a block inside another leaves the server alone"
    wait_until(lambda: not Path(f"/proc/{server}/task/{server}/children").read_text(), "the end of both decoders")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_forked_decoder_that_dies_is_named_with_its_signal_and_the_next_one_works(
    server, picture, monkeypatch, number
):
    child = decoder.Child

    def dying(*arguments, **settings):
        made = child(*arguments, **settings)
        os.kill(made._process.pid, number)
        return made

    with monkeypatch.context() as patch, pytest.raises(SourceError, match=f"by signal {number.value} ") as caught:
        patch.setattr(decoder, "Child", dying)
        probe(picture)
    assert caught.value.code == "decoder_crashed"
    assert probe(picture).width == 64


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_server_that_dies_or_hangs_between_two_clips_is_replaced(server, picture, monkeypatch, number):
    expected = probe(picture)
    os.kill(server, number)
    monkeypatch.setattr(fork_server, "ANSWER_SECONDS", 1.0 if number == signal.SIGSTOP else fork_server.ANSWER_SECONDS)
    assert probe(picture) == expected
    monkeypatch.undo()
    assert probe(picture) == expected
    wait_until(lambda: not is_running(server), "the end of the old server")


def test_a_decoder_at_work_ends_also_where_the_server_has_died(server):
    made = decoder._Decoder()
    pid = made.child._process.pid
    os.kill(server, signal.SIGKILL)
    made.end()
    wait_until(lambda: not is_running(pid), "the end of the decoder")


def test_server_and_decoders_end_when_the_job_is_killed():
    program = (
        "import time\nfrom precompute.media import decoder\n"
        "with decoder.FORKS.ready():\n"
        "    made = decoder._Decoder()\n"
        "    print(decoder.FORKS._server._process.pid, made.child._process.pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None
        pids = [int(pid) for pid in job.stdout.readline().split()]
        job.kill()
    assert len(pids) == 2
    for pid in pids:
        wait_until(lambda pid=pid: not is_running(pid), f"the end of process {pid}")
