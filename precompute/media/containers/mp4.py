"""Reads the boxes of mp4 and mov files (ISO 14496-12): where the last one ends, and what they state about each track."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from precompute.media.containers.facts import Crop, TrackFacts

TOP_LEVEL = frozenset(b"ftyp moov mdat free skip wide uuid moof mfra sidx styp meta pnot emsg prft udta pdin".split())
"""Boxes that stand at the top level of a file. Any other one may too: readers skip what they do not know."""

FIRST_BOXES = 8
"""A file is an mp4 if one of its first boxes is known; the boxes that phones and cameras add are few."""

MAX_BOXES = 100_000
"""Boxes visited in one file; a recording of a day in fragments of a second has about that many."""

MAX_TRACKS = 1000

VISUAL_SAMPLE_ENTRY = 78
"""Bytes of a video's sample entry before the boxes in it."""


class Box(NamedTuple):
    """A box: its content lies from `start` to `end`, both in bytes; `end` may lie past the end of the file."""

    kind: bytes
    start: int
    end: int


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """The boxes from `start` to `end`, up to the first place where none can begin."""
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head[:8])
        n_head = 8
        if length == 1:
            if len(head) < 16:
                return
            (length,), n_head = struct.unpack(">Q", head[8:]), 16
        if length == 0 and kind != b"\0\0\0\0":  # to the end of the file
            length = end - start
        if length < n_head:
            return
        yield Box(kind, start + n_head, start + length)
        start += length


def is_mp4(file: BinaryIO, size: int) -> bool:
    """Whether the file begins with boxes of which one is known."""
    for number, box in enumerate(boxes(file, 0, size)):
        if box.kind in TOP_LEVEL:
            return True
        if number == FIRST_BOXES or box.end > size:
            return False
    return False


def mp4_end(file: BinaryIO, size: int) -> int | None:
    """The end that the top-level boxes state, bytes; None if no `moov` box (the index) precedes it.

    Unknown boxes are skipped like known ones. Once the index and media data are complete, what does not look like one of
    the usual boxes is appended data, which players ignore.
    """
    end = 0
    seen: set[bytes] = set()
    for box in boxes(file, 0, size):
        if box.end > size and box.kind not in TOP_LEVEL and {b"moov", b"mdat"} <= seen:
            return end
        end = box.end
        seen.add(box.kind)
    if end < size and b"moof" in seen and size - end < 8:
        file.seek(end)
        if any(file.read(8)):
            return size + 1  # fragments follow each other without a gap: this is the head of one
    return end if b"moov" in seen or end > size else None


def mp4_tracks(file: BinaryIO, size: int) -> dict[int, TrackFacts]:
    """What the index states about each track, by the track's number."""
    found: dict[int, TrackFacts] = {}
    for moov in _all(file, Box(b"", 0, size), b"moov"):
        for track in _all(file, moov, b"trak"):
            number = _track_number(file, track)
            if number is not None and len(found) < MAX_TRACKS:
                found[number] = _sample_facts(file, track)
    return found


def _track_number(file: BinaryIO, track: Box) -> int | None:
    for header in _all(file, track, b"tkhd"):
        file.seek(header.start)
        data = file.read(24)
        place = 20 if data[:1] == b"\1" else 12  # version 1 has times of 64 bits
        if len(data) == 24:
            return int.from_bytes(data[place : place + 4], "big")
    return None


def _sample_facts(file: BinaryIO, track: Box) -> TrackFacts:
    facts = TrackFacts()
    for description in _all(file, track, b"mdia", b"minf", b"stbl", b"stsd"):
        for entry in boxes(file, description.start + 8, description.end):
            if entry.kind in (b"encv", b"drmi"):
                facts = facts.having(is_encrypted=True)
            for box in boxes(file, entry.start + VISUAL_SAMPLE_ENTRY, entry.end):
                file.seek(box.start)
                data = file.read(min(64, box.end - box.start))
                if box.kind == b"clap" and len(data) >= 32:
                    facts = facts.having(crop=clean_aperture(data, *_coded_size(file, entry)))
                elif box.kind in (b"dvcC", b"dvvC", b"dvwC") and len(data) >= 5:
                    facts = facts.having(dolby_vision=dolby_vision(data))
    return facts


def _coded_size(file: BinaryIO, entry: Box) -> tuple[int, int]:
    file.seek(entry.start + 24)
    width, height = struct.unpack(">2H", file.read(4).ljust(4, b"\0"))
    return width, height


def clean_aperture(data: bytes, width: int, height: int) -> Crop | None:
    """The crop of a `clap` box (ISO 14496-12, 12.1.4): the size of the clean aperture and the offset of its centre from that
    of the picture, as fractions. None if it does not lie in the picture."""
    numbers = struct.unpack(">4I4i", data[:32])
    if not all(denominator > 0 for denominator in (numbers[1], numbers[3], numbers[5], numbers[7])):
        return None
    clean_width, clean_height, x, y = (numbers[at] / numbers[at + 1] for at in (0, 2, 4, 6))
    left, top = round((width - clean_width) / 2 + x), round((height - clean_height) / 2 + y)
    crop = Crop(top, height - round(clean_height) - top, left, width - round(clean_width) - left)
    return crop if min(crop) >= 0 and clean_width >= 1 and clean_height >= 1 and any(crop) else None


def dolby_vision(data: bytes) -> tuple[int, int]:
    """Profile, and what the base layer is compatible with (0: nothing), of a Dolby Vision configuration record."""
    return data[2] >> 1, data[4] >> 4


def _all(file: BinaryIO, parent: Box, kind: bytes, *deeper: bytes) -> Iterator[Box]:
    for box in boxes(file, parent.start, parent.end):
        if box.kind == kind:
            yield from _all(file, box, *deeper) if deeper else (box,)
