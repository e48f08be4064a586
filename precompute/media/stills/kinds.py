"""Recognises pictures by their first bytes, whatever their names say, and names what is none."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Literal

from precompute.failures import SourceError
from precompute.media.containers.mp4 import Box, boxes

Kind = Literal["jpeg", "png", "webp", "tiff", "bmp", "heif"]

SUFFIXES = frozenset(
    [
        ".apng",
        ".avif",
        ".bmp",
        ".dib",
        ".heic",
        ".heif",
        ".hif",
        ".jfif",
        ".jpe",
        ".jpeg",
        ".jpg",
        ".png",
        ".tif",
        ".tiff",
        ".webp",
    ]
)
"""Extensions of the files in a folder that count as pictures; a file that is named directly may have any name."""

MAX_PIXELS = 40_000_000
"""Most pixels of a picture: cameras of phones store 12 to 24 million."""

STARTS: dict[Kind, tuple[bytes, ...]] = {
    "jpeg": (b"\xff\xd8\xff",),
    "png": (b"\x89PNG",),
    "tiff": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "bmp": (b"BM",),
}
"""First bytes of those that have some of their own."""
BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
"""Sizes of a BMP's second header, bytes."""

HEIF_BRANDS = frozenset(b"heic heix heim heis hevm hevs mif1 mif2 miaf avif".split())
"""Brands of files whose primary item is a picture (ISO 23008-12, and AVIF)."""
SEQUENCE_BRANDS = frozenset(b"avis msf1 hevc hevx".split())
"""Brands of files that hold a track, which is shown instead of the picture if it is the first brand."""
MAX_BRANDS = 64

OTHER = {
    b"%PDF": "a PDF",
    b"%!PS": "a PostScript drawing",
    b"PK\3\4": "a ZIP archive",
    b"8BPS": "a Photoshop file",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
}
"""First bytes of what people take for a picture -> its name."""
EXPORT = "open it in a picture editor, export it as PNG, and pass that file"


def kind_of(path: Path) -> Kind | None:
    """The kind of picture that a file is; None for anything else, such as a video. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(64)
        kind: Kind | None = next((kind for kind, starts in STARTS.items() if head.startswith(starts)), None)
        if kind is None and head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return "webp"
        if kind is None and head[4:8] == b"ftyp" and _is_heif(file, path.stat().st_size):
            return "heif"
    # Two letters alone would be too weak a mark.
    is_weak = kind == "bmp" and int.from_bytes(head[14:18], "little") not in BMP_HEADERS
    return None if is_weak else kind


def _is_heif(file: BinaryIO, size: int) -> bool:
    first = next(boxes(file, 0, size), Box(b"ftyp", 8, 8))
    file.seek(first.start)
    brands = file.read(min(first.end - first.start, 4 * MAX_BRANDS))
    named = {brands[at : at + 4] for at in range(0, len(brands), 4)}
    if brands[:4] in HEIF_BRANDS:
        return True
    return bool(named & (HEIF_BRANDS | SEQUENCE_BRANDS)) and all(box.kind != b"moov" for box in boxes(file, 0, size))


def refuse_other(path: Path) -> None:
    """Raise SourceError for what is no video either, and has a name: drawings, web pages, documents."""
    with path.open("rb") as file:
        head = file.read(1024)
    name = next((name for start, name in OTHER.items() if head.startswith(start)), None)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<svg", b"<?xml", b"<!doctype svg")) and b"<svg" in text:
        name = "an SVG drawing"
    elif text.startswith((b"<!doctype html", b"<html")):
        name = "a web page (HTML)"
    if name is not None:
        raise SourceError("bad_media", f"{path.name}: {name}, not a picture in a supported format", EXPORT)


def require_small(name: str, width: int, height: int) -> None:
    """Raise SourceError for a picture of too many pixels, which its header states."""
    if width * height > MAX_PIXELS:
        raise SourceError(
            "too_large",
            f"{name}: a picture of {width} x {height} pixels, the limit is {MAX_PIXELS // 10**6} megapixels",
        )
