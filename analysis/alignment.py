"""Brings a relative depth to the scale of a reference: by a scale, by scale and shift in depth, or in 1/depth.

Networks of relative depth know distances up to an unknown scale, and often an unknown shift of depth or of 1/depth (MiDaS,
Ranftl et al. 2020). 1/x of an inverse depth is not a depth before its shift is known, so each kind fits in its own space. The
fit is least trimmed squares (Rousseeuw and Van Driessen 2006): least squares of the 80 % of pixels that it fits best, the share
that MiDaS trains on. Estimators that may leave out half of them let the far end of a room go. dashboard/web/drawing/alignment.mjs fits the same way; a test holds the
two equal.
"""

# K values: the pixels of one frame or of several, in one row

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

Kind = Literal["none", "scale", "depth", "inverse"]
KINDS: tuple[Kind, ...] = get_args(Kind)
KIND_TITLES: dict[Kind, str] = {
    "none": "not aligned",
    "scale": "scale aligned",
    "depth": "scale and shift aligned",
    "inverse": "scale and shift of 1/depth aligned",
}
"""As titles of measures and legends say it."""
NEEDED: dict[str, Kind] = {
    "scale": "scale",
    "affine": "depth",
    "scale-and-shift": "depth",
    "inverse": "inverse",
    "inverse-scale-and-shift": "inverse",
}
"""What is lacking to metres, as results (`relative`) and zoos (`known_up_to`) state it -> what is fitted."""
Per = Literal["clip", "frame"]
PERS: tuple[Per, ...] = get_args(Per)
Problem = Literal["", "too few known pixels", "constant depth", "runs against the reference"]

N_FRAMES = 16
"""Frames of a clip that its one fit uses."""
MIN_VALUES = 16
"""A fit of fewer values would say more about their noise than about the scale."""
MAX_VALUES = 1 << 13
"""More are thinned evenly, so that a browser fits a frame while it plays."""
N_STARTS = 100
"""Pairs tried for the first line: with half of all values wrong, one pair in four is right."""
MAX_SCORED = 1 << 10
"""Values that score a pair."""
N_STEPS = 12
"""Steps of trimming and fitting; the line hardly moves after five to ten."""
KEPT = 0.8
"""The share of values that is fitted: up to a fifth may be wrong by any amount."""
LEAST_SPREAD = 1e-4
"""Depths that differ by a smaller share of their size are constant: a shift could not be told from a scale."""


@dataclass(frozen=True)
class Alignment:
    """What is done to a depth before it is compared."""

    kind: Kind
    scale: float = 1.0
    shift: float = 0.0
    """Added to the depth, in the reference's unit, or to 1/depth, in 1/unit; 0 for a scale alone."""
    problem: Problem = ""
    """The reason why nothing was fitted, in which case the depth stays unchanged; empty after a successful fit."""

    def apply(self, depth: np.ndarray, lo: float, hi: float) -> np.ndarray:
        """Aligned depth, float64, within [lo, hi], the range that the reference can hold.

        What comes to lie at or beyond infinity gets `hi`, what lies behind the camera `lo`, as evaluations of the field do.
        """
        depth = np.asarray(depth, np.float64)
        if self.kind == "inverse":
            inverse = self.scale / depth + self.shift
            return 1 / np.clip(inverse, 1 / hi, 1 / lo)
        return np.clip(self.scale * depth + self.shift, lo, hi)


