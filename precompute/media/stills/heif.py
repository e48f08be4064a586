"""Reads the primary picture of a HEIF file (HEIC, AVIF): its tiles put together, cropped, turned, with its colours and alpha.

FFmpeg decodes each coded item; what the container states of them is read here, since PyAV passes on neither grids nor crops.
"""

# H x W pixels

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from precompute.failures import SourceError
from precompute.media.containers.mp4 import clean_aperture
from precompute.media.pictures.colour import BT601_525, set_matrix
from precompute.media.pictures.geometry import cropped
from precompute.media.pictures.tone_mapping import Hdr, hdr_of
from precompute.media.stills.coded import broken, decoded_picture
from precompute.media.stills.heif_items import HeifFile, Item
from precompute.media.stills.kinds import EXPORT, require_small
from precompute.media.stills.profiles import sdr_primaries
from precompute.media.stills.still import Samples
from precompute.media.stills.whole import refuse_hidden

CODECS = {b"hvc1": ("hevc", b"hvcC"), b"av01": ("libdav1d", b"av1C")}
"""Kind of item -> FFmpeg's decoder, and the property that configures it."""
MAX_DEPTH = 4
"""Items that are made of others, inside each other."""
ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
UNSPECIFIED, LIMITED, FULL = 2, 1, 2
"""Numbers of FFmpeg and H.273."""
MIRROR_TOP_AND_BOTTOM = 0


class Colours(NamedTuple):
    """What a `colr` property of kind nclx states (H.273)."""

    primaries: int
    transfer: int
    matrix: int
    is_full_range: bool


@dataclass(frozen=True)
class Picture:
    """A decoded item."""

    values: np.ndarray
    """uint8 (H, W, 3), uint16 for HDR; uint8 (H, W, 1) for alpha."""
    hdr: Hdr | None
    primaries: int


def read_heif(file: HeifFile) -> Samples:
    """Raises SourceError."""
    refuse_hidden(file.path, file.data, file.end)
    item = file.items[file.primary]
    profile, _ = _stated_colours(file, item)
    shown = _picture(file, item)
    alpha, is_premultiplied = None, False
    for number, other in file.items.items():
        if file.primary in other.references.get(b"auxl", ()) and _is_alpha(other):
            mask = _picture(file, other, is_alpha=True).values
            size = shown.values.shape[1], shown.values.shape[0]
            mask = mask if mask.shape[1::-1] == size else cv2.resize(mask, size)
            alpha = mask.reshape(*size[::-1])
            is_premultiplied = number in item.references.get(b"prem", ())
            break
    return Samples(
        shown.values,
        alpha,
        is_premultiplied,
        profile=profile,
        primaries=sdr_primaries(shown.primaries),
        hdr=shown.hdr,
        pixel_aspect=_pixel_aspect(item),
    )


def _is_alpha(item: Item) -> bool:
    return any(stated[4:].split(b"\0")[0] in ALPHA for stated in item.all(b"auxC"))


def _pixel_aspect(item: Item) -> float:
    for stated in item.all(b"pasp"):
        across, down = struct.unpack(">II", stated[:8].ljust(8, b"\0"))
        turned = sum(data[0] & 1 for data in item.all(b"irot") if data) % 2
        if across and down:
            return down / across if turned else across / down
    return 1.0


def _stated_colours(file: HeifFile, item: Item) -> tuple[bytes | None, Colours | None]:
    """The ICC profile and the numbers of an item; of one that is made of others, else those of its first part."""
    profile, numbers = None, None
    for stated in item.all(b"colr"):
        if stated[:4] in (b"prof", b"rICC"):
            profile = profile or stated[4:]
        elif stated[:4] == b"nclx" and len(stated) >= 11:
            primaries, transfer, matrix = struct.unpack(">3H", stated[4:10])
            numbers = numbers or Colours(primaries, transfer, matrix, bool(stated[10] >> 7))
    part = file.items.get(next(iter(item.references.get(b"dimg", ())), -1))
    if profile is None and numbers is None and part is not None and item.kind not in CODECS and part.kind in CODECS:
        return _stated_colours(file, part)
    return profile, numbers


def _picture(
    file: HeifFile, item: Item, colours: Colours | None = None, *, is_alpha: bool = False, depth: int = 0
) -> Picture:
    """The picture of an item, cropped and turned as its properties say. Raises SourceError."""
    _, own = _stated_colours(file, item)
    colours = colours or own
    for stated in item.all(b"ispe"):
        require_small(file.path.name, *struct.unpack(">II", stated[4:12].ljust(8, b"\0")))
    if item.kind in CODECS:
        found = _coded(file, item, colours, is_alpha)
    elif depth < MAX_DEPTH and item.kind in (b"grid", b"iden"):
        parts = [file.items.get(number, Item()) for number in item.references.get(b"dimg", [])]
        if item.kind == b"iden" and len(parts) == 1:
            found = _picture(file, parts[0], colours, is_alpha=is_alpha, depth=depth + 1)
        else:
            found = _grid(file, item, parts, colours, is_alpha, depth)
    else:
        kind = item.kind.decode("ascii", "replace")
        raise SourceError("bad_media", f"{file.path.name}: coded as {kind!r}, which is not supported", EXPORT)
    return replace(found, values=_transformed(found.values, item))


