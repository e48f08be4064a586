"""The field of view of a clip, where its source states it."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from cache.records import Clip

ASSUMED_DEGREES = 60.0
"""Field of view of the shorter side where it is unknown, as consistency/models/camera_geometry.py assumes."""


def field_of_view_of(clip: Clip) -> float | None:
    """Degrees of the shorter side, which bundled clips that were rendered state; None: unknown."""
    for sidecar in files("precompute.sample").joinpath("gallery").iterdir():
        if not sidecar.name.endswith(".toml"):
            continue
        fields = tomllib.loads(sidecar.read_text(encoding="utf-8"))
        degrees = fields.get("field_of_view_degrees")
        if fields.get("sha256") == clip.source_sha256 and degrees is not None:
            return float(degrees)
    return None
