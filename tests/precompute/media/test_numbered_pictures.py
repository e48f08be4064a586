"""Numbered pictures of a folder are one clip, whose gaps and odd sizes are named."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from precompute.cli.app import app
from precompute.failures import SourceError
from precompute.media import decoder
from precompute.media.listing import list_sources
from precompute.media.sampling import Sampling, estimate_frames
from precompute.media.sources import require_unchanged, resolve
from tests.fixtures.media import numbered_picture, read_number
from tests.fixtures.zoos import write_zoo

SMALL = Sampling(size=64)


def write(folder: Path, numbers: list[int], name: str = "frame_{:04d}.png", **sizes: int) -> Path:
    """The pattern of pictures that carry their number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        Image.fromarray(numbered_picture(number, **sizes)).save(folder / name.format(number))
    return folder / name.replace("{:04d}", "%04d").replace("{}", "%d")


def read(pattern: Path, sampling: Sampling = SMALL) -> tuple[list[int], list[float], list[str]]:
    """(numbers, times, notes)"""
    notes: list[str] = []
    frames = list(decoder.frames(pattern, sampling, on_note=notes.append))
    return [read_number(frame.rgb) for frame in frames], [frame.pts_seconds for frame in frames], notes


# --- what a folder is ---


def test_numbered_pictures_are_one_source_and_others_stand_alone(tmp_path: Path) -> None:
    for name in ("a_1.png", "a_2.png", "a_10.png", "b09.JPG", "b10.JPG", "room.heic", "shot 7.webp", "c.mp4", "n.txt"):
        (tmp_path / name).write_bytes(b"x")
    listed = list_sources([str(tmp_path)], None, [])
    names = [Path(source).name for source in listed.sources]
    assert names == ["a_%d.png", "b%02d.JPG", "c.mp4", "room.heic", "shot 7.webp"]
    (remark,) = listed.remarks
    assert "1 video, 2 pictures, 3 numbered pictures as one clip (a_%d.png), 2 numbered" in remark
    assert remark.endswith("skipped (not a video or picture by name): n.txt")


def test_pictures_numbered_in_two_ways_are_two_clips(tmp_path: Path) -> None:
    for name in ("f001.png", "f002.png", "f1000.png", "f1.png", "f2.png"):
        (tmp_path / name).write_bytes(b"x")
    listed = list_sources([str(tmp_path)], None, [])
    assert [Path(source).name for source in listed.sources] == ["f%03d.png", "f%d.png"]
    assert "3 numbered pictures as one clip (f%03d.png)" in listed.remarks[0]


def test_a_percent_sign_in_a_name_is_one(tmp_path: Path) -> None:
    write(tmp_path / "50%", [1, 2], "5%_{:04d}.png")
    (source,) = list_sources([str(tmp_path / "50%")], None, []).sources
    assert Path(source).name == "5%%_%04d.png" and read(Path(source))[0] == [1, 2]


# --- its frames ---


def test_they_are_frames_in_the_order_of_their_numbers_at_30_per_second(tmp_path: Path) -> None:
    pattern = write(tmp_path / "kitchen", [8, 9, 10, 11], "{}.png")
    source = resolve(str(pattern), media_dir=tmp_path)
    info = decoder.probe(source, SMALL)
    assert source.title == "kitchen" and (info.n_frames_estimate, info.fps, info.reading) == (4, 30, "numbered=30")
    numbers, times, notes = read(pattern)
    assert numbers == [8, 9, 10, 11] and np.allclose(times, np.arange(4) / 30)
    assert notes == ["30 numbered pictures per second are assumed: --fps states another rate"]


def test_fps_is_their_rate(tmp_path: Path) -> None:
    pattern = write(tmp_path, list(range(5)))
    sampling = replace(SMALL, fps=24.0)
    info = decoder.probe(resolve(str(pattern), media_dir=tmp_path), sampling)
    numbers, times, notes = read(pattern, sampling)
    assert numbers == list(range(5)) and np.allclose(times, np.arange(5) / 24) and notes == []
    assert info.reading == "numbered=24" and estimate_frames(info, sampling) == 5
    assert read(pattern, replace(sampling, start=2 / 24, end=0.15))[0] == [2, 3]


@pytest.mark.parametrize("fps", [None, 30.0])
def test_gaps_are_named_and_the_picture_before_is_shown_longer(fps: float | None, tmp_path: Path) -> None:
    numbers, times, notes = read(write(tmp_path, [3, 4, 6, 10, 11]), replace(SMALL, fps=fps))
    assert numbers == [3, 4, 6, 10, 11] and np.allclose(times, np.array([0, 1, 3, 7, 8]) / 30)
    assert notes[-1] == "4 numbered pictures missing (5, 7 to 9): the one before is shown longer"


def test_numbers_that_rise_by_ten_have_no_gaps(tmp_path: Path) -> None:
    numbers, times, notes = read(write(tmp_path, [0, 10, 20, 40]))
    assert numbers == [0, 10, 20, 40] and np.allclose(times, np.array([0, 1, 2, 4]) / 30)
    assert notes[1:] == ["numbers rise by 10", "1 numbered picture missing (30): the one before is shown longer"]


