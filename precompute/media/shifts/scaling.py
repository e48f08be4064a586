"""Shifts of resolution: fewer pixels, enlarged again. Pictures are RGB, uint8 (H, W, 3)."""

from __future__ import annotations

import cv2
import numpy as np


def pixelate(image: np.ndarray, share: float, frame: int) -> np.ndarray:
    """Box means at that share of the side, shown as squares again, as in ImageNet-C."""
    return _there_and_back(image, share, cv2.INTER_NEAREST_EXACT)


def downscale(image: np.ndarray, times: float, frame: int) -> np.ndarray:
    """Box means that many times smaller, enlarged again by a cubic filter."""
    return _there_and_back(image, 1 / times, cv2.INTER_CUBIC)


def _there_and_back(image: np.ndarray, share: float, enlarge: int) -> np.ndarray:
    height, width = image.shape[:2]
    small = cv2.resize(
        image, (max(1, round(width * share)), max(1, round(height * share))), interpolation=cv2.INTER_AREA
    )
    return cv2.resize(small, (width, height), interpolation=enlarge)
