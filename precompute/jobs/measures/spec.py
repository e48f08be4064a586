"""What a measure is: a track whose frames follow from stored tracks, each from the frame itself and the one before."""

# H x W pixels, B x B blocks

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from analysis.stability import LEAST_FOUND
from cache.records import Head, Track
from precompute.jobs.measures.optical_flow import Motion, motion, places_before
from precompute.jobs.measures.warp import Warp

PTS = {"title": "Presentation time", "unit": "s"}
"""Title and unit of the column that every track has."""


@dataclass(frozen=True)
class Moment:
    """One frame of the tracks that the measures of a clip read, and what it was before."""

    codes: Mapping[str, np.ndarray]
    """Key of a track -> its codes, uint8 (H, W) or (H, W, 3)."""
    input: str
    """Key of the input track."""
    before: Moment | None
    """The frame before, which has none before itself; None for the first frame of the clip."""
    stored_motion: Motion | None = None
    """From the frame before, where it is stored already."""

    @cached_property
    def motion(self) -> Motion | None:
        """From the frame before; None for the first one."""
        if self.before is None or self.stored_motion is not None:
            return self.stored_motion
        return motion(self.before.codes[self.input], self.codes[self.input])

    @property
    def found(self) -> float:
        """Share of the picture that was visible in the frame before; NaN for the first one."""
        return float("nan") if self.motion is None else self.motion.found

    @cached_property
    def warp(self) -> Warp | None:
        """How pixels are found in the frame before; None for the first frame and after a cut."""
        if self.motion is None or self.motion.found < LEAST_FOUND:
            return None
        visible = self.motion.is_visible
        return Warp(*places_before(self.motion.flow, *visible.shape), visible)


@dataclass(frozen=True)
class Measured:
    """One frame of a measure."""

    image: np.ndarray
    """uint8 codes, (H, W, 1)."""
    columns: Mapping[str, float | np.ndarray]
    """Name -> the frame's number or array, but for the presentation time."""


@dataclass(frozen=True)
class MeasureSpec:
    """How one measure is computed."""

    head: Head
    """The start of its manifest."""
    of: tuple[Track, ...]
    """The finished tracks whose frames it reads."""
    score: Callable[[Moment], Measured]
    uses_motion: bool = False
    """Whether it needs the input's frames too, or the flow if that is stored."""


def map_of(blocks: np.ndarray, highest: float, height: int, width: int) -> np.ndarray:
    """Block means as an image of the clip's size: float (B, B) -> uint8 (H, W, 1).

    Code 254 is `highest` and everything above, 255 is unknown (NaN).
    """
    levels = np.where(np.isfinite(blocks), np.clip(blocks / highest, 0, 1) * (UNKNOWN - 1), UNKNOWN)
    image = cv2.resize(np.rint(levels).astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return image[..., None]


UNKNOWN = 255
"""The code of blocks without a value."""
