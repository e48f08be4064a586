"""Reads pictures with Pillow: WebP, TIFF, BMP, and JPEG with inks. Of JPEG and PNG, what their headers state."""

# H x W pixels, C samples per pixel

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from precompute.failures import SourceError
from precompute.media.stills.coded import broken, cut
from precompute.media.stills.kinds import EXPORT, Kind, require_small
from precompute.media.stills.still import Remark, Samples

FORMATS: dict[Kind, str] = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "tiff": "TIFF", "bmp": "BMP"}
EXIF_ORIENTATION = 0x0112
TIFF_SUBFILE, TIFF_PHOTOMETRIC, TIFF_DNG = 254, 262, 50706
SIXTEEN_BITS = Remark("", "16 bits per sample rounded to 8")
UNSUPPORTED = {
    "F": "floating-point samples",
    "I": "samples of 32 bits",
    "LAB": "L*a*b* colours",
    "HSV": "HSV colours",
}
"""Pillow's mode -> what such a picture holds; neither has a white that can be known, or is in use."""


class Header(NamedTuple):
    """What a picture states besides its samples."""

    mode: str
    """Pillow's name of its samples."""
    profile: bytes | None
    orientation: int
    is_animated: bool


@contextmanager
def opened_image(path: Path, kind: Kind, data: bytes) -> Iterator[Any]:
    """The picture, of which only the header was read. Raises SourceError, also for what fails while it is used."""
    Image.MAX_IMAGE_PIXELS = None  # the limit is ours, checked as soon as the size is known
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=[FORMATS[kind]]) as image:
            require_small(path.name, *image.size)
            yield image
    except UnidentifiedImageError:
        raise broken(path, f"no readable {FORMATS[kind]} header") from None
    except SourceError:
        raise
    except (OSError, EOFError) as error:  # of the bytes in memory, never of a disk
        if "truncated" in str(error).lower():
            raise cut(path, "its samples end too early") from None
        raise broken(path, str(error)) from None
    except (ValueError, TypeError, SyntaxError, LookupError, OverflowError, AttributeError, ArithmeticError) as error:
        raise broken(path, str(error)) from None  # what Pillow raises on damaged files


def header(path: Path, kind: Kind, data: bytes) -> Header:
    """Raises SourceError."""
    with opened_image(path, kind, data) as image:
        return _header(image)


def _header(image: Any) -> Header:
    orientation = 1
    with suppress(Exception):  # Exif is read as far as it can be: no picture is refused for it
        # Not the format's own method: that of PNG would decode the picture first.
        orientation = int(Image.Image.getexif(image).get(EXIF_ORIENTATION, 1))
    return Header(
        image.mode,
        image.info.get("icc_profile") or None,
        orientation if 1 <= orientation <= 8 else 1,
        bool(getattr(image, "is_animated", False)),
    )


def read_raster(path: Path, kind: Kind, data: bytes) -> Samples:
    """The picture of such a file; the first page of a TIFF. Raises SourceError."""
    with opened_image(path, kind, data) as image:
        remarks = _tiff_remarks(path, image) if kind == "tiff" else []
        found = _header(image)
        image.load()  # Pillow turns a TIFF upright by itself
        orientation = found.orientation if kind != "tiff" else 1
        values, alpha, depth = samples_of(path, image)
        return Samples(
            values,
            alpha,
            profile=found.profile,
            orientation=orientation,
            remarks=(*remarks, *([SIXTEEN_BITS] if depth == 16 else [])),
        )


def samples_of(path: Path, image: Any) -> tuple[np.ndarray, np.ndarray | None, int]:
    """Values and alpha as in `Samples`, and bits per sample. Raises SourceError for what is no picture of 8 or 16 bits."""
    mode = image.mode
    if mode.startswith("I;16"):
        values = np.asarray(image).astype(np.uint32)
        if image.format == "TIFF" and image.tag_v2.get(TIFF_PHOTOMETRIC) == 0:  # 0 is white
            values = 65535 - values
        return ((values * 255 + 32767) // 65535).astype(np.uint8)[..., None], None, 16
    if mode in UNSUPPORTED:
        raise SourceError("bad_media", f"{path.name}: {UNSUPPORTED[mode]}, which are not supported", EXPORT)
    if mode in ("LA", "La"):
        grey = np.asarray(image.convert("LA"))
        return grey[..., :1], grey[..., 1], _depth(image)
    if mode in ("PA", "RGBa", "RGBA") or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA"))
        return rgba[..., :3], rgba[..., 3], _depth(image)
    if mode in ("1", "L"):
        return np.asarray(image.convert("L"))[..., None], None, 8
    if mode == "CMYK":
        return np.asarray(image), None, _depth(image)
    return np.asarray(image.convert("RGB")), None, _depth(image)


def _depth(image: Any) -> int:
    stated = image.tag_v2.get(258, (8,)) if image.format == "TIFF" else (8,)
    return max(stated) if isinstance(stated, tuple) else stated


def _tiff_remarks(path: Path, image: Any) -> list[Remark]:
    """Raises SourceError for a camera's raw file, whose first page is a small preview."""
    tags = image.tag_v2
    if TIFF_DNG in tags or int(tags.get(TIFF_SUBFILE, 0)) & 1:
        raise SourceError("bad_media", f"{path.name}: a camera's raw file, of which only a preview can be read", EXPORT)
    if not image.is_animated:
        return []
    return [Remark("", "the first of its pages is shown")]


class Animated(NamedTuple):
    """One picture of an animation."""

    samples: Samples
    start_seconds: float
    seconds: float


USUAL_SECONDS = 0.1
"""How long a picture is shown that states no time, as in browsers."""


def animation(path: Path, kind: Kind, data: bytes) -> Iterator[Animated]:
    """The pictures of an animated WebP or PNG as they are shown, one after the other. Raises SourceError."""
    with opened_image(path, kind, data) as image:
        found = _header(image)
        first = 1 if getattr(image, "default_image", False) else 0  # shown only where animations are not
        start = 0.0
        for number in range(first, image.n_frames):
            try:
                image.seek(number)
                image.load()
            except EOFError:
                raise cut(path, f"{number - first} of {image.n_frames - first} pictures") from None
            values, alpha, _ = samples_of(path, image)
            seconds = float(image.info.get("duration", 0)) / 1000
            is_timed = seconds > 0
            seconds = seconds if is_timed else USUAL_SECONDS
            remarks = () if is_timed else (Remark("", UNTIMED),)
            yield Animated(Samples(values, alpha, profile=found.profile, remarks=remarks), start, seconds)
            start += seconds


UNTIMED = f"pictures without a time are shown for {USUAL_SECONDS:.1f} s, as in browsers"


def n_animated(path: Path, kind: Kind, data: bytes) -> int:
    """Pictures of an animation; 1 for a still. Raises SourceError."""
    with opened_image(path, kind, data) as image:
        return image.n_frames - bool(getattr(image, "default_image", False)) if _header(image).is_animated else 1
