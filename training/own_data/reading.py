"""Reads the files of an item as codes, square and at the size of the frames.

H x W: the side of the frames twice. Images are scaled so that the shorter side fits, and cropped in the middle, as the
networks see videos; ground truth takes single pixels, since a mean over an edge would be the code of no surface.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from training.own_data.items import CAMERA, IMAGE, MASK, DataError, Item
from training.scenes.targets import depth_code, depth_metres

MOST_PIXELS = 40_000_000
LARGEST_DIFFERENCE = 0.01
"""The most by which the aspect ratios of an item's files may differ."""
LEAST_LENGTH, MOST_LENGTH = 0.5, 1.5
"""Lengths of a decoded normal. Grey, (128, 128, 128), is Taskonomy's mark of no normal."""
USUAL_AXES = "x,y,z"
_AXES = re.compile(r"([+-]?)([xyz]),([+-]?)([xyz]),([+-]?)([xyz])")


@dataclass(frozen=True)
class Conventions:
    """What the numbers in the files mean."""

    per_metre: float = 512.0
    """Counts of a depth picture per metre: 512 in Taskonomy, 1000 where it holds millimetres."""
    normal_axes: str = USUAL_AXES
    """Which channel, with which sign, is x (right), y (down) and z (forward): `x,-y,-z` turns y up, z toward the camera."""
    field_of_view_degrees: float = 60.0
    """That of the shorter side, where no `point_info` states it."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.per_metre) and self.per_metre > 0):
            raise DataError(f"--depth-per-metre is {self.per_metre:g}; expected a positive number, such as 512 or 1000")
        if not 5 <= self.field_of_view_degrees <= 170:
            raise DataError(f"--field-of-view is {self.field_of_view_degrees:g}; expected 5 to 170 degrees")
        axes_of(self.normal_axes)


@dataclass(frozen=True)
class Reading:
    """What the files of an item say."""

    image: np.ndarray
    """(H, W, 3) uint8."""
    depth_metres: np.ndarray | None
    """z, (H, W) float32, clipped to the range of the codes; None if there is no depth."""
    normals: np.ndarray | None
    """Unit vectors in the camera's frame, x right, y down, z forward: (H, W, 3) float32; None if there are none."""
    reshading: np.ndarray | None
    """Codes, (H, W) float32; None if there is none."""
    valid: np.ndarray
    """(H, W) bool: everything that the item has is known there."""
    field_of_view_degrees: float
    """That of the square."""


