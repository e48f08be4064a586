"""The numbers of a ladder as a file: one row for each measure, configuration and strength."""

from __future__ import annotations

import math

from dashboard.csv_file import Value, to_csv
from dashboard.shift.curves import Curve, Plot, Point, Read
from dashboard.shift.ladders import CLEAN, Ladder, Step

HEADINGS = (
    "source_clip",
    "kind",
    "strength",
    "imagenet_c_severity",
    "clip",
    "configuration",
    "measure",
    "unit",
    "mean",
    "interval_95_low",
    "interval_95_high",
    "n_frames",
)


def numbers_csv(ladder: Ladder, found: Read) -> bytes:
    """CSV; unknown numbers are empty."""
    rows = (
        _row(ladder, plot, curve, step, point)
        for plot in found.plots.values()
        for curve in plot.curves
        for step, point in zip(ladder.steps, curve.points, strict=True)
        if point is not None
    )
    return to_csv(HEADINGS, rows)


def _row(ladder: Ladder, plot: Plot, curve: Curve, step: Step, point: Point) -> tuple[Value, ...]:
    shift, half = step.shift, point.half_width
    ends = (None, None) if math.isnan(half) else (f"{point.mean - half:.6g}", f"{point.mean + half:.6g}")
    return (
        ladder.source.key,
        ladder.kind.name,
        ladder.kind.spelled(shift.strength) if shift else CLEAN,
        shift.severity if shift else 0,
        step.clip.key,
        curve.configuration.full_spelling,
        plot.title,
        plot.unit,
        f"{point.mean:.6g}",
        *ends,
        len(point.values),
    )
