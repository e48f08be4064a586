"""The examples run as they are, from the project's folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import av
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "precompute" / "sample"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty frames of the rendered walk-through, with their normals."""
    folder = tmp_path_factory.mktemp("pairs")
    for domain, name in (("rgb", "walkthrough.mp4"), ("normal", "walkthrough.normal.mkv")):
        (folder / domain).mkdir()
        with av.open(str(SAMPLE / name)) as video:
            for at, frame in zip(range(20), video.decode(video=0), strict=False):
                frame.to_image().resize((64, 64), Image.Resampling.NEAREST).save(folder / domain / f"{at:03d}.png")
    return folder


def run(*arguments: str, example: str = "train_normals") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, f"examples/{example}.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_example_of_training_learns_normals_from_a_folder_of_pairs(pairs):
    done = run(str(pairs), "--steps", "40", "--size", "64")
    assert done.returncode == 0, done.stderr
    losses = [float(found) for found in re.findall(r"normals (\d\.\d+);", done.stdout)]
    assert len(losses) == 2 and losses[1] < losses[0], done.stdout
    assert (pairs / "normals.pt").exists()


def test_the_example_with_lightning_trains_on_the_same_folder(pairs):
    (pairs / "normals.pt").unlink(missing_ok=True)
    done = run(str(pairs), "--steps", "6", "--size", "64", example="train_normals_lightning")
    assert done.returncode == 0, done.stderr
    assert re.search(r"normals 0\.\d+", done.stdout), done.stdout
    assert (pairs / "normals.pt").exists()


def test_a_folder_without_pairs_is_named(tmp_path):
    for domain in ("rgb", "normal"):
        (tmp_path / domain).mkdir()
    done = run(str(tmp_path))
    assert done.returncode == 1 and "no pairs in" in done.stderr
