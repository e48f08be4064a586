"""The statistics of the Study page: what `analysis` computes, thinned to what is drawn, and kept while the numbers stay the same."""

# N frames, C clips

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.evaluation.areas import areas
from analysis.evaluation.correlation import correlations
from analysis.evaluation.reliability import Reliability, reliability
from analysis.evaluation.resampling import Estimate, Units
from analysis.evaluation.roc import roc
from dashboard.compare.memory import kept_by_content
from dashboard.configuration import Configuration
from dashboard.study.frames import Frames, Pooled, Sample

Level = Literal["frames", "clips"]
MAX_POINTS = 2000
"""Points that a scatter draws, of all methods together: more take the browser longer, and hide each other."""
MAX_CURVE = 200
"""Points of a curve: it is about as many pixels wide."""
N_BARS = 30


@dataclass(frozen=True)
class Correlated:
    """Energy against error of one method."""

    configuration: Configuration
    r: Estimate
    rho: Estimate
    energy: np.ndarray
    """(P,) of the points that are drawn."""
    error: np.ndarray
    """(P,)"""
    places: tuple[tuple[str, int], ...]
    """(P,) clip and frame of each point; for a clip its middle frame by energy."""


@dataclass(frozen=True)
class Told:
    """How well the energies of one method tell the groups apart."""

    configuration: Configuration
    auc: Estimate
    false_positive: np.ndarray
    true_positive: np.ndarray
    units: tuple[Units, Units]
    """What the interval is over, in each group."""
    edges: np.ndarray
    """(N_BARS + 1,) sigma: the ends of the bars of both histograms."""
    inside: np.ndarray
    """(N_BARS,) share of the frames inside in each bar; none where a group is empty."""
    outside: np.ndarray


@dataclass(frozen=True)
class Ordered:
    """How well one confidence orders the errors."""

    name: str
    unit: str
    removed: np.ndarray
    remaining: np.ndarray
    oracle: np.ndarray
    coverage: np.ndarray
    """(K,) share of frames kept, K at most MAX_CURVE."""
    risk: np.ndarray
    """(K,) their mean error."""
    risk_oracle: np.ndarray
    mean_error: float
    risk_at_stated_coverage: float
    ause: Estimate
    aurg: Estimate
    is_constant: bool


@dataclass(frozen=True)
class Covered:
    """Stated and found coverage of the expected error of one method."""

    configuration: Configuration
    error: str
    """The column that is expected."""
    found: Reliability
    n_left_out: int
    """Clips that state another interval."""


def correlated(frames: Frames, level: Level) -> list[Correlated]:
    """Energy against error of every method that has both; over frames, or over the means of clips."""
    methods = [(c, [s for s in frames.of(c) if s.is_paired.any()]) for c in frames.configurations]
    methods = [(configuration, samples) for configuration, samples in methods if samples]
    room = MAX_POINTS // max(len(methods), 1)
    return [_correlated(configuration, samples, level, room) for configuration, samples in methods]


def _correlated(configuration: Configuration, samples: Sequence[Sample], level: Level, room: int) -> Correlated:
    if level == "clips":
        energy = np.array([s.energy[s.is_paired].mean() for s in samples])
        error = np.array([s.error[s.is_paired].mean() for s in samples])
        places = [(s.clip.key, _middle_frame(s)) for s in samples]
        lengths = [1] * len(samples)
    else:
        energy = np.concatenate([s.energy[s.is_paired] for s in samples])
        error = np.concatenate([s.error[s.is_paired] for s in samples])
        places = [(s.clip.key, int(frame)) for s in samples for frame in np.flatnonzero(s.is_paired)]
        lengths = [int(s.is_paired.sum()) for s in samples]
    r, rho = _correlations(energy, error, np.array(lengths, float))
    drawn = evenly(len(energy), room)
    return Correlated(configuration, r, rho, energy[drawn], error[drawn], tuple(places[at] for at in drawn))


