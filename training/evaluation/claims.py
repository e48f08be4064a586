"""What do the figures say about the paper's claims? Sentences made from numbers, the same rule for good and bad news."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics import Interval, interval
from training.evaluation.tables import NOT_MEASURED, interval_text, plain, signed

PAPER_PEARSON = 0.67  # X-TC, arXiv 2006.04096: between energy and supervised error
PAPER_AUC = 0.95  # of the energy, for inputs out of the training distribution


@dataclass(frozen=True)
class Goal:
    """One thing the project set out to reach."""

    what: str
    wanted: str
    measured: str
    is_reached: bool | None
    """None where it was not measured."""

    @property
    def answer(self) -> str:
        return {True: "yes", False: "no", None: NOT_MEASURED}[self.is_reached]


def difference_verdict(
    ours: Sequence[float], theirs: Sequence[float], digits: int, *, higher_is_better: bool = False
) -> str:
    """Whether the first method is better than the second, over pairs of one seed each."""
    difference = interval(np.subtract(ours, theirs).tolist())
    if difference.n == 0:
        return NOT_MEASURED
    share = 100 * difference.mean / float(np.mean(theirs)) if np.mean(theirs) else float("nan")
    digits += 1
    size = f"{signed(difference.mean, digits)} ({signed(share, 1)} %)"
    is_better = difference.mean > 0 if higher_is_better else difference.mean < 0
    direction = "better" if is_better else "worse" if difference.mean else "neither better nor worse"
    if difference.n == 1:
        return f"{size}, {direction} with the one seed that was trained; how far seeds differ was not measured"
    spread = f"{size}, 95 % interval {signed(difference.low, digits)} to {signed(difference.high, digits)} over {difference.n} seeds"
    if difference.low <= 0 <= difference.high:
        return f"{spread}: no difference that these seeds can show"
    return f"{spread}: {direction}"


def against_spread(value: float, reference: Sequence[float], digits: int) -> str:
    """One seed's figure against those of another method's seeds: is it off by more than seeds differ?"""
    if not len(reference) or not np.isfinite(value):
        return NOT_MEASURED
    digits += 1
    difference = value - float(np.mean(reference))
    size = f"{signed(difference, digits)} ({signed(100 * difference / float(np.mean(reference)), 1)} %)"
    direction = "better" if difference < 0 else "worse" if difference else "neither better nor worse"
    if len(reference) < 2:
        return f"{size}, {direction} with the one seed that was trained; how far seeds differ was not measured"
    spread = float(np.std(reference, ddof=1))
    if abs(difference) <= 2 * spread:
        return f"{size} with one seed: within twice the standard deviation of baseline's seeds ({spread:.{digits}f}), so no difference shown"
    return f"{size} with one seed, beyond twice the standard deviation of baseline's seeds ({spread:.{digits}f}): {direction}"


def published_verdict(values: Mapping[str, float], published: float) -> str:
    """Measured figures beside the paper's single one."""
    known = {name: value for name, value in values.items() if np.isfinite(value)}
    if not known:
        return NOT_MEASURED
    listed = ", ".join(f"{name} {plain(value, 2)}" for name, value in known.items())
    n_reached = sum(value >= published for value in known.values())
    if n_reached == len(known):
        answer = "as high as in the paper, or higher"
    elif n_reached == 0:
        answer = "lower than in the paper"
    else:
        answer = f"as high as in the paper for {n_reached} of {len(known)}, lower for the others"
    return f"{listed}; the paper has {published:.2f}: {answer}"


def at_least(what: str, values: Mapping[str, float], limit: float, digits: int = 2) -> Goal:
    """Reached where every value that should be there is, and is high enough."""
    listed = ", ".join(f"{name} {plain(value, digits)}" for name, value in values.items())
    wanted = f"at least {limit:g}"
    if not values or not all(np.isfinite(value) for value in values.values()):
        return Goal(what, wanted, listed or NOT_MEASURED, None)
    return Goal(what, wanted, listed, all(value >= limit for value in values.values()))


def at_most(what: str, best: str, value: float, limit: float, unit: str, digits: int = 1) -> Goal:
    if not np.isfinite(value):
        return Goal(what, f"at most {limit:g}{unit}", NOT_MEASURED, None)
    return Goal(what, f"at most {limit:g}{unit}", f"{plain(value, digits)}{unit} ({best})", value <= limit)


def no_worse(what: str, differences: Mapping[str, Interval], digits: int = 5) -> Goal:
    """Reached where no mean difference (ours minus theirs, of errors) is above zero."""
    listed = ", ".join(f"{name} {interval_text(found, digits, sign=True)}" for name, found in differences.items())
    wanted = "no mean difference above 0"
    if not differences or not all(np.isfinite(found.mean) for found in differences.values()):
        return Goal(what, wanted, listed or NOT_MEASURED, None)
    return Goal(what, wanted, listed, all(found.mean <= 0 for found in differences.values()))
