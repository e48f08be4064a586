"""Which confidence to believe: what orders the frames of each configuration by its error, where the truth is known."""

# N frames

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.columns import Columns
from analysis.evaluation.confidences import Confidence, ConfidencePlot, confidence_plot
from analysis.evaluation.sparsification import Sparsification, sparsification
from dashboard.catalogue import Catalogue
from dashboard.compare.comparison import EXPECTED, Comparison
from dashboard.compare.memory import kept_by_content
from dashboard.numbers import number
from dashboard.player_data import Chart
from dashboard.text import one_line

DIGITS = 4
NO_TRUTH = (
    "This clip has no ground truth, so no error is known that a confidence could be checked against. The bundled walk-through has one, "
    "and docs/results.md has the same figures over test rooms."
)


def believed(columns: Columns, catalogue: Catalogue, comparison: Comparison, charts: Sequence[Chart]) -> dict[str, Any]:
    """The data of the panel, in JSON: a plot for each configuration with an error, its curves the best first.

    `reason`: why there is none; empty if there is one.
    """
    errors = {curve.letter: curve for plot in comparison.plots if plot.id == "error" for curve in plot.curves}
    expected = {line.letter: (chart, line) for chart in charts if chart.id == EXPECTED for line in chart.series}
    predictions = {pane.letter: pane.track for pane in comparison.panes if pane.role == "prediction"}
    plots = []
    for letter, error in errors.items():
        tracks = [
            *([comparison.energies[letter]] if letter in comparison.energies else []),
            *(
                curve.track
                for plot in comparison.plots
                if plot.id in ("stability", "disagreement")
                for curve in plot.curves
                if curve.letter == letter
            ),
            *catalogue.confidences_of(predictions.get(letter, error.track)),
        ]
        chart, line = expected.get(letter, (None, None))
        more = {"expected": ("Expected error", chart.unit, line.values)} if chart and line else {}
        found = confidence_plot(columns, tracks, error.track, error.column, more, _curve)
        plots.append({"letter": letter, "name": error.name, **_data(found)})
    return {"plots": plots, "reason": "" if plots else NO_TRUTH}


def _data(plot: ConfidencePlot) -> dict[str, Any]:
    known = plot.confidences
    whole = max((one.curve for one in known), key=lambda curve: curve.n_samples, default=None)
    return {
        "error": plot.error,
        "mean": number(whole.mean_error, plot.unit) if whole else "",
        "nFrames": whole.n_samples if whole else 0,
        "curves": [_curve_data(one) for one in known],
        "oracle": _rounded(whole.oracle) if whole else [],
        "randomAuse": round(whole.ause + whole.aurg, DIGITS) if whole else None,
        "missing": [one_line(text, 300) for text in plot.missing],
    }


def _curve_data(one: Confidence) -> dict[str, Any]:
    ause, aurg = (round(area, DIGITS) for area in (one.curve.ause, one.curve.aurg))
    return {
        "id": one.kind,
        "title": one_line(one.name, 80),
        "unit": one.unit,
        "ause": ause,
        "aurg": aurg,
        "series": _rounded(one.curve.remaining),
    }


def _rounded(values: Any) -> list[float]:
    return [round(float(value), DIGITS) for value in values]


@kept_by_content
def _curve(uncertainty: Any, error: Any) -> Sparsification:
    """The page is drawn anew at every choice."""
    return sparsification(uncertainty, error)
