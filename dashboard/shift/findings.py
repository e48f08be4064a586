"""What a ladder says in words and numbers: where the energy does not rise, how much is kept, and at which strength it breaks."""

# N frames

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics import spearman
from dashboard.numbers import correlation, number, percent, size_of
from dashboard.shift.curves import ENERGY, ERROR, SELF, Curve, Plot, Point, Read, kept_floor
from dashboard.shift.ladders import Ladder

DASH = "\N{EN DASH}"


@dataclass(frozen=True)
class Fall:
    """A step after which the mean is not higher than before."""

    before: str
    after: str
    change: float
    floor: float
    """Noise floor of the change, over the frames of both steps; NaN: too few frames."""


@dataclass(frozen=True)
class Row:
    """One configuration on a ladder, as words for a table."""

    letter: str
    name: str
    energy: str
    """From clean to the strongest strength."""
    rises: str
    with_strength: str
    """Spearman's ρ of strength and mean energy over the steps."""
    with_error: str
    """Spearman's ρ of energy and error over all frames of all steps."""
    kept: str
    """Resilience: the clean error over the mean error of the strengths."""
    breaks: str
    """Breakdown level: the first strength whose mean error is above the tolerance."""
    unlike: str
    """The first strength whose mean energy is above 97.5 % of the validation frames."""


def falls(curve: Curve, labels: Sequence[str]) -> list[Fall]:
    """The stored steps at which the mean does not rise, in order."""
    stored = [(label, point) for label, point in zip(labels, curve.points, strict=True) if point]
    found = []
    for (before, low), (after, high) in itertools.pairwise(stored):
        if high.mean <= low.mean:
            found.append(Fall(before, after, high.mean - low.mean, _floor(low, high)))
    return found


def _floor(low: Point, high: Point) -> float:
    """Noise floor of the mean change between two steps, which share their frames."""
    n_frames = min(len(low.values), len(high.values))
    return kept_floor(high.values[:n_frames] - low.values[:n_frames])


def headline(ladder: Ladder, found: Read) -> str:
    """Whether the energy rises with the strength, for each configuration, with the steps at which it does not."""
    plot = found.plots.get(ENERGY)
    if plot is None:
        return "No energy of these configurations is stored for this ladder."
    labels = [step.label for step in ladder.steps]
    fallen = {curve.letter: falls(curve, labels) for curve in plot.curves}
    rising = [curve for curve in plot.curves if not fallen[curve.letter]]
    sentences = []
    if rising:
        parts = [f"{curve.letter} ({curve.name}) {_span(curve, plot.unit)}" for curve in rising]
        sentences.append(
            f"Mean {plot.title.lower()} rises at every step of the {_lower(ladder.kind.title)}: {', '.join(parts)}."
        )
    for curve in plot.curves:
        if fallen[curve.letter]:
            parts = [_fall_words(fall, plot.unit) for fall in fallen[curve.letter]]
            sentences.append(
                f"That of {curve.letter} ({curve.name}) does not: {_span(curve, plot.unit)}, but {'; '.join(parts)}."
                if rising
                else f"Mean {plot.title.lower()} of {curve.letter} ({curve.name}) does not rise at every step of the "
                f"{_lower(ladder.kind.title)}: {_span(curve, plot.unit)}, but {'; '.join(parts)}."
            )
    return " ".join(sentences)


def _lower(title: str) -> str:
    """A title within a sentence: `JPEG compression`, `Gaussian blur`, `low light`."""
    return title if title[:2].isupper() or title.startswith(("Gaussian", "H.")) else title[:1].lower() + title[1:]


def _span(curve: Curve, unit: str) -> str:
    known = [point for point in curve.points if point]
    return f"{number(known[0].mean, unit)} to {number(known[-1].mean, unit)}"


def _fall_words(fall: Fall, unit: str) -> str:
    if not np.isfinite(fall.floor):
        noise = "too few frames for a noise floor"
    elif abs(fall.change) <= fall.floor:
        noise = f"within the noise of ±{number(fall.floor, unit)}"
    else:
        noise = f"beyond the noise of ±{number(fall.floor, unit)}"
    return f"{number(fall.change, unit)} from {fall.before} to {fall.after} ({noise})"


def judged(found: Read) -> Plot | None:
    """What resilience and breakdown are about: the error where the truth is known, else the self-disagreement."""
    return found.plots.get(ERROR) or found.plots.get(SELF)


def usual_tolerance(plot: Plot) -> float:
    """Twice the largest clean error; of a self-disagreement, half of the strongest: it is 0 without a shift."""
    clean = [curve.points[0].mean for curve in plot.curves if curve.points[0]]
    if plot.id == ERROR and clean:
        return 2 * max(clean)
    return max((point.mean for curve in plot.curves for point in curve.points if point), default=0.0) / 2


def rows(ladder: Ladder, found: Read, tolerance: float) -> list[Row]:
    """A row for each configuration that has a curve; `tolerance` in the unit of what is `judged`."""
    labels = [step.label for step in ladder.steps]
    energies, errors, judge = found.plots.get(ENERGY), found.plots.get(ERROR), judged(found)
    letters = dict.fromkeys(curve.letter for plot in found.plots.values() for curve in plot.curves)
    listed = []
    for letter in letters:
        energy = energies.curve(letter) if energies else None
        error = errors.curve(letter) if errors else None
        own = judge.curve(letter) if judge else None
        any_curve = energy or error or own
        if any_curve is None:
            continue
        listed.append(
            Row(
                letter,
                any_curve.name,
                _span(energy, energies.unit) if energy and energies else DASH,
                _rises(energy, labels) if energy else DASH,
                _rank(energy) if energy else DASH,
                _follows(energy, error) if energy and error else DASH,
                _kept(error) if error else DASH,
                _first_above(own, labels, tolerance) if own else DASH,
                _first_above(energy, labels, energies.limit)
                if energy and energies and energies.limit is not None
                else DASH,
            )
        )
    return listed


def _rises(curve: Curve, labels: Sequence[str]) -> str:
    n_steps = sum(point is not None for point in curve.points) - 1
    n_rising = n_steps - len(falls(curve, labels))
    return f"{n_rising} of {n_steps} steps"


def _rank(curve: Curve) -> str:
    known = [(at, point.mean) for at, point in enumerate(curve.points) if point]
    return _rho(spearman(*(np.array(values, float) for values in zip(*known, strict=True))))


def _follows(energy: Curve, error: Curve) -> str:
    pairs = [(a.values, b.values) for a, b in zip(energy.points, error.points, strict=True) if a and b]
    lengths = [min(len(a), len(b)) for a, b in pairs]
    if not pairs:
        return DASH
    joined = [np.concatenate([pair[side][:n] for pair, n in zip(pairs, lengths, strict=True)]) for side in (0, 1)]
    return _rho(spearman(*joined))


def _rho(rho: float) -> str:
    if not np.isfinite(rho):
        return DASH
    direction = "follows" if rho >= 0 else "opposes"
    return f"{correlation(rho)}, {direction} {size_of(rho)}"


def _kept(error: Curve) -> str:
    clean, shifted = error.points[0], [point.mean for point in error.points[1:] if point]
    if clean is None or not shifted or not np.mean(shifted):
        return DASH
    return percent(round(1000 * clean.mean / float(np.mean(shifted))), 1000)


def _first_above(curve: Curve, labels: Sequence[str], limit: float) -> str:
    known = [(label, point) for label, point in zip(labels, curve.points, strict=True) if point]
    return next((label for label, point in known if point.mean > limit), "none stored")
