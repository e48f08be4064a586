"""The clips that pages list, in the order of the menus, made once for all visitors while the store stays the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import cached_property
from threading import Lock
from typing import Any

from analysis.shifts import source_of
from cache.clips.lines import Line, Name
from cache.clips.listing import Listing
from cache.records import Clip
from dashboard.gallery.items import own_digests
from dashboard.text import one_line

LEAST_LETTERS = 8
"""Letters of a clip's key that a link needs at least."""
MAX_SHELVES = 8
"""In memory: visitors who asked for clips of their own see others."""


class Shelf:
    """The clips that a page may name, from their lines, without their tracks. It holds nothing of one visitor, and serves all of
    them while the store stays the same: of 10,000 clips it takes a tenth of a second to make.

    `lines` come newest first.
    """

    def __init__(self, lines: Mapping[str, Line]) -> None:
        self.lines = lines
        self.names: dict[Name, None] = dict.fromkeys(name for names in _distinct(lines, "names") for name in names)
        self.titles: dict[str, str] = {}
        for titles in _distinct(lines, "titles"):
            for domain, title in titles:
                self.titles.setdefault(domain, one_line(title))
        clips = [line.clip for line in lines.values()]
        last = own_digests()  # no page opens on a sample, and one's own clips head the menus
        plain = [clip for clip in clips if not source_of(clip.sampling)]
        bases = {source_of(clip.sampling) for clip in clips}
        unshifted = {clip.source_sha256 for clip in plain if clip.key not in bases}

        def rank(clip: Clip) -> tuple[bool, bool]:
            """What a ladder was made from comes after the same source sampled in another way, which was meant for looking at."""
            return clip.source_sha256 in last, clip.key in bases and clip.source_sha256 in unshifted

        self.shifted: tuple[Clip, ...] = tuple(clip for clip in clips if source_of(clip.sampling))
        self.clips: tuple[Clip, ...] = tuple(sorted(plain, key=rank)) or self.shifted
        self.by_key: dict[str, Clip] = {clip.key: clip for clip in (*self.clips, *self.shifted)}
        self.by_start: dict[str, list[Clip]] = {}
        """The first LEAST_LETTERS of a key -> the clips that begin so."""
        for clip in self.by_key.values():
            self.by_start.setdefault(clip.key[:LEAST_LETTERS], []).append(clip)
        self.by_source: dict[str, list[Clip]] = {}
        """Digest of a source -> the clips of the menus made from it."""
        for clip in self.clips:
            self.by_source.setdefault(clip.source_sha256, []).append(clip)
        self.twins: dict[str, list[Clip]] = {}
        """Title on one line -> the clips of that title in the menus."""
        for clip in self.clips:
            self.twins.setdefault(one_line(clip.title), []).append(clip)

    @cached_property
    def fingerprint(self) -> tuple[object, ...]:
        """Equal for stores that list the same."""
        return tuple((key, one.newest, one.n_tracks, one.bytes, one.is_complete) for key, one in self.lines.items())

    @cached_property
    def searched(self) -> tuple[tuple[str, Clip], ...]:
        """What a search looks into: the title in lower case, and the clip, in the order of the menus."""
        return tuple((one_line(clip.title).casefold(), clip) for clip in self.clips)


def _distinct(lines: Mapping[str, Line], name: str) -> list[tuple[Any, ...]]:
    """The distinct values of that field: most clips share one object."""
    found = {id(value): value for line in lines.values() if (value := getattr(line, name)) is not None}
    return list(dict.fromkeys(found.values()))


def shelf_of(root: str, listing: Listing, hidden: frozenset[str]) -> Shelf:
    """The shelf of the listed clips but the `hidden` ones."""
    name = root, listing.state, hidden
    with _LOCK:
        if name in _SHELVES:
            _SHELVES.move_to_end(name)
            return _SHELVES[name]
    shelf = Shelf({key: line for key, line in listing.lines.items() if key not in hidden})
    with _LOCK:
        _SHELVES[name] = shelf
        while len(_SHELVES) > MAX_SHELVES:
            _SHELVES.popitem(last=False)
    return shelf


_LOCK = Lock()  # sessions are threads
_SHELVES: OrderedDict[tuple[str, str, frozenset[str]], Shelf] = OrderedDict()
