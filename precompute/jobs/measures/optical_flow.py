"""The motion between two frames of the input: optical flow back in time, and which pixels were visible before.

DIS flow (Kroeger et al., ECCV 2016), computed in both directions. A pixel was visible before if the way there and back
ends where it began (Sundaram et al., ECCV 2010) and if it looks the same there.
"""

# H x W pixels

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from threading import local

import cv2
import numpy as np

FLOW_VERSION = 1
"""Part of the keys of everything that depends on the flow: another number means another flow."""
PRESET = cv2.DISOPTICAL_FLOW_PRESET_FAST
"""Both directions take 5 ms at 256x256 on one core; the next better one, MEDIUM, 16 ms, for 6 % less difference between the
frames of the phone clip after the motion is taken out."""
STEP = 4
"""Pixels between the stored vectors: the finest scale at which this preset searches; between them it interpolates."""
MOST_RETURN_SHARE = 0.01
MOST_RETURN_PX2 = 0.5
"""The way there and back may miss by that share of both squared lengths plus that square, pixels (Sundaram et al.)."""
MOST_GREY = 40
"""Difference in grey levels, of 255, above which a pixel shows something else than before."""


@dataclass(frozen=True)
class Motion:
    """How one frame follows from the one before."""

    flow: np.ndarray
    """Where each pixel came from, relative to it: (x, y) in pixels, float16 (H / STEP, W / STEP, 2), rounded up."""
    is_visible: np.ndarray
    """Whether a pixel was visible in the frame before, uint8 0 or 1, (H, W)."""

    @property
    def found(self) -> float:
        """Share of the picture that was visible in the frame before."""
        return float(self.is_visible.mean())


def motion(before: np.ndarray, now: np.ndarray) -> Motion:
    """The motion from `before` to `now`: RGB, uint8 (H, W, 3)."""
    grey_before, grey_now = (cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY) for image in (before, now))
    height, width = grey_now.shape
    if min(height, width) < LEAST_SIDE or np.array_equal(grey_before, grey_now):
        back = forth = np.zeros((height, width, 2), np.float32)
    else:
        back, forth = _flow(grey_now, grey_before), _flow(grey_before, grey_now)
    flow = cv2.resize(back, (-(-width // STEP), -(-height // STEP)), interpolation=cv2.INTER_AREA).astype(np.float16)
    x, y = places_before(flow, height, width)
    there = cv2.remap(forth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    looked = cv2.remap(grey_before, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    own_x, own_y = _grid(height, width)
    back_x, back_y = x - own_x, y - own_y
    missed = (back_x + there[..., 0]) ** 2 + (back_y + there[..., 1]) ** 2
    lengths = back_x**2 + back_y**2 + (there**2).sum(axis=-1)
    is_visible = missed <= MOST_RETURN_SHARE * lengths + MOST_RETURN_PX2
    is_visible &= cv2.absdiff(looked, grey_now) <= MOST_GREY
    is_visible &= (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    return Motion(flow, is_visible.astype(np.uint8))


LEAST_SIDE = 16
"""Pixels that DIS needs at least; smaller pictures count as still."""
FLAT_WIDTH, FLAT_HEIGHT = 80, 32
"""Pixels. OpenCV chooses the scales of small pictures by their width alone: of one at least so wide and less high, the coarsest scale
is less high than a patch, and OpenCV reads beyond it. Such pictures are made higher by repeating their last row."""


def places_before(flow: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the pixels of a frame were in the one before: stored flow -> x and y in pixels, float32 (H, W) each."""
    x, y = (
        cv2.resize(flow[..., axis].astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        for axis in (0, 1)
    )
    own_x, own_y = _grid(height, width)
    return x + own_x, y + own_y


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return x, y


_OF_THREAD = local()


def _flow(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Where the pixels of `here` are in `there`, relative to them: (x, y) in pixels, float32 (H, W, 2)."""
    height, width = here.shape
    lacking = max(FLAT_HEIGHT - height, 0) if width >= FLAT_WIDTH else 0
    here, there = (cv2.copyMakeBorder(grey, 0, lacking, 0, 0, cv2.BORDER_REPLICATE) for grey in (here, there))
    flow = np.zeros((height + lacking, width, 2), np.float32)
    return _estimator(height + lacking, width).calc(here, there, flow)[:height]


def _estimator(height: int, width: int) -> cv2.DISOpticalFlow:
    """The thread's own, which holds its buffers, and of this size: a small picture changes the settings for all later ones."""
    if getattr(_OF_THREAD, "size", None) != (height, width):
        _OF_THREAD.estimator, _OF_THREAD.size = cv2.DISOpticalFlow.create(PRESET), (height, width)
    return _OF_THREAD.estimator
