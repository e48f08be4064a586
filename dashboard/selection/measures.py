"""The errors that can be plotted: their names in menus, and which of them the chosen configurations have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.alignment import PERS, Kind, aligned_column
from dashboard.catalogue import Catalogue
from dashboard.configuration import Configuration

NAMES: Mapping[str, str] = {
    "absrel": "AbsRel",
    "absrel_scaled": "AbsRel of the shape (scale aligned)",
    "rmse": "RMSE",
    "log10": "log10",
    "silog": "SI-log",
    "delta1": "δ1: within a factor of 1.25",
    "delta2": "δ2: within 1.25²",
    "delta3": "δ3: within 1.25³",
    "boundary_f1": "Boundary F1",
    "angle_degrees": "Mean angle",
    "angle_median_degrees": "Median angle",
    "within_11_25": "Within 11.25°",
    "within_22_5": "Within 22.5°",
    "within_30": "Within 30°",
    "error": "Mean absolute error",
}
"""Column -> name, in the order of the menu; the field's names where it has some."""
OF_MEAN_CODES = "error"
"""Says least: of depth and normals it is offered nowhere, as their own measures say more."""


def measure_options(catalogue: Catalogue, clip: str, lineup: Sequence[Configuration]) -> dict[str, str]:
    """Column -> name of the errors that some of the configurations have on that clip, aligned or not."""
    columns: set[str] = set()
    for configuration in lineup:
        track = catalogue.prediction(clip, configuration)
        if track is None:
            continue
        columns |= set(track.head.columns)
        if aligned := catalogue.aligned(track):
            columns |= {name for name in NAMES if _is_in(aligned.head.columns, name)}
    found = {column: name for column, name in NAMES.items() if column in columns}
    if len(found) > 1:
        found.pop(OF_MEAN_CODES, None)
    return found


def _is_in(columns: Mapping[str, object], measure: str) -> bool:
    kind: Kind = "scale"
    return aligned_column(kind, PERS[0], measure) in columns
