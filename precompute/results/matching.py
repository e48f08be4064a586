"""Which map belongs to which frame of the clip: by order, by number, by time or by stride. Unequal counts need a rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from precompute.failures import SourceError
from precompute.text import count

FrameRule = Literal["order", "by-number", "by-time", "by-stride"]
FRAMES_NAMED = 6
"""Most frames that an error names."""
CHOOSE = (
    "say which map belongs to which frame: --frames by-time --fps F (F maps a second from the start of the video), "
    "--frames by-number (--first N: the number of frame 0), or --frames by-stride --stride N (every Nth map)"
)


@dataclass(frozen=True)
class Matching:
    """Which map each frame of the clip takes."""

    places: tuple[int, ...]
    """For each frame of the clip, the place of its map among all maps."""
    words: str
    """How they were matched, and how many, for people and the manifest."""


def match(
    rule: FrameRule,
    numbers: Sequence[int] | None,
    n_maps: int,
    pts_seconds: np.ndarray,
    *,
    first: int | None = None,
    fps: float | None = None,
    stride: int | None = None,
) -> Matching:
    """Match `n_maps` maps to the frames of a clip with those times. `numbers`: the maps' numbers in the names of their files.

    Raises SourceError `missing_frames` unless every frame has a map.
    """
    n_frames = len(pts_seconds)
    of = f"{count(n_maps, 'map')} for {count(n_frames, 'frame')} of the clip"
    if rule == "order":
        return _in_order(numbers, n_maps, n_frames, of)
    if rule == "by-number":
        listed = list(range(n_maps)) if numbers is None else list(numbers)
        start = first if first is not None else listed[0] if n_maps == n_frames else 0
        place_of = {number - start: place for place, number in enumerate(listed)}
        places = [place_of.get(frame) for frame in range(n_frames)]
        how = f"by number, from {start}"
    elif rule == "by-time":
        if fps is None or not 0 < fps <= 1000:
            raise SourceError(
                "missing_frames", f"{of}, --frames by-time without their rate", "give --fps, maps per second"
            )
        # The map whose time is the nearest, half an interval away at most.
        nearest = np.floor(np.asarray(pts_seconds) * fps + 0.5 + 1e-6).astype(int) - (first or 0)
        place_of = _places(numbers, n_maps)
        places = [place_of.get(int(place)) for place in nearest]
        how = f"by time, {fps:g} maps a second"
    else:
        if stride is None or stride < 1:
            raise SourceError(
                "missing_frames", f"{of}, --frames by-stride without a stride", "give --stride, such as 2"
            )
        place_of = _places(numbers, n_maps)
        places = [place_of.get((first or 0) + frame * stride) for frame in range(n_frames)]
        how = f"every {stride}th map from map {first or 0}" if stride > 1 else f"every map from map {first or 0}"
    lacking = [frame for frame, place in enumerate(places) if place is None]
    if lacking:
        raise SourceError("missing_frames", f"{of}; matched {how}, {_named(lacking)} without a map", CHOOSE)
    found = tuple(place for place in places if place is not None)
    twice = n_frames - len(set(found))
    if twice:
        raise SourceError(
            "missing_frames",
            f"{of}; matched {how}, {count(twice, 'frame')} would show the map of another frame",
            "sample the clip at the rate of the maps: python -m precompute run SOURCE --fps F",
        )
    unused = n_maps - len(set(found))
    words = f"{n_frames} of {count(n_frames, 'frame')} matched {how}"
    return Matching(found, words + (f"; {count(unused, 'map')} not used" if unused else ""))


def _places(numbers: Sequence[int] | None, n_maps: int) -> dict[int, int]:
    """The steps from the first map to each -> its place. A number that is left out is a map that is missing."""
    if numbers is None or n_maps < 2:
        return {place: place for place in range(n_maps)}
    step = math.gcd(*np.diff(np.asarray(numbers)).tolist()) or 1
    return {(number - numbers[0]) // step: place for place, number in enumerate(numbers)}


def _in_order(numbers: Sequence[int] | None, n_maps: int, n_frames: int, of: str) -> Matching:
    if n_maps != n_frames:
        raise SourceError("missing_frames", of, CHOOSE)
    if numbers and n_maps > 1:
        steps = np.diff(np.asarray(numbers))
        step = math.gcd(*steps.tolist()) or 1
        if (steps != step).any():
            at = int(np.flatnonzero(steps != step)[0])
            raise SourceError(
                "missing_frames", f"{of}, and their numbers jump from {numbers[at]} to {numbers[at + 1]}", CHOOSE
            )
    return Matching(tuple(range(n_frames)), f"{n_frames} of {count(n_frames, 'frame')} matched in order")


def _named(frames: Sequence[int]) -> str:
    listed = ", ".join(map(str, frames[:FRAMES_NAMED])) + (", ..." if len(frames) > FRAMES_NAMED else "")
    return f"frame {listed} is" if len(frames) == 1 else f"{len(frames)} frames ({listed}) are"
