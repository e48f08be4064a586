"""What a container states about one of its tracks and FFmpeg does not pass on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple


class Crop(NamedTuple):
    """Pixels of the decoded picture that are not to be shown, at each side."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


@dataclass(frozen=True)
class TrackFacts:
    """One track of a file."""

    crop: Crop | None = None
    """None: the whole picture is shown."""
    dolby_vision: tuple[int, int] | None = None
    """Profile, and what the base layer is compatible with (0: nothing); None: not Dolby Vision."""
    is_encrypted: bool = False
    is_enabled: bool = True

    def having(self, **facts: Any) -> TrackFacts:
        """The same track with these facts."""
        return replace(self, **facts)
