"""What is said of `merged`, a method whose prediction is the weighted mean of another method's paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from analysis.stated.trust import number_within
from cache.records import Track
from dashboard.compare.expected import MEASURES
from dashboard.numbers import number, percent
from dashboard.text import counted, one_line

NO_ENERGY_OF_MERGED = "a mean of the paths agrees with them by construction; it is never ranked by energy"
NO_ENERGY_SHORT = "has no energy, as a mean of the paths"
LEAST_SHARE = 0.005
"""Weights below it are left out of the words: they would be 0 %."""
MOST_PARTS = 12
MAX_PERCENT = 10_000


def is_merged(track: Track) -> bool:
    """Whether a prediction is the mean of paths, whose energy would be low by construction."""
    return "merge" in track.head.constants


def parts_of(track: Track, title: Callable[[str], str]) -> str:
    """`the mean of baseline's paths: direct 22 %, mirrored image 26 %, via Surface normals 24 %`; empty if it is not stated.

    `title` names a domain.
    """
    merge = track.head.constants.get("merge")
    if not isinstance(merge, Mapping):
        return ""
    paths, weights, mirror = merge.get("paths"), merge.get("weights"), merge.get("mirror")
    if not (isinstance(paths, Sequence) and isinstance(weights, Sequence) and len(paths) == len(weights)):
        return ""
    stated = [*zip((_name(str(path), title) for path in paths), weights, strict=True)]
    stated.insert(1, ("mirrored image", mirror))
    known = [(name, float(w)) for name, w in stated if isinstance(w, int | float) and LEAST_SHARE <= w <= 1]
    if not known or len(known) > MOST_PARTS:
        return ""
    listed = ", ".join(f"{name} {percent(round(1000 * weight), 1000)}" for name, weight in known)
    return f"the mean of {one_line(str(merge.get('of')), 40)}'s predictions: {listed}"


def saving_of(track: Track) -> str:
    """`Measured on 160 test frames: mean angular error −4.9 % (−5.9 % to −3.8 %) against baseline`; empty if it is not stated."""
    saving, merge = track.head.constants.get("saving"), track.head.constants.get("merge")
    if not (isinstance(saving, Mapping) and isinstance(merge, Mapping)):
        return ""
    percents = [number_within(saving.get(name), MAX_PERCENT) for name in ("percent", "low", "high")]
    n_frames, error = saving.get("n_frames"), saving.get("error")
    if (
        None in percents
        or not isinstance(error, str)
        or error not in MEASURES
        or not isinstance(n_frames, int)
        or isinstance(n_frames, bool)
    ):
        return ""
    change, low, high = (number(value, "%") for value in percents if value is not None)
    against = one_line(str(merge.get("of")), 40)
    return f"Measured on {counted(n_frames, 'test frame')}: {MEASURES[error][0]} {change} ({low} to {high}) against {against}"


def _name(path: str, title: Callable[[str], str]) -> str:
    between = path.split("-")[1:-1]
    return f"via {' → '.join(title(domain) for domain in between)}" if between else "direct"
