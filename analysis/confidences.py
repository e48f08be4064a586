"""Which confidence to believe: every confidence of a configuration on a clip with ground truth, on one sparsification plot."""

# N frames

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.columns import Columns, series_title, series_unit
from analysis.energy import Unreadable
from analysis.sparsification import Sparsification, sparsification
from cache.records import Track

LEAST_SAMPLES = 3
"""Fewer frames have no curve to speak of."""
VALUE_COLUMNS = {"energy": "terms", "stability": "stability", "confidence": "confidence", "readout": "disagreement"}
"""Kind of a track -> the column that says how uncertain a frame is."""


@dataclass(frozen=True)
class Confidence:
    """One confidence, and how well it orders the errors."""

    name: str
    """Such as `Consistency energy`."""
    unit: str
    track: Track
    curve: Sparsification


@dataclass(frozen=True)
class ConfidencePlot:
    """Everything for the plot: a curve for each confidence, the oracle in any of them, chance at 1."""

    error: str
    """Title of the error."""
    unit: str
    """The unit of the error; empty for none."""
    confidences: tuple[Confidence, ...]
    """The best first: by AUSE."""
    missing: tuple[str, ...]
    """What has no curve and why, a sentence each."""


def confidence_plot(columns: Columns, tracks: Sequence[Track], of: Track | None, error_column: str) -> ConfidencePlot:
    """How well each of the `tracks` (energies, stabilities, confidences, readouts) orders the frames of the prediction `of`
    by its error, a column of that track: over frames. Tracks of kinds that say nothing of confidence are ignored."""
    if of is None or error_column not in of.head.columns:
        return ConfidencePlot("", "", (), ("The clip has no ground truth to check a confidence against.",))
    title, unit = series_title(of, error_column), series_unit(of, error_column, "raw")
    try:
        errors = columns.series(of, error_column, "raw")
    except Unreadable as error:
        return ConfidencePlot(title, unit, (), (f"The error cannot be read: {error}.",))
    found, missing = [], []
    for track in tracks:
        column = VALUE_COLUMNS.get(track.head.kind, "")
        if column not in track.head.columns:
            continue
        name = series_title(track, column)
        try:
            values = columns.series(track, column, "standardised")
        except Unreadable as error:
            missing.append(f"{name} cannot be read: {error}.")
            continue
        n = min(len(values), len(errors))  # a job may still be writing one of them
        curve = sparsification(values[:n], errors[:n])
        problem = _problem(curve)
        if problem:
            missing.append(f"{name}: {problem}.")
        else:
            found.append(Confidence(name, series_unit(track, column, "standardised"), track, curve))
    return ConfidencePlot(title, unit, tuple(sorted(found, key=lambda one: one.curve.ause)), tuple(missing))


def _problem(curve: Sparsification) -> str:
    """The reason for a missing curve; empty if there is a curve."""
    if curve.n_samples < LEAST_SAMPLES:
        return f"{curve.n_samples} frames have both a value and an error; at least {LEAST_SAMPLES} are needed"
    if curve.is_constant:
        return "it has the same value in every frame, which orders nothing"
    return "" if curve.mean_error > 0 else "there is no error to order"
