"""Consistency energy from stored terms: the mean over paths, raw or standardised."""

# N frames, P paths of an energy

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from cache.records import Track


class Unreadable(Exception):
    """The numbers of a track are not what its manifest promises; the message says why and what to do."""


def energy(terms: np.ndarray, constants: Mapping[str, Any], scale: Scale) -> np.ndarray:
    """The consistency energy of each frame, (N,) float64, of raw `terms` (N, P).

    Standardised: the mean over paths of (term - mu) / sigma (Zamir et al. 2020, section 4), in sigma. Raw: of terms.
    """
    if terms.size == 0:
        return np.zeros((0,), np.float64)
    if terms.ndim != 2:
        raise Unreadable(f"energy terms have shape {terms.shape}, expected frames x paths")
    if scale == "raw":
        return terms.astype(np.float64).mean(axis=1)  # (N,)
    try:
        mu = np.asarray(constants.get("mu"), np.float64)
        sigma = np.asarray(constants.get("sigma"), np.float64)
    except (TypeError, ValueError) as error:
        raise Unreadable(f"the energy's constants are not numbers ({error}); run the job again") from error
    if mu.shape != terms.shape[1:] or sigma.shape != mu.shape or not (sigma > 0).all():
        raise Unreadable(f"the energy has {terms.shape[1]} terms, but not as many constants; run the job again")
    return ((terms.astype(np.float64) - mu) / sigma).mean(axis=1)  # (N,)


def same_constants(a: Track, b: Track, names: Sequence[str] = ("paths", "mu", "sigma")) -> bool:
    """Are the energies of both on one scale, as far as those constants decide it?"""
    return all(a.head.constants.get(name) == b.head.constants.get(name) for name in names)


Scale = Literal["standardised", "raw"]
SCALES: tuple[Scale, ...] = ("standardised", "raw")
