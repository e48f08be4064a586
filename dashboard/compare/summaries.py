"""What the numbers of a comparison say, in words: means, who is lower how often, and what limits the comparison."""

# N frames

from __future__ import annotations

import numpy as np

from analysis.energy import Scale, same_constants
from dashboard.compare.comparison import Comparison
from dashboard.player_data import Chart
from dashboard.text import counted, number


def summary(chart: Chart) -> str:
    """`Energy, mean: A 0.12 σ, B −0.08 σ. B is lower on 71 % of 240 frames.`, over the frames that all series have."""
    lines = chart.series
    n_frames = min((len(line.values) for line in lines), default=0)
    values = np.stack([line.values[:n_frames] for line in lines]) if n_frames else np.zeros((len(lines), 0))
    values = values[:, np.isfinite(values).all(axis=0)]  # (lines, N)
    n_common = values.shape[1]
    if n_common == 0:
        return f"{chart.title}: no frame has a value for all." if n_frames else f"{chart.title}: no frames yet."
    means = ", ".join(
        f"{line.letter} {number(row.mean(), chart.unit)}" for line, row in zip(lines, values, strict=True)
    )
    sentence = f"{chart.title}, mean: {means}."
    if len(lines) != 2:
        return sentence
    return f"{sentence} {_lower(lines[0].letter, lines[1].letter, values, n_common)}"


def _lower(first: str, second: str, values: np.ndarray, n_frames: int) -> str:
    """The sentence on which of two series is lower, and how often: values (2, N)."""
    is_only = n_frames == 1
    first_lower, second_lower = int((values[0] < values[1]).sum()), int((values[1] < values[0]).sum())
    if first_lower == second_lower == 0:
        return f"Both are equal on {'the only frame' if is_only else f'all {n_frames} frames'}."
    if first_lower == second_lower:
        return f"Each is lower on {_percent(first_lower, n_frames)} of {n_frames} frames."
    letter, count = (second, second_lower) if second_lower >= first_lower else (first, first_lower)
    where = "the only frame" if is_only else f"{_percent(count, n_frames)} of {n_frames} frames"
    return f"{letter} is lower on {where}."


def _percent(count: int, whole: int) -> str:
    """Whole percent; 0 and 100 only if they are exact."""
    share = 100 * count / whole
    if 0 < share < 1 or 99 < share < 100:
        return f"{share:.1f} %" if 0.1 <= share <= 99.9 else ("< 0.1 %" if share < 1 else "> 99.9 %")
    return f"{share:.0f} %"


def remarks(comparison: Comparison, scale: Scale) -> list[str]:
    """What limits the comparison, a sentence each."""
    remarks = []
    for plot in comparison.plots:
        tracks = [curve.track for curve in plot.curves]
        # Raw terms of different paths are no more alike than terms standardised with different constants.
        names = ("paths",) if scale == "raw" else ("paths", "mu", "sigma")
        if plot.id == "energy" and not all(same_constants(tracks[0], other, names) for other in tracks[1:]):
            remarks.append(
                "These energies are measured with different paths or constants: "
                "compare where the curves rise and fall, not their heights."
            )
        if len({track.n_frames for track in tracks}) > 1:
            n_frames = min(track.n_frames for track in tracks)
            remarks.append(
                f"{plot.title}: the configurations do not all have the same frames; compared on the first {counted(n_frames, 'frame')}."
            )
    return remarks
