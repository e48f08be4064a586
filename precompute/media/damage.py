"""Decides what counts as damage: a frame that cannot be decoded whole, or lost data that the container itself proves.

What FFmpeg writes to its log is no damage as such: it also reports unknown metadata, references that nobody needs and clocks
that start again in files that play everywhere. Two kinds of evidence count besides a decoder's own verdict on a frame: the
few messages by which a decoder or a demuxer without such verdicts reports lost data (`LOST_DATA`), and a jump of MPEG-TS's
continuity counter behind which a frame is missing.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from precompute.failures import REENCODE, SourceError

STANDARD_ERROR = 2

RESCUE = f"use another copy, or save the intact frames: {REENCODE}"
"""The next step for a file of which no frame can be decoded."""

LOST_DATA = {
    # checksums
    "ogg": "CRC mismatch",
    "ffv1": "slice CRC mismatch",
    # the structure of the file is broken: what follows is skipped up to where it can be read again
    "matroska,webm": "exceeds containing master|first byte|Error parsing frame sizes|File ended prematurely",
    # decoders that conceal lost parts of a picture without marking it
    "gif": "LZW decode failed",
    "mjpeg": r"error y=|error count|bad vlc|overread \d",
    "libdav1d": "Failed to parse|Failed to read unit",
    "qtrle": "Problem: pixel_ptr",
    "wmv1": "dc overflow|ignoring overflow",
    "wmv2": "dc overflow|ignoring overflow",
    "msmpeg4": "dc overflow|ignoring overflow",
}
"""Component of FFmpeg -> its messages that report lost data of the picture."""

LOST_REFERENCES = {"hevc": "Could not find ref|Error constructing the frame RPS|Zero refs"}
"""The same for frames that refer to one that is missing: what a recording that begins between two key frames begins with."""

LOG_LINE = re.compile(r"\[([^\]@]+) @ 0x[0-9a-f]+\] (.*)")
MAX_LOG_BYTES = 1 << 16
"""Most bytes of the log that are read at a time; the rest is read the next time."""


def damaged(path: Path, n_frames: int, reason: str | None = None) -> SourceError:
    """The failure; `n_frames` were whole. Without any, tolerance cannot help."""
    because = f" ({reason})" if reason else ""
    next_step = None if n_frames else RESCUE
    return SourceError("damaged", f"{path.name}: damaged or truncated after {n_frames} frames{because}", next_step)


class Complaints:
    """FFmpeg's log, which is the standard error: a file that the parent opened."""

    def __init__(self) -> None:
        """What was written before, while the file was opened, does not count."""
        self._end = self._size()
        self._rest = ""

    def lost_data(self, has_begun: bool) -> str | None:
        """The first new message that reports lost data; of references only if the recording `has_begun`."""
        while self._size() > self._end:
            new = os.pread(STANDARD_ERROR, MAX_LOG_BYTES, self._end)
            self._end += len(new)
            *lines, self._rest = (self._rest + new.decode(errors="replace")).split("\n")
            for line in lines:
                found = LOG_LINE.match(line)
                if found and (_matches(LOST_DATA, found) or (has_begun and _matches(LOST_REFERENCES, found))):
                    return found[2]
        return None

    def _size(self) -> int:
        return os.fstat(STANDARD_ERROR).st_size


def _matches(messages: dict[str, str], line: re.Match[str]) -> bool:
    return line[1] in messages and re.search(messages[line[1]], line[2]) is not None


class Beginning:
    """Passes over what comes before the first whole frame of a recording that was started between two key frames.

    Only what precedes the first key frame, in decoding or in presentation, may fail: a damaged key frame is damage.
    """

    def __init__(self, is_first: bool = True) -> None:
        """`is_first`: not joined to another recording, whose last frames an open group of pictures would refer to."""
        self._is_first = is_first
        self._key_pts: int | None = None
        self._has_key = False
        self.has_begun = False
        """Whether a whole frame has come."""
        self._n_packets = self._n_failed = self._n_frames = 0

    @property
    def n_passed(self) -> int:
        """Frames passed over; some decoders drop them by themselves."""
        return max(self._n_packets, self._n_frames) if self._has_key else self._n_frames

    def note_packet(self, packet: Any) -> None:
        """Record a packet before it is decoded."""
        if packet.is_keyframe and not self._has_key:
            self._has_key, self._key_pts = True, packet.pts
        self._n_packets += not self._has_key and not self.has_begun

    def passes_failure(self) -> bool:
        """Whether a packet that cannot be decoded is one of those before the first key frame. Each may fail once: with
        several threads, failures arrive later."""
        self._n_failed += 1
        return not self.has_begun and self._n_failed <= self._n_packets

    def passes(self, frame: Any) -> bool:
        """Whether a frame comes before the first one that can be decoded alone."""
        if self.has_begun:
            return False
        is_before_key = (
            not self._has_key or frame.pts is None or (self._key_pts is not None and frame.pts < self._key_pts)
        )
        if is_before_key and (frame.is_corrupt or (self._has_key and not self._is_first)):
            self._n_frames += 1
            return True
        self.has_begun = not frame.is_corrupt
        if not self._has_key:
            self._n_packets = 0  # they hold whole frames
        return False


class TransportMarks:
    """Judges the packets of MPEG-TS that FFmpeg marked as corrupt, mostly because a continuity counter jumped.

    A counter jumps where packets were lost, and also where recordings or segments are joined and where a writer does not
    count. Lost packets leave a frame that is not whole, which its decoder reports, or no frame, which leaves a gap.
    """

    def __init__(self, frame_ticks: float) -> None:
        """`frame_ticks`: how long a frame lasts by the stream's rate, in its ticks."""
        self._steps = [frame_ticks]
        self._last_dts: int | None = None
        self._since_mark = self._since_gap = NEAR
        self._n_packets = self._n_marked = 0
        self._is_marked = False

    def lost_frames(self, packet: Any) -> bool:
        """Record the next packet; whether frames are missing near a marked one."""
        self._since_mark = 0 if packet.is_corrupt else self._since_mark + 1
        self._since_gap += 1
        if packet.dts is not None and self._last_dts is not None:
            step = packet.dts - self._last_dts
            if step > LONGEST_STEP * max(self._steps) and not packet.is_keyframe:
                self._since_gap = 0
            elif step > 0 and self._since_mark >= NEAR:
                self._steps = [*self._steps[-STEPS_KEPT:], step]
        self._last_dts = packet.dts
        self._is_marked = packet.is_corrupt
        self._n_packets += 1
        self._n_marked += packet.is_corrupt
        return self._since_mark < NEAR and self._since_gap < NEAR

    def ends_incomplete(self) -> bool:
        """Whether the last packet is marked, and marks are not the rule in this file."""
        return self._is_marked and self._n_marked * 2 < self._n_packets


NEAR = 4
"""Packets between a mark and a gap that belong together: what a lost packet damages comes out of FFmpeg a little later."""
STEPS_KEPT = 50
"""Steps between packets by which a longer one is judged: those of a variable rate differ."""
LONGEST_STEP = 1.5
"""Times the longest of them; a lost frame doubles a step."""
