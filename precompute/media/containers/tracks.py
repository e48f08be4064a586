"""Finds what a file states about the tracks that FFmpeg found in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

from precompute.media.containers.facts import TrackFacts
from precompute.media.containers.matroska import matroska_tracks
from precompute.media.containers.mp4 import is_mp4, mp4_tracks
from precompute.media.containers.truncation import TS_PACKET_BYTES

TS_PACKETS_EXAMINED = 5000
"""Enough for a second of video in most transport streams."""


def stated_facts(path: Path, streams: list[Any]) -> dict[int, TrackFacts]:
    """Index of each video stream -> what the file states about it; `streams` are those that are not attached pictures."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(TS_PACKET_BYTES + 1)
        if is_mp4(file, size):
            by_number = mp4_tracks(file, size)
            return {stream.index: by_number.get(stream.id, TrackFacts()) for stream in streams}
        if head[:4] == b"\x1a\x45\xdf\xa3":
            tracks = matroska_tracks(file, size)
            if len(tracks) == len(streams):
                return {stream.index: track for stream, track in zip(streams, tracks, strict=True)}
        if head[:1] == head[TS_PACKET_BYTES:] == b"G":
            scrambled = _scrambled_packets(file)
            return {stream.index: TrackFacts(is_encrypted=stream.id in scrambled) for stream in streams}
    return {stream.index: TrackFacts() for stream in streams}


def _scrambled_packets(file: BinaryIO) -> set[int]:
    """Identifiers of the MPEG-TS streams most of whose first packets are marked as scrambled."""
    file.seek(0)
    data = file.read(TS_PACKET_BYTES * TS_PACKETS_EXAMINED)
    counts: dict[int, list[int]] = {}
    for at in range(0, len(data) - TS_PACKET_BYTES + 1, TS_PACKET_BYTES):
        if data[at] == 0x47 and data[at + 3] & 0x10:  # in step, and with a payload
            is_scrambled = data[at + 3] >= 0x80
            counts.setdefault((data[at + 1] & 0x1F) << 8 | data[at + 2], [0, 0])[is_scrambled] += 1
    return {number for number, (n_clear, n_scrambled) in counts.items() if n_scrambled > n_clear}
