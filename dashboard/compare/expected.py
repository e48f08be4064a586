"""The error to expect of each frame, by what the zoo states of a prediction: numbers for a plot, and words for the card."""

# N frames

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.columns import Columns, expected_errors
from analysis.energy import Unreadable
from analysis.expected_error import ExpectedError, interval_of, is_unlike, model_of
from cache.records import Track
from dashboard.numbers import number, percent
from dashboard.player_data import Band, Series
from dashboard.text import counted

MEASURES: Mapping[str, tuple[str, str]] = {
    "angle_degrees": ("mean angular error", "°"),
    "absrel_scaled": ("relative error of the shape (scale aligned)", ""),
    "error": ("mean absolute error", "code"),
}
"""Error that a zoo may state an expectation of -> its name and unit."""
UNLIKE = "unlike what the zoo was calibrated on: no interval"


def expectation(track: Track) -> ExpectedError | None:
    """What an energy or a merged prediction states; None if it states none of MEASURES."""
    model = model_of(track.head.constants.get("expected"))
    return model if model and model.error in MEASURES else None


def expected_values(columns: Columns, track: Track, energy: Track) -> tuple[np.ndarray, Band | None]:
    """The expected error of each ready frame, float64 (N,), and its band; None: not calibrated. Raises Unreadable.

    `track` states the model and holds its features; `energy` says which frames are unlike the calibration.
    """
    model = expectation(track)
    if model is None:
        raise Unreadable("the zoo states no error to expect")
    values, energies = expected_errors(columns, track, energy, model)
    if model.factor is None or model.limit is None:
        return values, None
    usual = np.where(is_unlike(model, energies), np.nan, values)
    return values, Band(*interval_of(model, usual), model.coverage, model.n_units)


def expected_words(lines: Sequence[Series], title: str, unit: str) -> str:
    """`A 17.8° (12.5° to 25.3°, 90 %) in the median frame. 15 of A's 41 frames are unlike ...: no interval.`"""
    parts, unlike, n_flagged = [], [], 0
    for line in lines:
        known = np.isfinite(line.values)
        usual = known & np.isfinite(line.band.low) if line.band else known
        if usual.any():
            parts.append(_of_median_frame(line, usual, unit))
        if n_unlike := int((known & ~usual).sum()):
            n_flagged += n_unlike
            unlike.append(f"{n_unlike} of {line.letter}'s {counted(int(known.sum()), 'frame')}")
    shape = "of the shape, scale aligned: " if title.endswith(MEASURES["absrel_scaled"][0]) else ""
    found = f"{shape}{', '.join(parts)} in the median frame." if parts else ""
    flagged = f"{', '.join(unlike)} {'is' if n_flagged == 1 else 'are'} {UNLIKE}." if unlike else ""
    return " ".join(text for text in (found, flagged) if text) or "no frame has what it needs."


def _of_median_frame(line: Series, usual: np.ndarray, unit: str) -> str:
    """The median frame in words; no mean, as an interval holds for one frame alone."""
    order = np.flatnonzero(usual)[np.argsort(line.values[usual], kind="stable")]
    at = int(order[(len(order) - 1) // 2])
    value = f"{line.letter} {number(float(line.values[at]), unit)}"
    if line.band is None:
        return f"{value} (no interval measured)"
    low, high = (number(float(end[at]), unit) for end in (line.band.low, line.band.high))
    return f"{value} ({low} to {high}, {percent(round(1000 * line.band.coverage), 1000)})"
