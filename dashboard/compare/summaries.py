"""What the numbers of a comparison say under the plots, in words, where the verdict above the pictures does not."""

# N frames

from __future__ import annotations

from dashboard.compare.comparison import Comparison
from dashboard.compare.gaps import gap_between
from dashboard.numbers import number
from dashboard.player_data import Chart
from dashboard.text import counted

VERDICT_CHARTS = ("energy", "perceptual", "error", "expected", "stability")
"""What the verdict speaks of."""


def summary(chart: Chart) -> str:
    """`Readout disagreement, mean: A 0.051, B 0.048; no difference beyond the noise (gap 0.003, noise floor 0.004).`"""
    lines = chart.series
    if len(lines) == 2:
        gap = gap_between(*lines)
        if gap.n_frames == 0:
            has_frames = min(len(line.values) for line in lines) > 0
            return f"{chart.title}: {'no frame has a value for both' if has_frames else 'no frames yet'}."
        means = zip(lines, (gap.first_mean, gap.second_mean), strict=True)
        listed = ", ".join(f"{line.letter} {number(mean, chart.unit)}" for line, mean in means)
        return f"{chart.title}, mean: {listed}; {gap.words_with_share(chart.unit)}."
    means = [(line.letter, line.mean) for line in lines if line.has_values]
    if not means:
        return f"{chart.title}: no frames yet."
    return f"{chart.title}, mean: {', '.join(f'{letter} {number(mean, chart.unit)}' for letter, mean in means)}."


def remarks(comparison: Comparison) -> list[str]:
    """What limits the comparison, a sentence each."""
    remarks = [comparison.remark] if comparison.remark else []
    for plot in comparison.plots:
        n_frames = [curve.track.n_frames for curve in plot.curves]
        if len(set(n_frames)) > 1:
            remarks.append(
                f"{plot.title}: the configurations do not all have the same frames; compared on the first "
                f"{counted(min(n_frames), 'frame')}."
            )
    return remarks
