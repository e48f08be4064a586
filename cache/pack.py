"""The packed-frames format: up to 256 losslessly coded images and their per-frame columns in one immutable file.

    "XCPACK01" | u32 header bytes, little endian | header, JSON | images, one after another | columns | previews

The header gives `codec, width, height, channels, n, sizes` (bytes of each image) and `columns` (name -> dtype, shape,
offset from the end of the header). Images come first, so that the request for the header also brings the first frames.
`previews`, where present, gives `codec, sizes, offset`: the same frames again, small and lossy, for slow connections. A
pack is named by the SHA-256 of its bytes and never changes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

MAGIC = b"XCPACK01"
MAX_FRAMES = 256
MAX_HEADER_BYTES = 1 << 20
"""A header of 256 sizes and a dozen columns takes 4 kB."""
CODECS = ("png", "webp")
PREVIEW_CODEC = "jpeg"
_DTYPES = ("<f2", "<f4", "<f8")


class BadPack(ValueError):
    """The bytes are not a whole pack of this format."""


@dataclass(frozen=True)
class PackHeader:
    """The contents of a pack, read without its images."""

    codec: str
    width: int
    height: int
    channels: int
    sizes: tuple[int, ...]
    """Bytes of each image, in frame order."""
    columns: Mapping[str, Any]
    """name -> {"dtype", "shape", "offset"}: arrays whose first axis is the frame."""
    data_start: int
    """Offset of the first image in the file."""
    preview_sizes: tuple[int, ...] = ()
    """Bytes of each preview; empty without previews."""

    @property
    def n_frames(self) -> int:
        return len(self.sizes)


def build_pack(
    images: Sequence[bytes],
    *,
    codec: str,
    width: int,
    height: int,
    channels: int,
    columns: Mapping[str, np.ndarray],
    previews: Sequence[bytes] = (),
) -> bytes:
    """The bytes of a pack: N coded `images` of height x width x channels, and `columns` of N rows each.

    `previews`: the same frames as JPEG, possibly smaller; N or none. Raises ValueError for parts that do not fit.
    """
    if not 1 <= len(images) <= MAX_FRAMES:
        raise ValueError(f"a pack holds 1 to {MAX_FRAMES} frames, got {len(images)}")
    if codec not in CODECS:
        raise ValueError(f"codec '{codec}' is not one of {', '.join(CODECS)}")
    described, blobs, offset = {}, [], sum(map(len, images))
    for name, values in columns.items():
        array = np.ascontiguousarray(values)
        little = array.dtype.newbyteorder("<").str
        if len(array) != len(images) or little not in _DTYPES:
            raise ValueError(
                f"column '{name}' needs {len(images)} rows of {', '.join(_DTYPES)}; "
                f"got {array.dtype} of shape {array.shape}"
            )
        blob = array.astype(little, copy=False).tobytes()
        described[name] = {"dtype": little, "shape": list(array.shape), "offset": offset}
        blobs.append(blob)
        offset += len(blob)
    header = {
        "codec": codec,
        "width": width,
        "height": height,
        "channels": channels,
        "n": len(images),
        "sizes": [len(image) for image in images],
        "columns": described,
    }
    if previews:
        if len(previews) != len(images):
            raise ValueError(f"a pack holds no previews or one per frame; got {len(previews)} for {len(images)} frames")
        header["previews"] = {"codec": PREVIEW_CODEC, "sizes": [len(image) for image in previews], "offset": offset}
        blobs += previews
    text = json.dumps(header, separators=(",", ":")).encode()
    return b"".join([MAGIC, struct.pack("<I", len(text)), text, *images, *blobs])


def read_header(file: BinaryIO, file_bytes: int) -> PackHeader:
    """The header of an open pack of `file_bytes` bytes. Raises BadPack unless every part lies inside the file."""
    start = file.read(len(MAGIC) + 4)
    if len(start) < len(MAGIC) + 4 or not start.startswith(MAGIC):
        raise BadPack(f"not a pack: it begins with {start[:8]!r}, expected {MAGIC!r}")
    (header_bytes,) = struct.unpack("<I", start[len(MAGIC) :])
    if header_bytes > min(MAX_HEADER_BYTES, file_bytes):
        raise BadPack(f"pack header of {header_bytes} bytes; the file has {file_bytes}")
    try:
        header = json.loads(file.read(header_bytes))
        sizes = tuple(int(size) for size in header["sizes"])
        previews = dict(header.get("previews") or {})
        preview_sizes = tuple(int(size) for size in previews.get("sizes", ()))
        result = PackHeader(
            codec=str(header["codec"]),
            width=int(header["width"]),
            height=int(header["height"]),
            channels=int(header["channels"]),
            sizes=sizes,
            columns=dict(header["columns"]),
            data_start=len(start) + header_bytes,
            preview_sizes=preview_sizes,
        )
        end = sum(sizes)
        for column in result.columns.values():
            numbers = [*column["shape"], column["offset"]]
            if column["dtype"] not in _DTYPES or any(type(number) is not int or number < 0 for number in numbers):
                raise BadPack(f"pack column of dtype {column['dtype']}, shape and offset {numbers}")
            if column["shape"][0] != len(sizes):
                raise BadPack("pack column has another number of rows than frames")
            end = max(end, column["offset"] + _column_bytes(column))
        if previews:
            if previews["codec"] != PREVIEW_CODEC or len(preview_sizes) != len(sizes) or min(preview_sizes) <= 0:
                raise BadPack("pack previews do not match the frames")
            if int(previews["offset"]) != end:
                raise BadPack(f"pack previews begin at {previews['offset']}, expected {end}")
            end += sum(preview_sizes)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise BadPack(f"pack header cannot be read: {error}") from error
    if min(sizes, default=0) <= 0 or len(sizes) > MAX_FRAMES or result.codec not in CODECS:
        raise BadPack("pack header has impossible frame sizes, frame count or codec")
    if result.data_start + end != file_bytes:
        raise BadPack(f"pack should have {result.data_start + end} bytes, the file has {file_bytes}")
    return result


def read_previews(path: Path) -> list[bytes]:
    """Every preview of the pack at `path`, in frame order; empty without previews."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = read_header(file, size)
        file.seek(size - sum(header.preview_sizes))
        return [file.read(size) for size in header.preview_sizes]


def read_image(path: Path, index: int) -> bytes:
    """Coded image `index` of the pack at `path`. Raises IndexError where it has no such image."""
    with path.open("rb") as file:
        header = read_header(file, path.stat().st_size)
        if not 0 <= index < header.n_frames:
            raise IndexError(f"frame {index} of a pack of {header.n_frames}")
        file.seek(header.data_start + sum(header.sizes[:index]))
        return file.read(header.sizes[index])


def read_images(path: Path) -> list[bytes]:
    """Every coded image of the pack at `path`, in frame order."""
    with path.open("rb") as file:
        header = read_header(file, path.stat().st_size)
        return [file.read(size) for size in header.sizes]


def read_column(path: Path, name: str) -> np.ndarray:
    """Column `name` of the pack at `path`: one row per frame. Raises KeyError where it has no such column."""
    with path.open("rb") as file:
        header = read_header(file, path.stat().st_size)
        column = header.columns[name]
        file.seek(header.data_start + column["offset"])
        values = np.frombuffer(file.read(_column_bytes(column)), dtype=column["dtype"])
    return values.reshape(column["shape"])


def _column_bytes(column: Mapping[str, Any]) -> int:
    count = 1
    for side in column["shape"]:
        count *= int(side)
    return count * np.dtype(column["dtype"]).itemsize
