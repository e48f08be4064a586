"""Gives decoded frames their presentation times, and selects those that a sampling takes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from precompute.failures import SourceError
from precompute.media.sampling import Sampling


class FrameTimes:
    """The times of a stream's frames in the order in which they are shown, in the stream's ticks."""

    def __init__(self, container: Any, stream: Any) -> None:
        # AVI has only decoding times: the n-th frame shown has the n-th packet's.
        self._packet_times: list[int] | None = [] if container.format.name == "avi" else None
        # A pack of a program stream states the time of the first frame that begins in it; if that frame's start code is
        # split, FFmpeg assigns the time to another frame, and so goes back by a few frames.
        self._may_go_back = container.format.name == "mpeg"
        self._time_base = stream.time_base
        self.n_frames = 0
        self.first = self.last = 0
        self.last_end = 0
        """The end of the last frame's duration; if none is stated, the longest of those before it is assumed."""
        self._longest = 0

    def note_packet(self, packet: Any) -> None:
        """Record a packet, in the order of the file, before its frames are decoded."""
        if self._packet_times is not None and packet.size and packet.dts is not None:
            self._packet_times.append(packet.dts)

    def seconds(self, path: Path, frame: Any) -> float:
        """Seconds of the next frame after the first. Raises SourceError for a frame without a time of its own."""
        pts = frame.pts
        if self._packet_times is not None and self.n_frames < len(self._packet_times):
            pts = self._packet_times[self.n_frames]
        if self._may_go_back and self.n_frames and pts is not None:
            earliest = self.last - 1 / self._time_base  # a second: what is further back is another recording
            pts = self.last_end if earliest < pts < (self.last + self.last_end) / 2 else pts
        if pts is None or frame.is_corrupt or (self.n_frames and pts <= self.last):
            what = "has no time" if pts is None else "is damaged" if frame.is_corrupt else "goes back in time"
            raise SourceError("damaged", f"{path.name}: frame {self.n_frames} {what}")
        self.first = pts if self.n_frames == 0 else self.first
        self._longest = max(self._longest, pts - self.last if self.n_frames else 0)
        stated = frame.duration if self._packet_times is None else 0  # AVI's is one tick, whatever follows
        self.last_end = pts + (stated or self._longest)
        self.last = pts
        self.n_frames += 1
        return float((pts - self.first) * self._time_base)


def milliseconds(seconds: float) -> int:
    """Whole milliseconds, Matroska's clock, in which times are compared: an mp4 and its copy in mkv give the same frames."""
    return math.floor(seconds * 1000 + 0.5)


def chosen(
    source: Iterator[tuple[Any, float]], stream: Any, sampling: Sampling, report_alive: Callable[[], None]
) -> Iterator[tuple[Any, float]]:
    """The (frame, seconds) pairs that `sampling` takes. With fps, a frame is held back until the next one shows how long it is
    shown. `report_alive` is called about once a second."""
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
        seconds = float(frame.duration * stream.time_base) if frame.duration else 1 / mean_rate(stream)
        if is_taken(shown_until=milliseconds(pts_seconds + seconds)):
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


def mean_rate(stream: Any) -> float:
    """Frames per second as stated; 25 if not stated."""
    return float(stream.average_rate or stream.guessed_rate or stream.base_rate or 25)
