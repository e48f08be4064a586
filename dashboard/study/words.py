"""The Study page's figures in words: numbers with their intervals, what those are over, and what cannot be told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.evaluation.resampling import LEAST_CLIPS, LEAST_UNITS, Estimate, Units
from dashboard.compare.card.trust_words import follows
from dashboard.numbers import SPACE, number
from dashboard.text import counted

LEAST_FOR_WORDS = 8
"""Frames or clips below which a correlation is left unsaid."""


def two(value: float) -> str:
    """Two decimals, with a true minus."""
    return number(value, "σ").removesuffix(f"{SPACE}σ")


def three(value: float) -> str:
    return number(value, "")


def with_ends(found: Estimate, digits: int = 2) -> str:
    """`0.62 [0.48, 0.73]`, or without ends where there are none; a dash if unknown."""
    write = two if digits == 2 else three
    ends = f" [{write(found.low)}, {write(found.high)}]" if found.has_interval else ""
    return f"{write(found.value)}{ends}"


def of_what(found: Estimate, level: str = "frames") -> str:
    """`240 frames of 1 clip, about 8 independent blocks`: what a figure and its interval are over."""
    if level == "clips":
        return counted(found.n_clips, "clip")
    return _of_what(found.n_frames, found.n_clips, found.kind, found.n_units)


def of_group(units: Units) -> str:
    """The same of a group of clips."""
    return _of_what(units.n_frames, len(units.lengths), units.kind, units.n)


def _of_what(n_frames: int, n_clips: int, kind: str, n_units: int) -> str:
    n = f"{counted(n_frames, 'frame')} of {counted(n_clips, 'clip')}"
    return n if kind == "clips" else f"{n}, {blocks(n_units)}"


def blocks(n: int) -> str:
    """`about 8 independent blocks`."""
    return f"about {counted(n, 'independent block')}"


def over_what(found: Estimate) -> str:
    """What the interval is over, or why there is none."""
    if not np.isfinite(found.value):
        return "No figure: too few values, or values that do not vary."
    if not found.has_interval:
        if found.n_units < LEAST_UNITS:
            return (
                f"The interval cannot be told: it needs {LEAST_CLIPS} clips, or {LEAST_UNITS} blocks of frames that do not repeat "
                "each other."
            )
        return "The interval cannot be told: nothing varies between resamples."
    if found.kind == "clips":
        return "95 % intervals: bootstrap over clips."
    return (
        "95 % intervals: bootstrap over blocks of frames, as neighbours repeat each other. They speak of these clips alone; from "
        f"{LEAST_CLIPS} clips on they are over clips."
    )


def correlation_words(found: Estimate) -> str:
    """What a rank correlation says, as far as its interval does."""
    if not np.isfinite(found.value):
        return "cannot be told"
    n = found.n_frames
    if n < LEAST_FOR_WORDS:
        return f"cannot be told from {n}"
    if not found.has_interval or found.low <= 0 <= found.high:
        return "cannot be told from 0"
    return follows(found.value).replace("its energy", "energy")


def auc_words(found: Estimate) -> str:
    """What an AUC says, as far as its interval does."""
    if not np.isfinite(found.value):
        return "cannot be told"
    if found.value in (0, 1):
        return "no overlap in these clips"
    if not found.has_interval or found.low <= 0.5 <= found.high:
        return "cannot be told apart"
    return "group B is higher" if found.value > 0.5 else "group A is higher"


def gain_words(found: Estimate) -> str:
    """Whether an order is better than chance, as far as the interval of its AURG says."""
    if not np.isfinite(found.value):
        return "no order"
    if not found.has_interval or found.low <= 0 <= found.high:
        return "cannot be told from chance"
    return "better than chance" if found.value > 0 else "worse than chance"


def coverage_words(share: float, low: float, high: float, stated: float) -> str:
    """Whether a found coverage agrees with the stated one."""
    if not np.isfinite(share):
        return "no frame is like the calibration"
    if not np.isfinite(low):
        return "cannot be told: too few clips or stretches"
    if low <= stated <= high:
        return "agrees with what is stated"
    return "covers less than stated" if high < stated else "covers more than stated"


def share(value: float) -> str:
    """`87 %`; a dash if unknown."""
    return f"{100 * value:.0f}{SPACE}%" if np.isfinite(value) else "\N{EN DASH}"


def joined(words: Sequence[str]) -> str:
    """Distinct sentences, in order."""
    return " ".join(dict.fromkeys(words))
