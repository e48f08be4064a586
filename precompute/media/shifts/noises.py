"""Shifts that add noise. Pictures are RGB, uint8 (H, W, 3); every frame has noise of its own, from a stated seed."""

from __future__ import annotations

import numpy as np

from precompute.media.shifts.light import to_uint8

SEED = 2019
"""With the index of the frame in its clip, it decides the noise."""


def noise(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian, independent per channel; `sigma` as a share of white. The same noise for all pictures of one size."""
    return _added(image, np.random.default_rng(0), sigma)


def gaussian_noise(image: np.ndarray, sigma: float, frame: int) -> np.ndarray:
    """Gaussian, independent per channel; `sigma` as a share of white."""
    return _added(image, _generator(frame), sigma)


def shot_noise(image: np.ndarray, photons: float, frame: int) -> np.ndarray:
    """Poisson: white is that many photons."""
    counts = _generator(frame).poisson(image / 255 * photons)
    return to_uint8(counts * (255 / photons))


def impulse_noise(image: np.ndarray, percent: float, frame: int) -> np.ndarray:
    """That share of the values becomes black or white, each with the same chance."""
    drawn = _generator(frame).random(
        image.shape
    )  # the same numbers at every strength: what is hit by a mild one stays hit
    share = percent / 100
    return np.where(drawn < share / 2, 0, np.where(drawn < share, 255, image)).astype(np.uint8)


def _generator(frame: int) -> np.random.Generator:
    return np.random.default_rng([SEED, frame])


def _added(image: np.ndarray, generator: np.random.Generator, sigma: float) -> np.ndarray:
    return to_uint8(image + generator.normal(0, 255 * sigma, image.shape))
