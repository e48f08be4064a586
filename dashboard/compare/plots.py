"""What are the numbers behind one chart? Its curves, read from the store: for the page and for files of them."""

# N frames

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.columns import Columns
from analysis.energy import Scale, Unreadable
from dashboard.compare.comparison import Plot
from dashboard.compare.summaries import Line

_AXES = {
    "terms": ("energy", "σ"),
    "disagreement": ("mean difference", ""),
    "angle_degrees": ("angle", "°"),
    "absrel": ("AbsRel", ""),
    "error": ("mean error", ""),
}
"""Column -> axis title and unit."""


@dataclass(frozen=True)
class PlotData:
    """What one chart plots, read from the store."""

    plot: Plot
    lines: tuple[Line, ...]
    axis: str
    unit: str
    problems: tuple[str, ...]
    """What could not be read, a sentence each."""


def read(columns: Columns, plot: Plot, scale: Scale) -> PlotData:
    """The curves of `plot`; what cannot be read is said in `problems`, not raised."""
    lines, problems = [], []
    for curve in plot.curves:
        try:
            lines.append(Line(curve.letter, curve.name, columns.series(curve, scale)))
        except Unreadable as error:
            problems.append(f"{plot.title} of {curve.letter} cannot be shown: {error}.")
    axis, unit = _AXES.get(plot.curves[0].column, ("", ""))
    return PlotData(plot, tuple(lines), axis, "" if scale == "raw" and plot.id == "energy" else unit, tuple(problems))


def named_columns(numbers: Sequence[PlotData], n_frames: int) -> dict[str, np.ndarray]:
    """`Consistency energy, A baseline (σ)` -> (N,) float64 for every curve; NaN where a frame has no value."""
    named: dict[str, np.ndarray] = {}
    for item in numbers:
        for line in item.lines:
            values = np.full(n_frames, np.nan)
            values[: len(line.values)] = line.values[:n_frames]
            unit = f" ({item.unit})" if item.unit else ""
            named[f"{item.plot.title}, {line.letter} {line.name}{unit}"] = values
    return named
