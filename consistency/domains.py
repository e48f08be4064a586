"""Domains: the image-shaped prediction targets, and what their values mean.

Every image, network output and stored frame holds *codes* v in [0, 1]. A Domain states the number of channels and the
meaning of a code: `lo + (hi - lo) v` on a linear scale, `lo (hi / lo)^v` on a log scale. A frame stores round(255 v), or
round(65535 v) where the domain asks for 16 bits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal


@dataclass(frozen=True)
class Domain:
    """One prediction target. Every manifest carries its record, so readers need no table of their own."""

    name: str
    """The name in paths, links and JSON: lower case, no hyphen (the hyphen separates the domains of a path)."""
    title: str
    """The name shown to users."""
    alias: str
    """Taskonomy's name for the same domain."""
    channels: Literal[1, 3]
    """Grey or three components."""
    lo: float
    """The physical value of code 0."""
    hi: float
    """The physical value of code 1."""
    scale: Literal["linear", "log"]
    """How codes map to physical values; see the module."""
    unit: str
    """The unit of the physical value; empty if it has none."""
    meaning: Literal["colour", "direction", "scalar"]
    """What the channels are: a colour, a unit vector, or one number. Viewers and error measures follow it."""
    colour_map: str
    """The default colour map of a scalar domain; `none` where channels are shown as colours."""
    invalid: float | None = None
    """The code of unknown values, as in Taskonomy; None if every pixel has a value."""
    bits: Literal[8, 16] = 8
    """Bits of a stored code. 16 are for one channel, and take six times the room: 109 kB for 17 at 256x256."""
    sky: float | None = None
    """The code of what is infinitely far, apart from the unknown; None where no code means that."""

    @property
    def levels(self) -> int:
        """The stored number of code 1."""
        return (1 << self.bits) - 1

    def record(self) -> dict[str, Any]:
        """The Domain as plain JSON values; of 8 bits as before there were others."""
        found = asdict(self)
        if self.bits == 8:
            del found["bits"]
        if self.sky is None:
            del found["sky"]
        return found


# Depth on a log scale: 8 bits then give 2 % steps from 0.1 to 16 m, where the linear encoding of Taskonomy
# (1/512 m units up to 15.6 m) would leave 6 cm steps at arm's length.
DEPTH_MIN_METRES = 0.1
DEPTH_MAX_METRES = 16.0
# A surface with a radius of curvature of 10 cm. Most of a room is flat; the edges of furniture are sharper and clipped.
CURVATURE_MAX_PER_METRE = 10.0

_TABLE = (
    Domain("rgb", "Image", "rgb", 3, 0.0, 1.0, "linear", "", "colour", "none"),
    # Camera frame: x right, y down, z forward; code = (n + 1) / 2, so a floor is purple and a facing wall olive.
    Domain("normal", "Surface normals", "normal", 3, -1.0, 1.0, "linear", "", "direction", "none", invalid=0.502),
    Domain(
        "depth", "Depth", "depth_zbuffer", 1, DEPTH_MIN_METRES, DEPTH_MAX_METRES, "log", "m", "scalar", "viridis", 1.0
    ),
    # Lambertian shading of a white scene with the light at the camera.
    Domain("reshading", "Reshading", "reshading", 1, 0.0, 1.0, "linear", "", "scalar", "grey", invalid=0.0507),
    # The two principal curvatures, signed: 0 is code 0.5. The third channel is always 0.5, so that flat is mid grey and
    # unknown, (0, 0, 0), is not a curvature.
    Domain(
        "curvature",
        "Curvature",
        "principal_curvature",
        3,
        -CURVATURE_MAX_PER_METRE,
        CURVATURE_MAX_PER_METRE,
        "linear",
        "1/m",
        "colour",
        "none",
        invalid=0.0,
    ),
    # Sobel magnitude of the channel mean after a Gaussian of sigma 2: a fixed filter of the image.
    Domain("edge2d", "2D edges", "edge_texture", 1, 0.0, 1.0, "linear", "", "scalar", "magma"),
    # How strongly the depth jumps: where one surface hides another.
    Domain("edge3d", "Occlusion edges", "edge_occlusion", 1, 0.0, 1.0, "linear", "", "scalar", "magma"),
    # Determinant of the Hessian of the channel mean, smoothed: a fixed filter of the image.
    Domain("keypoint2d", "2D keypoints", "keypoints2d", 1, 0.0, 1.0, "linear", "", "scalar", "magma"),
    # Points of the range image where a stable surface changes nearby, after NARF.
    Domain("keypoint3d", "3D keypoints", "keypoints3d", 1, 0.0, 1.0, "linear", "", "scalar", "magma"),
)
DOMAINS: dict[str, Domain] = {domain.name: domain for domain in _TABLE}