def _grid(
    file: HeifFile, item: Item, parts: list[Item], colours: Colours | None, is_alpha: bool, depth: int
) -> Picture:
    """The tiles of a grid side by side; what lies beyond the stated size is cut off."""
    data = file.content(item)
    n_bytes = 4 if len(data) > 1 and data[1] & 1 else 2
    if len(data) < 4 + 2 * n_bytes:
        raise broken(file.path, "its grid of tiles cannot be read")
    n_rows, n_columns = data[2] + 1, data[3] + 1
    width, height = (int.from_bytes(data[at : at + n_bytes], "big") for at in (4, 4 + n_bytes))
    require_small(file.path.name, width, height)
    if n_rows * n_columns != len(parts) or not width * height:
        raise broken(file.path, f"a grid of {n_rows} x {n_columns} tiles, of which {len(parts)} are named")
    canvas: Any = None
    first: Any = None
    for number, part in enumerate(parts):
        tile = _picture(file, part, colours, is_alpha=is_alpha, depth=depth + 1)
        first = first or tile
        tile_height, tile_width, n_channels = first.values.shape
        if canvas is None:
            fits = [
                (n - 1) * side < whole <= n * side
                for n, side, whole in ((n_rows, tile_height, height), (n_columns, tile_width, width))
            ]
            if not all(fits):
                raise broken(file.path, f"its tiles of {tile_width} x {tile_height} pixels do not fit its grid")
            canvas = np.empty((height, width, n_channels), first.values.dtype)
        if tile.values.shape != first.values.shape or tile.values.dtype != first.values.dtype:
            raise broken(file.path, "its tiles differ in size")
        top, left = number // n_columns * tile_height, number % n_columns * tile_width
        place = canvas[top : top + tile_height, left : left + tile_width]
        place[:] = tile.values[: place.shape[0], : place.shape[1]]
    return Picture(canvas, first.hdr, first.primaries)


def _coded(file: HeifFile, item: Item, colours: Colours | None, is_alpha: bool) -> Picture:
    decoder, configured_by = CODECS[item.kind]
    configuration = next(item.all(configured_by), b"")
    frame = decoded_picture(file.path, decoder, file.content(item), configuration).frame
    if is_alpha:
        return Picture(_luma(frame)[..., None], None, UNSPECIFIED)
    if colours is not None:
        frame.color_primaries, frame.color_trc = colours.primaries, colours.transfer
        frame.color_range = FULL if colours.is_full_range else LIMITED
        if colours.matrix != UNSPECIFIED and not frame.format.is_rgb:
            frame.colorspace = colours.matrix
    hdr = hdr_of(frame)
    if frame.colorspace == UNSPECIFIED and hdr is None:
        frame.colorspace = BT601_525  # whatever its size (ISO 23000-22, 7.3.6.4)
    set_matrix(file.path, frame)
    layout = "rgb24" if hdr is None else "rgb48le"
    values = VideoReformatter().reformat(frame, format=layout, threads=1).to_ndarray()
    return Picture(values, hdr, frame.color_primaries)


def _luma(frame: Any) -> np.ndarray:
    """uint8 (H, W), over the full range: of alpha, the only plane that counts."""
    plane, n_bits = frame.planes[0], frame.format.components[0].bits
    stored = np.frombuffer(plane, "<u2" if n_bits > 8 else np.uint8)
    stored = stored.reshape(plane.height, -1)[:, : plane.width].astype(np.float32)
    black, white = (16, 235) if frame.color_range == LIMITED else (0, 255)
    share = (stored / ((1 << n_bits) - 1) * 255 - black) / (white - black)
    return (np.clip(share, 0, 1) * 255 + 0.5).astype(np.uint8)


def _transformed(values: np.ndarray, item: Item) -> np.ndarray:
    """Cropped, turned and mirrored, in the order of the item's properties."""
    for kind, data in item.properties:
        if kind == b"clap" and len(data) >= 32:
            values = cropped(values, clean_aperture(data, values.shape[1], values.shape[0]))
        elif kind == b"irot" and data:
            values = np.rot90(values, data[0] & 3)
        elif kind == b"imir" and data:
            values = values[::-1] if data[0] & 1 == MIRROR_TOP_AND_BOTTOM else values[:, ::-1]
    return values
