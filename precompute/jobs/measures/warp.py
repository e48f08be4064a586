"""How the pixels of one frame are found in the one before, and exact sums over blocks of pixels."""

# H x W pixels, C channels, B x B blocks

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np

from analysis.stability import BLOCKS


@dataclass(frozen=True)
class Warp:
    """How the pixels of one frame are found in the one before; made once for all predictions of a clip."""

    x: np.ndarray
    """Where each pixel was in the frame before, pixels, float32 (H, W)."""
    y: np.ndarray
    """The same from top to bottom."""
    is_visible: np.ndarray
    """Whether it was visible there, uint8 0 or 1, (H, W)."""

    @cached_property
    def _maps(self) -> tuple[np.ndarray, np.ndarray]:
        """The places in OpenCV's whole numbers, which it converts anew for each picture otherwise."""
        return cv2.convertMaps(self.x, self.y, cv2.CV_16SC2)

    def moved(self, before: np.ndarray) -> np.ndarray:
        """Codes of the frame before, at the places where this frame shows them: uint8 (H, W, C)."""
        return cv2.remap(before, *self._maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    @cached_property
    def n_pixels(self) -> np.ndarray:
        """Pixels of each block, float64 (B, B)."""
        return block_sums(np.ones_like(self.is_visible))

    @cached_property
    def share(self) -> np.ndarray:
        """Share of each block that was visible before, float64 (B, B)."""
        return block_sums(self.is_visible) / self.n_pixels


def block_sums(codes: np.ndarray) -> np.ndarray:
    """Exact sums over a grid of blocks, cut as torch's adaptive pooling cuts it: uint8 or float32 (H, W) or (H, W, C) -> float64 (B, B[, C])."""
    height, width = codes.shape[:2]
    # Whole numbers that run over in large pictures come out right again, since sums of blocks do not.
    total = cv2.integral(codes, sdepth=cv2.CV_32S if codes.dtype == np.uint8 else cv2.CV_64F)
    if height % BLOCKS == width % BLOCKS == 0:  # each block begins where the one before ends
        corners = total[:: height // BLOCKS, :: width // BLOCKS]
        columns = corners[:, 1:] - corners[:, :-1]
        return (columns[1:] - columns[:-1]).astype(np.float64)
    top, bottom = _edges(height)
    left, right = _edges(width)
    above, below = total[top], total[bottom]
    return ((below[:, right] - below[:, left]) - (above[:, right] - above[:, left])).astype(np.float64)


@lru_cache(maxsize=8)
def _edges(side: int) -> tuple[np.ndarray, np.ndarray]:
    """First pixel of each block, and the one after its last: those of small pictures overlap."""
    at = np.arange(BLOCKS)
    return at * side // BLOCKS, -(-(at + 1) * side // BLOCKS)
