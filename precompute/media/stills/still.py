"""From the samples of a picture to what is shown: sRGB, opaque, upright."""

# H x W pixels, C samples per pixel

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from precompute.media.pictures.tone_mapping import Hdr, Primaries
from precompute.media.stills.profiles import from_primaries, to_srgb

GREY = 128
"""Code behind transparent pixels: in the middle of the range, so that neither white nor black drawings vanish."""
STRIP_ROWS = 256
"""Rows composed at a time: wider numbers for all rows would need several times the picture's memory."""


class Remark(NamedTuple):
    """Something that was done to a picture."""

    key: str
    """For the key of its clip; empty where the values are those without it."""
    note: str
    """For people; empty where nobody needs to know."""


@dataclass(frozen=True)
class Samples:
    """A picture as its file stores it."""

    values: np.ndarray
    """uint8 (H, W, C): 1 grey, 3 RGB, 4 CMYK (255: full ink). uint16 (H, W, 3) for HDR, over the full range."""
    alpha: np.ndarray | None = None
    """uint8 (H, W), 255: opaque; None: opaque everywhere."""
    is_premultiplied: bool = False
    """Whether `values` are multiplied with alpha already."""
    profile: bytes | None = None
    """ICC profile."""
    primaries: Primaries = "709"
    """Stated primaries of SDR without a profile."""
    hdr: Hdr | None = None
    orientation: int = 1
    """As in EXIF: 1 to 8."""
    pixel_aspect: float = 1.0
    """Width of a stored pixel divided by its height."""
    remarks: tuple[Remark, ...] = ()
    """What was done so far."""


@dataclass(frozen=True)
class Still:
    """A picture as it is shown."""

    rgb: np.ndarray
    """uint8 (H, W, 3), upright sRGB; uint16 codes of HDR, which is tone-mapped after it was resized."""
    hdr: Hdr | None
    pixel_aspect: float
    remarks: tuple[Remark, ...]

    @property
    def reading(self) -> str:
        """What a clip's key says of it; empty where the decoded picture is shown as it is."""
        return " ".join(remark.key for remark in self.remarks if remark.key)

    @property
    def notes(self) -> list[str]:
        """The same for people."""
        return [remark.note for remark in self.remarks if remark.note]

    @property
    def width(self) -> int:
        """With square pixels."""
        return min(round(self.rgb.shape[1] * self.pixel_aspect), 10**9)


def finished(samples: Samples) -> Still:
    """Convert the colours to sRGB, put transparent pixels over grey, and turn the picture upright."""
    rgb, remarks, aspect = samples.values, list(samples.remarks), samples.pixel_aspect
    if samples.hdr is not None:
        hdr = samples.hdr
        remarks.append(Remark(f"tone={hdr.transfer}:{hdr.peak:g}:{hdr.primaries}:bt2390", str(hdr)))
    elif samples.profile is not None or rgb.shape[2] == 4:
        rgb, key, note = to_srgb(rgb, samples.profile)
        remarks.append(Remark(key, note))
    elif samples.primaries != "709":
        rgb, note = from_primaries(rgb, samples.primaries)
        remarks.append(Remark(f"primaries={samples.primaries}", note))
    rgb = np.broadcast_to(rgb, (*rgb.shape[:2], 3))
    if samples.alpha is not None and (samples.alpha < 255).any():
        rgb = over_grey(rgb, samples.alpha, samples.is_premultiplied)
        remarks.append(Remark(f"alpha={GREY}", f"transparent pixels (alpha) shown over grey ({GREY})"))
    if samples.orientation != 1:
        rgb = upright(rgb, samples.orientation)
        aspect = 1 / aspect if samples.orientation >= 5 else aspect
        remarks.append(Remark(f"orient={samples.orientation}", ""))
    return Still(np.ascontiguousarray(rgb), samples.hdr, aspect, tuple(remarks))


def over_grey(rgb: np.ndarray, alpha: np.ndarray, is_premultiplied: bool = False) -> np.ndarray:
    """(H, W, 3), composed over grey in its codes, as browsers do."""
    result = np.empty_like(rgb)
    largest = np.iinfo(rgb.dtype).max
    grey = GREY * (largest // 255)
    for top in range(0, len(rgb), STRIP_ROWS):
        strip = rgb[top : top + STRIP_ROWS].astype(np.uint32)
        share = alpha[top : top + STRIP_ROWS, :, None].astype(np.uint32)
        own = strip * 255 if is_premultiplied else strip * share
        result[top : top + STRIP_ROWS] = np.minimum((own + grey * (255 - share) + 127) // 255, largest)
    return result


def upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """(H, W, C) as its EXIF orientation says: 2 to 8; others leave it as it is."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return image[::rows, ::columns]
