"""A picture, an animation, or numbered pictures, as a clip: what it is, and its frames with their times."""

# H x W pixels

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cache.records import MAX_CLIP_FRAMES
from precompute.failures import SourceError
from precompute.media.pictures.geometry import fitted
from precompute.media.pictures.tone_mapping import to_sdr
from precompute.media.sampling import Sampling, VideoInfo, output_size, require_fitting
from precompute.media.stills.kinds import kind_of
from precompute.media.stills.numbered import NAMES_SHOWN, USUAL_FPS, Group, group_of, is_pattern
from precompute.media.stills.raster import animation, n_animated
from precompute.media.stills.reader import read_still, samples_of_file
from precompute.media.stills.still import Still, finished
from precompute.media.stills.whole import whole_bytes
from precompute.text import count

PICTURE_FPS = 25.0
"""A picture is a clip of one frame, which is shown for as long as FFmpeg assumes."""


class Shown(NamedTuple):
    """A frame to come."""

    read: Callable[[], Still]
    """Reads it; only frames that are taken are read. Raises SourceError."""
    name: str
    """Its file's."""
    seconds: float
    """How long it is shown."""


@dataclass
class PictureClip:
    """Pictures that make a clip."""

    info: VideoInfo
    frames: Iterator[tuple[Shown, float]]
    """With seconds after the first."""
    notes: list[str] = field(default_factory=list)
    """What was changed and passed over, for people; complete once the frames are read."""
    _others: list[str] = field(default_factory=list)

    def image(self, shown: Shown, still: Still, sampling: Sampling) -> np.ndarray:
        """The frame at the size of the clip, uint8 (H, W, 3). Raises SourceError for a picture too narrow for it."""
        for note in still.notes:
            if note not in self.notes:
                self.notes.append(note)
        rgb, info = still.rgb, self.info
        require_fitting(shown.name, info, sampling)
        if (still.width, rgb.shape[0]) != (info.width, info.height):
            self._others.append(f"{shown.name} ({still.width} x {rgb.shape[0]})")
            require_fitting(shown.name, VideoInfo(still.width, rgb.shape[0], None, 1, 1), sampling)
            rgb = _in_shape(rgb, still.pixel_aspect, info)
        image = fitted(rgb, sampling, output_size(info, sampling), still.pixel_aspect, None)
        return image if still.hdr is None else to_sdr(image, still.hdr)

    def all_notes(self) -> list[str]:
        """What is to be said once the frames are read."""
        if not self._others:
            return self.notes
        rest = len(self._others) - NAMES_SHOWN
        named = ", ".join(self._others[:NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
        what = f"{count(len(self._others), 'picture')} of another size than {self.info.width} x {self.info.height}"
        return [*self.notes, f"{what}, cut to its shape and scaled: {named}"]


def picture_clip(path: Path, sampling: Sampling) -> PictureClip | None:
    """The clip of a picture, an animation or numbered pictures; None for anything else. Raises SourceError and OSError."""
    if is_pattern(path):
        group = group_of(path)
        if group is None:
            raise SourceError("not_found", f"{path.name}: fewer than two pictures of that name")
        return _numbered(group, sampling)
    kind = kind_of(path)
    if kind is None:
        return None
    data = whole_bytes(path, kind)
    if kind in ("webp", "png") and (n_frames := n_animated(path, kind, data)) > 1:
        pictures = animation(path, kind, data)
        first = next(pictures)
        still = finished(first.samples)
        fps, n_frames = 1 / first.seconds, n_frames if n_frames <= MAX_CLIP_FRAMES else 0
        info = _info(still, n_frames, fps, " ".join(filter(None, ("animation", still.reading))))
        rest = (
            (Shown(partial(finished, picture.samples), path.name, picture.seconds), picture.start_seconds)
            for picture in pictures
        )
        return PictureClip(info, chain([(Shown(lambda: still, path.name, first.seconds), 0.0)], rest))
    still = finished(samples_of_file(path, kind, data))
    frame = Shown(lambda: still, path.name, 1 / PICTURE_FPS)
    return PictureClip(_info(still, 1, PICTURE_FPS, still.reading), iter([(frame, 0.0)]))


def _numbered(group: Group, sampling: Sampling) -> PictureClip:
    fps = sampling.fps or USUAL_FPS
    first = read_still(group.files[0].path)
    notes = (
        [] if sampling.fps else [f"{USUAL_FPS:.0f} numbered pictures per second are assumed: --fps states another rate"]
    )
    notes += [f"numbers rise by {group.step}"] if group.step > 1 else []
    notes += [gaps] if (gaps := group.gaps()) else []

    def frames() -> Iterator[tuple[Shown, float]]:
        places = [*map(group.place, group.files), group.n_places]
        for number, file in enumerate(group.files):
            read = partial(read_still, file.path) if number else lambda: first
            seconds = (places[number + 1] - places[number]) / fps
            yield Shown(read, file.path.name, seconds), places[number] / fps

    reading = " ".join(filter(None, (f"numbered={fps:g}", first.reading)))
    info = _info(first, len(group.files), fps, reading, group.n_places / fps)
    return PictureClip(info, frames(), notes)


def _info(still: Still, n_frames: int, fps: float, reading: str, seconds: float | None = None) -> VideoInfo:
    seconds = n_frames / fps if seconds is None else seconds
    return VideoInfo(still.width, still.rgb.shape[0], seconds, n_frames, fps, reading)


def _in_shape(rgb: np.ndarray, aspect: float, info: VideoInfo) -> np.ndarray:
    """The centre of (H, W, 3), in the shape of the clip's first picture."""
    height, width = rgb.shape[:2]
    shape = info.width / info.height / aspect
    shown_width, shown_height = min(width, max(1, round(height * shape))), min(height, max(1, round(width / shape)))
    left, top = (width - shown_width) // 2, (height - shown_height) // 2
    return rgb[top : top + shown_height, left : left + shown_width]
