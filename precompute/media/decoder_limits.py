"""The limits of the decoder process, and whether an error means that it met one."""

from __future__ import annotations

import errno
import resource
from pathlib import Path

import av.error
import cv2

from precompute.failures import SourceError
from precompute.sandbox import limit, limit_cpu

MAX_PIXELS = 50_000_000
"""Most pixels per frame: 8K video has 33 million; a 198 kB file can claim billions."""

MEMORY_BYTES = 4 << 30
"""Address space of the decoder: 8K H.264 with 16 reference frames fits; a decompression bomb does not."""

LARGEST_FRAME_BYTES = 8 * MAX_PIXELS
"""The largest single piece of memory: four components of 16 bits. So near to the limit, one may have been refused."""

STUCK_CPU_SECONDS = 60
"""Processor seconds without a decoded frame before the kernel ends the decoder; a long video may take hours in all."""

MAX_WRITTEN_BYTES = 1 << 20
"""The decoder writes its complaints to a file and nothing else; a pipe has no such limit."""


def limit_decoder() -> None:
    """Limit this process."""
    limit({resource.RLIMIT_AS: MEMORY_BYTES, resource.RLIMIT_FSIZE: MAX_WRITTEN_BYTES})
    allow_more_cpu()


def allow_more_cpu() -> None:
    """Move the limit of processor time on: a frame was decoded."""
    limit_cpu(STUCK_CPU_SECONDS)


def lacks_memory(error: Exception) -> bool:
    """Whether memory was exhausted, or threads, whose stacks are memory too."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, cv2.error):
        return error.code == cv2.Error.StsNoMem
    if isinstance(error, av.error.FFmpegError) and error.errno in (errno.ENOMEM, errno.EAGAIN):
        return True
    # Inside FFmpeg a refused allocation may end up as "invalid data".
    is_doubtful = not isinstance(error, SourceError) or error.code in ("damaged", "truncated", "bad_media")
    return is_doubtful and not isinstance(error, OSError) and peak_bytes() > MEMORY_BYTES - LARGEST_FRAME_BYTES


def peak_bytes() -> int:
    """Most address space this process has had; 0 on systems that do not report it (and set no limit to it)."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmPeak:")), 0)
