"""Files of other writers than ours are read frame for frame."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from precompute.media.decoder import frames, probe
from precompute.media.sampling import Sampling
from precompute.media.sources import resolve
from tests.field import writers
from tests.fixtures import media


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    writers.write_frames(folder)
    return folder


@pytest.mark.parametrize("name", list(writers.RECIPES))
def test_every_frame_of_another_writer_is_read(name: str, source: Path, tmp_path: Path) -> None:
    for path in source.iterdir():
        shutil.copy(path, tmp_path)
    try:
        path = writers.write(tmp_path, name)
        expected = writers.decoded_by_ffmpeg(path) if name in writers.BY_FFMPEG else list(range(writers.N_FRAMES))
    except writers.Missing as missing:
        pytest.skip(missing.what)
    notes: list[str] = []
    probe(resolve(str(path), media_dir=tmp_path))
    shown = list(frames(path, Sampling(size=writers.HEIGHT, crop="none"), on_note=notes.append))
    turned = 2 if "rotated" in name else 0
    numbers = [media.read_number(np.rot90(frame.rgb, turned)) for frame in shown]
    assert numbers == expected, notes
    assert np.diff([frame.pts_seconds for frame in shown]).min(initial=1) > 0
    assert not notes or name in writers.REMARKED, notes
