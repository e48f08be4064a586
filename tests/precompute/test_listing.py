"""Folders and lists become sources, in an order that is the same every time."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from precompute.media import listing
from precompute.media.listing import list_sources
from precompute.media.sources import SAMPLES

BUNDLED = ["phone", "walkthrough"]


def write(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")


def names(listed: list[str]) -> list[str]:
    return [Path(source).name for source in listed]


def test_what_is_no_folder_stays_as_it_was_given() -> None:
    words = ["a.mp4", "https://example.org/v", "phone", "nul\0byte", "~nobody-of-that-name/x", "a" * 5000]
    assert list_sources(words, None, BUNDLED).sources == words


def test_the_name_of_a_set_stands_for_its_sources() -> None:
    sets = {"gallery": ["cup.jpg", "phone"]}
    assert list_sources(["phone", "gallery", "a.mp4"], None, BUNDLED, sets).sources == ["phone", "cup.jpg", "a.mp4"]


def test_a_folder_is_its_videos_and_pictures_sorted_and_the_rest_is_named(tmp_path: Path) -> None:
    write(tmp_path / "v", "b.mp4", "a.MOV", "c.webm", "notes.txt", "photo.jpg", ".hidden.mp4")
    write(tmp_path / "v" / "more.mp4", "deep.mp4")  # a folder that is called like a video
    listed = list_sources([str(tmp_path / "v")], None, BUNDLED)
    assert names(listed.sources) == ["a.MOV", "b.mp4", "c.webm", "photo.jpg"]
    (remark,) = listed.remarks
    assert "3 videos, 1 picture" in remark and "more.mp4, notes.txt" in remark and "hidden" not in remark


def test_ground_truth_that_a_sidecar_names_is_no_source_and_neither_is_the_sidecar() -> None:
    folder = str(SAMPLES)
    listed = list_sources([folder], None, BUNDLED)
    assert names(listed.sources) == ["phone.mp4", "walkthrough.mp4"]
    assert "toml" not in listed.remarks[0] and "depth" not in listed.remarks[0]


def test_a_sidecar_that_cannot_be_read_hides_nothing(tmp_path: Path) -> None:
    write(tmp_path, "a.mp4", "a.toml")
    (tmp_path / "a.toml").write_text('[truth]\nnormal = ["b.mkv"]\n= =')
    write(tmp_path, "b.mkv")
    assert names(list_sources([str(tmp_path)], None, BUNDLED).sources) == ["a.mp4", "b.mkv"]


def test_many_skipped_files_are_counted(tmp_path: Path) -> None:
    write(tmp_path, "a.mp4", *(f"{number:02}.txt" for number in range(30)))
    (remark,) = list_sources([str(tmp_path)], None, BUNDLED).remarks
    assert "09.txt and 20 more" in remark and "10.txt" not in remark


def test_a_folder_without_videos_stays_and_fails_as_a_source(tmp_path: Path) -> None:
    assert list_sources([str(tmp_path), "b.mp4"], None, BUNDLED).sources == [str(tmp_path), "b.mp4"]


def test_a_bundled_clips_name_means_the_clip_also_beside_a_folder_of_that_name(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "phone", "a.mp4")
    assert list_sources(["phone"], None, BUNDLED).sources == ["phone"]
    assert names(list_sources(["./phone"], None, BUNDLED).sources) == ["a.mp4"]


def test_a_list_has_one_source_per_line_and_each_counts_once(tmp_path: Path) -> None:
    write(tmp_path / "v", "in folder.mp4")
    text = f"\ufeff# mine\n\n  a.mp4  \r\nhttps://example.org/v#t=3\n{tmp_path / 'v'}\na.mp4\n"
    (tmp_path / "list.txt").write_bytes(text.encode())
    listed = list_sources(["first.mp4", "a.mp4"], str(tmp_path / "list.txt"), BUNDLED)
    assert names(listed.sources) == ["first.mp4", "a.mp4", "v#t=3", "in folder.mp4"]


def test_a_list_may_come_from_standard_input(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a.mp4\n#b.mp4\nc.mp4")))
    assert list_sources([], "-", BUNDLED).sources == ["a.mp4", "c.mp4"]


def test_a_list_that_is_none_is_refused_in_one_line(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "video.mp4").write_bytes(b"\x00\xff\xfe\x80")
    (tmp_path / "long.txt").write_bytes(b"a\n" * 100)
    monkeypatch.setattr(listing, "MAX_LIST_BYTES", 100)
    for name, what in (("video.mp4", "UTF-8"), ("long.txt", "over"), ("missing.txt", "No such file")):
        with pytest.raises(ValueError, match=what) as caught:
            list_sources([], str(tmp_path / name), BUNDLED)
        assert "one source per line" in str(caught.value) and "\n" not in str(caught.value)