def _middle_frame(sample: Sample) -> int:
    known = np.flatnonzero(sample.is_paired)
    order = known[np.argsort(sample.energy[known], kind="stable")]
    return int(order[len(order) // 2])


def evenly(n: int, most: int) -> np.ndarray:
    """At most that many of `n` places, evenly spaced, the first and the last among them."""
    return np.arange(n) if n <= most else np.unique(np.linspace(0, n - 1, max(most, 1)).round().astype(int))


@kept_by_content
def _correlations(energy: np.ndarray, error: np.ndarray, lengths: np.ndarray) -> tuple[Estimate, Estimate]:
    return correlations(energy, error, lengths.astype(int).tolist())


def told_apart(frames: Frames, inside: Collection[str], outside: Collection[str]) -> list[Told]:
    """ROC and histograms of every method that has energies in both groups of clips, given by their keys."""
    found = []
    for configuration in frames.configurations:
        groups = [
            [s.energy[np.isfinite(s.energy)] for s in frames.of(configuration) if s.clip.key in group]
            for group in (inside, outside)
        ]
        groups = [[one for one in group if len(one)] for group in groups]
        if all(groups):
            values = [np.concatenate(group) for group in groups]
            lengths = [np.array([len(one) for one in group], float) for group in groups]
            found.append(Told(configuration, *_told(values[0], lengths[0], values[1], lengths[1])))
    return found


@kept_by_content
def _told(inside: np.ndarray, n_inside: np.ndarray, outside: np.ndarray, n_outside: np.ndarray):
    found = roc(inside, n_inside.astype(int).tolist(), outside, n_outside.astype(int).tolist())
    drawn = evenly(len(found.false_positive), MAX_CURVE)
    both = np.concatenate([inside, outside])
    edges = np.histogram_bin_edges(both, N_BARS)
    shares = [np.histogram(one, edges)[0] / len(one) for one in (inside, outside)]
    units = found.inside, found.outside
    curve = found.false_positive[drawn], found.true_positive[drawn]
    return found.auc, *curve, units, edges, *shares


def ordered(pooled: Sequence[Pooled]) -> list[Ordered]:
    """How well each confidence orders the errors, the best first by AUSE; those without a curve come last."""
    found = [
        Ordered(one.name, one.unit, *_ordered(one.values, one.errors, np.array(one.lengths, float))) for one in pooled
    ]
    return sorted(found, key=lambda one: (not np.isfinite(one.ause.value) or one.is_constant, one.ause.value))


@kept_by_content
def _ordered(values: np.ndarray, errors: np.ndarray, lengths: np.ndarray):
    found = areas(values, errors, lengths.astype(int).tolist())
    curve, risk = found.curve, found.risk
    drawn = evenly(len(risk.risk), MAX_CURVE)
    return (
        curve.removed,
        curve.remaining,
        curve.oracle,
        risk.coverage[drawn],
        risk.risk[drawn],
        risk.oracle[drawn],
        curve.mean_error,
        found.risk_at_stated_coverage,
        found.ause,
        found.aurg,
        curve.is_constant,
    )


def covered(frames: Frames) -> list[Covered]:
    """Stated and found coverage of every method whose zoo states an expected error with an interval, on clips with truth.

    Where clips state other intervals, from other versions of the zoo, that of most clips counts.
    """
    found = []
    for configuration in frames.configurations:
        stated = [s.expected for s in frames.of(configuration) if s.expected and np.isfinite(s.expected.error).any()]
        kinds = Counter((one.column, one.factor, one.coverage) for one in stated if one.factor is not None)
        if not kinds:
            continue
        column, factor, coverage = kinds.most_common(1)[0][0]
        used = [one for one in stated if (one.column, one.factor, one.coverage) == (column, factor, coverage)]
        values, unlike, errors = (
            np.concatenate([getattr(one, name) for one in used]) for name in ("values", "is_unlike", "error")
        )
        lengths = [len(one.values) for one in used]
        result = reliability(values, errors, unlike, lengths, float(factor or 1), coverage)
        found.append(Covered(configuration, column, result, len(stated) - len(used)))
    return found
