"""Reads JPEG and PNG with FFmpeg, as they were read before there were other pictures: their values stay."""

# H x W pixels

from __future__ import annotations

import re
from pathlib import Path

from av.video.reformatter import VideoReformatter

from precompute.media.pictures.colour import set_matrix
from precompute.media.pictures.tone_mapping import hdr_of
from precompute.media.stills.coded import Coded, decoded_picture
from precompute.media.stills.profiles import sdr_primaries
from precompute.media.stills.raster import SIXTEEN_BITS, Header, header, read_raster
from precompute.media.stills.still import Remark, Samples

JPEG_FRAME = re.compile(rb"\xff([\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf])")
"""A marker that begins a frame."""
JPEG_ARITHMETIC = (b"\xc9", b"\xca")
"""Those of frames with arithmetic coding, which FFmpeg does not read."""
MATRIX_709 = Remark("matrix=bt709", "its colours are untagged and read as BT.709")


def read_jpeg(path: Path, data: bytes) -> Samples:
    """Raises SourceError."""
    found = header(path, "jpeg", data)
    if found.mode == "CMYK" or _is_arithmetic(data):
        return read_raster(path, "jpeg", data)
    return _samples(path, decoded_picture(path, "mjpeg", data), found)


def read_png(path: Path, data: bytes) -> Samples:
    """Raises SourceError."""
    return _samples(path, decoded_picture(path, "png", data), header(path, "png", data))


def _is_arithmetic(data: bytes) -> bool:
    at = 2
    while data[at : at + 1] == b"\xff":
        if JPEG_FRAME.match(data, at):
            return data[at + 1 : at + 2] in JPEG_ARITHMETIC
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False


def _samples(path: Path, coded: Coded, found: Header) -> Samples:
    frame, converter = coded.frame, VideoReformatter()
    hdr = hdr_of(frame)
    components = frame.format.components
    remarks = [MATRIX_709] if set_matrix(path, frame) else []
    if hdr is None and max(component.bits for component in components) > 8:
        remarks.append(SIXTEEN_BITS)
    values = converter.reformat(frame, format="rgb24" if hdr is None else "rgb48le", threads=1).to_ndarray()
    alpha = None
    if frame.format.has_palette or any(component.is_alpha for component in components):
        alpha = converter.reformat(frame, format="rgba", threads=1).to_ndarray()[..., 3]
    if found.profile is not None and found.mode in ("1", "L", "LA", "I;16") and hdr is None:
        values = values[..., :1]  # a profile for grey takes one sample
    return Samples(
        values,
        alpha,
        profile=found.profile,
        primaries=sdr_primaries(frame.color_primaries),
        hdr=hdr,
        orientation=found.orientation,
        pixel_aspect=coded.pixel_aspect,
        remarks=tuple(remarks),
    )
