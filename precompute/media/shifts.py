"""Shifts that change a picture but not the scene: graded ladders, and strong single ones.

All take and return RGB, uint8 (H, W, 3), and are deterministic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

Change = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Ladder:
    """One shift at rising strengths, the mildest first."""

    name: str
    unit: str
    """Unit of the levels."""
    levels: tuple[float, ...]
    change: Callable[[np.ndarray, float], np.ndarray]


def blur(image: np.ndarray, sigma_px: float) -> np.ndarray:
    """Gaussian blur."""
    return cv2.GaussianBlur(image, (0, 0), sigma_px)


def jpeg(image: np.ndarray, quality: float) -> np.ndarray:
    """Compressed at that quality (1 to 100) and decoded again."""
    parameters = [cv2.IMWRITE_JPEG_QUALITY, int(quality)]
    _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), parameters)
    return np.ascontiguousarray(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))[..., ::-1])


def noise(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian, independent per channel; `sigma` as a share of white. The same noise for all pictures of one size."""
    added = np.random.default_rng(0).normal(0, 255 * sigma, image.shape)
    return np.clip(np.round(image + added), 0, 255).astype(np.uint8)


def darken(image: np.ndarray, share: float) -> np.ndarray:
    """The given share of the light, on the scale of the codes."""
    return np.round(image * share).astype(np.uint8)


LADDERS = (
    Ladder("JPEG", "quality", (90, 70, 50, 40, 30, 20, 15, 10, 7, 5), jpeg),
    Ladder("blur", "sigma, px of 256", (0.5, 1, 1.5, 2, 3, 4, 5, 6, 8), blur),
)
STRONG: Mapping[str, Change] = {
    "JPEG quality 5": lambda image: jpeg(image, 5),
    "blur sigma 6 px": lambda image: blur(image, 6),
    "noise sigma 0.2": lambda image: noise(image, 0.2),
    "a tenth of the light": lambda image: darken(image, 0.1),
    "upside down": lambda image: np.ascontiguousarray(image[::-1]),
    "negative": lambda image: 255 - image,
}
