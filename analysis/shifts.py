"""The kinds of shift that a job applies to frames: how their strengths are spelled, ordered and bounded.

A strength has its unit (`blur:2px`, `jpeg:q30`) or is a severity of ImageNet-C (`jpeg@3`; Hendrycks & Dietterich, ICLR 2019), which
only stands for a strength: both spellings of one strength are one clip. Pixels are those of a picture whose short side has 256;
ImageNet-C's are of 224, and are converted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SEVERITIES = 5
SELF = "self_"
"""Begins the names of columns that compare with the clean prediction as errors compare with the truth."""
MOST_SHIFTS = 100
"""Strengths of one run."""
_ITEM = re.compile(r"([a-z0-9_]{1,32})([@:])(.{1,32})")
_SEVERITY = re.compile(r"([0-9])(?:\.\.([0-9]))?")
_NUMBER = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_OF_224 = 256 / 224


@dataclass(frozen=True)
class Kind:
    """One way to change frames, at any strength of a range."""

    name: str
    """In commands and keys: `gaussian_noise`."""
    title: str
    meaning: str
    """What the strength is, in a few words."""
    lowest: float
    highest: float
    prefix: str = ""
    """What is written before the number, such as `q`."""
    suffix: str = ""
    """What is written after the number, such as `px`."""
    is_stronger_lower: bool = False
    """Whether smaller numbers change more, as with a quality."""
    is_whole: bool = False
    """Whether only whole numbers have a meaning."""
    severities: tuple[float, ...] = ()
    """The strengths of ImageNet-C's severities 1 to 5; () where it has none."""

    def spelled(self, strength: float) -> str:
        """`2px`, `q30`."""
        return f"{self.prefix}{strength:.4g}{self.suffix}"

    def shown(self, strength: float) -> str:
        """For people: `2 px`, with a no-break space."""
        space = "\N{NO-BREAK SPACE}" if self.suffix else ""
        return f"{self.prefix}{strength:.4g}{space}{self.suffix}"


def _of_224_px(*pixels: float) -> tuple[float, ...]:
    return tuple(float(f"{pixel * _OF_224:.4g}") for pixel in pixels)


_LISTED = (
    Kind("jpeg", "JPEG compression", "quality", 1, 100, "q", "", True, True, (25, 18, 15, 10, 7)),
    Kind("h264", "H.264 compression", "constant rate factor", 1, 51, "crf", is_whole=True),
    Kind("blur", "Gaussian blur", "σ in px of 256", 0.1, 64, "", "px", severities=_of_224_px(1, 2, 3, 4, 6)),
    Kind("defocus", "Defocus", "radius in px of 256", 1, 64, "", "px", severities=_of_224_px(3, 4, 6, 8, 10)),
    Kind("motion", "Motion blur", "σ in px of 256", 1, 32, "", "px", severities=_of_224_px(3, 5, 8, 12, 15)),
    Kind("zoom", "Zoom blur", "largest zoom", 1.01, 2, "x", severities=(1.1, 1.15, 1.2, 1.25, 1.3)),
    Kind("glass", "Glass blur", "severity of ImageNet-C", 1, 5, "s", is_whole=True, severities=(1, 2, 3, 4, 5)),
    Kind("gaussian_noise", "Gaussian noise", "σ, of white", 0.01, 1, "sd", severities=(0.08, 0.12, 0.18, 0.26, 0.38)),
    Kind("shot_noise", "Shot noise", "photons of white", 1, 1000, "", "photons", True, False, (60, 25, 12, 5, 3)),
    Kind("impulse_noise", "Impulse noise", "share of values", 0.1, 100, "", "%", severities=(3, 6, 9, 17, 27)),
    Kind("snow", "Snow", "severity of ImageNet-C", 1, 5, "s", is_whole=True, severities=(1, 2, 3, 4, 5)),
    Kind("fog", "Fog", "severity of ImageNet-C", 1, 5, "s", is_whole=True, severities=(1, 2, 3, 4, 5)),
    Kind("brightness", "Brightness", "added, of white", 0.01, 1, "+", severities=(0.1, 0.2, 0.3, 0.4, 0.5)),
    Kind("contrast", "Contrast", "share kept", 0.01, 0.99, "x", "", True, False, (0.4, 0.3, 0.2, 0.1, 0.05)),
    Kind("low_light", "Low light", "share of the light", 0.001, 0.99, "x", "", True),
    Kind("pixelate", "Pixelation", "share of the side", 0.01, 0.99, "x", "", True, False, (0.6, 0.5, 0.4, 0.3, 0.25)),
    Kind("downscale", "Downscaling", "times smaller", 1.1, 64, "x"),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _LISTED}
"""Every kind of shift. ImageNet-C's `frost` and `elastic_transform` are left out; docs/shifts.md says why."""