def fit(kind: Kind, depth: np.ndarray, reference: np.ndarray) -> Alignment:
    """The alignment of `depth` to `reference`: known values of the same pixels, above 0, (K,) each.

    Values that are not finite or not above 0 are left out. Where there is no fit the result names the problem.
    """
    if kind == "none":
        return Alignment("none")
    depth, reference = (np.asarray(values, np.float64).ravel() for values in (depth, reference))
    known = np.isfinite(depth) & np.isfinite(reference) & (depth > 0) & (reference > 0)
    x, y = _thinned(depth[known], MAX_VALUES), _thinned(reference[known], MAX_VALUES)
    if len(x) < MIN_VALUES:
        return Alignment(kind, problem="too few known pixels")
    if kind == "inverse":
        x, y = 1 / x, 1 / y
    has_shift = kind != "scale"
    # The inner 90 %, so that one wrong pixel does not make a constant depth look varied.
    ordered = np.sort(x)
    low, high = (ordered[int(share * (len(x) - 1) + 0.5)] for share in (0.05, 0.95))
    if has_shift and high - low < LEAST_SPREAD * ordered[len(x) // 2]:
        return Alignment(kind, problem="constant depth")
    scale, shift = _first_line(x, y, has_shift)
    scale, shift = _concentrated(x, y, scale, shift, has_shift)
    if scale <= 0:
        return Alignment(kind, problem="runs against the reference")
    return Alignment(kind, scale, shift)


def _thinned(values: np.ndarray, most: int) -> np.ndarray:
    return values[:: -(-len(values) // most)] if len(values) > most else values


def _first_line(x: np.ndarray, y: np.ndarray, has_shift: bool) -> tuple[float, float]:
    """The line through a pair of values that most lie nearest to, by the quantile KEPT; of a scale, through one value and 0."""
    scored_x, scored_y = _thinned(x, MAX_SCORED), _thinned(y, MAX_SCORED)
    best = (np.inf, 1.0, 0.0)
    for first, second in _pairs(len(x)):
        if has_shift:
            run = x[second] - x[first]
            if run == 0:
                continue
            scale = (y[second] - y[first]) / run
            shift = y[first] - scale * x[first]
        else:
            scale, shift = y[first] / x[first], 0.0
        residual = _reach(np.abs(scored_y - (scale * scored_x + shift)))
        if residual < best[0]:
            best = (residual, float(scale), float(shift))
    return best[1:]


def _pairs(count: int) -> Iterator[tuple[int, int]]:
    """The same pairs for the same count, here and in the browser: a linear congruential generator of 32 bits."""
    state = 1
    for _ in range(N_STARTS):
        state = (1664525 * state + 1013904223) % (1 << 32)
        first = state * count >> 32
        state = (1664525 * state + 1013904223) % (1 << 32)
        yield first, state * count >> 32


def _concentrated(x: np.ndarray, y: np.ndarray, scale: float, shift: float, has_shift: bool) -> tuple[float, float]:
    """Least squares of the values nearest to the line, then of those nearest to the new one, and so on."""
    for _ in range(N_STEPS):
        residual = np.abs(y - (scale * x + shift))
        kept = residual <= _reach(residual)
        kept_x, kept_y = x[kept], y[kept]
        mean_x, mean_y = (float(kept_x.mean()), float(kept_y.mean())) if has_shift else (0.0, 0.0)
        spread = float(((kept_x - mean_x) ** 2).sum())
        if spread == 0:  # the values that agree have one depth
            break
        scale = float(((kept_x - mean_x) * (kept_y - mean_y)).sum()) / spread
        shift = mean_y - scale * mean_x if has_shift else 0.0
    return scale, shift


def _reach(residuals: np.ndarray) -> float:
    """The quantile KEPT, one value of the data, in numpy and in the browser."""
    at = int(KEPT * (len(residuals) - 1))
    return float(np.partition(residuals, at)[at])


def pooled(frames: Iterable[tuple[np.ndarray, np.ndarray]], per_frame: int = 4096) -> tuple[np.ndarray, np.ndarray]:
    """The known values of several frames in one row, at most `per_frame` of each: one alignment for a clip.

    `frames`: depth and reference of the same pixels, NaN where unknown.
    """
    kept = [(np.empty(0), np.empty(0))]
    for frame in frames:
        depth, reference = (np.asarray(values, np.float64).ravel() for values in frame)
        known = np.isfinite(depth) & np.isfinite(reference)
        kept.append((_thinned(depth[known], per_frame), _thinned(reference[known], per_frame)))
    depths, references = zip(*kept, strict=True)
    return np.concatenate(depths), np.concatenate(references)


def fitted_frames(n_frames: int) -> list[int]:
    """The frames of a clip that its one fit uses, evenly over it."""
    return np.linspace(0, n_frames - 1, min(N_FRAMES, n_frames)).round().astype(int).tolist()


def needed_by(constants: Mapping[str, Any]) -> Kind:
    """The alignment that a track needs before its depth can be compared, by the constants of its manifest."""
    results = constants.get("results")
    stated = results.get("relative") if isinstance(results, Mapping) else constants.get("known_up_to")
    return NEEDED.get(str(stated), "none")


def needed_by_all(kinds: Sequence[Kind]) -> Kind:
    """One alignment for all that are compared: the one that leaves the most free."""
    return max((*kinds, KINDS[0]), key=KINDS.index)


def aligned_column(kind: Kind, per: Per, measure: str) -> str:
    """The column of a track of aligned errors that holds a measure."""
    return f"{kind}_{per}_{measure}"
