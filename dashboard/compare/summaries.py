"""How do numbers per frame become a chart? Series in, Plotly figures (as plain JSON) and sentences out."""

# N frames

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard.compare.configuration import LETTERS

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "2px,7px", "14px,3px")
"""Line style of A, B, ...: colour must not be the only sign."""
DIGITS = 5
"""Significant digits of a plotted value: finer than a pixel, and a third of the bytes."""
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Line:
    """One configuration's values."""

    letter: str
    name: str
    values: np.ndarray
    """(N,) float64; NaN where a frame has no value."""


def figure(lines: Sequence[Line], *, axis: str, unit: str, has_zero_line: bool = False) -> dict[str, Any]:
    """A Plotly figure over the frame index. Colours are the player's: each trace tells its letter in `meta`."""
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": plain(line.name),
            "x": list(range(len(line.values))),
            "y": rounded(line.values),
            "line": {"width": 1.75, "dash": DASHES[LETTERS.index(line.letter)]},
            "meta": {"letter": line.letter, "unit": unit},
            "connectgaps": False,
        }
        for line in lines
    ]
    layout = {
        "yaxis": {
            "title": {"text": f"{axis} ({unit})" if unit else axis},
            "zeroline": has_zero_line,
            "nticks": 5,
        },
    }
    return {"data": traces, "layout": layout}


def rounded(values: np.ndarray) -> list[float | None]:
    """`values` as JSON numbers of DIGITS significant digits; None where not finite."""
    return [float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()]


def summary(name: str, lines: Sequence[Line], unit: str) -> str:
    """`Mean energy: A 0.12 σ, B −0.08 σ. B is lower on 71 % of 240 frames.`, over the frames that all lines have."""
    n_frames = min((len(line.values) for line in lines), default=0)
    values = np.stack([line.values[:n_frames] for line in lines]) if n_frames else np.zeros((len(lines), 0))
    values = values[:, np.isfinite(values).all(axis=0)]  # (lines, N)
    n_common = values.shape[1]
    if n_common == 0:
        return f"{name}: no frame has a value for all." if n_frames else f"{name}: no frames yet."
    means = ", ".join(f"{line.letter} {number(row.mean(), unit)}" for line, row in zip(lines, values, strict=True))
    sentence = f"{name}, mean: {means}."
    if len(lines) != 2:
        return sentence
    return f"{sentence} {_lower(lines[0].letter, lines[1].letter, values, n_common)}"


def number(value: float, unit: str) -> str:
    """`value` in three significant digits at most, with its unit: `−0.08 σ`, `12.3°`."""
    if value != 0 and abs(value) < 0.0005:
        text = f"{value:.1e}"
    else:
        text = (
            f"{value:.0f}"
            if abs(value) >= 100
            else f"{value:.1f}"
            if abs(value) >= 10
            else f"{value:.2f}"
            if abs(value) >= 1
            else f"{value:.3f}"
        )
        text = text if float(text) else text.lstrip("-")
    gap = "" if unit in ("", "°") else "\N{NO-BREAK SPACE}"
    return f"{text.replace('-', MINUS)}{gap}{unit}"


def _lower(first: str, second: str, values: np.ndarray, n_frames: int) -> str:
    """Which of two lines is lower, and how often."""
    first_lower, second_lower = int((values[0] < values[1]).sum()), int((values[1] < values[0]).sum())
    if first_lower == second_lower == 0:
        return f"Both are equal on all {n_frames} frames."
    if first_lower == second_lower:
        return f"Each is lower on {_percent(first_lower, n_frames)} of {n_frames} frames."
    letter, count = (second, second_lower) if second_lower >= first_lower else (first, first_lower)
    return f"{letter} is lower on {_percent(count, n_frames)} of {n_frames} frames."


def _percent(count: int, whole: int) -> str:
    """Whole percent; 0 and 100 only where they are exact."""
    share = 100 * count / whole
    if 0 < share < 1 or 99 < share < 100:
        return f"{share:.1f} %" if 0.1 <= share <= 99.9 else ("< 0.1 %" if share < 1 else "> 99.9 %")
    return f"{share:.0f} %"


def plain(name: str) -> str:
    """`name` without what Plotly reads as markup in labels (<b>, <a>, entities, %{templates})."""
    return name.translate(str.maketrans("", "", "<>&%{}"))
