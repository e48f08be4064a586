"""Compares the figures with the claims of the paper and with the project's goals, by the same rules for good and bad news."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics import Interval, interval
from precompute.media.shifts.graded import LADDERS
from training.evaluation.measures.chains import BASELINE, methods_of
from training.evaluation.measures.measure import ALL, ResultFigures, auc, ladder_spearman
from training.evaluation.real_items import GROUPS
from training.evaluation.tables import NOT_MEASURED, digits_of, interval_text, plain, signed, table, title
from training.learning.plan import TARGETS

PAPER_PEARSON = 0.67  # X-TC, arXiv 2006.04096: between energy and supervised error
PAPER_AUC = 0.95  # of the energy, for inputs out of the training distribution
UNSUPERVISED = "consistency-unsupervised"
OUTDOOR_VIDEOS = "outdoor videos"
HEADLINE = {"normal": "mean angle", "depth": "AbsRel", "reshading": "L1"}
"""The figure that represents a target in one line."""


def agreement_text(figures: ResultFigures) -> str:
    """The section that compares the figures with each claim of the paper."""
    zoo, rooms, reported = figures.zoo, figures.rooms, figures.reported
    lines = [
        "## Agreement with the paper",
        "",
        "The paper is X-TC (arXiv 2006.04096). It uses other data, and its networks are about a hundred times larger.",
        "",
    ]
    lines.append("**Is consistency better than the baseline?**")
    for target in TARGETS:
        for figure in dict.fromkeys((HEADLINE[target], "L1", "L1 near edges")):
            ours, theirs = figures.paired(target, figure)
            verdict = difference_verdict(ours, theirs, digits_of(figure))
            lines.append(f"- {title(target)}, {figure}: {verdict}.")
    lines += ["", "**Do constraints that need no labels (2D edges and keypoints) help?**"]
    for target in TARGETS:
        reference = figures.seed_values(target, BASELINE, "L1")
        if (target, UNSUPERVISED) in rooms.errors and reference:
            value = rooms.errors[target, UNSUPERVISED].figures()["L1"]
            lines.append(f"- {title(target)}, L1: {against_spread(value, reference, digits_of('L1'))}.")
        else:
            lines.append(f"- {title(target)}: {NOT_MEASURED}.")
    lines += ["", f"**Does the energy predict the error?** Pearson's r over frames, `{reported}`:"]
    found = {title(t): rooms.correlations(t, reported)[0] for t in TARGETS if (t, reported) in rooms.energies}
    lines.append(f"- {published_verdict(found, PAPER_PEARSON)}.")
    lines += [
        "",
        f"**Does the energy detect images unlike the training rooms?** ROC-AUC against held-out rooms, `{reported}`:",
    ]
    for name in GROUPS:
        values = {title(t): auc(figures, t, reported, name) for t in TARGETS}
        lines.append(f"- {name}: {published_verdict(values, PAPER_AUC)}.")
    for name in figures.strong:
        values = [f"{title(t)} {plain(auc(figures, t, reported, name), 2)}" for t in TARGETS]
        lines.append(f"- rooms, {name}: {', '.join(values)}.")
    lines += ["", "**Does the energy rise with the shift?** Spearman's ρ between level and mean energy:"]
    for ladder in LADDERS:
        values = {title(t): ladder_spearman(figures, ladder.name, t, reported) for t in TARGETS}
        listed = ", ".join(f"{name} {plain(value, 2)}" for name, value in values.items())
        lines.append(f"- {ladder.name}, {len(ladder.levels)} levels: {listed}.")
    if not any(target in zoo.energies for target in TARGETS):
        lines.append(f"- energies: {NOT_MEASURED}.")
    return "\n".join(lines)


def goals_text(figures: ResultFigures) -> str:
    """The section that lists the goals."""
    rows = [[goal.what, goal.wanted, goal.measured, goal.answer] for goal in goals(figures)]
    return "## Goals\n\n" + table(["goal", "wanted", "measured", "reached"], rows)


def goals(figures: ResultFigures) -> list[Goal]:
    """All goals, with what was measured."""
    rooms, reported = figures.rooms, figures.reported
    angles = {
        method: rooms.errors["normal", method].figures()["mean angle"] for method in methods_of(figures.zoo, "normal")
    }
    best = min(angles, key=lambda method: angles[method], default="")
    differences = {
        title(target): interval(np.subtract(*figures.paired(target, "L1")).tolist())
        for target in TARGETS
        if figures.paired(target, "L1")[0]
    }
    with_energy = [target for target in TARGETS if (target, reported) in rooms.energies]
    found = [
        at_most("normals, mean angle of the best method", best, angles.get(best, float("nan")), 11, "°"),
        no_worse("L1, consistency − baseline", differences),
        at_least(
            "Spearman's ρ of energy and error, frames",
            {title(target): rooms.correlations(target, reported)[1] for target in with_energy},
            0.6,
        ),
        at_least(
            "ROC-AUC, outdoor videos",
            {title(target): auc(figures, target, reported, OUTDOOR_VIDEOS) for target in with_energy},
            PAPER_AUC,
        ),
        at_least(
            f"ROC-AUC, outdoor videos, {ALL}",
            {ALL: auc(figures, ALL, reported, OUTDOOR_VIDEOS)} if with_energy else {},
            PAPER_AUC,
        ),
    ]
    for ladder in LADDERS:
        rising = {title(target): ladder_spearman(figures, ladder.name, target, reported) for target in with_energy}
        found.append(at_least(f"Spearman's ρ of {ladder.name} level and mean energy", rising, 0.95))
    return found


@dataclass(frozen=True)
class Goal:
    """A goal of the project."""

    what: str
    wanted: str
    measured: str
    is_reached: bool | None
    """None if it was not measured."""

    @property
    def answer(self) -> str:
        """Whether the goal is reached, in a word or two."""
        return {True: "yes", False: "no", None: NOT_MEASURED}[self.is_reached]


def difference_verdict(
    ours: Sequence[float], theirs: Sequence[float], digits: int, *, higher_is_better: bool = False
) -> str:
    """State whether the first method is better than the second, over pairs of figures of one seed each."""
    difference = interval(np.subtract(ours, theirs).tolist())
    if difference.n == 0:
        return NOT_MEASURED
    share = 100 * difference.mean / float(np.mean(theirs)) if np.mean(theirs) else float("nan")
    digits += 1
    size = f"{signed(difference.mean, digits)} ({signed(share, 1)} %)"
    is_better = difference.mean > 0 if higher_is_better else difference.mean < 0
    direction = "better" if is_better else "worse" if difference.mean else "neither better nor worse"
    if difference.n == 1:
        return f"{size}, {direction} with the single trained seed; the spread over seeds was not measured"
    spread = f"{size}, 95 % interval {signed(difference.low, digits)} to {signed(difference.high, digits)} over {difference.n} seeds"
    if difference.low <= 0 <= difference.high:
        return f"{spread}: no difference shown by these seeds"
    return f"{spread}: {direction}"


def against_spread(value: float, reference: Sequence[float], digits: int) -> str:
    """State whether the figure of a single seed differs from those of the baseline by more than its seeds differ."""
    if not len(reference) or not np.isfinite(value):
        return NOT_MEASURED
    digits += 1
    difference = value - float(np.mean(reference))
    size = f"{signed(difference, digits)} ({signed(100 * difference / float(np.mean(reference)), 1)} %)"
    direction = "better" if difference < 0 else "worse" if difference else "neither better nor worse"
    if len(reference) < 2:
        return f"{size}, {direction} with the single trained seed; the spread over seeds was not measured"
    spread = float(np.std(reference, ddof=1))
    if abs(difference) <= 2 * spread:
        return f"{size} with one seed, within twice the standard deviation of the baseline's seeds ({spread:.{digits}f}): no difference shown"
    return f"{size} with one seed, beyond twice the standard deviation of the baseline's seeds ({spread:.{digits}f}): {direction}"


def published_verdict(values: Mapping[str, float], published: float) -> str:
    """State how measured figures compare with the single one of the paper."""
    known = {name: value for name, value in values.items() if np.isfinite(value)}
    if not known:
        return NOT_MEASURED
    listed = ", ".join(f"{name} {plain(value, 2)}" for name, value in known.items())
    n_reached = sum(value >= published for value in known.values())
    if n_reached == len(known):
        answer = "at least as high as in the paper"
    elif n_reached == 0:
        answer = "lower than in the paper"
    else:
        answer = f"at least as high as in the paper for {n_reached} of {len(known)}, lower for the others"
    return f"{listed}; the paper reports {published:.2f}: {answer}"


def at_least(what: str, values: Mapping[str, float], limit: float, digits: int = 2) -> Goal:
    """A goal that is reached if every value was measured and is high enough."""
    listed = ", ".join(f"{name} {plain(value, digits)}" for name, value in values.items())
    wanted = f"at least {limit:g}"
    if not values or not all(np.isfinite(value) for value in values.values()):
        return Goal(what, wanted, listed or NOT_MEASURED, None)
    return Goal(what, wanted, listed, all(value >= limit for value in values.values()))


def at_most(what: str, best: str, value: float, limit: float, unit: str, digits: int = 1) -> Goal:
    """A goal that is reached if the value, that of the method `best`, is low enough."""
    if not np.isfinite(value):
        return Goal(what, f"at most {limit:g}{unit}", NOT_MEASURED, None)
    return Goal(what, f"at most {limit:g}{unit}", f"{plain(value, digits)}{unit} ({best})", value <= limit)


def no_worse(what: str, differences: Mapping[str, Interval], digits: int = 5) -> Goal:
    """A goal that is reached if no mean difference of errors (ours minus theirs) is above zero."""
    listed = ", ".join(f"{name} {interval_text(found, digits, sign=True)}" for name, found in differences.items())
    wanted = "no mean difference above 0"
    if not differences or not all(np.isfinite(found.mean) for found in differences.values()):
        return Goal(what, wanted, listed or NOT_MEASURED, None)
    return Goal(what, wanted, listed, all(found.mean <= 0 for found in differences.values()))
