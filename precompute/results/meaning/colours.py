"""Pictures of depth: which colour map they were drawn with, and the values that their colours stand for."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

CLOSE = 14.0
"""Largest median distance of a picture's colours from a map's, in codes (root of the sum of squares): JPEG and video move them by
up to ten, other maps and photographs lie farther."""
CLEARLY = 1.5
"""The next best map must be this many times as far."""
SAMPLED_PIXELS = 2000
_OPENCV = {
    "turbo": cv2.COLORMAP_TURBO,
    "inferno": cv2.COLORMAP_INFERNO,
    "magma": cv2.COLORMAP_MAGMA,
    "plasma": cv2.COLORMAP_PLASMA,
    "viridis": cv2.COLORMAP_VIRIDIS,
    "jet": cv2.COLORMAP_JET,
}
_SPECTRAL = "9e0142 d53e4f f46d43 fdae61 fee08b ffffbf e6f598 abdda4 66c2a5 3288bd 5e4fa2"
"""ColorBrewer's eleven colours; reversed, as Depth Anything draws them: blue is 0."""


@lru_cache
def table(name: str) -> np.ndarray:
    """The colours of a map, float32 (256, 3), RGB from 0 to 255."""
    if name == "grey":
        return np.repeat(np.arange(256, dtype=np.float32)[:, None], 3, axis=1)
    if name == "spectral":
        colours = np.array([list(bytes.fromhex(text)) for text in _SPECTRAL.split()][::-1], np.float32)
        at = np.linspace(0, len(colours) - 1, 256)
        return np.stack([np.interp(at, np.arange(len(colours)), channel) for channel in colours.T], axis=1).astype(
            np.float32
        )
    drawn = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], _OPENCV[name])
    return drawn[:, 0, ::-1].astype(np.float32)


def map_of(picture: np.ndarray) -> str | None:
    """The colour map of a picture, uint8 (h, w, 1..4); None if it is none of the known ones."""
    if picture.shape[-1] < 3:
        return "grey"
    pixels = picture[..., :3].reshape(-1, 3)
    pixels = pixels[:: max(1, len(pixels) // SAMPLED_PIXELS)].astype(np.float32)
    if np.median(np.abs(pixels - pixels.mean(axis=1, keepdims=True)).max(axis=1)) <= 2:
        return "grey"
    distances = sorted((float(np.median(_nearest(pixels, name)[1])), name) for name in (*_OPENCV, "spectral"))
    (best, name), (second, _) = distances[:2]
    return name if best <= CLOSE and second >= CLEARLY * max(best, 1.0) else None


def inverted(picture: np.ndarray, name: str) -> np.ndarray:
    """The values from 0 to 1 that the colours of a picture, (h, w, 1..4), stand for: float32 (h, w)."""
    full = float(np.iinfo(picture.dtype).max) if picture.dtype.kind == "u" else 1.0
    if name == "grey" or picture.shape[-1] < 3:
        return (picture[..., : 3 if picture.shape[-1] >= 3 else 1].astype(np.float32).mean(axis=-1) / full).astype(
            np.float32
        )
    codes = (picture[..., :3].astype(np.float32) * (255 / full)).round().astype(np.uint8)
    packed = codes.astype(np.uint32) @ np.array([1, 256, 65536], np.uint32)
    colours, where = np.unique(packed, return_inverse=True)
    apart = np.stack([colours & 255, (colours >> 8) & 255, colours >> 16], axis=1).astype(np.float32)
    found = np.concatenate([_nearest(part, name)[0] for part in np.array_split(apart, max(1, len(apart) // 4096))])
    return (found[where].reshape(picture.shape[:2]) / 255).astype(np.float32)


def _nearest(pixels: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The place in the map of the colour nearest to each pixel, (M, 3) RGB, and how far it is: (M,) twice."""
    apart = ((pixels[:, None] - table(name)[None]) ** 2).sum(axis=-1)
    return apart.argmin(axis=1).astype(np.float32), np.sqrt(apart.min(axis=1))
