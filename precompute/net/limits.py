"""Limits of a download: its size, and how long a part of a video it may be."""

from __future__ import annotations

import math
from dataclasses import dataclass

from precompute.failures import SourceError

MAX_BYTES = 2 << 30
"""Most bytes of a download; at 480 lines about three hours of video."""

MAX_DURATION_SECONDS = 3600.0
"""Longest part of a page's video by default: at 30 frames/s, 108,000 frames."""


@dataclass(frozen=True)
class Limits:
    """How much of a page's video may be downloaded."""

    max_bytes: int = MAX_BYTES
    """Largest file."""
    max_seconds: float | None = None
    """Longest part, seconds; None: any. Not checked if the page states no duration."""
    start_seconds: float = 0.0
    """Start of the requested part."""
    end_seconds: float | None = None
    """End of the requested part; None: the end of the video."""

    def require_duration(self, url: str, duration_seconds: float | None) -> None:
        """Raise SourceError if the requested part of a video of that duration is too long."""
        if duration_seconds is None or self.max_seconds is None:
            return
        seconds = min(self.end_seconds or math.inf, duration_seconds) - self.start_seconds
        if seconds > self.max_seconds:
            raise SourceError(
                "too_long",
                f"{url}: {seconds:.0f} s of a video of {duration_seconds:.0f} s are requested, "
                f"the limit is {self.max_seconds:.0f} s",
            )


USUAL_LIMITS = Limits()


def require_size(url: str, n_bytes: float, max_bytes: int) -> None:
    """Raise SourceError for a download of more than `max_bytes`."""
    if n_bytes > max_bytes:
        raise SourceError(
            "too_large", f"{url}: larger than {max_bytes / 1e6:.0f} MB", "download a smaller version and pass the file"
        )
