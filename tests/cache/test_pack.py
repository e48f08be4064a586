"""Laws of packs: what is written is read, and nothing else."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cache.pack import MAX_FRAMES, BadPack, build_pack, read_column, read_header, read_images, read_previews
from tests.fixtures.tracks import frames


def pack_file(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "one.pack"
    path.write_bytes(data)
    return path


def pack_bytes(n: int = 3, *, has_previews: bool = True) -> bytes:
    columns = {"a": np.arange(n * 2, dtype=np.float32).reshape(n, 2), "b": np.arange(n, dtype=np.float16)}
    previews = [b"p" * (i + 1) for i in range(n)] if has_previews else []
    return build_pack(frames(0, n), codec="png", width=8, height=8, channels=1, columns=columns, previews=previews)


def test_a_pack_gives_back_its_images_columns_and_previews(tmp_path):
    path = pack_file(tmp_path, pack_bytes())
    assert read_images(path) == frames(0, 3)
    assert read_previews(path) == [b"p", b"pp", b"ppp"]
    assert read_column(path, "a").tolist() == [[0, 1], [2, 3], [4, 5]]
    assert read_column(path, "b").dtype == np.float16


def test_a_pack_may_have_no_previews(tmp_path):
    path = pack_file(tmp_path, pack_bytes(has_previews=False))
    assert read_images(path) == frames(0, 3)
    assert read_previews(path) == []


def test_previews_that_are_not_one_for_each_frame_are_not_stored():
    with pytest.raises(ValueError, match="one per frame"):
        build_pack(frames(0, 3), codec="png", width=8, height=8, channels=1, columns={}, previews=[b"p"])


@pytest.mark.parametrize("has_previews", [False, True])
def test_every_truncation_of_a_pack_is_refused(has_previews: bool):
    data = pack_bytes(has_previews=has_previews)
    for length in range(len(data)):
        with pytest.raises(BadPack):
            read_header(io.BytesIO(data[:length]), length)


def test_a_pack_header_that_reaches_outside_the_file_is_refused():
    for change in (
        {"sizes": [1, 2, 1 << 60]},
        {"sizes": [-1, 8, 14]},
        {"sizes": []},
        {"codec": "pickle"},
        {"columns": {"a": {"dtype": "<f4", "shape": [3, 1 << 40], "offset": 0}}},
        {"columns": {"a": {"dtype": "|O", "shape": [3], "offset": 0}}},
        {"columns": {"a": {"dtype": "<f4", "shape": [3], "offset": -4}}},
        {"columns": []},
        {"sizes": None},
        {"sizes": [float("inf")] * 3},
        {"previews": [1]},
        {"previews": {"sizes": [1, 2, 3]}},
    ):
        forged = with_header(pack_bytes(), lambda header, change=change: header | change)
        with pytest.raises(BadPack):
            read_header(io.BytesIO(forged), len(forged))


@pytest.mark.parametrize(
    "change", [{"codec": "gif"}, {"sizes": [1, 5]}, {"sizes": [1, 2, 4]}, {"sizes": [0, 3, 3]}, {"offset": 0}]
)
def test_previews_that_do_not_fit_their_pack_are_refused(change):
    forged = with_header(pack_bytes(), lambda header: header | {"previews": header["previews"] | change})
    with pytest.raises(BadPack):
        read_header(io.BytesIO(forged), len(forged))


def with_header(data: bytes, change: Callable[[dict], dict]) -> bytes:
    """The pack with another header over the same images and columns."""
    (length,) = struct.unpack("<I", data[8:12])
    text = json.dumps(change(json.loads(data[12 : 12 + length])), separators=(",", ":")).encode()
    return data[:8] + struct.pack("<I", len(text)) + text + data[12 + length :]


def test_the_same_header_written_again_is_accepted():
    same = with_header(pack_bytes(), lambda header: header)
    assert read_header(io.BytesIO(same), len(same)).n_frames == 3


@pytest.mark.parametrize("n", [0, MAX_FRAMES + 1])
def test_a_pack_of_too_few_or_too_many_frames_is_not_built(n):
    with pytest.raises(ValueError, match="1 to 256"):
        build_pack([b"x"] * n, codec="png", width=8, height=8, channels=1, columns={})
