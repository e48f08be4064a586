"""How do images of codes become the losslessly coded bytes of a pack, and back?"""

from __future__ import annotations

import cv2
import numpy as np

CODEC = "png"
"""Of the codecs a pack may hold, the one new tracks are written in."""

# Level 1 of PNG: higher levels of these images take several times longer for a tenth of the bytes.
_PNG_FLAGS = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def encode_image(codes: np.ndarray) -> bytes:
    """uint8 codes, (H, W, 3) in RGB order or (H, W, 1) -> PNG."""
    pixels = codes[..., 0] if codes.shape[-1] == 1 else cv2.cvtColor(codes, cv2.COLOR_RGB2BGR)
    ok, data = cv2.imencode(".png", pixels, _PNG_FLAGS)
    if not ok:
        raise ValueError(f"cannot encode an image of shape {codes.shape} and type {codes.dtype}")
    return data.tobytes()


def decode_image(data: bytes) -> np.ndarray:
    """The inverse of `encode_image`. Raises ValueError for bytes that are no image."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError(f"these {len(data)} bytes are no image")
    return pixels[..., None] if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
