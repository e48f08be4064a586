"""The curves of a ladder in JSON, for the component that draws them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from dashboard.player_data import LETTERS, Style
from dashboard.selection.link import Selection, to_query
from dashboard.shift.curves import Curve, Plot, Read
from dashboard.shift.ladders import Ladder


def chart_data(
    ladder: Ladder, found: Read, selection: Selection, chosen: int, styles: Mapping[str, Style]
) -> dict[str, Any]:
    """What web/shift/curves.mjs draws. `selection`: what the links of the points carry beside clip and frame."""
    return {
        "letters": LETTERS,
        "styles": {letter: asdict(style) for letter, style in styles.items()},
        "axis": f"{ladder.kind.title}, {ladder.kind.meaning}",
        "steps": [
            {"label": step.label, "severity": step.shift.severity if step.shift else None} for step in ladder.steps
        ],
        "chosen": chosen,
        "plots": [_plot(ladder, plot, selection) for plot in found.plots.values()],
    }


def _plot(ladder: Ladder, plot: Plot, selection: Selection) -> dict[str, Any]:
    return {
        "id": plot.id,
        "title": plot.title,
        "unit": plot.unit,
        "limit": plot.limit,
        "curves": [
            {"letter": curve.letter, "name": curve.name, "points": _points(ladder, curve, selection)}
            for curve in plot.curves
        ],
    }


def _points(ladder: Ladder, curve: Curve, selection: Selection) -> list[dict[str, Any] | None]:
    found: list[dict[str, Any] | None] = []
    for step, point in zip(ladder.steps, curve.points, strict=True):
        if point is None:
            found.append(None)
            continue
        half = point.half_width
        linked = Selection(step.clip, selection.target, None, selection.configurations, frame=point.frame)
        found.append(
            {
                "mean": point.mean,
                "half": None if math.isnan(half) else half,
                "frame": point.frame,
                "href": f"./?{urlencode(to_query(linked))}",
            }
        )
    return found
