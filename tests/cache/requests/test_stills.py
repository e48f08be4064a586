"""Which requests are stills: by the content of their source."""

from __future__ import annotations

import pytest

from cache.requests.records import Options
from cache.requests.stills import N_FIRST_BYTES, first_bytes_of, for_content, is_picture

PICTURES = {
    "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "webp": b"RIFF\x24\0\0\0WEBPVP8 ",
    "tiff": b"II*\0\x08\0\0\0",
    "avif": b"\0\0\0\x20ftypavif\0\0\0\0",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0",
}
VIDEOS = {
    "mp4": b"\0\0\0\x20ftypisom\0\0\2\0",
    "avif sequence": b"\0\0\0\x20ftypavis\0\0\0\0",
    "avi": b"RIFF\x24\0\0\0AVI LIST",
    "webm": b"\x1a\x45\xdf\xa3\x9fB\x86\x81\1B\xf7\x81\1B",
    "gif": b"GIF89a\1\0\1\0",
    "nothing": b"",
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_a_still_of_one_frame_whatever_times_were_asked_for(name):
    asked = Options(zoo="lab", start=3.0, end=9.0, fps=5.0, size=128)
    found = for_content(asked, PICTURES[name][:N_FIRST_BYTES])
    assert found == Options(zoo="lab", max_frames=1, size=128) and found.is_still


@pytest.mark.parametrize("name", VIDEOS)
def test_what_may_hold_many_frames_stays_the_video_that_was_asked_for(name):
    asked = Options(end=9.0)
    assert for_content(asked, VIDEOS[name][:N_FIRST_BYTES]) == asked and not is_picture(VIDEOS[name])


def test_a_name_says_nothing(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(VIDEOS["mp4"])
    (tmp_path / "holiday.mp4").write_bytes(PICTURES["jpeg"])
    assert not is_picture(first_bytes_of(tmp_path / "holiday.jpg"))
    assert is_picture(first_bytes_of(tmp_path / "holiday.mp4"))
