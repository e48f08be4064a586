"""Reads the bytes of a picture up to its end, and refuses a file that is cut, or something else at the same time: another
program would read a document or an archive in it."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from precompute.failures import SourceError
from precompute.media.stills.coded import cut
from precompute.media.stills.kinds import Kind

MAX_BYTES = 400_000_000
"""Largest file of a picture: the most pixels with four samples of 16 bits need 320 MB."""

JPEG_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")
"""A marker in a JPEG: not a stuffed byte, nor one of those that let decoders restart."""
JPEG_END = 0xD9
JPEG_BARE = (0x01, 0xD8)
"""Markers without a length behind them."""
PNG_START_BYTES = 8
PNG_CHUNK_BYTES = 12
"""Length, name and checksum of a chunk."""
RIFF_START_BYTES = 8

PDF_START_BYTES = 1024
"""Readers of PDF accept its mark anywhere in the first bytes of a file (ISO 32000, annex H)."""
ZIP_END_BYTES = 22
LONGEST_ZIP_COMMENT = 65535
SEARCHED_BYTES = 1 << 16
"""Bytes behind the end of the picture in which pages and programs are sought."""

PROGRAMS = re.compile(
    rb"\A(?:PK\x03\x04|Rar!|7z\xbc\xaf|MZ|\x7fELF|%PDF|#!)|<\?php|<script|<html|<!doctype html|<svg", re.IGNORECASE
)
"""What the bytes behind a picture begin with, or hold; phones append films, previews and depth maps, which are none of these."""

AGAIN = "open it in a picture editor, save it as a new file, and pass that"


def whole_bytes(path: Path, kind: Kind) -> bytes:
    """The bytes of a picture. What phones append behind a JPEG, such as previews and films, is left out.

    Raises SourceError for a file that is cut, too large, or something else at the same time.
    """
    n_bytes = path.stat().st_size
    if n_bytes > MAX_BYTES:
        raise SourceError(
            "too_large", f"{path.name}: a picture of {n_bytes / 1e6:.0f} MB, the limit is {MAX_BYTES / 1e6:.0f} MB"
        )
    data = path.read_bytes()
    end = None
    if kind == "jpeg" and (end := jpeg_end(data)) is None:
        raise cut(path, "the mark of its end is missing")
    if kind == "png" and (end := png_end(data)) is None:
        raise cut(path, "its last chunk (IEND) is missing")
    if kind == "webp" and (end := RIFF_START_BYTES + int.from_bytes(data[4:8], "little")) > len(data):
        raise cut(path, f"{len(data)} bytes, the header states {end}")
    refuse_hidden(path, data, end)
    return data[:end]


def jpeg_end(data: bytes) -> int | None:
    """Where the first picture of a JPEG file ends; None if it does not."""
    at = 2
    while (marker := JPEG_MARKER.search(data, at)) is not None:
        kind, at = marker[1][0], marker.end()
        if kind == JPEG_END:
            return at
        if kind not in JPEG_BARE:
            at += int.from_bytes(data[at : at + 2], "big")
    return None


def png_end(data: bytes) -> int | None:
    """Where the last chunk of a PNG ends; None if it is missing."""
    at = PNG_START_BYTES
    while at + PNG_CHUNK_BYTES <= len(data):
        n_bytes, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        at += PNG_CHUNK_BYTES + n_bytes
        if kind == b"IEND":
            return at if at <= len(data) else None
    return None


def refuse_hidden(path: Path, data: bytes, end: int | None = None) -> None:
    """Raise SourceError if `data` is also a PDF or a ZIP archive, or if pages or programs follow its end (None: unknown)."""
    found = None
    if b"%PDF-" in data[:PDF_START_BYTES]:
        found = "that is a PDF at the same time"
    elif _ends_as_zip(data):
        found = "that is a ZIP archive at the same time"
    elif end is not None and PROGRAMS.search(data[end : end + SEARCHED_BYTES].lstrip(b"\0\r\n\t ")):
        found = "with a program, page or archive behind its end"
    if found is not None:
        raise SourceError("bad_media", f"{path.name}: a picture {found}", AGAIN)


def _ends_as_zip(data: bytes) -> bool:
    """Whether the file ends with a central directory of ZIP, whose comment reaches the end."""
    tail = data[-(ZIP_END_BYTES + LONGEST_ZIP_COMMENT) :]
    at = tail.rfind(b"PK\5\6")
    while at >= 0:
        record = tail[at : at + ZIP_END_BYTES]
        if len(record) == ZIP_END_BYTES and at + ZIP_END_BYTES + struct.unpack("<H", record[20:])[0] == len(tail):
            return True
        at = tail.rfind(b"PK\5\6", 0, at)
    return False
