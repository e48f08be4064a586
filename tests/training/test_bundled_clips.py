"""The bundled clips: their formats, licences and sizes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import av
import numpy as np
import pytest

from training.release import bundled_clips
from training.release.bundled_clips import walk_cameras, write_lossless, write_lossy

FOLDER = Path(__file__).parents[2] / "precompute" / "sample"


def decode(path: Path, pixel_format: str) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format=pixel_format) for frame in container.decode(video=0)])


@pytest.mark.parametrize(("channels", "pixel_format"), [(1, "gray"), (3, "rgb24")])
def test_ground_truth_decodes_to_the_same_bytes(tmp_path: Path, channels: int, pixel_format: str):
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 48, channels)).astype(np.uint8)
    write_lossless(tmp_path / "truth.mkv", list(images), fps=30)
    assert (decode(tmp_path / "truth.mkv", pixel_format).reshape(images.shape) == images).all()


def test_the_picture_stays_close_to_what_was_rendered(tmp_path: Path):
    ramp = np.broadcast_to(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], (64, 64, 3))
    write_lossy(tmp_path / "clip.mp4", [ramp] * 3, fps=30)
    assert np.abs(decode(tmp_path / "clip.mp4", "rgb24").astype(int) - ramp).max() < 12


def test_the_walk_is_smooth():
    positions = np.array([camera.position for camera in walk_cameras(bundled_clips.N_FRAMES)])
    steps = np.diff(positions, axis=0)
    assert np.linalg.norm(steps, axis=1).max() * bundled_clips.FPS < 1.6  # metres per second
    assert np.linalg.norm(np.diff(steps, axis=0), axis=1).max() < 0.01  # no jerk between frames


def test_the_walk_goes_through_the_doorway():
    positions = np.array([camera.position for camera in walk_cameras(bundled_clips.N_FRAMES)])
    crossing = positions[np.argmin(np.abs(positions[:, 0] - bundled_clips.DIVIDE))]
    assert bundled_clips.DOOR[0] + 0.2 < crossing[2] < bundled_clips.DOOR[1] - 0.2


@pytest.mark.parametrize("name", ["walkthrough", "phone"])
def test_every_clip_names_its_licence_and_source(name: str):
    table = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    assert all(table[key] for key in ("title", "source", "author", "licence", "attribution", "fps"))


def test_the_walkthrough_has_its_truth_frame_by_frame():
    table = tomllib.loads((FOLDER / "walkthrough.toml").read_text(encoding="utf-8"))
    assert decode(FOLDER / "walkthrough.mp4", "rgb24").shape == (240, 256, 256, 3)
    for domain, pixel_format in (("normal", "rgb24"), ("depth", "gray"), ("reshading", "gray")):
        assert decode(FOLDER / table["truth"][domain], pixel_format).shape[:3] == (240, 256, 256)


def test_the_committed_readme_is_the_one_that_is_written(tmp_path: Path):
    bundled_clips.write_readme(tmp_path)
    assert (tmp_path / "README.md").read_bytes() == (FOLDER / "README.md").read_bytes()


def test_the_clips_are_small_enough_to_bundle():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 15e6
