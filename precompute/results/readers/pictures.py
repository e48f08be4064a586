"""Pictures as numbers: PNG of 8 and 16 bits with its checksums and texts; TIFF, JPEG and others as Pillow reads them."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from precompute.results.readers.arrays import ArrayInfo, damaged, require_size, truncated

PNG_MARK = b"\x89PNG\r\n\x1a\n"
MAX_BYTES = 400_000_000
MAX_TEXT = 200
"""Longest text of a PNG that is kept; those that decide values are numbers."""
TEXTS = ("near", "far", "unit")
"""Texts of a PNG that decide its values."""
_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
"""PNG's number of a colour type -> channels; colours of a palette become three."""


class PngFile:
    """A PNG, refused unless every chunk is whole: decoders show what they could read of a damaged one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data = _bytes(path)
        chunks = list(self._chunks())
        if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
            raise damaged(path, "its first chunk is not a PNG header")
        header = chunks[0][1]
        width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
        bits, colours = header[8], header[9]
        channels = _CHANNELS.get(colours)
        if channels is None:
            raise damaged(path, f"a PNG of colour type {colours}")
        self._shape = (height, width) if channels == 1 else (height, width, channels)
        self._dtype = "uint16" if bits == 16 else "uint8"
        require_size(path, self._shape, 2 if bits == 16 else 1)
        self._texts = {key: text for name, data in chunks for key, text in _texts(name, bytes(data)) if key in TEXTS}

    def arrays(self) -> list[ArrayInfo]:
        return [ArrayInfo("", self._shape, self._dtype, self._texts)]

    def read(self, name: str, index: int | None) -> np.ndarray:
        pixels = cv2.imdecode(np.frombuffer(self._data, np.uint8), cv2.IMREAD_UNCHANGED)
        if pixels is None:
            raise damaged(self._path, "its pixels cannot be decoded")
        if pixels.ndim == 3:
            pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[-1]]]  # OpenCV's order is BGR
        return pixels

    def _chunks(self) -> Iterator[tuple[bytes, memoryview]]:
        data, at = memoryview(self._data), len(PNG_MARK)
        while at + 12 <= len(data):
            n_bytes, name = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8])
            end = at + 12 + n_bytes
            if end > len(data):
                break
            if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
                raise damaged(self._path, f"the checksum of chunk {name.decode('latin-1')!r} at byte {at} is wrong")
            yield name, data[at + 8 : end - 4]
            at = end
            if name == b"IEND":
                return
        raise truncated(self._path, "its last chunk (IEND) is missing")


class PillowFile:
    """A picture that Pillow reads, such as TIFF with floats. JPEG and WebP change values."""

    def __init__(self, path: Path) -> None:
        from PIL import Image

        self._path = path
        try:
            with Image.open(io.BytesIO(_bytes(path))) as opened:
                self._mode, (width, height), kind = opened.mode, opened.size, opened.format
                is_lossy = kind in ("JPEG", "MPO") or kind == "WEBP"
        except Exception as error:  # Pillow raises anything on a damaged file
            raise damaged(path, f"it cannot be opened as a picture ({type(error).__name__})") from None
        channels = {"L": 1, "I;16": 1, "I;16B": 1, "I": 1, "F": 1, "1": 1, "LA": 2, "RGBA": 4}.get(self._mode, 3)
        dtype = {"I;16": "uint16", "I;16B": "uint16", "I": "int32", "F": "float32"}.get(self._mode, "uint8")
        shape = (height, width) if channels == 1 else (height, width, channels)
        require_size(path, shape, np.dtype(dtype).itemsize)
        self._info = ArrayInfo("", shape, dtype, is_lossy=is_lossy)

    def arrays(self) -> list[ArrayInfo]:
        return [self._info]

    def read(self, name: str, index: int | None) -> np.ndarray:
        from PIL import Image

        try:
            with Image.open(io.BytesIO(_bytes(self._path))) as opened:
                usual = ("L", "I;16", "I;16B", "I", "F", "LA", "RGBA", "RGB")
                values = np.asarray(
                    opened if opened.mode in usual else opened.convert("L" if self._mode == "1" else "RGB")
                )
        except MemoryError:
            raise
        except Exception as error:
            raise truncated(self._path, f"its pixels cannot be decoded ({type(error).__name__})") from None
        return values.astype(self._info.dtype)


def _bytes(path: Path) -> bytes:
    n_bytes = path.stat().st_size
    if n_bytes > MAX_BYTES:
        require_size(path, (n_bytes,), 1)
    return path.read_bytes()


def _texts(name: bytes, data: bytes) -> Iterator[tuple[str, str]]:
    """Keyword and text of a chunk of text that is not compressed."""
    key, _, rest = data.partition(b"\0")
    if name == b"iTXt" and rest[:1] == b"\0":  # flag and method of compression, language, translated keyword
        rest = rest[2:].split(b"\0", 2)[-1]
    elif name != b"tEXt":
        return
    yield key.decode("latin-1"), rest[:MAX_TEXT].decode("utf-8", "replace")
