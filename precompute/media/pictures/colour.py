"""Decides how the colours of a decoded frame are to be read: which matrix, and whether they are SDR, HLG or PQ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from precompute.failures import REENCODE, SourceError

# Numbers of ITU-T H.273, which codecs, containers and FFmpeg share.
BT709, FCC, BT601_625, BT601_525, SMPTE240, BT2020, BT2020_CONSTANT = 1, 4, 5, 6, 7, 9, 10
PQ, HLG = 16, 18
READABLE = {m: m for m in (BT709, FCC, BT601_625, BT601_525, SMPTE240, BT2020)} | {BT2020_CONSTANT: BT2020}
"""Matrices that swscale knows; that of constant luminance is read as the usual one of BT.2020, as players do."""
UNREADABLE = {8: "YCgCo", 11: "YDzDx", 14: "ICtCp", 15: "IPT", 16: "YCgCo-R", 17: "YCgCo-R"}
"""Matrices whose pictures would have wrong colours if they were read with another one."""

HD_HEIGHT, HD_WIDTH = 720, 1280
"""An untagged picture of this height or width is read as BT.709, a smaller one as BT.601: as players do."""


def set_matrix(path: Path, frame: Any) -> bool:
    """Set the matrix by which a frame is read, if it has one; whether it was assumed to be BT.709.

    Raises SourceError for a matrix that cannot be converted.
    """
    layout = frame.format
    if layout.is_rgb or layout.has_palette or len(layout.components) < 3:
        return False
    tagged = frame.colorspace
    if tagged in UNREADABLE:
        raise SourceError(
            "bad_media",
            f"{path.name}: its colours are coded as {UNREADABLE[tagged]}, which is not supported",
            f"convert it: {REENCODE}",
        )
    if tagged in READABLE:
        frame.colorspace = READABLE[tagged]
        return False
    is_hd = frame.height >= HD_HEIGHT or frame.width >= HD_WIDTH
    if frame.color_trc in (PQ, HLG):
        frame.colorspace = BT2020
        return False
    frame.colorspace = BT709 if is_hd else BT601_525
    return is_hd
