"""Gives decoded frames their presentation times, and selects those that a sampling takes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from precompute.media.damage import damaged
from precompute.media.sampling import Sampling
from precompute.text import count


class FrameTimes:
    """The times of a stream's frames in the order in which they are shown, in the stream's ticks: strictly rising, whatever
    the file states."""

    def __init__(self, container: Any, stream: Any) -> None:
        # AVI has only decoding times: the n-th frame shown has the n-th packet's.
        self._packet_times: list[int] | None = [] if container.format.name == "avi" else None
        # A pack of a program stream states the time of the first frame that begins in it; if that frame's start code is
        # split, FFmpeg assigns the time to another frame, and so goes back by a few frames.
        self._may_go_back = container.format.name == "mpeg"
        self._time_base = stream.time_base
        self._smallest_step = max(1, math.ceil(SMALLEST_STEP_SECONDS / stream.time_base))
        self._second = math.ceil(1 / stream.time_base)
        self.n_frames = 0
        self.first = self.last = 0
        self.last_end = 0
        """The end of the last frame's duration; if none is stated, the longest of those before it is assumed."""
        self.longest = 0
        """The longest step between two frames."""
        self._last_dts: int | None = None
        self._n_joined = 0
        self._offset = 0
        self.joins: list[int] = []
        """The frames at which the clock starts again: recordings joined to those before."""
        self.n_untimed = 0
        """Frames without a time."""
        self.n_not_later = 0
        """Frames with a time that is not after that of the frame before."""

    def note_packet(self, packet: Any) -> bool:
        """Record a packet, in the order of the file, before its frames are decoded; whether the clock starts again there."""
        dts = packet.dts
        if self._packet_times is not None and packet.size and dts is not None:
            self._packet_times.append(dts)
        if dts is None or not packet.size:
            return False
        back = 0 if self._last_dts is None else self._last_dts - dts
        self._last_dts = dts
        least = 0 if not self._may_go_back else self._second // 5 if packet.is_keyframe else self._second
        if back > least:
            self._n_joined += 1
            return True
        return False

    def starts_again(self, frame: Any) -> bool:
        """Whether a frame is the first that comes out of the part behind a clock that starts again."""
        if not self._n_joined or frame.pts is None or frame.pts + self._offset > self.last:
            return False
        self._n_joined -= 1
        self.joins.append(self.n_frames)
        return True

    def seconds(self, path: Path, frame: Any) -> float:
        """Seconds of the next frame after the first. Raises SourceError for a frame that belongs before the ones before it."""
        pts = frame.pts
        if self._packet_times is not None and self.n_frames < len(self._packet_times):
            pts = self._packet_times[self.n_frames]
        if self.joins and self.joins[-1] == self.n_frames and pts is not None:
            self._offset = self.last_end - pts
        if pts is not None:
            pts += self._offset
        if self._may_go_back and self.n_frames and pts is not None and self.last - self._second < pts:
            pts = self.last_end if pts < (self.last + self.last_end) / 2 else pts
        if pts is None or (self.n_frames and pts <= self.last):
            usual = max(self.longest, frame.duration or 0)
            if pts is not None and self.last - pts > usual and not self._may_go_back:
                raise damaged(path, self.n_frames, "the next frame goes back in time")
            least = self.last + self._smallest_step if self.n_frames else 0
            if pts is None:
                self.n_untimed += 1
                pts = max(least, self.last_end)
            else:
                self.n_not_later += 1
                pts = least
        self.first = pts if self.n_frames == 0 else self.first
        self.longest = max(self.longest, pts - self.last if self.n_frames else 0)
        stated = frame.duration if self._packet_times is None else 0  # AVI's is one tick, whatever follows
        self.last_end = pts + (stated or self.longest)
        self.last = pts
        self.n_frames += 1
        return float((pts - self.first) * self._time_base)

    def notes(self) -> list[str]:
        """What was done to the times, for people."""
        notes = []
        if self.joins:
            n_joins, first = len(self.joins), self.joins[0]
            where = f"at frame {first}" if n_joins == 1 else f"at frame {first} and {n_joins - 1} later ones"
            notes.append(f"recordings joined: the clock starts again {where}, and the times continue")
        if self.n_untimed:
            notes.append(f"{count(self.n_untimed, 'frame')} stated no time: placed at the end of the one before")
        if self.n_not_later:
            step = f"{1000 * float(self._smallest_step * self._time_base):.3g} ms"
            notes.append(
                f"{count(self.n_not_later, 'frame')} stated no later time than the one before: moved to {step} after it"
            )
        return notes


SMALLEST_STEP_SECONDS = Fraction(1, 1000)
"""Between two frames of one time: the clock by which times are compared."""


def milliseconds(seconds: float) -> int:
    """Whole milliseconds, Matroska's clock, in which times are compared: an mp4 and its copy in mkv give the same frames."""
    return math.floor(seconds * 1000 + 0.5)


def chosen(
    source: Iterator[tuple[Any, float]],
    sampling: Sampling,
    report_alive: Callable[[], None],
    seconds_shown: Callable[[Any], float],
) -> Iterator[tuple[Any, float]]:
    """The (frame, seconds) pairs that `sampling` takes. With fps, a frame is held back until the next one shows how long it is
    shown; `seconds_shown` says it of the last one. `report_alive` is called about once a second."""
    start = milliseconds(sampling.start)
    end = math.inf if sampling.end is None else milliseconds(sampling.end)
    held: tuple[Any, float] | None = None
    n_ticks = 0
    last_alive = time.monotonic()

    def is_taken(shown_until: float) -> bool:
        """Whether a sampling time lies before `shown_until` (and after the frames before); moves on past it."""
        nonlocal n_ticks
        n_before = n_ticks
        n_ticks = max(n_before, ticks_before(min(shown_until, end), sampling.start, sampling.fps or 1))
        return n_ticks > n_before

    for frame, pts_seconds in source:
        if time.monotonic() - last_alive > 1:
            report_alive()
            last_alive = time.monotonic()
        pts = milliseconds(pts_seconds)
        if sampling.fps is None:
            if pts >= end:
                return
            if pts >= start:
                yield frame, pts_seconds
            continue
        if held is not None and is_taken(shown_until=pts):
            yield held
        if pts >= end:
            return
        held = frame, pts_seconds
    if sampling.fps is not None and held is not None:
        frame, pts_seconds = held
        if is_taken(shown_until=milliseconds(pts_seconds + seconds_shown(frame))):
            yield held


def ticks_before(end_ms: float, start: float, fps: float) -> int:
    """How many of the times start + k/fps, k = 0, 1, ..., lie before `end_ms`, in whole milliseconds.

    Computed, not counted: a file can claim hours between two frames.
    """
    n_ticks = max(0, math.ceil(((end_ms - 0.5) / 1000 - start) * fps))
    while milliseconds(start + n_ticks / fps) < end_ms:  # floating point may be off by one
        n_ticks += 1
    while n_ticks and milliseconds(start + (n_ticks - 1) / fps) >= end_ms:
        n_ticks -= 1
    return n_ticks


def frame_seconds(frame: Any, stream: Any) -> float:
    """How long a frame of a video is shown."""
    return float(frame.duration * stream.time_base) if frame.duration else 1 / mean_rate(stream)


def mean_rate(stream: Any) -> float:
    """Frames per second as stated; 25 if not stated."""
    return float(stream.average_rate or stream.guessed_rate or stream.base_rate or 25)