def axes_of(text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Channel numbers and signs of x, y and z, from `x,-y,-z`. Raises DataError."""
    found = _AXES.fullmatch(text.replace(" ", ""))
    if not found or len(set(found.groups()[1::2])) < 3:
        raise DataError(
            f"--normal-axes is '{text}'; expected each of x, y and z once, with or without a minus: x,-y,-z"
        )
    return tuple("xyz".index(name) for name in found.groups()[1::2]), tuple(
        -1 if s == "-" else 1 for s in found.groups()[::2]
    )


def read_item(item: Item, conventions: Conventions, size_px: int) -> Reading:
    """Read all files of an item. Raises DataError where one cannot be read, or is not what it should be."""
    image = _picture(item.files[IMAGE], color=True)
    if image.dtype != np.uint8:
        image = (image // 257).astype(np.uint8)
    shape = image.shape[:2]
    valid = np.ones((size_px, size_px), bool)
    if MASK in item.files:
        mask = _same_view(_picture(item.files[MASK], color=False), shape, item, MASK)
        valid &= _single_pixels(mask, size_px) > 0
    depth = normals = reshading = None
    if "depth" in item.files:
        metres = _single_pixels(_same_view(_depth(item.files["depth"], conventions), shape, item, "depth"), size_px)
        valid &= np.isfinite(metres)
        # As stored: what lies beyond the range is at its end.
        depth = depth_metres(depth_code(np.nan_to_num(metres, nan=1.0))).astype(np.float32)
    if "normal" in item.files:
        vectors = _single_pixels(
            _same_view(_normals(item.files["normal"], conventions), shape, item, "normal"), size_px
        )
        length = np.linalg.norm(vectors, axis=2)
        valid &= (length > LEAST_LENGTH) & (length < MOST_LENGTH)
        normals = (vectors / np.maximum(length, 1e-6)[..., None]).astype(np.float32)
    if "reshading" in item.files:
        shade = _codes(_picture(item.files["reshading"], color=True), item.files["reshading"]).mean(axis=2)
        reshading = _single_pixels(_same_view(shade, shape, item, "reshading"), size_px).astype(np.float32)
    return Reading(_shrunk(image, size_px), depth, normals, reshading, valid, _field_of_view(item, conventions))


def _picture(path: Path, *, color: bool) -> np.ndarray:
    """(H, W, 3) in RGB order or (H, W), uint8 or uint16."""
    try:
        with Image.open(path) as head:
            width, height = head.size
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a picture: {error}") from error
    if width * height > MOST_PIXELS:
        raise DataError(f"{path} has {width} x {height} pixels; at most {MOST_PIXELS // 10**6} million are read")
    flags = cv2.IMREAD_ANYDEPTH | (cv2.IMREAD_COLOR if color else cv2.IMREAD_GRAYSCALE)
    found = cv2.imread(str(path), flags)
    if found is None:
        raise DataError(f"{path} is damaged, or a picture of a kind that cannot be read; write it again as PNG")
    if found.dtype not in (np.uint8, np.uint16):
        raise DataError(f"{path} holds {found.dtype}; expected 8 or 16 bits")
    return cv2.cvtColor(found, cv2.COLOR_BGR2RGB) if color else found


def _codes(picture: np.ndarray, path: Path) -> np.ndarray:
    if picture.dtype not in (np.uint8, np.uint16):
        raise DataError(f"{path} holds {picture.dtype}; expected 8 or 16 bits")
    return picture.astype(np.float32) / np.iinfo(picture.dtype).max


def _array(path: Path) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read as an array: {error}") from error
    if array.dtype.kind != "f" or array.size > 3 * MOST_PIXELS:
        raise DataError(f"{path} holds {array.shape} {array.dtype}; expected floats, at most 40 million pixels")
    return array


def _depth(path: Path, conventions: Conventions) -> np.ndarray:
    """(H, W) float32 in metres, NaN where unknown."""
    if path.suffix == ".npy":
        metres = np.squeeze(np.asarray(_array(path), np.float32))
        if metres.ndim != 2:
            raise DataError(f"{path} has the shape {metres.shape}; expected (H, W) in metres")
        unknown = ~np.isfinite(metres) | (metres <= 0)
    else:
        counts = _picture(path, color=False)
        if counts.dtype == np.uint8:
            raise DataError(
                f"{path} has 8 bits, which say too little of depth and nothing of its unit; expected a 16-bit PNG "
                "(--depth-per-metre: its counts per metre) or .npy in metres"
            )
        metres = counts / np.float32(conventions.per_metre)
        unknown = (counts == 0) | (counts == np.iinfo(np.uint16).max)
    return np.where(unknown, np.float32(np.nan), metres)


def _normals(path: Path, conventions: Conventions) -> np.ndarray:
    """(H, W, 3) float32, of any length: x right, y down, z forward."""
    if path.suffix == ".npy":
        stored = np.asarray(_array(path), np.float32)
        if stored.ndim != 3 or stored.shape[2] != 3:
            raise DataError(f"{path} has the shape {stored.shape}; expected (H, W, 3) vectors")
        vectors = np.nan_to_num(stored)
    else:
        picture = _picture(path, color=True)
        vectors = 2 * _codes(picture, path) - 1
        vectors[(picture == picture.dtype.type(np.iinfo(picture.dtype).max // 2 + 1)).all(axis=2)] = 0
    channels, signs = axes_of(conventions.normal_axes)
    return vectors[..., list(channels)] * np.array(signs, np.float32)


def _same_view(array: np.ndarray, shape: tuple[int, ...], item: Item, domain: str) -> np.ndarray:
    """Refuse a file whose sides are in another ratio than the picture's."""
    ratio = (array.shape[1] / array.shape[0]) / (shape[1] / shape[0])
    if abs(ratio - 1) > LARGEST_DIFFERENCE:
        raise DataError(
            f"{item.name}: {domain} has {array.shape[1]} x {array.shape[0]} pixels, {IMAGE} {shape[1]} x {shape[0]}: both must show "
            "the same view"
        )
    return array


def _single_pixels(array: np.ndarray, size_px: int) -> np.ndarray:
    """The pixels of the middle square that lie in the middle of each new one."""
    height, width = array.shape[:2]
    side = min(height, width)
    at = ((np.arange(size_px) + 0.5) * side / size_px).astype(int)
    return array[np.ix_((height - side) // 2 + at, (width - side) // 2 + at)]


def _shrunk(image: np.ndarray, size_px: int) -> np.ndarray:
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    method = cv2.INTER_AREA if side > size_px else cv2.INTER_LINEAR
    return np.ascontiguousarray(cv2.resize(square, (size_px, size_px), interpolation=method))


def _field_of_view(item: Item, conventions: Conventions) -> float:
    if CAMERA not in item.files:
        return conventions.field_of_view_degrees
    path = item.files[CAMERA]
    try:
        degrees = math.degrees(float(json.loads(path.read_text(encoding="utf-8"))["field_of_view_rads"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} states no field_of_view_rads: {error!r}") from error
    if not 5 <= degrees <= 170:
        raise DataError(f"{path}: the field of view is {degrees:.1f} degrees; expected 5 to 170")
    return degrees
