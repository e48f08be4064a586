"""Geometric energy and cross-model disagreement as tracks of a clip: their heads and keys, and how a frame of each is computed."""

# H x W pixels, M models

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from analysis.agreement import depth_disagreement, geometric_energy, normal_disagreement
from analysis.stability import BLOCKS
from cache.keys import track_key
from cache.records import Head, Track
from consistency.domains import Domain
from consistency.zoo.records import IMAGE
from precompute.jobs.measures.spec import PTS, Measured, MeasureSpec, Moment, map_of
from precompute.jobs.output.encode import CODEC

AGREEMENT_VERSION = 1
"""Part of the keys: another number means other values."""
HIGHEST_DEGREES = 60.0
"""At the upper end of the stored maps."""
HIGHEST_PERCENT = 60.0


def geometric_spec(normals: Track, depth: Track, field_of_view_degrees: float) -> MeasureSpec:
    """The angle between predicted normals and those of a predicted depth, of any two tracks of a clip.

    `depth`: on a log scale. `field_of_view_degrees`: of the shorter side. Raises ValueError for other tracks.
    """
    if normals.head.domain["meaning"] != "direction" or not is_log_depth(depth.head.domain):
        raise ValueError(
            f"a geometric energy needs normals and a depth on a log scale, got {normals.head.path} and {depth.head.path}"
        )
    if not 0 < field_of_view_degrees < 180:
        raise ValueError(f"the field of view is {field_of_view_degrees:g}°; give degrees between 0 and 180")

    def angles(moment: Moment) -> np.ndarray:
        log_depth = logs_of(moment.codes[depth.head.key], depth.head.domain)
        return geometric_energy(log_depth, vectors_of(moment.codes[normals.head.key]), field_of_view_degrees)

    domain = Domain("geometric", "Geometric energy", "", 1, 0.0, HIGHEST_DEGREES, "linear", "°", "scalar", "inferno")
    constants = {"measure": "geometric", "field_of_view_degrees": float(field_of_view_degrees)}
    names = (normals.head.zoo, normals.head.method, normals.head.path)
    return _spec((normals, depth), names, domain, constants, angles)


def disagreement_spec(tracks: Sequence[Track]) -> MeasureSpec:
    """How far several predictions of one domain, depth on a log scale or normals, are apart on a clip.

    The order of the tracks changes nothing. Raises ValueError for fewer than two and for other domains.
    """
    members = tuple(sorted(tracks, key=lambda track: track.head.key))
    ends = {track.head.path.rsplit("-", 1)[-1] for track in members}
    if len({track.head.key for track in members}) < 2 or len(ends) != 1:
        raise ValueError(f"a disagreement needs at least two predictions of one domain, got {_named(members)}")
    is_direction = members[0].head.domain["meaning"] == "direction"
    if not is_direction and not all(is_log_depth(track.head.domain) for track in members):
        raise ValueError(f"a disagreement is measured for depth on a log scale and normals, not for {ends.pop()}")

    def apart(moment: Moment) -> np.ndarray:
        codes = [(moment.codes[track.head.key], track.head.domain) for track in members]
        if is_direction:
            return normal_disagreement(np.stack([vectors_of(image) for image, _ in codes]))
        return depth_disagreement(np.stack([logs_of(image, domain) for image, domain in codes]))

    unit, highest = ("°", HIGHEST_DEGREES) if is_direction else ("%", HIGHEST_PERCENT)
    domain = Domain(
        "disagreement", "Cross-model disagreement", "", 1, 0.0, highest, "linear", unit, "scalar", "inferno"
    )
    constants = {"measure": "disagreement", "members": [track.head.configuration for track in members]}
    if not is_direction:
        constants["alignment"] = "scale, per frame and pair"
    return _spec(members, ("", "", f"{IMAGE}-{ends.pop()}"), domain, constants, apart)


def is_log_depth(domain: Mapping[str, Any]) -> bool:
    return domain.get("channels") == 1 and domain.get("scale") == "log"


def logs_of(codes: np.ndarray, domain: Mapping[str, Any]) -> np.ndarray:
    """Codes of depth, uint8 (H, W) -> its natural logarithm up to a constant, float32 (H, W)."""
    return codes.astype(np.float32) * np.float32(np.log(domain["hi"] / domain["lo"]) / 255)


def vectors_of(codes: np.ndarray) -> np.ndarray:
    """Codes of normals, uint8 (H, W, 3) -> vectors, float32 (H, W, 3)."""
    return codes.astype(np.float32) * np.float32(2 / 255) - 1


def _named(tracks: Sequence[Track]) -> str:
    return ", ".join(track.head.configuration for track in tracks) or "none"


def _edges(of: Sequence[Track]) -> dict[str, str]:
    """Those of all tracks; of two zoos that name different edges alike, the first one's."""
    return {name: digest for track in reversed(of) for name, digest in track.head.edges.items()}


def _spec(
    of: tuple[Track, ...],
    names: tuple[str, str, str],
    domain: Domain,
    constants: Mapping[str, Any],
    measure: Callable[[Moment], np.ndarray],
) -> MeasureSpec:
    """A confidence whose frames are `measure(moment)`, float (H, W) in the unit of the domain."""
    clip, keys = of[0].head.clip, [track.head.key for track in of]

    def score(moment: Moment) -> Measured:
        found = measure(moment)
        blocks = cv2.resize(found, (BLOCKS, BLOCKS), interpolation=cv2.INTER_AREA)
        image = map_of(blocks, domain.hi, clip.height, clip.width)
        return Measured(image, {"confidence": float(found.mean(dtype=np.float64)), "blocks": blocks})

    inputs = {"of": keys, "version": AGREEMENT_VERSION, "constants": dict(constants)}
    inputs["constants"].pop("members", None)  # named by their keys
    head = Head(
        key=track_key(clip.key, "confidence", *names, inputs),
        kind="confidence",
        clip=clip,
        zoo=names[0],
        method=names[1],
        path=names[2],
        domain={**domain.record(), "invalid": 1.0},
        codec=CODEC,
        edges=_edges(of),
        constants={"of": keys, "versions": {"agreement": AGREEMENT_VERSION}, **constants},
        columns={
            "pts_seconds": PTS,
            "confidence": {"title": domain.title, "unit": domain.unit},
            "blocks": {"title": f"{domain.title} by region", "unit": domain.unit},
        },
    )
    return MeasureSpec(head, of, score)
