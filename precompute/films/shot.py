"""What a film shows: which tracks, which frame of the clip at which time, and in which size."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from cache.records import Track
from precompute.films.camera_path import CameraPath

MAX_SIDE_PX = 4096
"""H.264 players are sure of no more."""
GAP_PX = 4
"""Between the pictures of several configurations."""


class NoFilm(ValueError):
    """There is nothing to film. The message says why."""


@dataclass(frozen=True)
class Shot:
    """What is filmed."""

    inputs: Track
    """The picture of each frame."""
    depths: tuple[Track, ...]
    """Side by side, under one camera path."""
    path: CameraPath
    field_of_view_degrees: float
    """Field of view of the shorter side."""
    times_seconds: Sequence[float]
    """When each ready frame of the clip is shown."""
    first_frame: int
    is_still: bool
    """Whether the clip stands still while the camera moves."""
    n_frames: int
    """Frames of the film."""
    fps: float
    side_px: int
    """Shorter side of a picture."""
    focus: float | None = None
    """The depth at which windows are measured; None: the median depth of the first frame of
    the first track."""

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width of one picture, both even."""
        width, height = self.inputs.head.clip.width, self.inputs.head.clip.height
        factor = self.side_px / min(width, height)
        return _even(height * factor), _even(width * factor)

    @property
    def frame_size_px(self) -> tuple[int, int]:
        """Height and width of the film."""
        height, width = self.size_px
        return height, len(self.depths) * width + (len(self.depths) - 1) * GAP_PX

    def clip_frame(self, frame: int) -> int:
        """The frame of the clip that a frame of the film shows: the last one that is not later."""
        if self.is_still:
            return self.first_frame
        start = self.times_seconds[self.first_frame]
        # Frames lie on the grid of the film as often as not: half a millisecond keeps rounding from choosing the one before.
        found = bisect.bisect_right(self.times_seconds, start + frame / self.fps + 5e-4) - 1
        return max(found, self.first_frame)


def _even(side: float) -> int:
    return max(2, 2 * round(side / 2))
