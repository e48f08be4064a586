"""Which sources are pictures, by their first bytes and never by their names: a request for one is a still."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cache.files import open_regular
from cache.requests.records import Options

N_FIRST_BYTES = 16
"""As many as any signature needs."""
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"BM")
"""JPEG, PNG, TIFF (either byte order) and BMP."""
_BRANDS = (b"heic", b"heix", b"mif1", b"avif")
"""The MP4 container of a single picture; sequences have other brands (avis, hevc, msf1)."""


def is_picture(first_bytes: bytes) -> bool:
    """Whether a file that begins so is a picture. Such a file may still hold more frames: a chain of JPEGs is a video."""
    if first_bytes[:4] == b"RIFF" and first_bytes[8:12] == b"WEBP":
        return True
    if first_bytes[4:8] == b"ftyp":
        return first_bytes[8:12] in _BRANDS
    return first_bytes.startswith(_BEGINNINGS)


def for_content(options: Options, first_bytes: bytes) -> Options:
    """The options for a source that begins so: of a picture one frame, without times, so that the request is done before
    videos and counts as no video, and equal pictures are one clip however they were asked for."""
    if not is_picture(first_bytes):
        return options
    return replace(options, start=0.0, end=None, fps=None, max_frames=1)


def first_bytes_of(path: Path) -> bytes:
    """The first bytes of a file. Raises OSError."""
    with open_regular(path) as file:
        return file.read(N_FIRST_BYTES)
