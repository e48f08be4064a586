"""The numbers of a ladder as a file: one row for each measure, configuration and strength."""

from __future__ import annotations

import csv
import io
import math

from dashboard.shift.curves import Read
from dashboard.shift.ladders import CLEAN, Ladder

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
    """CSV in UTF-8; unknown numbers are empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADINGS)
    for plot in found.plots.values():
        for curve in plot.curves:
            for step, point in zip(ladder.steps, curve.points, strict=True):
                if point is None:
                    continue
                shift, half = step.shift, point.half_width
                ends = ("", "") if math.isnan(half) else (f"{point.mean - half:.6g}", f"{point.mean + half:.6g}")
                writer.writerow(
                    [
                        ladder.source.key,
                        ladder.kind.name,
                        ladder.kind.spelled(shift.strength) if shift else CLEAN,
                        (shift.severity or "") if shift else 0,
                        step.clip.key,
                        curve.configuration.full_spelling,
                        plot.title,
                        plot.unit,
                        f"{point.mean:.6g}",
                        *ends,
                        len(point.values),
                    ]
                )
    return text.getvalue().encode()
