"""Computes the summary of a track from its manifest and its packs."""

# N frames, K parts of a clip

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.columns import Columns, expected_errors, series_title, series_unit
from analysis.energy import Unreadable
from analysis.expected_error import is_unlike, model_of
from analysis.noise import noise_floor
from analysis.stated.trust import trust_of, usual_limit
from analysis.summaries.record import MAX_PARTS, MAX_TEXT, Expected, Measure, Summary, summary_of_head
from cache.keys import digest
from cache.records import Track

ERROR_COLUMNS = ("angle_degrees", "absrel", "absrel_scaled", "error")
"""Errors whose values are summarised."""
_COLUMNS = {"stability": ("stability",), "prediction": ERROR_COLUMNS, "readout": ERROR_COLUMNS}
"""Kind of a track -> the columns that are summarised, where it has them."""


def summarise(columns: Columns, track: Track, energy: Track | None = None) -> Summary:
    """The summary of a finished track; of what cannot be read it says why. A growing one has no numbers yet.

    `energy`: for a merged prediction, the energy of the method that it merges, which says which frames are unlike the calibration.
    """
    found: dict[str, Any] = {}
    if track.is_complete:
        try:
            found = _numbers(columns, track, energy)
        except Unreadable as error:
            found = {"problem": str(error)[:MAX_TEXT]}
    return summary_of_head(track.head, track.n_frames, track.bytes, is_complete=track.is_complete, **found)


def _numbers(columns: Columns, track: Track, energy: Track | None) -> dict[str, Any]:
    head = track.head
    if head.kind == "energy":
        return _of_energy(columns, track)
    names = [name for name in _COLUMNS.get(head.kind, ()) if name in head.columns]
    found: dict[str, Any] = {
        "measures": {
            name: measure_of(
                columns.series(track, name, "standardised"),
                series_title(track, name),
                series_unit(track, name, "standardised"),
            )
            for name in names
        }
    }
    if head.constants.get("merge") and energy is not None:
        found |= {"expected": _expected(columns, track, energy), "used_energy": energy.head.key}
    return found


def _of_energy(columns: Columns, track: Track) -> dict[str, Any]:
    values, trust = columns.series(track, "terms", "standardised"), trust_of(track)
    limit = usual_limit(trust)
    known = values[np.isfinite(values)]
    title, unit = series_title(track, "terms"), series_unit(track, "terms", "standardised")
    constants = {name: track.head.constants.get(name) for name in ("paths", "mu", "sigma", "weights")}
    return {
        "measures": {"energy": measure_of(values, title, unit)},
        "share_unlike": float((known > limit).mean()) if len(known) else float("nan"),
        "limit": limit,
        "scale": digest(constants)[:16],
        "trust": trust,
        "expected": _expected(columns, track, track),
    }


def _expected(columns: Columns, track: Track, energy: Track) -> Expected | None:
    """As far as the zoo states it, and what it needs is stored."""
    model = model_of(track.head.constants.get("expected"))
    if model is None:
        return None
    try:
        values, energies = expected_errors(columns, track, energy, model)
    except Unreadable:
        return None
    usual = np.isfinite(values) & ~is_unlike(model, energies)
    median = float("nan")
    if usual.any():
        order = np.flatnonzero(usual)[np.argsort(values[usual], kind="stable")]
        median = float(
            values[order[(len(order) - 1) // 2]]
        )  # a frame: no mean of two, as the interval is that of a frame
    factor = float("nan") if model.factor is None or model.limit is None else model.factor
    return Expected(
        model.error,
        median,
        median / factor,
        median * factor,
        factor,
        model.coverage,
        int(usual.sum()),
        len(values),
        parts_of(np.where(usual, values, np.nan)),
    )


def measure_of(values: np.ndarray, title: str = "", unit: str = "") -> Measure:
    """The measure of (N,) values in order of time."""
    values = np.asarray(values, np.float64)
    known = np.isfinite(values)
    at = int(np.nanargmax(np.where(known, values, -np.inf))) if known.any() else -1
    return Measure(
        title,
        unit,
        float(values[known].mean()) if known.any() else float("nan"),
        noise_floor(values),
        at,
        float(values[at]) if at >= 0 else float("nan"),
        parts_of(values),
    )


def parts_of(values: np.ndarray, n_parts: int = MAX_PARTS) -> np.ndarray:
    """Means of (N,) values over at most `n_parts` stretches of equal length, float32 (K,); NaN where none is finite."""
    n_frames = len(values)
    if n_frames == 0:
        return np.zeros(0, np.float32)
    edges = np.linspace(0, n_frames, min(n_parts, n_frames) + 1).round().astype(int)[:-1]
    known = np.isfinite(values)
    sums = np.add.reduceat(np.where(known, values, 0.0), edges)
    counts = np.add.reduceat(known.astype(np.float64), edges)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (sums / counts).astype(np.float32)
