"""Fits what a zoo says of its errors on validation rooms: weights of energies, merges, and expected errors.

N frames, P paths, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from analysis.energy import Weighting, energy
from analysis.expected_error import COVERAGE, LENGTH, MIRROR, ExpectedError, cross_fitted
from analysis.weights import NotFitted, Terms, fit_energy, mean_weights
from consistency.zoo.records import IMAGE, MERGED, EnergyConstants, Expected, Merge, Zoo
from training.evaluation.measures.chains import BASELINE, Pair
from training.evaluation.measures.observations import NORMAL, Observations, name_of, pairs_of

FITTED_ERROR = "error"
"""The column that weights are fitted against: L1 in codes."""
EXPECTED_ERROR = {NORMAL: "angle_degrees", "depth": "absrel_scaled"}
"""Target -> the column that is expected; `error` for others. For depth that of the shape: no path sees the scale."""
WITH_MIRROR = (BASELINE, MERGED)
"""Methods whose expected error uses the mirrored image: it costs one more run of the direct network."""
DIGITS = 6
MERGE_DIGITS = 4


def fitted_energies(zoo: Zoo, found: Observations) -> tuple[dict[str, EnergyConstants], list[str]]:
    """The zoo's energies with weights, fitted with `baseline` on the observed rooms; and a line for each without."""
    names = {target: name_of("known terms", target, BASELINE) for target in zoo.energies}
    terms = {
        target: Terms(zoo.energies[target].paths, zoo.energies[target].mu, zoo.energies[target].sigma, found[name])
        for target, name in names.items()
        if name in found
    }
    fits = {target: constants.without_weights for target, constants in zoo.energies.items()}
    problems = []
    for target in terms:
        try:
            weights = fit_energy(target, terms, found[name_of(FITTED_ERROR, target, BASELINE)])
        except NotFitted as error:
            problems.append(f"weights of {target}: {error}")
            continue
        places = [
            (one, one.paths.index(path)) for path in weights.borrowed for one in terms.values() if path in one.paths
        ]
        fits[target] = replace(
            fits[target],
            weights=weights.values,
            borrowed=weights.borrowed,
            borrowed_mu=tuple(one.mu[place] for one, place in places),
            borrowed_sigma=tuple(one.sigma[place] for one, place in places),
        )
    return fits, problems


def fitted_merges(zoo: Zoo, parts: Observations) -> dict[str, Merge]:
    """Weights of `merged`, fitted by the least absolute error at the drawn pixels of the observed rooms."""
    fits = {}
    for target, constants in zoo.energies.items():
        name = name_of("parts", target)
        if name not in parts:
            continue
        predictions = parts[name]  # (N, S, K, C)
        truth = parts[name_of("truth", target)]
        weights = mean_weights(predictions.reshape(-1, *predictions.shape[2:]), truth.reshape(-1, truth.shape[-1]))
        _, mirror, *indirect = (round(float(weight), MERGE_DIGITS) for weight in weights)
        used = [i for i, weight in enumerate(indirect) if weight > 0]
        rest = 1 - mirror - sum(indirect[i] for i in used)
        fits[target] = Merge(
            of=BASELINE,
            paths=(f"{IMAGE}-{target}", *(constants.paths[i] for i in used)),
            weights=(round(rest, MERGE_DIGITS), *(indirect[i] for i in used)),
            mirror=mirror,
            origin=origin(zoo, parts),
        )
    return fits


def fitted_expected(
    zoo: Zoo, found: Observations, merged: Observations, coverage: float = COVERAGE
) -> tuple[dict[Pair, Expected], list[str]]:
    """The errors to expect, and a line for each that could not be fitted.

    `zoo`: with weights; `found`: its methods on validation rooms; `merged`: what it merges there, on one frame per room.
    """
    fits, problems = {}, []
    pairs = [pair for pair in pairs_of(found) if pair[0] in zoo.energies]
    pairs += [(target, MERGED) for target in zoo.merges if name_of(FITTED_ERROR, target, MERGED) in merged]
    for target, method in pairs:
        seen = merged if method == MERGED else found
        errors = seen[name_of(expected_column(target), target, method)]
        of = zoo.merges[target].of if method == MERGED else method
        names = feature_names(zoo, target, method, seen)
        features = features_from(zoo, target, of, names, seen)
        energies = frame_energies(zoo, target, of, seen)
        try:
            model = cross_fitted(expected_column(target), names, features, errors, seen["unit"], coverage, energies)
        except NotFitted as error:
            problems.append(f"expected error of {target}, {method}: {error}")
            continue
        fits[target, method] = rounded(model, origin(zoo, seen))
    return fits, problems


def expected_column(target: str) -> str:
    return EXPECTED_ERROR.get(target, FITTED_ERROR)


def feature_names(zoo: Zoo, target: str, method: str, found: Observations) -> list[str]:
    """The target's own paths, the mirror for WITH_MIRROR, and the length of the method's normals."""
    if method == MERGED:
        names, of = list(zoo.merges[target].paths[1:]), zoo.merges[target].of
    else:
        names, of = list(zoo.energies[target].paths), method
    names += [MIRROR] if method in WITH_MIRROR else []
    return names + ([LENGTH] if name_of(LENGTH, of) in found else [])


def features_from(zoo: Zoo, target: str, method: str, names: Sequence[str], found: Observations) -> np.ndarray:
    """The features (N, F) over all pixels, as a job stores them."""
    terms = found[name_of("terms", target, method)]
    columns = {path: terms[:, i] for i, path in enumerate(zoo.energies[target].paths)}
    columns[MIRROR] = found[name_of("mirror", target, method)]
    if name_of(LENGTH, method) in found:
        columns[LENGTH] = found[name_of(LENGTH, method)]
    return np.column_stack([columns[name] for name in names])


def frame_energies(
    zoo: Zoo, target: str, method: str, found: Observations, weighting: Weighting | None = None, kind: str = "terms"
) -> np.ndarray:
    """Energies (N,) in sigma; `kind`: `terms` over all pixels, as for a video, or `known terms` over valid ones."""
    constants = zoo.energies[target]
    terms = all_terms(zoo, target, method, found, kind)
    stated: dict[str, Any] = {"mu": constants.all_mu, "sigma": constants.all_sigma}
    if constants.weights:
        stated["weights"] = {"weighted": constants.weights, "paper": constants.paper_weights}
    return energy(terms, stated, "standardised", weighting)


def all_terms(zoo: Zoo, target: str, method: str, found: Observations, kind: str) -> np.ndarray:
    """The terms of `all_paths`, (N, P)."""
    columns = []
    for path in zoo.energies[target].all_paths:
        end = path.rsplit("-", 1)[-1]
        place, name = zoo.energies[end].paths.index(path), name_of(kind, end, method)
        # A method that does not predict the other target (geonet, reshading) was not observed there.
        columns.append(found[name][..., place] if name in found else np.full_like(columns[0], np.nan))
    return np.stack(columns, axis=-1).reshape(-1, len(columns))


def origin(zoo: Zoo, found: Observations) -> str:
    """Where fits come from, as text."""
    return (
        f"{len(found['unit'])} frames of {len(np.unique(found['unit']))} rooms, zoo {zoo.name}, version {zoo.version}"
    )


def rounded(model: ExpectedError, where: str) -> Expected:
    """As zoo.toml states it."""
    row = asdict(model)
    for name in ("intercept", "factor", "limit"):
        row[name] = None if row[name] is None else round(row[name], DIGITS)
    row["coefficients"] = tuple(round(value, DIGITS) for value in row["coefficients"])
    return Expected(**row, origin=where)
