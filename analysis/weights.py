"""Fits the weights of the weighted energy: non-negative least squares of the error on the terms, on the energy's own scale."""

# N frames, P paths

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

BORROWERS = ("depth",)
"""Targets whose energy uses the paths to all targets: every path to depth may share its scale, so they cannot tell it is wrong."""
LEAST_FRAMES_PER_PATH = 5
"""Fewer frames per path let the weights follow the noise of single frames."""
WEIGHT_DIGITS = 6
REWEIGHTINGS = 25
SMALLEST_ERROR = 0.01
"""Codes: smaller errors weigh no more than this one, so that pixels that happen to be right do not decide."""


class NotFitted(ValueError):
    """Weights or an expected error cannot be fitted; the message says why."""


@dataclass(frozen=True)
class Terms:
    """The terms of one target over the frames of a fit."""

    paths: tuple[str, ...]
    mu: tuple[float, ...]
    sigma: tuple[float, ...]
    values: np.ndarray
    """Raw, (N, P)."""


@dataclass(frozen=True)
class Weights:
    """The weights of one energy."""

    values: tuple[float, ...]
    """The weights of the target's own paths, then those of `borrowed`."""
    borrowed: tuple[str, ...]
    """Paths to other targets that count."""


def fit_energy(target: str, terms: Mapping[str, Terms], errors: np.ndarray) -> Weights:
    """The weights of a target's energy: `fit_weights` of its own terms, for BORROWERS of those of all targets. Raises NotFitted.

    `terms`: by target, of the same frames; `errors`: (N,) of the target.
    """
    own, others = terms[target], [terms[name] for name in terms if name != target and target in BORROWERS]
    values = np.concatenate([one.values for one in (own, *others)], axis=1)
    mu, sigma = (np.concatenate([getattr(one, name) for one in (own, *others)]) for name in ("mu", "sigma"))
    found = [round(float(weight), WEIGHT_DIGITS) for weight in fit_weights(values, errors, mu, sigma)]
    n_own = len(own.paths)
    paths = [path for one in others for path in one.paths]
    used = [(path, weight) for path, weight in zip(paths, found[n_own:], strict=True) if weight > 0]
    return Weights((*found[:n_own], *(weight for _, weight in used)), tuple(path for path, _ in used))


def fit_weights(terms: np.ndarray, errors: np.ndarray, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Weights w (P,) >= 0 of the standardised terms z, so that sum_i w_i z_i follows the error and has spread 1.

    `terms`: raw, (N, P); `errors`: (N,) of the same frames; `mu`, `sigma`: (P,) as of the energy. The spread is the mean
    absolute deviation over these frames, as sigma is. Where mu is the mean of the terms over them, the energy has mean 0.
    Frames that are not finite are left out. Raises NotFitted.
    """
    terms, errors = np.asarray(terms, np.float64), np.asarray(errors, np.float64)
    known = np.isfinite(terms).all(axis=1) & np.isfinite(errors)
    n_frames, n_paths = int(known.sum()), terms.shape[1]
    if n_frames < LEAST_FRAMES_PER_PATH * n_paths:
        raise NotFitted(
            f"{n_frames} frames with ground truth are too few for {n_paths} weights; "
            f"{LEAST_FRAMES_PER_PATH * n_paths} or more are needed"
        )
    standardised = (terms[known] - mu) / sigma  # (N, P)
    # Without a free intercept the fit would spend its weights on the error's mean: both are centred instead.
    centred = standardised - standardised.mean(axis=0)
    weights = non_negative_least_squares(centred, errors[known] - errors[known].mean())
    energy = standardised @ weights
    spread = float(np.abs(energy - energy.mean()).mean())
    if not spread > 0:
        raise NotFitted("no path disagrees more where the error is larger, so no weights predict it")
    return weights / spread


def non_negative_least_squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The x >= 0 (P,) with the least |a x - b|, for (N, P) and (N,): the active set method of Lawson & Hanson (1974)."""
    gram, target = a.T @ a, a.T @ b
    return non_negative_solution(gram, target)


def non_negative_solution(gram: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The x >= 0 that minimises x' gram x / 2 - target' x: (P, P), (P,) -> (P,)."""
    n = len(target)
    x, used = np.zeros(n), np.zeros(n, bool)
    tolerance = 1e-12 * float(np.abs(target).max(initial=0.0))
    for _ in range(3 * n + 10):  # Lawson & Hanson's bound in practice; each step adds the path that helps most
        gradient = target - gram @ x
        free = ~used & (gradient > tolerance)
        if not free.any():
            break
        used[int(np.argmax(np.where(free, gradient, -np.inf)))] = True
        while used.any():
            solved = np.zeros(n)
            solved[used] = np.linalg.lstsq(gram[np.ix_(used, used)], target[used], rcond=None)[0]
            if (solved[used] > 0).all():
                x = solved
                break
            below = used & (solved <= 0)
            step = float(np.min(x[below] / np.maximum(x[below] - solved[below], 1e-300)))
            x = x + step * (solved - x)
            used &= x > 1e-12 * x.max(initial=0.0)
            x[~used] = 0
    return x


def mean_weights(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Weights (K,) >= 0 with sum 1, whose mean of predictions (M, K, C) has the least mean |error| against truth (M, C).

    Iteratively reweighted least squares: the error of a sample, the mean over its C channels, is least where squared errors
    over their own size are. Least squares themselves give weak predictions weight for the sake of a few outliers.
    """
    errors = np.asarray(predictions, np.float64) - np.asarray(truth, np.float64)[:, None]  # (M, K, C)
    n_predictions = errors.shape[1]
    weights = np.full(n_predictions, 1 / n_predictions)
    for _ in range(REWEIGHTINGS):
        size = np.abs(np.einsum("k,mkc->mc", weights, errors)).mean(axis=1)  # (M,)
        scaled = errors / np.sqrt(np.maximum(size, SMALLEST_ERROR))[:, None, None]
        flat = scaled.transpose(1, 0, 2).reshape(n_predictions, -1)
        gram = flat @ flat.T / len(errors)
        weights = convex_weights(gram, np.zeros(n_predictions))
    return weights


def convex_weights(gram: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The x >= 0 with sum 1 that minimises x' gram x / 2 - target' x: weights of a mean of P predictions."""
    # A row that asks for sum 1 with a great weight, as in Haskell & Hanson (1981).
    weight = 1e4 * max(float(np.abs(gram).max(initial=0.0)), 1e-12)
    found = non_negative_solution(gram + weight, target + weight)
    return found / found.sum()
