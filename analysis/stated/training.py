"""How the networks of a track were trained, as its manifest states it in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cache.records import Track

MAX_LETTERS = 200


@dataclass(frozen=True)
class Training:
    """What a zoo says of its networks, for people; each is empty where it does not say."""

    networks: str
    """What they are, who trained them, and on what."""
    method: str
    """How this method was trained."""


def training_of(track: Track) -> Training | None:
    """What the manifest states; None if it states nothing, or not what a job writes."""
    found = track.head.constants.get("training")
    if not isinstance(found, Mapping):
        return None
    stated = Training(_text(found.get("networks")), _text(found.get("method")))
    return stated if stated.networks or stated.method else None


def _text(value: Any) -> str:
    return " ".join(value.split())[:MAX_LETTERS] if isinstance(value, str) else ""
