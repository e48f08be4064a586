"""The camera path follows docs/kenburns.md: the cameras sampled from the browser's code are those of this one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from precompute.films.camera_path import (
    SAMPLES,
    CameraPath,
    Extent,
    Window,
    autozoom,
    frame_places,
    samples_of,
)

SAMPLED = json.loads((Path(__file__).resolve().parents[2] / "web" / "fixtures" / "camera_paths.json").read_text())
EXTENT = Extent(**SAMPLED["extent"])


def path_of(fields: dict) -> CameraPath:
    windows = {name: Window(*fields[key]) for name, key in (("start", "from"), ("end", "to"))}
    return CameraPath(**windows, **{name: fields[name] for name in ("kind", "depth", "motion", "ease")})


def test_the_sampled_cameras_that_both_languages_are_checked_against_are_those_of_the_path():
    assert len(SAMPLED["paths"]) > 5
    for sampled in SAMPLED["paths"]:
        path = path_of(sampled["path"])
        for one in sampled["cameras"]:
            camera = path.camera(one["time"], EXTENT)
            assert camera.eye == pytest.approx(one["eye"], abs=1e-12)
            assert (camera.window.u, camera.window.v, camera.window.zoom) == pytest.approx(one["window"], abs=1e-12)
            places, _ = frame_places(camera, EXTENT, np.array(SAMPLED["points"], float))
            for found, expected in zip(places.tolist(), one["places"], strict=True):
                assert found == pytest.approx(expected or [np.nan] * 2, abs=1e-9, nan_ok=True)


def test_autozoom_chooses_the_same_window_as_the_browser():
    for case in SAMPLED["autozoom"]:
        depths = np.full((SAMPLES, SAMPLES), float(case["background"]))
        for x0, y0, x1, y1, z in case["boxes"]:
            depths[y0:y1, x0:x1] = z
        window, covered = autozoom(depths, EXTENT)
        assert (window.u, window.v, window.zoom) == pytest.approx(case["window"], abs=1e-12)
        assert covered == pytest.approx(case["covered"], abs=1e-12)


def test_autozoom_without_any_known_depth_still_answers():
    window, covered = autozoom(np.full((SAMPLES, SAMPLES), np.nan), EXTENT)
    assert (window.zoom, covered) == (1.25, 0)


def test_a_repeated_film_shows_its_first_frame_once_and_a_single_run_both_ends():
    assert [CameraPath("zoom").time_of(frame, 10) for frame in (0, 9)] == [0, 1]
    assert CameraPath("zoom", motion="loop").time_of(9, 10) == 0.9
    assert CameraPath("zoom").time_of(0, 1) == 0


def test_samples_of_a_depth_picture_are_shares_of_the_focus():
    depth = np.arange(128 * 64, dtype=float).reshape(64, 128)
    samples = samples_of(depth, 2.0)
    assert samples.shape == (SAMPLES, SAMPLES)
    assert samples[3, 5] == depth[3, 11] / 2
