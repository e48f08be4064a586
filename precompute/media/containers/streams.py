"""Chooses the video stream that is meant: not a cover or a preview that comes first."""

from __future__ import annotations

from typing import Any

from av.stream import Disposition

from precompute.failures import SourceError
from precompute.media.containers.facts import TrackFacts

PICTURE_CODECS = frozenset(
    ["apng", "bmp", "gif", "jpeg2000", "jpegls", "ljpeg", "mjpeg", "mjpegb", "png", "tiff", "webp"]
)
"""Codecs of covers and thumbnails; they also code videos, of which each frame stands alone."""

BESIDE = Disposition.timed_thumbnails | Disposition.still_image | Disposition.dependent
"""Streams that accompany another one."""


def shown_streams(container: Any) -> list[Any]:
    """The video streams without attached pictures."""
    return [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]


def choose_stream(name: str, streams: list[Any], facts: dict[int, TrackFacts]) -> tuple[Any, str]:
    """The stream that is meant, and a note if there were several, else an empty one. Raises SourceError if it is encrypted.

    Ranked: can be decoded, holds more than one picture, enabled, default, no codec of covers, largest, longest, first.
    """
    area = {s.index: _area(s) for s in streams}

    def rank(stream: Any) -> tuple[Any, ...]:
        fact = facts.get(stream.index, TrackFacts())
        return (
            area[stream.index] > 0 and not fact.is_encrypted,
            stream.frames != 1 and not stream.disposition & BESIDE,
            fact.is_enabled,
            bool(stream.disposition & Disposition.default),
            stream.codec_context is not None and stream.codec_context.name not in PICTURE_CODECS,
            area[stream.index],
            _seconds(stream),
            -stream.index,
        )

    chosen = max(streams, key=rank)
    if facts.get(chosen.index, TrackFacts()).is_encrypted:
        raise SourceError("encrypted", f"{name}: the video is encrypted")
    if len(streams) == 1:
        return chosen, ""
    others = ", ".join(_described(stream) for stream in streams if stream is not chosen)
    return chosen, f"of {len(streams)} video streams, {_described(chosen)} is used, not {others}"


def _area(stream: Any) -> int:
    codec = stream.codec_context
    return codec.width * codec.height if codec is not None else 0


def _seconds(stream: Any) -> float:
    return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0


def _described(stream: Any) -> str:
    codec = stream.codec_context
    return f"stream {stream.index}" + (f" ({codec.name}, {codec.width}x{codec.height})" if codec is not None else "")
