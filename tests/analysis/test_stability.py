"""Laws of stability: what counts as a change, what a moving camera explains, and what is unknown."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.stability import BLOCKS, cuts, depth_change, normal_change, total_drift

ALL = np.ones((BLOCKS, BLOCKS))
SMOOTH = np.linspace(0, 1, BLOCKS)[:, None] * np.linspace(1, 2, BLOCKS)
"""Some logarithm of depth."""


def sphere() -> np.ndarray:
    """Normals of a bulge that fills the picture, (B, B, 3)."""
    y, x = np.mgrid[-0.6 : 0.6 : BLOCKS * 1j, -0.6 : 0.6 : BLOCKS * 1j]
    return np.stack([x, y, -np.sqrt(1 - x**2 - y**2)], axis=-1)


def turned(normals: np.ndarray, degrees: float) -> np.ndarray:
    """About the vertical axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return normals @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])


def test_a_prediction_that_does_not_change_is_stable():
    depth, normal = depth_change(SMOOTH, SMOOTH, ALL), normal_change(sphere(), sphere(), ALL)
    assert depth.mean == depth.common == 0
    assert normal.mean == pytest.approx(0, abs=1e-5) and normal.common == pytest.approx(0, abs=1e-5)


def test_a_common_factor_of_depth_is_drift_and_no_instability():
    change = depth_change(SMOOTH, SMOOTH + 0.02, ALL)
    assert change.common == pytest.approx(2) and change.mean == pytest.approx(0, abs=1e-9)


def test_a_common_rotation_of_normals_is_apart_from_their_change():
    change = normal_change(sphere(), turned(sphere(), 3), ALL)
    assert change.common == pytest.approx(3, abs=1e-3) and change.mean == pytest.approx(0, abs=1e-3)


def test_a_part_that_changes_does_not_move_the_rest():
    part = np.zeros((BLOCKS, BLOCKS), bool)
    part[:10, :10] = True
    depth = depth_change(SMOOTH, SMOOTH + 0.1 * part, ALL)
    normal = normal_change(sphere(), np.where(part[..., None], turned(sphere(), 10), sphere()), ALL)
    assert depth.common == pytest.approx(0, abs=1e-9) and depth.blocks[2, 2] == pytest.approx(10, rel=0.05)
    assert depth.blocks[-1, -1] == pytest.approx(0, abs=1e-9)
    assert normal.common < 0.3
    own = 10 * np.hypot(sphere()[2, 2, 0], sphere()[2, 2, 2])  # the axis is not at a right angle to it
    assert normal.blocks[2, 2] == pytest.approx(own, rel=0.05) and normal.blocks[-1, -1] < 0.3


def test_the_normals_of_one_wall_turn_by_the_smallest_rotation_that_explains_them():
    wall = np.broadcast_to([0.0, 0.6, -0.8], (BLOCKS, BLOCKS, 3))
    assert normal_change(wall, wall, ALL).common == pytest.approx(0, abs=1e-5)
    assert normal_change(wall, turned(wall, 2), ALL).common == pytest.approx(2 * 0.8, abs=0.05)


def test_only_what_was_visible_before_counts():
    visible = ALL.copy()
    visible[:, :16] = 0  # sums over no pixel are 0
    jump = np.where(np.arange(BLOCKS) < 16, 5.0, 0.0) * np.ones((BLOCKS, 1))
    change = depth_change(visible * SMOOTH, visible * (SMOOTH + jump), visible)
    assert change.mean == 0 and np.isnan(change.blocks[:, :16]).all() and not np.isnan(change.blocks[:, 16:]).any()


def test_without_a_visible_block_nothing_is_known():
    nothing = np.zeros((BLOCKS, BLOCKS))
    for change in (depth_change(nothing, nothing, nothing), normal_change(0 * sphere(), 0 * sphere(), nothing)):
        assert np.isnan([change.mean, change.common]).all() and np.isnan(change.blocks).all()


def test_normals_without_a_direction_are_unknown():
    normals = sphere()
    normals[5, 5] = 0
    before = np.zeros_like(normals)
    change = normal_change(before, normals, ALL)
    assert np.isnan(change.mean) and np.isnan(change.common)


def test_drift_adds_up_over_frames_and_continues_after_a_cut():
    drift = np.array([np.nan, 1.0, 1.0, np.nan, -2.0])
    assert total_drift(drift) == pytest.approx([0, 1.00502, 2.02013, 2.02013, 0], abs=1e-4)


def test_cuts_are_the_frames_that_show_too_little_of_the_one_before():
    assert cuts(np.array([np.nan, 0.9, 0.1, 0.4, 0.39])).tolist() == [2, 4]
