"""Encodes images of codes for packs: losslessly as PNG, and as small JPEG previews. Decodes them again."""

from __future__ import annotations

import struct

import cv2
import numpy as np
from isal import isal_zlib

CODEC = "png"
"""The codec of new tracks, one of those that a pack may hold."""

# PNG written here, since OpenCV and Pillow use zlib: each row as its difference from the one above (filter 2), and ISA-L's
# deflate. Per CPU second of one channel at 256x256, on tracks of the bundled clips: 4,800 images of 19.0 kB. OpenCV (level 1,
# the same filter) 1,250 of 18.7 kB, libdeflate 2,500 of 18.0 kB, zlib-ng 1,800 of 18.9 kB.
_PNG_LEVEL = 1
_PNG_UP = 2
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_COLOURS = {1: 0, 3: 2}
"""Channels -> PNG's number for grey and for RGB."""

# Codes of 16 bits are stored as two planes, R and G of an RGB image: predicted depth of the walk-through at 256x256 takes 109 kB,
# where PNG's own 16 bits take 96 and the planes as one grey image, one above the other, 88 (8 bits: 17). But a browser decodes
# RGB by itself (2.0 ms on a core shared with others). Of 16 bits its canvas keeps 8, so that PNG has to be inflated in JavaScript
# (2.4 ms, on the thread that paints), and the planes have to be joined (4.7 ms).

# Previews: at 256x256, 5 and 10 kB where PNG takes 20 and 75, with errors of 1 and 2 codes (rms, mean over the tracks of the
# phone clip). H.264 of the planes G, B and R, each frame by itself, is a third smaller in three channels and a third larger in
# one, takes three to fourteen times as long to encode, and browsers decode it on https alone; AVIF is half the size, for
# five to fifteen times the time.
_JPEG_FLAGS = [
    cv2.IMWRITE_JPEG_QUALITY,
    80,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,  # the channels of normals are not brightness and colour
]
PREVIEW_PIXELS = 1 << 17
"""Larger images are halved until they have no more: eight panes in view have fewer pixels each."""


def start_encoder() -> None:
    """Initialise a thread that encodes: since there are several, OpenCV needs no threads of its own."""
    cv2.setNumThreads(1)


def encode_image(codes: np.ndarray) -> bytes:
    """uint8 codes, (H, W, 3) in RGB order, (H, W, 1), or (H, W, 2) of high and low bytes -> PNG."""
    if codes.ndim == 3 and codes.shape[-1] == 2:
        codes = np.concatenate([codes, np.zeros_like(codes[..., :1])], axis=-1)
    height, width, channels = codes.shape
    if codes.dtype != np.uint8 or channels not in _PNG_COLOURS:
        raise ValueError(f"cannot encode an image of shape {codes.shape} and type {codes.dtype}")
    values = codes.reshape(height, width * channels)
    rows = np.empty((height, 1 + width * channels), np.uint8)
    rows[:, 0] = _PNG_UP
    rows[0, 1:] = values[0]
    np.subtract(values[1:], values[:-1], out=rows[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, _PNG_COLOURS[channels], 0, 0, 0)
    data = isal_zlib.compress(rows, _PNG_LEVEL)
    return b"".join([_PNG_START, *_png_chunk(b"IHDR", header), *_png_chunk(b"IDAT", data), *_png_chunk(b"IEND", b"")])


def _png_chunk(kind: bytes, data: bytes) -> tuple[bytes, ...]:
    return struct.pack(">I", len(data)), kind, data, struct.pack(">I", isal_zlib.crc32(data, isal_zlib.crc32(kind)))


def encode_preview(codes: np.ndarray) -> bytes:
    """uint8 codes, as `encode_image` -> JPEG of `preview_size`; of two bytes it shows the high one."""
    height, width = codes.shape[:2]
    if codes.shape[-1] == 2:
        codes = codes[..., :1]
    size = preview_size(width, height)
    if size != (width, height):
        codes = cv2.resize(codes, size, interpolation=cv2.INTER_AREA)
    pixels = codes if codes.ndim == 2 or codes.shape[-1] == 1 else cv2.cvtColor(codes, cv2.COLOR_RGB2BGR)
    ok, data = cv2.imencode(".jpg", pixels, _JPEG_FLAGS)
    if not ok:
        raise ValueError(f"cannot encode an image of shape {codes.shape} and type {codes.dtype}")
    return data.tobytes()


def preview_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the preview of an image of that size, in pixels."""
    while width * height > PREVIEW_PIXELS:
        width, height = -(-width // 2), -(-height // 2)
    return width, height


def decode_image(data: bytes) -> np.ndarray:
    """The inverse of `encode_image`. Raises ValueError for bytes that are not an image."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError(f"these {len(data)} bytes are not an image")
    return pixels[..., None] if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