FAR_DEPTH = replace(DOMAINS["depth"], lo=0.01, hi=1000.0, bits=16, invalid=0.0, sky=1.0)
"""Depth outdoors, in steps of 0.018 %: the domain `depth` of zoos and results that ask for 16 bits. Both end codes are reserved:
what is nearer than 1 cm counts as unknown, what is 1 km away or farther as sky."""

ENERGY = Domain("energy", "Consistency energy", "", 1, -8.0, 24.0, "linear", "σ", "scalar", "inferno")
"""How the per-pixel energy map is stored: clipped to this range. Not a prediction target, so not in DOMAINS."""

COLOUR_MAPS = ("viridis", "magma", "inferno", "cividis", "grey", "none")
MAX_TITLE_LETTERS = 40
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def read_domain(name: str, row: Mapping[str, Any]) -> Domain:
    """A Domain that a zoo declares. `row` holds its other fields; `title` and `channels` are required.

    The domain `depth` may be declared with `bits = 16` alone, and is then FAR_DEPTH. Raises ValueError and KeyError.
    """
    if name == "depth" and dict(row) == {"bits": 16}:
        return FAR_DEPTH
    taken = {text for domain in (*_TABLE, ENERGY) for text in (domain.name, domain.alias) if text}
    if name in taken or not _NAME.fullmatch(name):
        raise ValueError(
            f"a zoo cannot declare a domain '{name}': use 1 to 32 lower-case letters, digits and underscores, and none of "
            f"the names {', '.join(sorted(taken))}"
        )
    unknown = set(row) - {field for field in Domain.__dataclass_fields__ if field not in ("name", "alias")}
    if unknown:
        raise ValueError(f"domain {name}: unknown field {', '.join(sorted(unknown))}")
    channels = row["channels"]
    domain = Domain(
        name=name,
        title=str(row["title"]),
        alias="",
        channels=channels,
        lo=float(row.get("lo", 0.0)),
        hi=float(row.get("hi", 1.0)),
        scale=row.get("scale", "linear"),
        unit=str(row.get("unit", "")),
        meaning=row.get("meaning", "scalar" if channels == 1 else "colour"),
        colour_map=row.get("colour_map", "viridis" if channels == 1 else "none"),
        invalid=None if row.get("invalid") is None else float(row["invalid"]),
        bits=row.get("bits", 8),
        sky=None if row.get("sky") is None else float(row["sky"]),
    )
    for field, allowed in (
        ("channels", (1, 3)),
        ("scale", ("linear", "log")),
        ("bits", (8, 16) if channels == 1 else (8,)),
        ("meaning", ("scalar",) if channels == 1 else ("colour", "direction")),
        ("colour_map", COLOUR_MAPS),
    ):
        if getattr(domain, field) not in allowed:
            raise ValueError(f"domain {name}: {field} is {getattr(domain, field)!r}; use one of {allowed}")
    for text in (domain.title, domain.unit):
        if len(text) > MAX_TITLE_LETTERS or not text.isprintable():
            raise ValueError(f"domain {name}: {text[:60]!r} must be at most {MAX_TITLE_LETTERS} printable characters")
    if not (math.isfinite(domain.lo) and math.isfinite(domain.hi) and domain.lo < domain.hi):
        raise ValueError(
            f"domain {name}: lo is {domain.lo} and hi is {domain.hi}; lo must be less than hi, and both finite"
        )
    if domain.bits == 16 and (domain.invalid not in (None, 0.0) or domain.sky not in (None, 1.0)):
        raise ValueError(
            f"domain {name}: with 16 bits `invalid` can be 0 and `sky` 1, got {domain.invalid} and {domain.sky}"
        )
    if domain.bits == 8 and domain.sky is not None:
        raise ValueError(f"domain {name}: `sky` needs `bits = 16`")
    if domain.scale == "log" and domain.lo <= 0:
        raise ValueError(f"domain {name}: lo is {domain.lo}; on a log scale it must be positive")
    return domain


def get_domain(name: str) -> Domain:
    """The domain with that name, its own or Taskonomy's. Raises ValueError."""
    for domain in _TABLE:
        if name in (domain.name, domain.alias):
            return domain
    raise ValueError(f"unknown domain '{name}'; the domains are {', '.join(DOMAINS)}")
