"""The shifts that zoos are evaluated under: graded ladders, and strong single ones.

All take and return RGB, uint8 (H, W, 3), and are deterministic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from precompute.media.shifts.blurs import blur
from precompute.media.shifts.coders import jpeg
from precompute.media.shifts.light import darken
from precompute.media.shifts.noises import noise

Change = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Ladder:
    """One shift at rising strengths, the mildest first."""

    name: str
    unit: str
    """Unit of the levels."""
    levels: tuple[float, ...]
    change: Callable[[np.ndarray, float], np.ndarray]


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
