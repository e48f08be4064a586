"""A decoder that was started ahead reads one source, as a new one would, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import cv2
import numpy as np
import pytest

from precompute.media import decoder
from precompute.media.decoder import Spares, frames, probe
from precompute.media.sources import Source, fingerprint
from tests.fixtures.children import children, is_running
from tests.fixtures.web.waits import wait_until


@pytest.fixture
def spares(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spares]:
    found = Spares()
    monkeypatch.setattr(decoder, "SPARES", found)
    yield found
    found.end()


@pytest.fixture
def picture(tmp_path: Path) -> Source:
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3))
    return Source(path, fingerprint(path)[0], "picture")


def test_each_spare_reads_one_source_as_a_new_decoder_does_and_is_then_ended(spares: Spares, picture: Source):
    expected = probe(picture), [frame.rgb for frame in frames(picture.path)]
    before = set(children())
    spares.fill(2)
    first, second = sorted(set(children()) - before)
    spares.fill(2)
    assert set(children()) - before == {first, second}, "no more than were asked for"
    assert probe(picture) == expected[0]
    assert set(children()) - before == {second}, "the first one, and no other, read it"
    np.testing.assert_array_equal([frame.rgb for frame in frames(picture.path)], expected[1])
    assert set(children()) == before


def test_a_spare_that_was_killed_is_not_used(spares: Spares, picture: Source):
    before = set(children())
    spares.fill(1)
    (killed,) = set(children()) - before
    os.kill(int(killed), signal.SIGKILL)
    wait_until(lambda: not is_running(int(killed)), "the end of the spare decoder")
    assert probe(picture).width == 64
    assert set(children()) == before


def test_where_one_cannot_start_those_that_did_are_kept(spares: Spares, monkeypatch: pytest.MonkeyPatch):
    before = set(children())
    with monkeypatch.context() as patch, pytest.raises(OSError, match="no process left"):
        patch.setattr(decoder, "_Decoder", MagicMock(side_effect=[decoder._Decoder(), OSError("no process left")]))
        spares.fill(2)
    (first,) = set(children()) - before
    spares.fill(2)
    assert first in set(children()) - before and len(set(children()) - before) == 2
    spares.end()
    assert set(children()) == before


def test_spares_that_were_not_needed_are_ended(spares: Spares):
    before = set(children())
    spares.fill(2)
    spares.end()
    assert set(children()) == before
