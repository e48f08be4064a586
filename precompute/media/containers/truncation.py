"""Finds truncated files by the end that their container states, before anything is decoded."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import BinaryIO

from precompute.failures import SourceError
from precompute.media.containers.matroska import matroska_end
from precompute.media.containers.mp4 import is_mp4, mp4_end


def refuse_cut_file(path: Path, *, only_without_index: bool = False) -> None:
    """Raise SourceError for a file whose own sizes reach past its end; some formats state no sizes.

    `only_without_index` accepts those of which a part can be decoded.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(TS_PACKET_BYTES + 1)
        if is_mp4(file, size):
            stated = mp4_end(file, size)
        elif head[:4] == b"\x1a\x45\xdf\xa3":
            stated = matroska_end(file, size)
        elif head[:4] == b"RIFF":
            (stated,) = struct.unpack("<I", head[4:8])  # some writers count these 8 bytes, some do not
            stated = 0 if stated == 0xFFFFFFFF else stated
        elif head[:4] == b"OggS":
            stated = ogg_end(file, size)
        elif head[:3] == b"FLV":
            stated = flv_end(file)
        elif head[:4] == ASF_START:
            stated = asf_end(file)
        elif head[:6] in (b"GIF87a", b"GIF89a"):
            file.seek(max(0, size - 1024))
            stated = size if file.read().rstrip(b"\0").endswith(b"\x3b") else size + 1  # its last byte, but for padding
        elif head[:1] == head[TS_PACKET_BYTES:] == b"G":
            stated = math.ceil(size / TS_PACKET_BYTES) * TS_PACKET_BYTES
        else:
            return
    if stated is None:
        raise SourceError(
            "truncated", f"{path.name}: truncated: its index (moov) is missing", "copy or download it again"
        )
    if stated > size and not only_without_index:
        raise SourceError("truncated", f"{path.name}: truncated: {size} bytes, the header states {stated}")


TS_PACKET_BYTES = 188
"""MPEG-TS consists of packets of this size, each starting with `G`; a cut between two packets is invisible."""

OGG_PAGE = 27
"""Bytes of a page header, before its table of segments."""


def ogg_end(file: BinaryIO, size: int) -> int:
    """The end of the last page, bytes; past the end of the file if the page is not marked as the last of its stream."""
    file.seek(max(0, size - (1 << 17)))  # two of the largest pages
    tail = file.read()
    start = tail.rfind(b"OggS")
    header = tail[start : start + OGG_PAGE]
    if start < 0 or len(header) < OGG_PAGE:
        return size + 1
    segments = tail[start + OGG_PAGE : start + OGG_PAGE + header[26]]
    end = size - len(tail) + start + OGG_PAGE + header[26] + sum(segments)
    return end if header[5] & 4 else max(end, size + 1)


def flv_end(file: BinaryIO) -> int:
    """The file size that its metadata state, bytes; 0 if they do not."""
    file.seek(0)
    _, name, value = file.read(1 << 16).partition(b"\0\x08filesize\0")
    if not name or len(value) < 8:
        return 0
    (stated,) = struct.unpack(">d", value[:8])
    return int(stated) if math.isfinite(stated) else 0


ASF_START = bytes.fromhex("3026b275")
ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def asf_end(file: BinaryIO) -> int:
    """The file size that its properties state, bytes; 0 if they do not, as in a live recording."""
    file.seek(0)
    _, start, properties = file.read(1 << 16).partition(ASF_FILE_PROPERTIES)
    if not start or len(properties) < 76:
        return 0
    (stated,), (flags,) = struct.unpack("<Q", properties[24:32]), struct.unpack("<I", properties[72:76])
    return 0 if flags & 1 else stated
