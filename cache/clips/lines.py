"""Lines: what lists and menus say of a clip and its tracks, so that whatever is about all clips reads no manifests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from cache.records import BadRecord, Clip, Track

LINES_VERSION = 1
"""Raised when a line, or how it is made, changes. Those of another version are made again."""
_ERRORS = (ValueError, KeyError, TypeError, AttributeError, RecursionError, BadRecord)


@dataclass(frozen=True)
class Name:
    """What a track is, without what it holds."""

    kind: str
    zoo: str
    method: str
    path: str
    paths: tuple[str, ...] = ()
    """The paths that an energy compares, of the newest one of that name; empty for others."""


@dataclass(frozen=True)
class Line:
    """One clip with all its readable tracks."""

    clip: Clip
    """As its input track records it, whose frame count the others follow; else as its newest track does."""
    newest: tuple[str, str]
    """Time and key of its newest track: what clips are ordered by."""
    n_ready: int
    """Frames that every track has."""
    is_complete: bool
    n_tracks: int
    bytes: int
    caveat: str
    """The first of its tracks' caveats, by zoo, method, kind and path; empty for most."""
    names: tuple[Name, ...]
    """Distinct, the newest first."""
    titles: tuple[tuple[str, str], ...]
    """Domain and title, of the tracks' records, the newest first."""


@dataclass(frozen=True)
class Part:
    """What a line needs of one track: a twentieth of its manifest in memory."""

    clip: Clip
    age: tuple[str, str]
    """Time and key."""
    name: Name
    title: tuple[str, str] | None
    """Domain and its title; None without one."""
    n_frames: int
    bytes: int
    is_complete: bool
    caveat: str


def newest_first(tracks: Sequence[Track]) -> list[Track]:
    return sorted(tracks, key=_age, reverse=True)


def _age(track: Track) -> tuple[str, str]:
    return track.head.computed_on.get("time", ""), track.head.key


def part_of(track: Track) -> Part:
    head = track.head
    paths = head.constants.get("paths", ()) if head.kind == "energy" else ()
    domain, title = head.domain.get("name"), head.domain.get("title")
    return Part(
        head.clip,
        _age(track),
        _name(head.kind, head.zoo, head.method, head.path, tuple(map(str, paths))),
        (domain, title) if isinstance(domain, str) and isinstance(title, str) and title else None,
        track.n_frames,
        track.bytes,
        track.is_complete,
        head.caveat,
    )


@lru_cache(maxsize=4096)
def _name(kind: str, zoo: str, method: str, path: str, paths: tuple[str, ...]) -> Name:
    return Name(kind, zoo, method, path, paths)


def line_of(tracks: Sequence[Track]) -> Line:
    """The line of one clip's tracks, of which there is at least one."""
    return line_of_parts([part_of(track) for track in tracks])


def line_of_parts(parts: Sequence[Part]) -> Line:
    parts = sorted(parts, key=lambda part: part.age, reverse=True)
    inputs = [part for part in parts if (part.name.kind, part.name.path) == ("input", "rgb")]
    best = next((part for part in inputs if part.is_complete), (*inputs, parts[0])[0])
    names: dict[tuple[str, str, str, str], Name] = {}
    for name in (part.name for part in parts):
        names.setdefault((name.kind, name.zoo, name.method, name.path), name)
    by_name = sorted(parts, key=lambda part: (part.name.zoo, part.name.method, part.name.kind, part.name.path))
    return Line(
        clip=best.clip,
        newest=parts[0].age,
        n_ready=min(part.n_frames for part in parts),
        is_complete=all(part.is_complete for part in parts),
        n_tracks=len(parts),
        bytes=sum(part.bytes for part in parts),
        caveat=next((part.caveat for part in by_name if part.caveat), ""),
        names=tuple(names.values()),
        titles=tuple(dict(part.title for part in reversed(parts) if part.title).items()),
    )


def line_to_text(line: Line) -> str:
    """JSON. Names and titles are texts inside it: those of most clips are equal, and are parsed once."""
    return json.dumps(
        {
            "clip": asdict(line.clip),
            "newest": line.newest,
            "n_ready": line.n_ready,
            "is_complete": line.is_complete,
            "n_tracks": line.n_tracks,
            "bytes": line.bytes,
            "caveat": line.caveat,
            "names": json.dumps([[n.kind, n.zoo, n.method, n.path, n.paths] for n in line.names]),
            "titles": json.dumps(line.titles),
        }
    )


def line_from_text(text: str) -> Line | None:
    """None for what is no line."""
    try:
        row = json.loads(text)
        time, key = row["newest"]
        return Line(
            clip=Clip(**row["clip"]),
            newest=(_of_type(time, str), _of_type(key, str)),
            **{name: _of_type(row[name], int) for name in ("n_ready", "n_tracks", "bytes")},
            is_complete=_of_type(row["is_complete"], bool),
            caveat=_of_type(row["caveat"], str),
            names=_names(row["names"]),
            titles=_titles(row["titles"]),
        )
    except _ERRORS:
        return None


def _of_type(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"a line holds {type(value).__name__}, expected {kind.__name__}")
    return value


@lru_cache(maxsize=4096)
def _names(text: str) -> tuple[Name, ...]:
    return tuple(
        Name(
            _of_type(kind, str),
            _of_type(zoo, str),
            _of_type(method, str),
            _of_type(path, str),
            tuple(_of_type(one, str) for one in paths),
        )
        for kind, zoo, method, path, paths in json.loads(text)
    )


@lru_cache(maxsize=4096)
def _titles(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((_of_type(domain, str), _of_type(title, str)) for domain, title in json.loads(text))
