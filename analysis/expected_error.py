"""The error to expect of a frame without ground truth, with an interval of stated coverage.

A log-linear model: ln error = intercept + sum_j c_j ln feature_j, of the disagreement of each path, of the mirrored image and of
the length of the predicted normals. Its interval is conformal: multiplied and divided by a factor measured on units that
the fit has not seen. Units are rooms or clips, as frames of one repeat each other. The coverage holds for new units that are like
those; a frame whose energy is above almost all of them is flagged, and has no interval.
"""

# N frames, F features, U units

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.weights import NotFitted

COVERAGE = 0.9
FOLDS = 10
"""Groups of units that `cross_fitted` compares with fits of the others."""
UNUSUAL_PERCENTILE = 97.5
"""Energies above this percentile of the calibration's frames are unlike them."""
SMALLEST = 1e-6
"""Features and errors count as at least this: their logarithms are taken."""
MIRROR, LENGTH = "mirror", "length"
"""Features beside the paths: disagreement with the mirrored image, and the mean of |1 - length| of the predicted normals."""
MAX_FEATURES = 64
MAX_FACTOR = 1e6


@dataclass(frozen=True)
class ExpectedError:
    """A fitted model, as a zoo states it."""

    error: str
    """The column whose value is expected: `angle_degrees`, `absrel_scaled` or `error`."""
    features: tuple[str, ...]
    """Paths, then `mirror` and `length`; one per column of the features."""
    coefficients: tuple[float, ...]
    """One per feature, of its natural logarithm."""
    intercept: float
    factor: float | None = None
    """The interval reaches from error / factor to error * factor; None: not calibrated."""
    coverage: float = COVERAGE
    """The chance that a frame of a new unit lies in its interval."""
    n_units: int = 0
    """Units that the factor was measured on."""
    limit: float | None = None
    """Sigma: frames of higher energy are unlike the calibration; None: not measured."""

    def __post_init__(self) -> None:
        numbers = (*self.coefficients, self.intercept, *(x for x in (self.factor, self.limit) if x is not None))
        if len(self.features) != len(self.coefficients) or not 1 <= len(self.features) <= MAX_FEATURES:
            raise ValueError(f"an expected error needs one coefficient for each of 1 to {MAX_FEATURES} features")
        if not all(math.isfinite(x) for x in numbers) or not 0 < self.coverage < 1:
            raise ValueError("an expected error needs finite numbers, and a coverage between 0 and 1")
        if self.factor is not None and not 1 <= self.factor <= MAX_FACTOR:
            raise ValueError(f"the factor of an interval is {self.factor}; it must be 1 to {MAX_FACTOR:g}")


def fit(error: str, names: Sequence[str], features: np.ndarray, errors: np.ndarray) -> ExpectedError:
    """Fit the coefficients by least squares of the logarithms: (N, F) and (N,). Raises NotFitted.

    The result has no interval before `calibrated`, which needs frames of other units.
    """
    rows, known = _rows(features, errors)
    if known.sum() < 2 * (len(names) + 1):
        raise NotFitted(
            f"{int(known.sum())} frames with ground truth are too few to fit {len(names)} features; "
            f"{2 * (len(names) + 1)} or more are needed"
        )
    design = np.column_stack([rows[known], np.ones(known.sum())])
    found = np.linalg.lstsq(design, _log(np.asarray(errors)[known]), rcond=None)[0]
    return ExpectedError(error, tuple(names), tuple(map(float, found[:-1])), float(found[-1]))


def least_units(coverage: float = COVERAGE) -> int:
    """Units without which no interval can have that coverage: 9 for 90 %, 19 for 95 %."""
    return math.ceil(round(coverage / (1 - coverage), 9))


def calibrated(
    model: ExpectedError,
    features: np.ndarray,
    errors: np.ndarray,
    units: np.ndarray,
    coverage: float = COVERAGE,
    energies: np.ndarray | None = None,
) -> ExpectedError:
    """The model with the factor that covers a frame of a new unit with at least that chance. Raises NotFitted.

    `features` (N, F), `errors` (N,) and `units` (N,), the room or clip of each frame, none of which the fit has seen. Every
    unit counts alike, however many frames it has (hierarchical conformal prediction: Lee, Barber & Willett 2023).
    `energies`: (N,) sigma, whose 97.5th percentile becomes the limit of what is like the calibration.
    """
    rows, known = _rows(features, errors)
    off = np.abs(_log(np.asarray(errors)) - _log_expected(model, rows))
    return _with_interval(model, off[known], np.asarray(units)[known], coverage, energies)


