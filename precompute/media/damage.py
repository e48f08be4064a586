"""Decides what counts as damage: a frame that cannot be decoded whole, or lost data that the container itself proves.

What FFmpeg writes to its log is no damage as such: it also reports unknown metadata, references that nobody needs and clocks
that start again in files that play everywhere. Two kinds of evidence count besides a decoder's own verdict on a frame: the
few messages by which a decoder or a demuxer without such verdicts reports lost data (`LOST_DATA`), and frames that are missing:
behind a jump of MPEG-TS's continuity counter, and between others in HEVC.

What may be a loss and may also stand in a file that plays everywhere is no damage: the clip is read, with a remark.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from precompute.failures import REENCODE, SourceError
from precompute.text import count

STANDARD_ERROR = 2

RESCUE = f"use another copy, or save the intact frames: {REENCODE}"
"""The next step for a file of which no frame can be decoded."""

LOST_DATA = {
    # checksums
    "ogg": "CRC mismatch",
    "ffv1": "slice CRC mismatch",
    # the structure of the file is broken: what follows is skipped up to where it can be read again
    "matroska,webm": "exceeds containing master|first byte|Error parsing frame sizes|File ended prematurely|inside parent with finite",
    "asf": r"packet_(obj|replic)_size .*invalid|packet fragment position invalid",
    # decoders that conceal lost parts of a picture without marking it
    "gif": "LZW decode failed",
    "mjpeg": r"error y=|error count|bad vlc|overread \d|decode_sos",
    "libdav1d": "Failed to parse|Failed to read unit",
    "qtrle": "Problem: pixel_ptr",
    "wmv1": "dc overflow|ignoring overflow",
    "wmv2": "dc overflow|ignoring overflow",
    "msmpeg4": "dc overflow|ignoring overflow",
}
"""Component of FFmpeg -> its messages that report lost data of the picture."""

LOST_REFERENCES = {"hevc": "Could not find ref|Error constructing the frame RPS|Zero refs"}
"""The same for frames that refer to one that is missing: what a recording that begins between two key frames begins with."""

BROKEN_HEADER = {"matroska,webm": "exceeds containing master|first byte|inside parent with finite"}
"""The same of what is read while a file is opened: the header, and indexes that are not needed."""
SKIPPED = {"flv": "Packet mismatch", "asf": LOST_DATA["asf"]}
"""The same where something was skipped: lost data, or the header of a recording that was joined to another. Of data that are
read while the file is opened, and then not again."""

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
        """What was written before, while the file was opened, is no damage."""
        self._end = 0
        self._rest = ""
        self._is_header_broken, self._n_skipped = False, 0
        for line in self._new_lines():
            self._is_header_broken |= _matches(BROKEN_HEADER, line)
            self._n_skipped += _matches(SKIPPED, line)

    def lost_data(self, has_begun: bool) -> str | None:
        """The first new message that reports lost data; of references only if the recording `has_begun`."""
        for line in self._new_lines():
            self._n_skipped += _matches(SKIPPED, line)
            if _matches(LOST_DATA, line) or (has_begun and _matches(LOST_REFERENCES, line)):
                return line[2]
        return None

    def notes(self) -> list[str]:
        """What else was reported, for people."""
        header = "a part of the header or of the index cannot be read and was passed over"
        skipped = (
            f"data that belong to no frame were skipped ({count(self._n_skipped, 'time')}): lost, or of a joined file"
        )
        return [header] * self._is_header_broken + [skipped] * bool(self._n_skipped)

    def _new_lines(self) -> Iterator[re.Match[str]]:
        """The component and the text of each line written since."""
        while self._size() > self._end:
            new = os.pread(STANDARD_ERROR, MAX_LOG_BYTES, self._end)
            self._end += len(new)
            *lines, self._rest = (self._rest + new.decode(errors="replace")).split("\n")
            yield from filter(None, map(LOG_LINE.match, lines))

    def _size(self) -> int:
        return os.fstat(STANDARD_ERROR).st_size


def _matches(messages: dict[str, str], line: re.Match[str]) -> bool:
    return line[1] in messages and re.search(messages[line[1]], line[2]) is not None


DROP_LEADING = ("mpeg1video", "mpeg2video", "mpeg4")
"""Decoders that drop the leading pictures of the first key frame without a word."""


class Beginning:
    """Passes over what comes before the first whole frame of a recording that was started between two key frames.

    Only what precedes the first key frame, in decoding or in presentation, may fail: a damaged key frame is damage.
    """

    def __init__(self, codec_name: str, is_first: bool = True) -> None:
        """`is_first`: not joined to another recording, whose last frames an open group of pictures would refer to."""
        self._is_first = is_first
        self._drops_leading = codec_name in DROP_LEADING
        self._key_dts: list[int | None] = []
        """Decoding times of the packets from the first key frame on, until a frame is whole."""
        self._n_leading = 0
        self._key_pts: int | None = None
        self._has_key = False
        self.has_begun = False
        """Whether a whole frame has come."""
        self._n_packets = self._n_failed = self._n_frames = 0

    @property
    def n_passed(self) -> int:
        """Frames passed over; some decoders drop them by themselves."""
        return self._n_leading + (max(self._n_packets, self._n_frames) if self._has_key else self._n_frames)

    def note_packet(self, packet: Any) -> None:
        """Record a packet before it is decoded."""
        if packet.is_keyframe and not self._has_key:
            self._has_key, self._key_pts = True, packet.pts
        self._n_packets += not self._has_key and not self.has_begun
        if self._drops_leading and self._has_key and not self.has_begun:
            self._key_dts.append(packet.dts)

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
        if frame.dts in self._key_dts:  # it comes out with the next frame that others refer to
            self._n_leading = max(0, self._key_dts.index(frame.dts) - 1)
        self._key_dts = []
        if not self._has_key:
            self._n_packets = 0  # they hold whole frames
        return False


class OwedFrames:
    """Finds the frames of HEVC that never come: its decoder drops without a word what it cannot decode.

    Each packet owes a frame, but for the leading pictures of a key frame, which may refer to what is gone, and for those that
    an edit list leaves out.
    """

    def __init__(self) -> None:
        self._owed: set[int] = set()
        self._key_pts = self._first_pts = -math.inf
        self._has_begun = self._is_blind = False
        """Blind where times do not name the frames: some are not stated, or the clock starts again."""

    def note_packet(self, packet: Any, starts_again: bool) -> None:
        """Record a packet before it is decoded."""
        pts: int | None = packet.pts
        self._is_blind |= pts is None or starts_again
        if pts is None or self._is_blind:
            return
        self._key_pts = pts if packet.is_keyframe else self._key_pts
        if not packet.is_discard and pts >= self._key_pts:
            self._owed.add(pts)

    def lacks_before(self, pts: int | None) -> bool:
        """Record the next frame shown; whether one between it and the first never came. None: the end."""
        if self._is_blind:
            return False
        if pts is not None and not self._has_begun:
            self._has_begun, self._first_pts = True, pts
        self._owed = {owed for owed in self._owed if owed != pts and owed > self._first_pts}
        return self._has_begun and any(pts is None or owed < pts for owed in self._owed)


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


class Evidence:
    """All that speaks for lost data while a stream is decoded; each question is answered with a reason, or None."""

    def __init__(self, format_name: str, codec_name: str, frame_ticks: float) -> None:
        """`frame_ticks`: how long a frame lasts by the stream's rate, in its ticks."""
        self.complaints = Complaints()
        self._marks = TransportMarks(frame_ticks) if format_name == "mpegts" else None
        self._owed = OwedFrames() if codec_name == "hevc" else None
        self.n_cut_away = 0
        """Frames that an edit list leaves out."""

    def in_packet(self, packet: Any) -> str | None:
        """The damage in the next packet, found before it is decoded."""
        is_lost = self._marks.lost_frames(packet) if self._marks else packet.is_corrupt
        return "data of the stream are missing" if is_lost else None

    def note_packet(self, packet: Any, starts_again: bool) -> None:
        """Record a packet before it is decoded; whether the clock starts again there."""
        self.n_cut_away += packet.is_discard
        if self._owed:
            self._owed.note_packet(packet, starts_again)

    def in_frame(self, frame: Any) -> str | None:
        """The damage in the next frame that would be shown."""
        if frame.is_corrupt:
            return "a frame cannot be decoded whole"
        if self._owed and frame.pts is not None and self._owed.lacks_before(frame.pts):
            return "a frame cannot be decoded"
        return None

    def at_end(self) -> str | None:
        """The damage that shows only once the stream has ended."""
        if self._marks and self._marks.ends_incomplete():
            return "the last frame is incomplete"
        if self._owed and self._owed.lacks_before(None):
            return "the last frames cannot be decoded"
        return None
