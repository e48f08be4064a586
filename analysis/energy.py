"""Consistency energy from stored terms: a weighted sum over paths, raw or standardised.

Energy(x) = sum_i w_i (term_i - mu_i) / sigma_i in sigma. The paper's energy is the mean (Zamir et al., CVPR 2020, section 4):
w_i = 1 / P. The weights of the weighted energy were fitted against the error on rooms with ground truth, on a scale on which
their energy has mean 0 and spread 1 there (analysis/weights.py). The same formula stands in consistency/energy.py for torch
and in dashboard/web/plots/energy.mjs for the browser; tests/analysis/test_energy.py checks all three against each other.
"""

# N frames, P paths of an energy

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from cache.records import Track

Scale = Literal["standardised", "raw"]
SCALES: tuple[Scale, ...] = ("standardised", "raw")
Weighting = Literal["weighted", "paper"]
WEIGHTINGS: tuple[Weighting, ...] = ("weighted", "paper")


class Unreadable(Exception):
    """The numbers of a track differ from what its manifest promises; the message says why and what to do."""


def energy(
    terms: np.ndarray, constants: Mapping[str, Any], scale: Scale, weighting: Weighting | None = None
) -> np.ndarray:
    """Energy of each frame: raw terms (N, P) -> float64 (N,), in sigma or in the unit of the terms. Raises Unreadable.

    `weighting`: None for the track's own, `own_weighting`. The raw energy is the plain mean over the target's own paths.
    """
    if terms.size == 0:
        return np.zeros((0,), np.float64)
    if scale == "standardised":
        parts = standardised(terms, constants)
        return _sum(parts, weights_of(constants, parts.shape[1], weighting))
    if terms.ndim != 2:
        raise Unreadable(f"energy terms have shape {terms.shape}, expected frames x paths")
    return _sum(terms.astype(np.float64), weights_of(constants, terms.shape[1], "paper"))


def _sum(parts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(N, P) and (P,) -> (N,). A path of weight 0 counts for nothing, also where it is not finite."""
    used = weights != 0
    return parts[:, used] @ weights[used]


def own_weighting(constants: Mapping[str, Any]) -> Weighting:
    """The weighting that the track's pictures have: `weighted` where its zoo had weights."""
    return "weighted" if constants.get("weights") else "paper"


def weights_of(constants: Mapping[str, Any], n_paths: int, weighting: Weighting | None = None) -> np.ndarray:
    """The weight of each standardised term, float64 (P,). Raises Unreadable.

    `constants["weights"]` has a list for each weighting; without it the energy is the paper's, with equal weights.
    """
    weighting = weighting or own_weighting(constants)
    stated = constants.get("weights")
    if not stated:
        if weighting == "weighted":
            raise Unreadable(
                "the zoo has no weights for this energy; fit them with: python -m precompute zoo calibrate"
            )
        return np.full(n_paths, 1 / max(n_paths, 1))
    try:
        weights = np.asarray(stated[weighting], np.float64)
    except (TypeError, ValueError, KeyError) as error:
        raise Unreadable(f"the energy's weights are not numbers ({error}); run the job again") from error
    if weights.shape != (n_paths,) or not np.isfinite(weights).all():
        raise Unreadable(f"the energy has {n_paths} terms and needs as many finite weights; run the job again")
    return weights


def standardised(terms: np.ndarray, constants: Mapping[str, Any]) -> np.ndarray:
    """(term - mu) / sigma of each path: raw terms (N, P) -> float64 (N, P), in sigma. Raises Unreadable.

    `constants` are those of the track's head: `mu` and `sigma`, one number for each path.
    """
    try:
        mu = np.asarray(constants.get("mu"), np.float64)
        sigma = np.asarray(constants.get("sigma"), np.float64)
    except (TypeError, ValueError) as error:
        raise Unreadable(f"the energy's constants are not numbers ({error}); run the job again") from error
    if terms.ndim != 2:
        raise Unreadable(f"energy terms have shape {terms.shape}, expected frames x paths")
    if mu.shape != terms.shape[1:] or sigma.shape != mu.shape or not (sigma > 0).all():
        raise Unreadable(
            f"the energy has {terms.shape[1]} terms and needs as many mu and positive sigma; run the job again"
        )
    return (terms.astype(np.float64) - mu) / sigma


def same_constants(a: Track, b: Track, names: Sequence[str] = ("paths", "mu", "sigma", "weights")) -> bool:
    """True if both energies are on one scale, as far as these constants decide it."""
    return all(a.head.constants.get(name) == b.head.constants.get(name) for name in names)
