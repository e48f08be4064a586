"""What a decoder states beside a frame."""

from __future__ import annotations

from typing import Any


def side_data(frame: Any, name: str) -> bytes | None:
    """The bytes of that name; None if there are none, or PyAV cannot list them: it fails at kinds that it does not know, such
    as Exif."""
    try:
        found = frame.side_data.get(name)
    except ValueError:
        return None
    return None if found is None else bytes(found)
