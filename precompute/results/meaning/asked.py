"""From what a user states to what the numbers mean: a named format, and what overrides or replaces it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from precompute.failures import SourceError
from precompute.results.meaning.formats import (
    AXES,
    FORMATS,
    MEANINGS,
    PICTURE_MAPS,
    PLAIN,
    Format,
    Meaning,
    axes_of,
    metres_of,
)
from precompute.results.meaning.values import Conversion, Fit

DOMAINS = ("depth", "normal")
STATE_UNIT = (
    "state --unit: m, cm, mm, m/256, m/5000, ... for depth in metres; scale, affine or inverse for relative depth; "
    "or name the --format"
)
_BY_SUFFIX = {".dpt": "sintel"}
"""Formats that a suffix alone names."""


@dataclass(frozen=True)
class Stated:
    """What a user states of the numbers; None: nothing."""

    domain: str
    format: str | None = None
    unit: str | None = None
    axes: str | None = None
    projection: str | None = None
    field_of_view_degrees: float | None = None
    unknown: tuple[str, ...] = ()
    sky: tuple[str, ...] = ()
    picture: str | None = None
    fit: Fit = "exact"


def conversion_of(stated: Stated, path: Path, *, is_truth: bool) -> Conversion:
    """The conversion that was stated. Raises SourceError where it is incomplete or contradicts itself."""
    known = _format(stated, path)
    meaning, metres = _meaning(stated, known)
    if is_truth and meaning != "metric":
        raise SourceError(
            "no_unit",
            f"{path.name}: {MEANINGS[meaning]} has no metres, and ground truth must have them",
            "state --unit m, cm, mm, m/256, ..., or add it under another name than truth",
        )
    for rules in (stated.unknown, stated.sky):
        for rule in rules:
            _require_rule(rule)
    projection = stated.projection or known.projection
    if projection not in ("z", "ray"):
        raise SourceError("wrong_projection", f"projection '{projection}' is not z or ray")
    if known.domain == "normal":
        axes = axes_of(stated.axes) if stated.axes else known.axes
        if known.name == "plain" and not stated.axes:
            raise SourceError(
                "wrong_axes",
                f"{path.name}: nothing says which axes the normals have",
                f"state --axes: {', '.join(AXES)}, or three signed axes such as x,-y,-z; or name the --format",
            )
    else:
        axes = known.axes
    if projection == "ray" and stated.field_of_view_degrees is None and known.focal_widths is None:
        raise SourceError(
            "wrong_projection",
            f"{path.name}: distances along the ray need the lens",
            "state --field-of-view, in degrees, of the shorter side",
        )
    if stated.picture is not None and stated.picture not in PICTURE_MAPS:
        raise SourceError("picture_of_depth", f"colour map '{stated.picture}' is not one of {', '.join(PICTURE_MAPS)}")
    return Conversion(
        known,
        meaning,
        metres,
        projection,
        stated.field_of_view_degrees,
        axes,
        known.unknown + stated.unknown,
        known.sky + stated.sky,
        stated.picture,
        stated.fit,
        is_truth,
        stated.unit is not None and metres is not None,
    )


def _format(stated: Stated, path: Path) -> Format:
    if stated.domain not in DOMAINS:
        raise SourceError(
            "unknown_format",
            f"results are of {' or '.join(DOMAINS)}, not of '{stated.domain}'",
            "choose another --domain",
        )
    name = stated.format or (_BY_SUFFIX.get(path.suffix.lower()) if stated.domain == "depth" else None)
    if name is None and path.is_dir() and stated.domain == "depth" and not stated.unit:
        suffixes = {entry.suffix.lower() for entry in list(path.iterdir())[:10]}
        name = next((_BY_SUFFIX[suffix] for suffix in suffixes if suffix in _BY_SUFFIX), None)
    if name is None:
        return PLAIN[stated.domain]
    known = FORMATS.get(name)
    if known is None or known.domain != stated.domain:
        names = ", ".join(row.name for row in FORMATS.values() if row.domain == stated.domain)
        raise SourceError("unknown_format", f"no format '{name}' of {stated.domain}", f"use one of {names}")
    return known


def _meaning(stated: Stated, known: Format) -> tuple[Meaning, float | None]:
    if known.domain == "normal":
        if stated.unit is not None:
            raise SourceError("no_unit", "normals have no --unit", "state --axes")
        return "metric", None
    if stated.unit is None:
        if known.name == "plain":
            what = "the pictures show (near or far as bright)" if stated.picture else "the numbers mean"
            raise SourceError("no_unit", f"nothing says what {what}", STATE_UNIT)
        return known.meaning, known.metres
    if stated.unit in MEANINGS and stated.unit != "metric":
        meaning: Meaning = "scale" if stated.unit == "scale" else "affine" if stated.unit == "affine" else "inverse"
        return meaning, None
    if stated.picture:
        raise SourceError(
            "no_unit",
            "values read from pictures have no unit",
            "state --unit affine (bright is far) or inverse (bright is near)",
        )
    try:
        return "metric", metres_of(stated.unit)
    except ValueError as error:
        raise SourceError("no_unit", str(error), STATE_UNIT) from None


def _require_rule(rule: str) -> None:
    if rule in ("nan", "inf"):
        return
    limit = rule.removeprefix(">").removeprefix("=") if rule.startswith(">") else None
    try:
        numbers = [float(part) for part in (rule if limit is None else limit).split()]
    except ValueError:
        numbers = []
    if len(numbers) not in ((1, 3) if limit is None else (1,)) or not all(map(math.isfinite, numbers)):
        raise SourceError(
            "not_finite",
            f"'{rule}' is not a value",
            "give nan, inf, a number, '>1e9', or three numbers in quotes for normals",
        )


def with_unit_stated(conversion: Conversion) -> bool:
    """Whether counts have a unit that the user stated, so that 8 bits may be meant."""
    return conversion.is_unit_stated