class BadShift(ValueError):
    """A text names no shift; the message says what is allowed."""


@dataclass(frozen=True)
class Shift:
    """One kind at one strength."""

    kind: Kind
    strength: float

    @property
    def spelling(self) -> str:
        """`blur:2px`, as in commands and in a clip's sampling."""
        return f"{self.kind.name}:{self.kind.spelled(self.strength)}"

    @property
    def title(self) -> str:
        """`Gaussian blur 2 px`."""
        return f"{self.kind.title} {self.kind.shown(self.strength)}"

    @property
    def order(self) -> float:
        """Rises with the strength, within a kind."""
        return -self.strength if self.kind.is_stronger_lower else self.strength

    @property
    def severity(self) -> int | None:
        """ImageNet-C's severity of exactly this strength; None if it is none."""
        return self.kind.severities.index(self.strength) + 1 if self.strength in self.kind.severities else None


def parse_shifts(text: str) -> list[Shift | None]:
    """The shifts of `jpeg@1..5,blur:2px`, the mildest of a kind first, each once. None is strength 0, the frames as they are.
    Raises BadShift."""
    found: dict[Shift | None, None] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        found |= dict.fromkeys(_parse_item(item))
    if not found:
        raise BadShift("no shift is named; write such as 'jpeg@1..5,blur:2px'")
    if len(found) > MOST_SHIFTS:
        raise BadShift(f"{len(found)} strengths are named; at most {MOST_SHIFTS} at a time")
    named = [shift for shift in found if shift is not None]
    kinds = list(dict.fromkeys(shift.kind.name for shift in named))
    named.sort(key=lambda shift: (kinds.index(shift.kind.name), shift.order))
    return [*([None] if None in found else []), *named]


def _parse_item(item: str) -> list[Shift | None]:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise BadShift(
            f"'{item[:80]}' is not a shift; write KIND@SEVERITY or KIND:STRENGTH, such as jpeg@1..5 or blur:2px"
        )
    name, sign, rest = match.groups()
    kind = KINDS.get(name)
    if kind is None:
        raise BadShift(f"unknown kind of shift '{name}'; the kinds are {', '.join(KINDS)}")
    return _severities(kind, rest) if sign == "@" else [_strength(kind, rest)]


def _severities(kind: Kind, text: str) -> list[Shift | None]:
    match = _SEVERITY.fullmatch(text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (-1, -1)
    if not 0 <= first <= last <= SEVERITIES:
        raise BadShift(
            f"'{kind.name}@{text}': severities are 0 to {SEVERITIES}; write {kind.name}@3 or {kind.name}@1..5"
        )
    if last and not kind.severities:
        example = kind.spelled(kind.highest if kind.is_stronger_lower else (kind.lowest + kind.highest) // 2)
        raise BadShift(f"ImageNet-C has no severities of {kind.name}; write a strength, such as {kind.name}:{example}")
    return [Shift(kind, kind.severities[at - 1]) if at else None for at in range(first, last + 1)]


def _strength(kind: Kind, text: str) -> Shift | None:
    low, high = kind.spelled(kind.lowest), kind.spelled(kind.highest)
    allowed = f"{kind.meaning}, {low} to {high}"
    number = text.removeprefix(kind.prefix).removesuffix(kind.suffix)
    if not _NUMBER.fullmatch(number):
        raise BadShift(
            f"'{kind.name}:{text}' is not a strength; write {kind.name}:{low} to {kind.name}:{high} ({kind.meaning})"
        )
    strength = float(f"{float(number):.4g}")
    if strength == 0:
        return None
    if text != f"{kind.prefix}{number}{kind.suffix}":
        raise BadShift(f"'{kind.name}:{text}' lacks its unit; write {kind.name}:{kind.prefix}{number}{kind.suffix}")
    if not kind.lowest <= strength <= kind.highest or (kind.is_whole and strength != round(strength)):
        whole = " whole numbers" if kind.is_whole else ""
        raise BadShift(f"'{kind.name}:{text}' is out of range: {allowed}{whole and ',' + whole}")
    return Shift(kind, strength)


def shift_of(sampling: Mapping[str, Any]) -> Shift | None:
    """The shift in the sampling of a stored clip; None for none, or for one that this version does not know."""
    spelled = sampling.get("shift")
    try:
        found = parse_shifts(spelled) if isinstance(spelled, str) and spelled else []
    except BadShift:
        return None
    return found[0] if len(found) == 1 else None


def source_of(sampling: Mapping[str, Any]) -> str:
    """The key of the clip that a shifted clip shows without the shift; empty for a clip without a shift."""
    found = sampling.get("shift_of")
    return found if isinstance(found, str) and sampling.get("shift") else ""
