"""Shifts of light: brightness, contrast, low light. Pictures are RGB, uint8 (H, W, 3)."""

from __future__ import annotations

import numpy as np


def darken(image: np.ndarray, share: float) -> np.ndarray:
    """The given share of the light, on the scale of the codes."""
    return np.round(image * share).astype(np.uint8)


def brightness(image: np.ndarray, added: float, frame: int) -> np.ndarray:
    """`added` to the value of HSV, as a share of white: hue and saturation stay."""
    value = image.max(axis=2, keepdims=True).astype(np.float64)
    wanted = np.clip(value + 255 * added, 0, 255)
    scaled = image * np.divide(wanted, value, out=np.zeros_like(value), where=value > 0)
    return to_uint8(np.where(value > 0, scaled, wanted))


def contrast(image: np.ndarray, share: float, frame: int) -> np.ndarray:
    """The distance of every value from its channel's mean, times `share`."""
    mean = image.mean(axis=(0, 1), keepdims=True)
    return to_uint8((image - mean) * share + mean)


def low_light(image: np.ndarray, share: float, frame: int) -> np.ndarray:
    """The given share of the light, on a linear scale, coded as sRGB in 8 bits again. No noise is added."""
    codes = image / 255
    linear = share * np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return to_uint8(255 * coded)


def to_uint8(values: np.ndarray) -> np.ndarray:
    """The nearest codes."""
    return np.clip(np.round(values), 0, 255).astype(np.uint8)
