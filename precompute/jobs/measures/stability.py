"""Optical flow and stability as tracks of a clip: their heads and keys, and how a frame of each is computed."""

# H x W pixels, C channels, B x B blocks

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from analysis.stability import NOTHING, Change, depth_change, normal_change
from cache.keys import track_key
from cache.records import Head, Track
from consistency.domains import Domain
from consistency.zoo.records import IMAGE
from precompute.jobs.measures.optical_flow import FLOW_VERSION, STEP
from precompute.jobs.measures.spec import PTS, Measured, MeasureSpec, Moment, map_of
from precompute.jobs.measures.warp import Warp, block_sums
from precompute.jobs.output.encode import CODEC

STABILITY_VERSION = 1
"""Part of the key of every stability: another number means other values."""
HIGHEST = 20.0
"""Percent or degrees at the upper end of the stored map."""
VISIBLE = Domain("visible", "Seen in the frame before", "", 1, 0.0, 1.0, "linear", "", "scalar", "grey")
FOUND = {"title": "Seen in the frame before", "unit": ""}


def is_measured(domain: Mapping[str, Any]) -> bool:
    """Whether the stability of a domain is defined: of depth on a log scale, and of directions."""
    return domain.get("meaning") == "direction" or (domain.get("channels") == 1 and domain.get("scale") == "log")


def flow_spec(input_track: Track) -> MeasureSpec:
    """The optical flow of a clip. Its image is the mask of what was visible before."""
    clip = input_track.head.clip
    shape = -(-clip.height // STEP), -(-clip.width // STEP), 2

    def score(moment: Moment) -> Measured:
        motion = moment.motion
        if motion is None:
            blank = np.zeros((clip.height, clip.width, 1), np.uint8)
            return Measured(blank, {"flow": np.zeros(shape, np.float16), "found": moment.found})
        return Measured(255 * motion.is_visible[..., None], {"flow": motion.flow, "found": moment.found})

    head = Head(
        key=track_key(clip.key, "flow", "", "", IMAGE, {"versions": {"flow": FLOW_VERSION}}),
        kind="flow",
        clip=clip,
        zoo="",
        method="",
        path=IMAGE,
        domain=VISIBLE.record(),
        codec=CODEC,
        edges={},
        constants={"of": input_track.head.key, "versions": {"flow": FLOW_VERSION}},
        columns={
            "pts_seconds": PTS,
            "flow": {"title": "Optical flow to the frame before", "unit": "px"},
            "found": FOUND,
        },
    )
    return MeasureSpec(head, (input_track,), score, uses_motion=True)


def stability_spec(prediction: Track) -> MeasureSpec:
    """The stability of a finished prediction of a domain that `is_measured`."""
    of = prediction.head
    clip, is_direction = of.clip, of.domain["meaning"] == "direction"
    unit = "°" if is_direction else "%"
    common = "Rotation of all normals" if is_direction else "Scale drift"
    domain = Domain(
        "stability", "Change over time", "", 1, 0.0, HIGHEST, "linear", unit, "scalar", "inferno", invalid=1.0
    )

    def score(moment: Moment) -> Measured:
        warp, before = moment.warp, moment.before
        found = (
            NOTHING
            if warp is None or before is None
            else change(before.codes[of.key], moment.codes[of.key], warp, of.domain)
        )
        columns = {"stability": found.mean, "drift": found.common, "found": moment.found, "blocks": found.blocks}
        return Measured(map_of(found.blocks, HIGHEST * 255 / 254, clip.height, clip.width), columns)

    versions = {"stability": STABILITY_VERSION, "flow": FLOW_VERSION}
    head = Head(
        key=track_key(clip.key, "stability", of.zoo, of.method, of.path, {"of": of.key, "versions": versions}),
        kind="stability",
        clip=clip,
        zoo=of.zoo,
        method=of.method,
        path=of.path,
        domain=domain.record(),
        codec=CODEC,
        edges=of.edges,
        constants={"of": of.key, "versions": versions},
        columns={
            "pts_seconds": PTS,
            "stability": {"title": domain.title, "unit": unit},
            "drift": {"title": common, "unit": unit},
            "found": FOUND,
            "blocks": {"title": f"{domain.title} by region", "unit": unit},
        },
    )
    return MeasureSpec(head, (prediction,), score, uses_motion=True)


def change(before: np.ndarray, now: np.ndarray, warp: Warp, domain: Mapping[str, Any]) -> Change:
    """How much a prediction changed. `before`, `now`: codes, uint8 (H, W) or (H, W, 3), of a `domain` that `is_measured`."""
    if not warp.is_visible.any():
        return NOTHING
    start, end = (cv2.bitwise_and(codes, codes, mask=warp.is_visible) for codes in (warp.moved(before), now))
    if domain["meaning"] == "direction":
        scale, middle = (2 / 255 / warp.n_pixels)[..., None], warp.share[..., None]
        return normal_change(block_sums(start) * scale - middle, block_sums(end) * scale - middle, warp.share)
    scale = float(np.log(domain["hi"] / domain["lo"])) / 255 / warp.n_pixels
    return depth_change(block_sums(start) * scale, block_sums(end) * scale, warp.share)
