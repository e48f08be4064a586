"""Reads the elements of Matroska and WebM files (RFC 9559): where the segment ends, and what is stated about each video track."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from precompute.media.containers.facts import Crop, TrackFacts
from precompute.media.containers.mp4 import dolby_vision

SEGMENT, TRACKS = 0x18538067, 0x1654AE6B
TRACK, TRACK_TYPE, ENABLED, VIDEO = 0xAE, 0x83, 0xB9, 0xE0
CROPS = {0x54BB: "top", 0x54AA: "bottom", 0x54CC: "left", 0x54DD: "right"}
ENCODINGS, ENCODING, ENCRYPTION = 0x6D80, 0x6240, 0x5035
MAPPING, MAPPING_TYPE, MAPPING_DATA = 0x41E4, 0x41E7, 0x41ED
DOLBY_VISION_TYPES = tuple(int.from_bytes(kind, "big") for kind in (b"dvcC", b"dvvC", b"dvwC"))

MAX_ELEMENTS = 100_000
"""Elements visited in one file."""
VIDEO_TRACK = 1
"""The type of a video track."""


class Element(NamedTuple):
    """An element: its content lies from `start` to `end`, both in bytes; `end` may lie past the end of the file."""

    id: int
    start: int
    end: int


def matroska_end(file: BinaryIO, size: int) -> int:
    """The end of the Segment element, bytes; 0 if its size is unknown (a live recording) or it is not the second element."""
    file.seek(4)
    header_length = ebml_size(file)
    if header_length is None or header_length > size:
        return 0
    file.seek(header_length, os.SEEK_CUR)
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    length = ebml_size(file)
    return 0 if length is None else file.tell() + length


def matroska_tracks(file: BinaryIO, size: int) -> list[TrackFacts]:
    """What is stated about each video track, in their order."""
    for segment in elements(file, 0, size):
        if segment.id == SEGMENT:
            for tracks in elements(file, segment.start, min(size, segment.end)):
                if tracks.id == TRACKS:
                    found = (_track(file, track) for track in elements(file, *tracks[1:]) if track.id == TRACK)
                    return [facts for facts in found if facts is not None]
    return []


def _track(file: BinaryIO, track: Element) -> TrackFacts | None:
    """None for a track that holds no video."""
    facts, kind = TrackFacts(), 0
    for element in elements(file, track.start, track.end):
        if element.id == TRACK_TYPE:
            kind = _number(file, element)
        elif element.id == ENABLED:
            facts = facts.having(is_enabled=_number(file, element) != 0)
        elif element.id == VIDEO:
            sides = {CROPS[e.id]: _number(file, e) for e in elements(file, element.start, element.end) if e.id in CROPS}
            facts = facts.having(crop=Crop(**sides) if any(sides.values()) else None)
        elif element.id == ENCODINGS:
            encodings = [e for e in elements(file, element.start, element.end) if e.id == ENCODING]
            ids = [e.id for encoding in encodings for e in elements(file, encoding.start, encoding.end)]
            facts = facts.having(is_encrypted=ENCRYPTION in ids)
        elif element.id == MAPPING:
            parts = {e.id: e for e in elements(file, element.start, element.end)}
            is_dolby = MAPPING_TYPE in parts and _number(file, parts[MAPPING_TYPE]) in DOLBY_VISION_TYPES
            if is_dolby and MAPPING_DATA in parts:
                file.seek(parts[MAPPING_DATA].start)
                facts = facts.having(dolby_vision=dolby_vision(file.read(5).ljust(5, b"\0")))
    return facts if kind == VIDEO_TRACK else None


def elements(file: BinaryIO, start: int, end: int) -> Iterator[Element]:
    """The elements from `start` to `end`, up to the first of unknown size, such as the clusters of a live recording."""
    for _ in range(MAX_ELEMENTS):
        if start >= end:
            return
        file.seek(start)
        first = file.read(1)
        n_bytes = 9 - first[0].bit_length() if first and first[0] else 9
        if n_bytes > 4:  # no identifier is longer
            return
        identifier = int.from_bytes(first + file.read(n_bytes - 1), "big")
        length = ebml_size(file)
        if length is None and identifier != SEGMENT:
            return
        begin = file.tell()
        start = end if length is None else begin + length
        yield Element(identifier, begin, start)


def ebml_size(file: BinaryIO) -> int | None:
    """An EBML size: the leading zero bits of the first byte count the bytes that follow; None (unknown) if all value bits are 1."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    n_following = 8 - first[0].bit_length()
    n_bits = 7 * (n_following + 1)
    value = int.from_bytes(first + file.read(n_following), "big") & ((1 << n_bits) - 1)
    return None if value == (1 << n_bits) - 1 else value


def _number(file: BinaryIO, element: Element) -> int:
    file.seek(element.start)
    return int.from_bytes(file.read(max(0, min(8, element.end - element.start))), "big")
