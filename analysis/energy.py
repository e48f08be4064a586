"""Consistency energy from stored terms: the mean over paths, raw or standardised.

Energy(x) = mean_i [(term_i - mu_i) / sigma_i] in sigma (Zamir et al., CVPR 2020, section 4). The same formula stands in
consistency/energy.py for torch and in dashboard/web/plots/energy.mjs for the browser; tests/analysis/test_energy.py
checks all three against each other.
"""

# N frames, P paths of an energy

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from cache.records import Track

Scale = Literal["standardised", "raw"]
SCALES: tuple[Scale, ...] = ("standardised", "raw")


class Unreadable(Exception):
    """The numbers of a track differ from what its manifest promises; the message says why and what to do."""


def energy(terms: np.ndarray, constants: Mapping[str, Any], scale: Scale) -> np.ndarray:
    """Energy of each frame: raw terms (N, P) -> float64 (N,), in sigma or in the unit of the terms. Raises Unreadable."""
    if terms.size == 0:
        return np.zeros((0,), np.float64)
    if scale == "standardised":
        return standardised(terms, constants).mean(axis=1)
    if terms.ndim != 2:
        raise Unreadable(f"energy terms have shape {terms.shape}, expected frames x paths")
    return terms.astype(np.float64).mean(axis=1)


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


def same_constants(a: Track, b: Track, names: Sequence[str] = ("paths", "mu", "sigma")) -> bool:
    """True if both energies are on one scale, as far as these constants decide it."""
    return all(a.head.constants.get(name) == b.head.constants.get(name) for name in names)
