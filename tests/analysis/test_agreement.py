"""Laws of the energies that need no cross network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis.agreement import (
    ASSUMED_FIELD_OF_VIEW_DEGREES,
    depth_disagreement,
    geometric_energy,
    normal_disagreement,
    normals_of_depth,
)
from consistency.domains import DEPTH_MAX_METRES, DEPTH_MIN_METRES
from consistency.models import camera_geometry

RANDOM = np.random.default_rng(0)
LOG_RATIO = np.log(DEPTH_MAX_METRES / DEPTH_MIN_METRES)


def bumpy(height: int = 24, width: int = 32) -> np.ndarray:
    """The logarithm of some depth, with a jump."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return 1 + 0.2 * np.sin(5 * x) + 0.1 * y + 0.5 * (x > 0.6)


def test_numpy_and_torch_agree_on_the_normals_of_a_depth():
    log_depth = bumpy()
    codes = torch.from_numpy(log_depth / LOG_RATIO).float()[None, None]
    for angle in (ASSUMED_FIELD_OF_VIEW_DEGREES, 95.0):
        expected = 2 * camera_geometry.normal_from_depth(codes, angle)[0].permute(1, 2, 0).numpy() - 1
        assert normals_of_depth(log_depth, angle) == pytest.approx(expected, abs=2e-3)
    assert ASSUMED_FIELD_OF_VIEW_DEGREES == camera_geometry.ASSUMED_FIELD_OF_VIEW_DEGREES


def test_a_depth_agrees_with_its_own_normals_at_every_scale():
    normals = normals_of_depth(bumpy(), 60.0)
    assert geometric_energy(bumpy() + 3.0, 0.5 * normals, 60.0).max() < 0.1  # degrees; lengths do not count
    tilted = normals @ np.array([[1, 0, 0], [0, np.cos(0.1), -np.sin(0.1)], [0, np.sin(0.1), np.cos(0.1)]])
    assert 1 < geometric_energy(bumpy(), tilted, 60.0).mean() <= np.degrees(0.1) + 0.1
    assert geometric_energy(bumpy(), normals, 90.0).mean() > 1, "another field of view gives other normals"


def test_equal_models_do_not_disagree_and_a_scale_is_no_disagreement_of_depth():
    depth, normals = bumpy(), RANDOM.normal(size=(5, 6, 3))
    assert not depth_disagreement(np.stack([depth, depth, depth])).any()
    assert depth_disagreement(np.stack([depth, depth + 0.7])) == pytest.approx(0, abs=1e-6)
    assert normal_disagreement(np.stack([normals, 2 * normals])) == pytest.approx(0, abs=1e-3)


def test_a_disagreement_is_the_mean_over_pairs_in_any_order():
    maps = RANDOM.normal(size=(3, 9, 9))
    pairs = [abs(a - b - np.median(a - b)) for a, b in ((maps[0], maps[1]), (maps[0], maps[2]), (maps[1], maps[2]))]
    assert depth_disagreement(maps) == pytest.approx(100 * sum(pairs) / 3, rel=1e-4)
    assert depth_disagreement(maps[::-1]) == pytest.approx(depth_disagreement(maps), rel=1e-4)
    axes = np.eye(3)[:, None, None, :]
    assert normal_disagreement(axes) == pytest.approx(90)


def test_one_model_alone_has_no_disagreement():
    with pytest.raises(ValueError, match="at least two models, got 1"):
        depth_disagreement(bumpy()[None])
