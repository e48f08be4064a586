"""Converts colours to sRGB: by an ICC profile, by stated primaries, or by the plain formula for inks."""

# H x W pixels, C samples per pixel

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from precompute.media.pictures.tone_mapping import TO_BT709, Primaries
from precompute.text import one_line

MODES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}
"""Colour space of a profile -> Pillow's name of pictures in it."""
CHANNELS = {1: "GRAY", 3: "RGB", 4: "CMYK"}
MAX_NAME_LETTERS = 60
SAME_CODES = 2
"""A profile that moves no colour further than this is sRGB itself: pictures with it are left as they are."""
LATTICE = 9
"""Codes per channel that are tried for that."""
STRIP_ROWS = 256
SDR_PRIMARIES: dict[int, Primaries] = {9: "2020", 11: "p3", 12: "p3"}
NAMES: dict[Primaries, str] = {"p3": "Display P3", "2020": "BT.2020"}


def to_srgb(values: np.ndarray, profile: bytes | None) -> tuple[np.ndarray, str, str]:
    """uint8 (H, W, C) -> uint8 (H, W, 3) or, if grey stays grey, (H, W, 1); what a key says of it, and a note.

    A profile that cannot be used is named, and sRGB assumed; inks without one are converted by the plain formula.
    """
    space = CHANNELS[values.shape[2]]
    found, problem = None, ""
    if profile is not None:
        found, problem = _transform(profile, space)
        if found is None and space == "GRAY" and problem.startswith("is one for RGB"):
            return to_srgb(np.repeat(values, 3, axis=2), profile)
    if found is None:
        assumed = "the plain formula for inks is used" if space == "CMYK" else "sRGB is assumed"
        note = f"its colour profile {problem}: {assumed}" if problem else ""
        if space != "CMYK":
            return values, "", note
        return plain_inks(values), "cmyk=plain", note or "CMYK without a colour profile converted by the plain formula"
    transform, name = found
    if transform is None:
        return values, "", ""
    height, width = values.shape[:2]
    image = Image.frombuffer(MODES[space], (width, height), np.ascontiguousarray(values), "raw", MODES[space], 0, 1)
    rgb = np.asarray(ImageCms.applyTransform(image, transform))
    return rgb, "icc=srgb", f"{name} converted to sRGB"


def plain_inks(values: np.ndarray) -> np.ndarray:
    """CMYK, uint8 (H, W, 4) -> RGB: the share of light that each ink leaves, times that which black leaves."""
    rgb = np.empty((*values.shape[:2], 3), np.uint8)
    for top in range(0, len(values), STRIP_ROWS):
        left = 255 - values[top : top + STRIP_ROWS].astype(np.uint32)
        rgb[top : top + STRIP_ROWS] = (left[..., :3] * left[..., 3:] + 127) // 255
    return rgb


def from_primaries(values: np.ndarray, primaries: Primaries) -> tuple[np.ndarray, str]:
    """uint8 (H, W, 3) with sRGB's curve and these primaries -> sRGB, and a note."""
    light = _srgb_light().astype(np.float32)
    rgb = np.empty_like(values)
    for top in range(0, len(values), STRIP_ROWS):
        linear = np.clip(light[values[top : top + STRIP_ROWS]] @ TO_BT709[primaries].T, 0, 1)
        coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055)
        rgb[top : top + STRIP_ROWS] = (255 * coded + 0.5).astype(np.uint8)
    return rgb, f"{NAMES[primaries]} converted to sRGB"


def sdr_primaries(number: int) -> Primaries:
    """The primaries of that number in ITU-T H.273; those of sRGB for any that are not converted."""
    return SDR_PRIMARIES.get(number, "709")


def _srgb_light() -> np.ndarray:
    """(256,): share of the light for each code (IEC 61966-2-1)."""
    code = np.arange(256) / 255
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


@lru_cache(4)
def _transform(profile: bytes, space: str) -> tuple[tuple[ImageCms.ImageCmsTransform | None, str] | None, str]:
    """(the transform to sRGB, None if it would change nothing; the profile's name), or None and what is wrong with it."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        known: Any = opened.profile
        own = known.xcolor_space.strip()
        if own != space:
            return None, f"is one for {one_line(own)}, not for {space}"
        transform = ImageCms.buildTransform(
            opened,
            ImageCms.createProfile("sRGB"),
            MODES[space],
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        name = one_line(ImageCms.getProfileDescription(opened))[:MAX_NAME_LETTERS].strip() or "its colour profile"
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return None, "cannot be read"
    return (None if _changes_nothing(transform, space) else transform, name), ""


def _changes_nothing(transform: ImageCms.ImageCmsTransform, space: str) -> bool:
    if space == "CMYK":
        return False
    steps = np.linspace(0, 255, LATTICE).round().astype(np.uint8)
    codes = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    if space == "GRAY":
        codes = np.arange(256, dtype=np.uint8).reshape(1, -1, 1)
    image = Image.frombuffer(MODES[space], (codes.shape[1], 1), np.ascontiguousarray(codes), "raw", MODES[space], 0, 1)
    shown = np.asarray(ImageCms.applyTransform(image, transform)).astype(int)
    return bool(np.abs(shown - codes).max() <= SAME_CODES)
