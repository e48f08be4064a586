"""Defines which frames of a video are taken, and at what size."""

# H x W pixels of an output frame, C channels

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from cache.records import MAX_SIDE
from precompute.failures import SourceError

MAX_FPS = 1000
"""Times are compared in whole milliseconds: a higher rate would not take more frames."""

MAX_SECONDS = 1e9
"""Latest start and end, 30 years: arithmetic with them is exact to the millisecond."""


Crop = Literal["centre", "none"]


@dataclass(frozen=True)
class Sampling:
    """Which frames of a source are taken, and at what size. Times are seconds after the first frame of the file."""

    start: float = 0.0
    """First time taken, seconds."""
    end: float | None = None
    """Time to stop at (exclusive), seconds; None: the end of the file."""
    fps: float | None = None
    """Frames per second: for each time start + k/fps, the last frame with PTS <= that time, never one twice; None: every frame."""
    max_frames: int | None = None
    """Most frames taken, counted after `fps`; None: no limit."""
    size: int = 256
    """Length of the short side of the output, pixels."""
    crop: Crop = "centre"
    """`centre`: the centre square, size x size. `none`: the whole picture, long side rounded to an even number; the job pads it
    to the networks' multiple and crops the outputs back."""
    is_tolerant: bool = False
    """True: take the frames before the damage of a damaged or truncated file. False: refuse the file."""

    def __post_init__(self) -> None:
        if not 0 <= self.start < MAX_SECONDS:
            raise ValueError(f"start is {self.start}; give seconds from 0 to {MAX_SECONDS:.0e}")
        if self.end is not None and not self.start < self.end <= MAX_SECONDS:
            raise ValueError(
                f"end is {self.end}; give seconds after start ({self.start}) up to {MAX_SECONDS:.0e}, or none"
            )
        if self.fps is not None and not 0 < self.fps <= MAX_FPS:
            raise ValueError(f"fps is {self.fps}; give frames per second > 0 and <= {MAX_FPS}, or none for every frame")
        if self.max_frames is not None and self.max_frames < 1:
            raise ValueError(f"max_frames is {self.max_frames}; give a whole number >= 1")
        if not 16 <= self.size <= 4096:
            raise ValueError(f"size is {self.size}; give 16 to 4096 pixels")
        if self.crop not in ("centre", "none"):
            raise ValueError(f"crop is {self.crop!r}; give 'centre' or 'none'")

    def rule(self) -> dict[str, Any]:
        """The part of a clip's key. Tolerance is included only if set, so that strict clips keep their keys."""
        fields = asdict(self)
        if not self.is_tolerant:
            del fields["is_tolerant"]
        return fields


@dataclass(frozen=True)
class VideoInfo:
    """The header of a video, confirmed by its first frame."""

    width: int
    """Width of the picture as shown, pixels: after rotation, with square pixels."""
    height: int
    """Height of the picture as shown, pixels."""
    duration_seconds: float | None
    """None if the header does not state it."""
    n_frames_estimate: int
    """Frames in the file: exact for most mp4, else duration x fps; 0 if the header states neither."""
    fps: float
    """Mean frames per second as the header states it; frames of a variable-rate video may lie anywhere."""
    reading: str = ""
    """What is chosen or done before frames are resized, such as `stream=1 tone=HLG:1000:2020:bt2390`; part of the clip's key.
    Empty for a video whose first stream is shown as it is decoded."""


@dataclass(frozen=True)
class Frame:
    """One sampled frame."""

    rgb: np.ndarray
    """uint8 (H, W, 3), upright, after resize and crop; uint8 (H, W, C) for a video of codes."""
    pts_seconds: float
    """Presentation time, seconds after the first frame of the file."""
    index: int
    """Position among the sampled frames, from 0."""


def require_fitting(name: str, info: VideoInfo, sampling: Sampling) -> None:
    """Raise SourceError for a picture so narrow (or with pixels so oblong) that it exceeds `MAX_SIDE` at the sampling's size."""
    short_side, long_side = sorted((info.width, info.height))
    if not short_side or long_side * sampling.size > MAX_SIDE * short_side:
        raise SourceError(
            "too_large",
            f"{name}: with a short side of {sampling.size} pixels, a picture of {info.width} x {info.height} square pixels "
            f"is over {MAX_SIDE} long",
            "use a smaller --size, or crop the video to a wider shape",
        )


def estimate_frames(info: VideoInfo, sampling: Sampling) -> int:
    """About how many frames the sampling yields; 0 if the header does not state it and nothing limits them."""
    takes_all = sampling.fps is None and sampling.start == 0 and sampling.end is None
    if takes_all and info.n_frames_estimate:  # the header's count; with a variable rate, the duration says less
        return min(info.n_frames_estimate, sampling.max_frames or info.n_frames_estimate)
    duration = info.duration_seconds if info.duration_seconds is not None else info.n_frames_estimate / info.fps
    end = min(duration, sampling.end) if sampling.end is not None else duration
    rate = min(info.fps, sampling.fps) if sampling.fps is not None else info.fps
    n_frames = math.ceil(max(0.0, end - sampling.start) * rate - 1e-6)
    if sampling.fps is None:
        n_frames = min(n_frames, info.n_frames_estimate)
    return n_frames if sampling.max_frames is None else min(n_frames, sampling.max_frames)


def output_size(info: VideoInfo, sampling: Sampling) -> tuple[int, int]:
    """(height, width) of the sampled frames, pixels."""
    if sampling.crop == "centre":
        return sampling.size, sampling.size
    short_side = min(info.width, info.height)
    height, width = (
        sampling.size if side == short_side else 2 * round(side * sampling.size / short_side / 2)
        for side in (info.height, info.width)
    )
    return height, width