def cross_fitted(
    error: str,
    names: Sequence[str],
    features: np.ndarray,
    errors: np.ndarray,
    units: np.ndarray,
    coverage: float = COVERAGE,
    energies: np.ndarray | None = None,
) -> ExpectedError:
    """Fit and calibrate on the same units, each of which is compared with a fit of the others. Raises NotFitted.

    With FOLDS groups of units (cross-conformal prediction: Vovk 2015). A plain split would fit on one half and measure the
    interval on the other: its coverage is proven, but with 40 rooms each it varies by 5 % with the draw of the rooms.
    """
    rows, known = _rows(features, errors)
    distinct, group = np.unique(np.asarray(units), return_inverse=True)
    _require_units(len(np.unique(group[known])), coverage)
    fold = group % min(FOLDS, len(distinct))
    off = np.full(len(rows), np.nan)
    for one in np.unique(fold):
        held = fold == one
        model = fit(error, names, np.asarray(features)[~held], np.asarray(errors)[~held])
        off[held] = np.abs(_log(np.asarray(errors)[held]) - _log_expected(model, rows[held]))
    model = fit(error, names, features, errors)
    return _with_interval(model, off[known], np.asarray(units)[known], coverage, energies)


def _with_interval(
    model: ExpectedError, off: np.ndarray, units: np.ndarray, coverage: float, energies: np.ndarray | None
) -> ExpectedError:
    """`off` (N,): how far the logarithm of each error is off, in frames of `units` (N,) that the fit has not seen."""
    found, group = np.unique(units, return_inverse=True)
    _require_units(len(found), coverage)
    share = 1 / np.bincount(group)[group] / (len(found) + 1)  # the new unit has the rest, and may be off by any amount
    order = np.argsort(off)
    reached = np.cumsum(share[order]) >= coverage - 1e-12
    factor = float(np.exp(off[order][np.argmax(reached)]))
    limit = None
    if energies is not None:
        usual = np.asarray(energies, np.float64)[np.isfinite(energies)]
        limit = float(np.percentile(usual, UNUSUAL_PERCENTILE)) if len(usual) else None
    return replace(model, factor=max(factor, 1.0), coverage=coverage, n_units=len(found), limit=limit)


def _require_units(n_units: int, coverage: float) -> None:
    if n_units < least_units(coverage):
        raise NotFitted(
            f"{n_units} {'room or clip' if n_units == 1 else 'rooms or clips'} with ground truth are too few for an interval of {coverage:.0%}: "
            f"{least_units(coverage)} are needed"
        )


def predict(model: ExpectedError, features: np.ndarray) -> np.ndarray:
    """The expected error of each frame, float64 (N,), in the unit of the model's error; NaN where a feature is not finite."""
    rows = _log(np.asarray(features, np.float64))
    return np.exp(_log_expected(model, rows))


def is_unlike(model: ExpectedError, energies: np.ndarray) -> np.ndarray:
    """Whether each frame is unlike what the model was calibrated on: energies (N,) sigma -> bool. Unknown energies are."""
    if model.limit is None:
        return ~np.isfinite(energies)
    return ~(np.asarray(energies, np.float64) <= model.limit)


def interval(model: ExpectedError, features: np.ndarray, energies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the interval of each frame, each float64 (N,); NaN for frames unlike the calibration, and without a factor."""
    return interval_of(model, np.where(is_unlike(model, energies), np.nan, predict(model, features)))


def interval_of(model: ExpectedError, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the interval of frames like the calibration, each float64 (N,); NaN without a factor."""
    factor = model.factor if model.factor is not None else np.nan
    return expected / factor, expected * factor


def features_of(model: ExpectedError, paths: Sequence[str], columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """The features of each frame, float64 (N, F), from the columns of an energy or of a merged prediction.

    `paths`: of the column `terms` (N, P), in order; `mirror` and `length` are (N,). Raises KeyError for what is not stored.
    """
    terms = np.asarray(columns["terms"], np.float64)
    known = {path: terms[:, i] for i, path in enumerate(paths)}
    known |= {name: np.asarray(columns[name], np.float64) for name in (MIRROR, LENGTH) if name in columns}
    return np.column_stack([known[name] for name in model.features])


def model_of(stated: Any) -> ExpectedError | None:
    """The model that a manifest states under `expected`; None if it states none, or not what a job writes."""
    if not isinstance(stated, Mapping):
        return None
    try:
        return ExpectedError(
            error=str(stated["error"]),
            features=tuple(map(str, stated["features"])),
            coefficients=tuple(map(float, stated["coefficients"])),
            intercept=float(stated["intercept"]),
            factor=None if stated.get("factor") is None else float(stated["factor"]),
            coverage=float(stated.get("coverage", COVERAGE)),
            n_units=int(stated.get("n_units", 0)),
            limit=None if stated.get("limit") is None else float(stated["limit"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _rows(features: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of the features (N, F), and which frames are known, bool (N,)."""
    features, errors = np.asarray(features, np.float64), np.asarray(errors, np.float64)
    return _log(features), np.isfinite(features).all(axis=1) & np.isfinite(errors)


def _log(values: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(values, SMALLEST))  # NaN stays NaN


def _log_expected(model: ExpectedError, rows: np.ndarray) -> np.ndarray:
    if rows.ndim != 2 or rows.shape[1] != len(model.coefficients):
        raise ValueError(f"features have shape {rows.shape}, expected frames x {len(model.coefficients)}")
    return rows @ np.array(model.coefficients) + model.intercept
