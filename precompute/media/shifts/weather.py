"""Shifts of weather: fog and snow, as in ImageNet-C. Pictures are RGB, uint8 (H, W, 3); every frame has weather of its own, from a
stated seed. Neither knows how far away things are."""

from __future__ import annotations

import cv2
import numpy as np

from precompute.media.shifts.blurs import of_224, trail
from precompute.media.shifts.light import to_uint8

SEED = 31
"""With the index of the frame in its clip, it decides the weather."""
FOG = ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))
"""ImageNet-C's severities: thickness, and by how much the roughness falls from one scale to the next finer one."""
SNOW = (
    (0.1, 0.3, 3.0, 0.5, 10, 4, 0.8),
    (0.2, 0.3, 2.0, 0.5, 12, 4, 0.7),
    (0.55, 0.3, 4.0, 0.9, 12, 8, 0.7),
    (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
    (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
)
"""ImageNet-C's severities: mean and sd of the noise, size of its grains, threshold of a flake, radius and sigma of the fall (pixels of
224), share of the picture that is not whitened."""
FALL_DEGREES = (-135.0, -45.0)


def fog(image: np.ndarray, severity: float, frame: int) -> np.ndarray:
    """A cloud of all scales over the picture, which keeps its brightest value."""
    thickness, decay = FOG[int(severity) - 1]
    height, width = image.shape[:2]
    cloud = _cloud(max(height, width), decay, np.random.default_rng([SEED, frame]))[:height, :width, None]
    picture = image / 255
    brightest = picture.max()
    return to_uint8(255 * (picture + thickness * cloud) * brightest / (brightest + thickness))


def _cloud(at_least: int, decay: float, generator: np.random.Generator) -> np.ndarray:
    """Midpoint displacement (diamonds and squares) on a torus, (S, S) from 0 to 1; S is a power of two, at least as asked for.
    As in ImageNet-C each scale displaces by the square of a roughness that falls by `decay`."""
    side = 1 << max(1, at_least - 1).bit_length()
    cloud = np.zeros((side, side))
    step, roughness = side, 1.0
    while step >= 2:
        half = step // 2

        def displaced(neighbours: np.ndarray, by: float = roughness**2) -> np.ndarray:
            return neighbours / 4 + generator.uniform(-by, by, neighbours.shape)

        corners = cloud[::step, ::step]
        beside = corners + np.roll(corners, -1, 0)
        centres = displaced(beside + np.roll(beside, -1, 1))
        cloud[half::step, half::step] = centres
        cloud[::step, half::step] = displaced(corners + np.roll(corners, -1, 1) + centres + np.roll(centres, 1, 0))
        cloud[half::step, ::step] = displaced(corners + np.roll(corners, -1, 0) + centres + np.roll(centres, 1, 1))
        step, roughness = half, roughness / decay
    cloud -= cloud.min()
    return cloud / cloud.max()


def snow(image: np.ndarray, severity: float, frame: int) -> np.ndarray:
    """Falling flakes, grains of noise above a threshold, before a whitened picture."""
    mean, sd, grain, threshold, radius, sigma, kept = SNOW[int(severity) - 1]
    height, width = image.shape[:2]
    generator = np.random.default_rng([SEED, frame])
    noise = generator.normal(mean, sd, (height, width)).astype(np.float32)
    middle = ((width - 1) / 2, (height - 1) / 2)
    enlarge = cv2.getRotationMatrix2D(middle, 0, of_224(grain, image))
    noise = cv2.warpAffine(noise, enlarge, (width, height), flags=cv2.INTER_LINEAR)
    flakes = np.where(noise < threshold, 0, noise.clip(0, 1)).astype(np.float32)
    reach = round(2 * of_224(radius, image))
    fallen = trail(flakes, of_224(sigma, image), generator.uniform(*FALL_DEGREES), reach)
    picture = (image / 255).astype(np.float32)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None]
    whitened = kept * picture + (1 - kept) * np.maximum(picture, 1.5 * grey + 0.5)
    return to_uint8(255 * (whitened + (fallen + fallen[::-1, ::-1])[..., None]))
