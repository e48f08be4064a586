"""Which confidence to believe: every confidence of a configuration on a clip with ground truth, on one sparsification plot."""

# N frames

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.columns import Columns, series_title, series_unit
from analysis.energy import WEIGHTINGS, Unreadable, Weighting, own_weighting
from analysis.evaluation.sparsification import Sparsification, sparsification
from cache.records import Track

LEAST_SAMPLES = 3
"""Fewer frames have no curve to speak of."""
NOTHING_MORE: Mapping[str, tuple[str, str, np.ndarray]] = {}
WEIGHTING_WORDS: Mapping[Weighting, str] = {"weighted": "weighted", "paper": "as in the paper"}
VALUE_COLUMNS = {"energy": "terms", "stability": "stability", "confidence": "confidence", "readout": "disagreement"}
"""Kind of a track -> the column that says how uncertain a frame is."""


@dataclass(frozen=True)
class Confidence:
    """One confidence, and how well it orders the errors."""

    name: str
    """Such as `Consistency energy`."""
    unit: str
    kind: str
    """What it is, whatever its name: `weighted` or `paper` of energies, the kind of other tracks, or that of `more`."""
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


def confidence_plot(
    columns: Columns,
    tracks: Sequence[Track],
    of: Track | None,
    error_column: str,
    more: Mapping[str, tuple[str, str, np.ndarray]] = NOTHING_MORE,
    curve_of: Callable[[np.ndarray, np.ndarray], Sparsification] = sparsification,
) -> ConfidencePlot:
    """How well each of the `tracks` (energies, stabilities, confidences, readouts) orders the frames of the prediction `of`
    by its error, a column of that track: over frames. Tracks of kinds that say nothing of confidence are ignored.

    An energy with weights counts as two: weighted, and as in the paper. `more`: kind -> name, unit and values (N,) of what
    is no column of a track. `curve_of` may remember its results.
    """
    if of is None or error_column not in of.head.columns:
        return ConfidencePlot("", "", (), ("The clip has no ground truth to check a confidence against.",))
    title, unit = series_title(of, error_column), series_unit(of, error_column, "raw")
    try:
        errors = columns.series(of, error_column, "raw")
    except Unreadable as error:
        return ConfidencePlot(title, unit, (), (f"The error cannot be read: {error}.",))
    found, missing = [], []

    def add(kind: str, name: str, unit: str, values: np.ndarray) -> None:
        n = min(len(values), len(errors))  # a job may still be writing one of them
        curve = curve_of(np.asarray(values[:n], np.float64), errors[:n])
        problem = _problem(curve)
        if problem:
            missing.append(f"{name}: {problem}.")
        else:
            found.append(Confidence(name, unit, kind, curve))

    for track in tracks:
        column = VALUE_COLUMNS.get(track.head.kind, "")
        if column not in track.head.columns:
            continue
        for kind, name, weighting in _readings(track, column):
            try:
                values = columns.series(track, column, "standardised", weighting)
            except Unreadable as error:
                missing.append(f"{name} cannot be read: {error}.")
            else:
                add(kind, name, series_unit(track, column, "standardised"), values)
    for kind, (name, its_unit, values) in more.items():
        add(kind, name, its_unit, values)
    return ConfidencePlot(title, unit, tuple(sorted(found, key=lambda one: one.curve.ause)), tuple(missing))


def _readings(track: Track, column: str) -> list[tuple[str, str, Weighting | None]]:
    """Kind, name and weighting of what a track says of confidence."""
    name = series_title(track, column)
    if track.head.kind != "energy":
        return [(track.head.kind, name, None)]
    if own_weighting(track.head.constants) == "paper":
        return [("paper", name, "paper")]
    return [(weighting, f"{name}, {WEIGHTING_WORDS[weighting]}", weighting) for weighting in WEIGHTINGS]


def _problem(curve: Sparsification) -> str:
    """The reason for a missing curve; empty if there is a curve."""
    if curve.n_samples < LEAST_SAMPLES:
        return f"{curve.n_samples} frames have both a value and an error; at least {LEAST_SAMPLES} are needed"
    if curve.is_constant:
        return "it has the same value in every frame, which orders nothing"
    return "" if curve.mean_error > 0 else "there is no error to order"
