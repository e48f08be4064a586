"""Applies a shift to the frames of a clip, and names what decides the result.

Equal shifts of equal frames are equal: noise and directions come from stated seeds and the index of a frame, coders use one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from analysis.shifts import Shift
from precompute.media.sampling import Frame
from precompute.media.shifts import blurs, coders, light, noises, scaling, weather

VERSION = 1
"""Raised when any kind gives other frames; part of the keys of shifted clips."""

PerFrame = Callable[[np.ndarray, float, int], np.ndarray]
"""(picture, strength, index of the frame in its clip) -> picture."""

PER_FRAME: Mapping[str, PerFrame] = {
    "jpeg": coders.jpeg_frame,
    "blur": blurs.gaussian_blur,
    "defocus": blurs.defocus,
    "motion": blurs.motion,
    "zoom": blurs.zoom,
    "glass": blurs.glass,
    "gaussian_noise": noises.gaussian_noise,
    "shot_noise": noises.shot_noise,
    "impulse_noise": noises.impulse_noise,
    "snow": weather.snow,
    "fog": weather.fog,
    "brightness": light.brightness,
    "contrast": light.contrast,
    "low_light": light.low_light,
    "pixelate": scaling.pixelate,
    "downscale": scaling.downscale,
}
WHOLE_CLIP: Mapping[str, Callable[[Iterable[Frame], float], Iterator[Frame]]] = {"h264": coders.h264}
SEEDED = ("gaussian_noise", "shot_noise", "impulse_noise", "motion", "glass", "snow", "fog")
"""Kinds that draw random numbers."""


def made_by(shift: Shift) -> str:
    """What decides the shifted frames beside the strength, for the clip's key: this module's version, and those of the coders and
    generators of random numbers."""
    coder = {"jpeg": coders.jpeg_version, "h264": coders.h264_version}.get(shift.kind.name)
    seeded = f"; NumPy {np.__version__}" if shift.kind.name in SEEDED else ""
    return f"{VERSION}{f'; {coder()}' if coder else ''}{seeded}"


def shifted(frames: Iterable[Frame], shift: Shift, start: int = 0) -> Iterator[Frame]:
    """The frames under a shift, in order. Those before index `start` are only wanted for their number: kinds that look at one frame
    at a time leave them as they are."""
    if shift.kind.name in WHOLE_CLIP:
        yield from WHOLE_CLIP[shift.kind.name](frames, shift.strength)
        return
    change = PER_FRAME[shift.kind.name]
    for frame in frames:
        rgb = frame.rgb if frame.index < start else change(frame.rgb, shift.strength, frame.index)
        yield replace(frame, rgb=rgb)
