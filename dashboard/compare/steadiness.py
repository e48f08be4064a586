"""What the change over time leaves out, in words for the card: the drift of depth's scale, and scene cuts."""

# N frames

from __future__ import annotations

import numpy as np

from analysis.columns import Columns
from analysis.energy import Unreadable
from analysis.stability import cuts, total_drift
from dashboard.compare.comparison import Comparison
from dashboard.numbers import number
from dashboard.text import counted

CUTS_NAMED = 6
"""Most scene cuts that are listed."""
DRIFT_UNIT = "%"
"""That of depth; the common change of normals is a rotation, in degrees, which does not add up."""


def steadiness_words(columns: Columns, comparison: Comparison) -> str:
    """`Scale from the first frame to the last: A +12.3 %, B −4.1 %; a moving camera changes it too. Scene cuts at frames 12, 40 are left out.`"""
    drifts, found_cuts = [], np.zeros(0, int)
    for letter, track in comparison.stabilities.items():
        try:
            if str(track.head.columns.get("drift", {}).get("unit")) == DRIFT_UNIT:
                drifts.append((letter, total_drift(columns.column(track, "drift"))))
            if "found" in track.head.columns and not len(found_cuts):
                found_cuts = cuts(columns.column(track, "found"))
        except Unreadable:
            continue  # the plot says so
    parts = []
    listed = [f"{letter} {_signed(float(drift[-1]))}" for letter, drift in drifts if len(drift)]
    if listed:
        parts.append(f"Scale from the first frame to the last: {', '.join(listed)}; a moving camera changes it too.")
    if n_cuts := len(found_cuts):
        named = ", ".join(map(str, found_cuts[:CUTS_NAMED].tolist())) + (", …" if n_cuts > CUTS_NAMED else "")
        what = "scene cut" if n_cuts == 1 else f"{counted(n_cuts, 'scene cut')}"
        where, is_left = ("frame", "is") if n_cuts == 1 else ("frames", "are")
        parts.append(f"{what[:1].upper()}{what[1:]} at {where} {named} {is_left} left out.")
    return " ".join(parts)


def _signed(percent: float) -> str:
    return number(percent, DRIFT_UNIT) if percent < 0 else f"+{number(percent, DRIFT_UNIT)}"
