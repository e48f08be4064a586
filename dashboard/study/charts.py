"""The Study page's charts in JSON, for the component that draws them (web/study/chart.mjs)."""

# P points

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import numpy as np

from cache.records import Clip
from dashboard.catalogue import Catalogue
from dashboard.compare.styles import styles
from dashboard.configuration import Configuration
from dashboard.player_data import DIGITS
from dashboard.selection.defaults import default_configurations
from dashboard.selection.link import Selection, to_query
from dashboard.study.figures import Correlated, Covered, Ordered, Told
from dashboard.study.frames import Frames, Measure
from dashboard.text import one_line

HUES_OF_CONFIDENCES = 8
REMOVED, REMAINING = "Share of frames removed", "Error of the rest, as a share of all"


def scatter(catalogue: Catalogue, frames: Frames, measure: Measure, found: Sequence[Correlated]) -> dict[str, Any]:
    """Energy against error; each point opens Compare at its frame."""
    series = []
    clips = {clip.key: clip for clip in frames.clips}
    for one in found:
        keys = list(dict.fromkeys(key for key, _ in one.places))
        at = {key: index for index, key in enumerate(keys)}
        series.append(
            {
                **_look(catalogue, frames, one.configuration),
                "kind": "points",
                "x": _short(one.energy),
                "y": _short(one.error),
                "clips": [one_line(clips[key].title) for key in keys],
                "links": [_link(catalogue, frames.target, clips[key], one.configuration) for key in keys],
                "places": [[at[key], frame] for key, frame in one.places],
            }
        )
    y = {"title": measure.title, "unit": measure.unit}
    return _chart("Consistency energy against error", {"title": "Energy", "unit": "σ"}, y, series)


def curves_of_groups(catalogue: Catalogue, frames: Frames, found: Sequence[Told]) -> dict[str, Any]:
    """The ROC of every method."""
    series: list[dict[str, Any]] = [
        {
            **_look(catalogue, frames, one.configuration),
            "kind": "line",
            "x": _short(one.false_positive),
            "y": _short(one.true_positive),
        }
        for one in found
    ]
    share = {"unit": "", "from": 0, "to": 1}
    x = {**share, "title": "Share of group A above the threshold"}
    y = {**share, "title": "Share of group B above it"}
    return _chart("ROC: group B against group A", x, y, [*series, _reference("chance", [0, 1], [0, 1])])


def histograms(catalogue: Catalogue, frames: Frames, found: Told) -> dict[str, Any]:
    """Both groups of one method, as shares of their frames: A muted, B in the method's hue."""
    look = _look(catalogue, frames, found.configuration)
    common = {"kind": "steps", "x": _short(found.edges)}
    series = [
        {**_reference("group A", [], []), "dash": False, **common, "y": _short(found.inside)},
        {**look, "name": "group B", **common, "y": _short(found.outside)},
    ]
    y = {"title": "Share of the group's frames", "unit": "", "from": 0}
    return _chart(f"Energies of both groups, {look['name']}", {"title": "Energy", "unit": "σ"}, y, series)


def sparsifications(found: Sequence[Ordered]) -> dict[str, Any]:
    """Every confidence with the oracle and chance."""
    usable = [one for one in found if np.isfinite(one.remaining).all() and not one.is_constant]
    series = [
        {**_confidence(at, one), "kind": "line", "x": _short(one.removed), "y": _short(one.remaining)}
        for at, one in enumerate(usable)
    ]
    oracle = [_reference("oracle", usable[0].removed, usable[0].oracle)] if usable else []
    x = {"title": REMOVED, "unit": "", "from": 0, "to": 1}
    y = {"title": REMAINING, "unit": "", "from": 0}
    return _chart("Sparsification", x, y, [*series, *oracle, _reference("random", [0, 1], [1, 1])])


def risks(found: Sequence[Ordered], measure: Measure) -> dict[str, Any]:
    """Risk over coverage of every confidence with the oracle and chance."""
    usable = [one for one in found if len(one.risk) and not one.is_constant]
    series = [
        {**_confidence(at, one), "kind": "line", "x": _short(one.coverage), "y": _short(one.risk)}
        for at, one in enumerate(usable)
    ]
    others = []
    if usable:
        first = usable[0]
        mean = [first.mean_error] * 2
        others = [_reference("oracle", first.coverage, first.risk_oracle), _reference("random", [0, 1], mean)]
    x = {"title": "Share of frames kept (coverage)", "unit": "", "from": 0, "to": 1}
    y = {"title": f"{measure.title} of those kept", "unit": measure.unit, "from": 0}
    return _chart("Risk over coverage", x, y, [*series, *others])


def coverages(catalogue: Catalogue, frames: Frames, found: Sequence[Covered]) -> dict[str, Any]:
    """Stated against found coverage; the level that the zoo states has an interval."""
    series: list[dict[str, Any]] = []
    for place, one in enumerate(found):
        look = _look(catalogue, frames, one.configuration)
        levels = one.found.levels
        x = _short(np.array([level.stated for level in levels]))
        series.append({**look, "kind": "line", "x": x, "y": _short(np.array([level.share for level in levels]))})
        stated = one.found.stated
        ends = {"low": _short(np.array([stated.low])), "high": _short(np.array([stated.high]))}
        at = {"x": [stated.stated], "y": _short(np.array([stated.share]))}
        dodge = place - (len(found) - 1) / 2  # side by side, as intervals of one level hide each other
        series.append({**look, **at, **ends, "kind": "marks", "isUnlisted": True, "dodge": dodge})
    share = {"unit": "", "from": 0, "to": 1}
    x = {**share, "title": "Stated coverage"}
    agreement = _reference("as stated", [0, 1], [0, 1])
    return _chart("Stated against found coverage", x, {**share, "title": "Found coverage"}, [*series, agreement])


def _chart(title: str, x: Mapping[str, Any], y: Mapping[str, Any], series: Sequence[Any]) -> dict[str, Any]:
    return {"title": title, "x": dict(x), "y": dict(y), "series": list(series)}


def _look(catalogue: Catalogue, frames: Frames, configuration: Configuration) -> dict[str, Any]:
    style = styles(catalogue, frames.target, list(frames.configurations))[configuration]
    name = catalogue.configuration_label(configuration, frames.configurations)
    return {"name": one_line(name), "hue": style.hue, "shade": style.shade, "dash": False}


def _confidence(at: int, one: Ordered) -> dict[str, Any]:
    """Hues of their own: no method is meant. The second round of hues is dashed."""
    return {"name": one.name, "hue": at % HUES_OF_CONFIDENCES, "shade": 0, "dash": at >= HUES_OF_CONFIDENCES}


def _reference(name: str, x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> dict[str, Any]:
    ends = {"x": _short(np.asarray(x, float)), "y": _short(np.asarray(y, float))}
    return {"name": name, "hue": -1, "shade": 0, "dash": name != "oracle", "kind": "line", **ends}


def _link(catalogue: Catalogue, target: str, clip: Clip, configuration: Configuration) -> str:
    """Where Compare shows that configuration beside another one; the frame is the browser's to add."""
    others = default_configurations(catalogue.configurations(clip.key, target))
    other = next((one for one in others if one != configuration), configuration)
    is_unlisted = clip.key in catalogue.unlisted
    query = to_query(Selection(clip, target, None, (configuration, other), is_unlisted=is_unlisted))
    return f"./?{urlencode(query)}"  # the first page is at the root alone


def _short(values: np.ndarray) -> list[float | None]:
    """As a plot needs them; None for what is not finite, which JSON does not know."""
    return [float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None for value in values.tolist()]
