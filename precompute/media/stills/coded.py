"""Decodes one coded picture with FFmpeg: a JPEG, a PNG, or an item of a HEIF file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import av
import av.error
from av.codec.context import CodecContext, Flags

from precompute.failures import SourceError
from precompute.media.damage import Complaints
from precompute.media.decoder_limits import lacks_memory
from precompute.media.stills.kinds import MAX_PIXELS

MAX_THREADS = 4
"""Decoding threads: of a large AVIF, the tiles are decoded at once."""

COPY_AGAIN = "copy or download it again"


class Coded(NamedTuple):
    """A decoded picture."""

    frame: Any
    """As PyAV's."""
    pixel_aspect: float
    """Width of a stored pixel divided by its height; 1 if not stated."""


def decoded_picture(path: Path, codec: str, data: bytes, configuration: bytes = b"") -> Coded:
    """What FFmpeg decodes; `configuration` is what the container states of the codec.

    Raises SourceError for one that is not whole.
    """
    context: Any = CodecContext.create(codec, "r")
    if configuration:
        context.extradata = configuration
    # As for videos: decoders mark what is not whole, and only with `output_corrupt` do most of them output it.
    context.options = {"err_detect": "crccheck", "max_pixels": str(MAX_PIXELS)}
    if codec != "hevc":
        context.flags |= Flags.output_corrupt
    context.thread_type = "SLICE"
    context.thread_count = min(MAX_THREADS, os.cpu_count() or 1)
    complaints = Complaints()
    try:
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    except av.error.FFmpegError as error:
        if lacks_memory(error):
            raise MemoryError from None
        raise broken(path, error.strerror) from None
    lost = complaints.lost_data(has_begun=True)
    if not frames or frames[-1].is_corrupt or lost is not None:
        raise broken(path, lost or "it cannot be decoded whole")
    return Coded(frames[-1], float(context.sample_aspect_ratio or 1))


def broken(path: Path, reason: str | None) -> SourceError:
    """The failure of a damaged picture; tolerance cannot help."""
    return SourceError("damaged", f"{path.name}: a damaged or truncated picture ({reason})", COPY_AGAIN)


def cut(path: Path, reason: str) -> SourceError:
    """The failure of a picture whose file ends too early."""
    return SourceError("truncated", f"{path.name}: truncated: {reason}", COPY_AGAIN)