@pytest.mark.parametrize("crop", ["centre", "none"])
def test_pictures_of_another_size_are_cut_to_the_shape_of_the_first_and_named(crop, tmp_path: Path) -> None:
    write(tmp_path, [0, 1], height=64, width=96)
    pattern = write(tmp_path, [2], height=96, width=96)
    sampling = replace(SMALL, crop=crop)
    notes: list[str] = []
    shapes = {frame.rgb.shape for frame in decoder.frames(pattern, sampling, on_note=notes.append)}
    assert shapes == {(64, 64 if crop == "centre" else 96, 3)}
    assert notes[-1] == (
        "1 picture of another size than 96 x 64, cut to its shape and scaled: frame_0002.png (96 x 96)"
    )


def test_a_picture_that_would_become_too_long_is_refused_by_its_name(tmp_path: Path) -> None:
    write(tmp_path, [0, 1])
    Image.new("RGB", (30_000, 1)).save(tmp_path / "frame_0002.png")
    with pytest.raises(SourceError) as caught:
        read(tmp_path / "frame_%04d.png")
    assert caught.value.code == "too_large" and "frame_0002.png" in caught.value.found


def test_damage_names_the_picture_and_tolerance_keeps_those_before(tmp_path: Path) -> None:
    pattern = write(tmp_path, [0, 1, 2, 3])
    broken = tmp_path / "frame_0002.png"
    broken.write_bytes(broken.read_bytes()[:-40])
    with pytest.raises(SourceError) as caught:
        read(pattern)
    assert caught.value.code == "truncated" and "frame_0002.png" in caught.value.found
    assert "--tolerant" in caught.value.next_step
    damages: list[str] = []
    kept = list(decoder.frames(pattern, replace(SMALL, is_tolerant=True), on_damage=damages.append))
    assert [read_number(frame.rgb) for frame in kept] == [0, 1]
    assert damages == ["truncated after frame 1 of the source (0.03 s)"]
    with pytest.raises(SourceError) as caught:
        write(tmp_path / "first", [1])
        (tmp_path / "first" / "frame_0000.png").write_bytes(broken.read_bytes())
        read(tmp_path / "first" / "frame_%04d.png", replace(SMALL, is_tolerant=True))
    assert "--tolerant" not in caught.value.next_step


# --- the source ---


def test_its_digest_is_that_of_its_pictures_and_places(tmp_path: Path) -> None:
    def digest(pattern: Path) -> str:
        return resolve(str(pattern), media_dir=tmp_path).sha256

    first = digest(write(tmp_path / "a", [1, 2, 3]))
    assert digest(write(tmp_path / "b", [1, 2, 3], "other{}.png")) == first
    assert digest(write(tmp_path / "c", [1, 2])) != first
    for name, number in (("d", 7), ("e", 3)):  # the third picture comes later; another one comes third
        pattern = write(tmp_path / name, [1, 2])
        Image.fromarray(numbered_picture(3 if name == "d" else 4)).save(tmp_path / name / f"frame_{number:04d}.png")
        assert digest(pattern) != first


def test_a_picture_that_changes_or_comes_during_a_run_is_noticed(tmp_path: Path) -> None:
    pattern = write(tmp_path, [1, 2, 3])
    stamp = resolve(str(pattern), media_dir=tmp_path).stamp
    assert stamp is not None and require_unchanged(pattern, stamp) == stamp
    write(tmp_path, [4])
    with pytest.raises(SourceError, match="changed"):
        require_unchanged(pattern, stamp)
    (tmp_path / "frame_0004.png").unlink()
    require_unchanged(pattern, stamp)
    os.utime(tmp_path / "frame_0002.png", ns=(1, 1))
    with pytest.raises(SourceError, match="changed"):
        require_unchanged(pattern, stamp)
    for number in (1, 2, 3):
        (tmp_path / f"frame_{number:04d}.png").unlink()
    with pytest.raises(SourceError, match="changed"):
        require_unchanged(pattern, stamp)


def test_a_pattern_of_nothing_is_not_found_and_a_file_of_that_name_is_itself(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        resolve(str(tmp_path / "frame_%04d.png"), media_dir=tmp_path)
    assert caught.value.code == "not_found" and "numbered pictures" in caught.value.found
    Image.fromarray(numbered_picture(5)).save(tmp_path / "frame_%04d.png")
    write(tmp_path, [1, 2])
    assert read(tmp_path / "frame_%04d.png")[0] == [5]


def test_a_run_of_a_folder_stores_the_clip_and_its_remarks(tmp_path: Path) -> None:
    zoo, store = write_zoo(tmp_path / "zoo", targets=("normal",)), tmp_path / "store"
    write(tmp_path / "stairs", [1, 2, 4])
    words = [
        "run",
        str(tmp_path / "stairs"),
        "--store",
        str(store),
        "--zoo",
        str(zoo),
        "--size",
        "64",
        "--device",
        "cpu",
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "3 numbered pictures as one clip" in result.output and "1 numbered picture missing (3)" in result.output
    tracks = json.loads(CliRunner().invoke(app, ["list", "--json", "--store", str(store)]).stdout)
    assert tracks and {(track["title"], track["n_frames"]) for track in tracks} == {("stairs/frame", 3)}
    assert all("1 numbered picture missing (3)" in track["caveat"] for track in tracks)
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 0 and "already stored" in again.output
