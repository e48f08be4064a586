"""Shifts that blur: out of focus, motion, zoom, ground glass.

Pictures are RGB, uint8 (H, W, 3). Lengths are pixels of a picture whose short side has 256.
"""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 256
MOTION_ANGLES = (-45.0, 45.0)
"""ImageNet-C draws the direction of the motion from this range, degrees; each frame has its own."""
FINEST_ZOOM = 0.01
"""Between the zooms that are averaged."""
SEED = 18
"""Seed of the random directions of motion, and of the swaps of ground glass."""
GLASS = ((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2))
"""ImageNet-C's severities: sigma and reach of the swaps in pixels of 224, rounds of swaps."""


def of_side(length: float, image: np.ndarray) -> float:
    """Pixels of this picture for pixels of one whose short side has 256."""
    return length * min(image.shape[:2]) / SIDE


def of_224(length: float, image: np.ndarray) -> float:
    """Pixels of this picture for pixels of ImageNet-C's, whose side is 224."""
    return length * min(image.shape[:2]) / 224


def blur(image: np.ndarray, sigma_px: float) -> np.ndarray:
    """Gaussian blur, in pixels of this picture."""
    return cv2.GaussianBlur(image, (0, 0), sigma_px)


def gaussian_blur(image: np.ndarray, sigma: float, frame: int) -> np.ndarray:
    """Gaussian blur."""
    return blur(image, of_side(sigma, image))


def defocus(image: np.ndarray, radius: float, frame: int) -> np.ndarray:
    """The mean over a disc with softened edge, as in ImageNet-C."""
    radius = of_side(radius, image)
    reach = int(np.ceil(radius)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(
        np.float32
    )  # its border pixels count as far as it covers them
    return cv2.filter2D(image, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT_101)


def motion(image: np.ndarray, sigma: float, frame: int) -> np.ndarray:
    """A half Gaussian along a line, as in ImageNet-C: what moved away leaves a trail that fades. The direction of each frame comes
    from the stated seed."""
    sigma = of_side(sigma, image)
    angle = np.random.default_rng([SEED, frame]).uniform(*MOTION_ANGLES)
    return trail(image, sigma, angle, reach=int(np.ceil(2 * sigma)))


def trail(image: np.ndarray, sigma_px: float, angle_degrees: float, reach: int) -> np.ndarray:
    """A half Gaussian along a line of `reach` pixels of this picture; of any dtype, with or without channels."""
    angle = np.radians(angle_degrees)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for step in range(reach + 1):
        x, y = reach + step * np.cos(angle), reach + step * np.sin(angle)
        _add_point(kernel, x, y, np.exp(-(step**2) / (2 * sigma_px**2)))
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101)


def _add_point(kernel: np.ndarray, x: float, y: float, weight: float) -> None:
    """Spread a weight over the four cells around a place."""
    column, row = int(x), int(y)
    dx, dy = x - column, y - row
    for at_row, at_column, share in (
        (row, column, (1 - dx) * (1 - dy)),
        (row, column + 1, dx * (1 - dy)),
        (row + 1, column, (1 - dx) * dy),
        (row + 1, column + 1, dx * dy),
    ):
        if at_row < len(kernel) and at_column < len(kernel):
            kernel[at_row, at_column] += weight * share


def glass(image: np.ndarray, severity: float, frame: int) -> np.ndarray:
    """As through ground glass: blurred, every pixel swapped with one nearby, row by row from below, and blurred again."""
    sigma, reach, n_rounds = GLASS[int(severity) - 1]
    sigma, reach = of_224(sigma, image), max(1, round(of_224(reach, image)))
    height, width = image.shape[:2]
    rows, columns = np.arange(height - reach, reach, -1), np.arange(width - reach, reach, -1)
    places = (rows[:, None] * width + columns).ravel()
    generator = np.random.default_rng([SEED, frame])
    order = list(range(height * width))  # each swap sees those before it: plain integers are faster here than arrays
    for _ in range(n_rounds):
        dy, dx = generator.integers(-reach, reach, (2, len(places)))
        for one, other in zip(places.tolist(), (places + dy * width + dx).tolist(), strict=True):
            order[one], order[other] = order[other], order[one]
    return blur(blur(image, sigma).reshape(-1, 3)[order].reshape(image.shape), sigma)


def zoom(image: np.ndarray, largest: float, frame: int) -> np.ndarray:
    """The mean of the picture enlarged about its middle, from 1 to that many times in steps of 0.01."""
    height, width = image.shape[:2]
    middle = ((width - 1) / 2, (height - 1) / 2)
    n_zooms = round((largest - 1) / FINEST_ZOOM) + 1
    total = np.zeros(image.shape, np.float64)
    for at in range(n_zooms):
        enlarge = cv2.getRotationMatrix2D(middle, 0, 1 + at * FINEST_ZOOM)
        total += cv2.warpAffine(
            image, enlarge, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
    return np.round(total / n_zooms).astype(np.uint8)
