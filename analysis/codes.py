"""The codes of a stored image on one scale, 0 to 255, however many bits they have, and the values they stand for."""

# H x W pixels

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.alignment import needed_by
from cache.records import Head

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


def stored_values(codes: np.ndarray, domain: Mapping[str, Any]) -> np.ndarray:
    """Codes of a stored frame on the scale of 0 to 255, (H, W) or (H, W, 3) -> values of its domain, float32.

    NaN where unknown, infinity where the track knows sky.
    """
    lo, hi = float(domain["lo"]), float(domain["hi"])
    shares = codes.astype(np.float32) / np.float32(255)
    if domain.get("scale") == "log":
        values = np.float32(lo) * np.float32(hi / lo) ** shares
    else:
        values = np.float32(lo) + np.float32(hi - lo) * shares
    for name, meaning in (("invalid", np.nan), ("sky", np.inf)):
        if (code := domain.get(name)) is not None:
            level = 255 * float(code)
            is_meant = codes == (round(level) if codes.dtype == np.uint8 else np.float32(level))
            values = np.where(is_meant.all(axis=-1, keepdims=True) if codes.ndim == 3 else is_meant, meaning, values)
    return values.astype(np.float32)


def codes_of(values: np.ndarray, domain: Mapping[str, Any]) -> np.ndarray:
    """Values, NaN where unknown -> codes, float32 (H, W, C), not clipped: what lies beyond the range is no less wrong."""
    lo, hi = float(domain["lo"]), float(domain["hi"])
    with np.errstate(invalid="ignore", divide="ignore"):
        codes = np.log(values / lo) / np.log(hi / lo) if domain.get("scale") == "log" else (values - lo) / (hi - lo)
    return (codes if codes.ndim == 3 else codes[..., None]).astype(np.float32)


def meant_domain(head: Head) -> Mapping[str, Any]:
    """The domain of a track as its codes are meant: a network without a mask has a value for every pixel, truth and results may not."""
    is_whole = head.kind != "truth" and "results" not in head.constants and not head.constants.get("has_mask")
    return {**head.domain, "invalid": None} if is_whole else head.domain


def domain_as_stated(head: Head) -> Mapping[str, Any]:
    """The domain of a track without the unit where its depth is relative: codes stand for metres only once it is aligned."""
    return {**head.domain, "unit": ""} if needed_by(head.constants) != "none" else head.domain
