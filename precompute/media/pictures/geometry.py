"""Turns a decoded picture into a frame: rotation, pixel aspect, crop and resize."""

# H x W pixels, C channels

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from precompute.failures import SourceError
from precompute.media.containers.facts import Crop
from precompute.media.pictures.colour import set_matrix
from precompute.media.pictures.look import Look
from precompute.media.pictures.side_data import side_data
from precompute.media.pictures.tone_mapping import to_sdr
from precompute.media.sampling import Sampling


def picture(
    path: Path,
    frame: Any,
    converter: VideoReformatter,
    sampling: Sampling,
    size: tuple[int, int],
    channels: int | None,
    aspect: float,
    look: Look,
) -> np.ndarray:
    """The upright picture (or codes) at the output size (height, width): uint8 (H, W, C). Raises SourceError for codes that are
    not stored losslessly.

    HDR is tone-mapped after it was resized: its codes are as even to the eye as SDR's, and the picture is smaller.
    """
    if channels is None:
        set_matrix(path, frame)
        layout = "rgb24" if look.hdr is None else "rgb48le"
        rgb = cropped(converter.reformat(frame, format=layout, threads=1).to_ndarray(), look.crop)
        image = upright(rgb, display_matrix(frame))
        image = fitted(image, sampling, size, aspect if not is_turned(display_matrix(frame)) else 1 / aspect, None)
        return image if look.hdr is None else to_sdr(image, look.hdr)
    layout = {1: "gray", 3: "rgb24"}[channels]
    lossless = {1: ["gray"], 3: ["gbrp", "rgb24", "bgr24", "rgb0", "bgr0"]}[channels]
    if frame.format.name not in lossless:
        raise SourceError(
            "bad_truth",
            f"{path.name}: stored as {frame.format.name}; codes of {channels} channels need {' or '.join(lossless)}",
        )
    codes = (
        converter.reformat(frame, format=layout, threads=1).to_ndarray().reshape(frame.height, frame.width, channels)
    )
    return fitted(cropped(codes, look.crop), sampling, size, 1.0, cv2.INTER_NEAREST_EXACT)


def cropped(image: np.ndarray, crop: Crop | None) -> np.ndarray:
    """(H, W, C) without the pixels at its sides that are not to be shown."""
    if crop is None:
        return image
    height, width = image.shape[:2]
    return image[crop.top : height - crop.bottom, crop.left : width - crop.right]


def fitted(
    image: np.ndarray, sampling: Sampling, size: tuple[int, int], aspect: float, interpolation: int | None
) -> np.ndarray:
    """Scale (H, W, C) to `size` (height, width); with crop `centre`, scale the short side and cut out the centre."""
    height, width = image.shape[0], image.shape[1] * aspect
    scaled_height, scaled_width = size
    if sampling.crop == "centre":
        scale = sampling.size / min(height, width)
        scaled_height, scaled_width = round(height * scale), round(width * scale)
    if image.shape[:2] != (scaled_height, scaled_width):
        is_shrinking = scaled_height * scaled_width < image.shape[0] * image.shape[1]
        method = interpolation if interpolation is not None else cv2.INTER_AREA if is_shrinking else cv2.INTER_LINEAR
        n_channels = image.shape[2]
        image = cv2.resize(image, (scaled_width, scaled_height), interpolation=method)
        image = image.reshape(scaled_height, scaled_width, n_channels)  # OpenCV drops a single channel
    top, left = (scaled_height - size[0]) // 2, (scaled_width - size[1]) // 2
    return image[top : top + size[0], left : left + size[1]]


Matrix = tuple[int, int, int, int]


def display_matrix(frame: Any) -> Matrix:
    """(a, b, c, d): pixel (x, y) is shown at (a x + c y, b x + d y), up to scale and shift."""
    stated = side_data(frame, "DISPLAYMATRIX")
    if stated is None:
        return 1, 0, 0, 1
    a, b, _, c, d, *_ = struct.unpack("=9i", stated[:36])
    return a, b, c, d


def is_turned(matrix: Matrix) -> bool:
    """Whether rows are shown as columns."""
    return abs(matrix[1]) > abs(matrix[0])


def upright(image: np.ndarray, matrix: Matrix) -> np.ndarray:
    """Apply a display matrix of quarter turns and mirrors to (H, W, C)."""
    a, b, c, d = matrix
    x_sign, y_sign = (c, b) if is_turned(matrix) else (a, d)
    if is_turned(matrix):
        image = image.transpose(1, 0, 2)
    return image[:: -1 if y_sign < 0 else 1, :: -1 if x_sign < 0 else 1]


def pixel_aspect(stream: Any) -> float:
    """Width of a stored pixel divided by its height; 1 if not stated."""
    return float(stream.sample_aspect_ratio or 1)
