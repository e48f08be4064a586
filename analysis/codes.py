"""The codes of a stored image on one scale, 0 to 255, however many bits they have."""

# H x W pixels

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

CODES_16_PER_8 = 257
"""65535 / 255: both scales end at the same values."""


def stored_codes(pixels: np.ndarray, domain: Mapping[str, Any]) -> np.ndarray:
    """Pixels of a decoded image, uint8 (H, W) or (H, W, C) in RGB order -> its codes: uint8 (H, W) or (H, W, 3) as they are; of 16
    bits, high bytes in R and low ones in G, float32 (H, W) with fractions."""
    if domain.get("bits") == 16:
        if pixels.ndim != 3 or pixels.shape[-1] < 2:
            raise ValueError(f"codes of 16 bits have two planes, got an image of shape {pixels.shape}")
        return (pixels[..., 0].astype(np.float32) * 256 + pixels[..., 1]) / CODES_16_PER_8
    return pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels


def is_unknown(codes: np.ndarray, domain: Mapping[str, Any]) -> np.ndarray:
    """Where `stored_codes` of a scalar domain of 16 bits have no finite value, bool (H, W): unknown, or sky."""
    stated = [domain.get(name) for name in ("invalid", "sky")]
    return np.isin(codes, [np.float32(255 * code) for code in stated if code is not None])
