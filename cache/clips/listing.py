"""What a store lists: one line per clip. Rows that agree with the manifests are used; the other lines are made again from them.

A look asks the file system for time and size of every manifest (3 µs each) and reads those that no row was made from as they are
now: of a store with 300,000 tracks to which one clip was added, those of that clip.
"""

# T finished tracks

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

import numpy as np

from cache.clips.lines import LINES_VERSION, Line, Part, line_from_text, line_of, line_of_parts, line_to_text, part_of
from cache.clips.rows import STAMP_BYTES, ClipRow, read_rows, write_rows
from cache.keys import is_key
from cache.records import BadRecord, Clip, Track

WORDS = STAMP_BYTES // 8
"""A stamp as numbers of 64 bits: four of the key, then time and size."""
ALWAYS_SECONDS = 0.1
"""A look that takes less is repeated every time."""
REST = 10.0
"""A look that takes longer is good for this many times as long: a large store costs a server a tenth of one core at most."""
MANY_UNKNOWN = 500
"""Tracks without a row from which on the rows are read again first: a job may have written theirs."""
_ROWS = f"lines {LINES_VERSION}"


@dataclass(frozen=True)
class Listing:
    """A store at one look. Equal states are one object."""

    lines: Mapping[str, Line]
    """Clip key -> its line, the clip with the newest track first."""
    state: str
    """A digest of all that was seen."""
    _stamps: Mapping[str, bytes] = field(repr=False)
    _growing: Mapping[str, tuple[str, ...]] = field(repr=False)

    def keys(self, clip: str) -> list[str]:
        """The keys of the clip's tracks."""
        stamps = self._stamps.get(clip, b"")
        finished = _keys(stamps)
        return [*finished, *self._growing.get(clip, ())]

    def stamps(self, clip: str) -> bytes | None:
        """What a row about this clip is made from; None while one of its tracks grows."""
        return None if clip in self._growing else self._stamps.get(clip)


@dataclass(frozen=True)
class _Kept:
    """The finished tracks of a clip: the state of their manifests, in order of their keys, and the line made from them."""

    stamps: bytes
    line: Line


class Lister:
    """Looks at one store. `get` reads a track, from wherever it is known; it raises BadRecord and OSError."""

    def __init__(self, root: Path, get: Callable[[str], Track | None]) -> None:
        self._root, self._get = root, get
        self._lock = Lock()  # sessions are threads
        self._kept: dict[str, _Kept] | None = None
        """Clip key -> what is known of it; None before the rows were read."""
        self._bad: dict[str, bytes] = {}
        """Keys of unreadable tracks, and the stamps of their manifests."""
        self._last: Listing | None = None
        self._ended = self._took = 0.0
        """When the last costly look ended, and what it took, in seconds of the monotonic clock."""
        self._change = object()
        """Stands for the last change of the store by this process."""
        self._clip_of: dict[str, str] = {}
        """Track key -> clip key, once somebody asked for the tracks of one clip."""

    def look(self, *, rest: float = REST, is_kept: bool = False) -> Listing:
        """The store as it is now, or as it was when a look that took more than ALWAYS_SECONDS ended, at most `rest` times as long ago.
        `is_kept`: write the rows that were lacking."""
        with self._lock:
            began = time.monotonic()
            if self._last is not None and began < self._ended + rest * self._took:
                return self._last
            change = self._change
            found = self._look(is_kept)
            self._ended = time.monotonic()
            took = self._ended - began
            self._took = took if took > ALWAYS_SECONDS else 0.0
            if change is not self._change:  # changed while it looked, perhaps behind it
                self._took = 0.0
            if self._last is None or self._last.state != found.state:
                self._last = found
            return self._last

    def expire(self) -> None:
        """Look again the next time: this process has changed the store. Waits for no look that is under way."""
        self._change = object()
        self._took = 0.0

    def forget(self) -> None:
        """Read everything again the next time."""
        with self._lock:
            self._kept, self._last, self._took = None, None, 0.0
            self._bad.clear()
            self._clip_of.clear()

    def keys_of(self, clip: str) -> list[str]:
        """The keys of one clip's tracks, in order, from the names in the folder: only tracks that were never seen are read."""
        with self._lock:
            if not self._clip_of:
                known = self._read_rows()
                self._clip_of = {key: own for own, kept in known.items() for key in _keys(kept.stamps)}
            found = []
            for key in _names(self._root / "tracks"):
                owner = self._clip_of.get(key)
                if owner is None:
                    with suppress(BadRecord, OSError):
                        if track := self._get(key):
                            owner = self._clip_of[key] = track.head.clip.key
                if owner == clip:
                    found.append(key)
            return sorted(found)

    def keep(self, clip: str) -> bytes | None:
        """Write the row of one clip as its tracks are now; its stamps. None where there is nothing to write, or a track grows."""
        found: list[tuple[bytes, Track]] = []
        for key in self.keys_of(clip):
            stamp = _stamp(self._root, key)
            with suppress(BadRecord, OSError):
                if track := self._get(key):
                    if stamp is None or not track.is_complete:
                        return None
                    found.append((stamp, track))
        if not found:
            return None
        stamps = b"".join(sorted(stamp for stamp, _ in found))
        row = ClipRow(stamps, line_to_text(line_of([track for _, track in found])))
        write_rows(self._root / "index", _ROWS, {clip: row})
        return stamps

    def _read_rows(self) -> dict[str, _Kept]:
        if self._kept is None:
            rows = read_rows(self._root / "index", _ROWS)
            lines = ((clip, row.stamps, line_from_text(row.text)) for clip, row in rows.items())
            self._kept = {
                clip: _Kept(stamps, line) for clip, stamps, line in lines if line is not None and line.clip.key == clip
            }
        return self._kept

    def _look(self, is_kept: bool) -> Listing:
        seen, growing_keys = sweep(self._root / "tracks")
        kept = self._read_rows()
        surviving, unknown = _compared(seen, kept)
        unknown = [stamp for stamp in unknown if self._bad.get(stamp[:32].hex()) != stamp]
        if len(unknown) > MANY_UNKNOWN and self._last is not None:
            self._kept = None
            kept = self._read_rows()
            surviving, unknown = _compared(seen, kept)
        parts: dict[str, list[tuple[bytes, Part]]] = {}
        clips: dict[str, Clip] = {}
        for stamp in unknown:
            track = self._track(stamp)
            if track is None:
                continue
            if track.is_complete:
                part = part_of(track)
                clip = clips.setdefault(
                    part.clip.key, part.clip
                )  # one record for all tracks: a first look reads every manifest
                parts.setdefault(clip.key, []).append((stamp, replace(part, clip=clip) if part.clip == clip else part))
            else:
                growing_keys.append(track.head.key)
        changed, gone = {}, []
        for clip in {*surviving, *parts}:
            stamps = surviving.get(clip, _split(kept[clip].stamps) if clip in kept else [])
            own = [(stamp, part_of(track)) for stamp in stamps if (track := self._track(stamp)) and track.is_complete]
            own += parts.get(clip, [])
            if own:
                own.sort(key=lambda one: one[0])
                changed[clip] = _Kept(b"".join(stamp for stamp, _ in own), line_of_parts([part for _, part in own]))
            else:
                gone.append(clip)
        kept.update(changed)
        for clip in gone:
            kept.pop(clip, None)
        if is_kept:
            rows = {clip: ClipRow(one.stamps, line_to_text(one.line)) for clip, one in changed.items()}
            write_rows(self._root / "index", _ROWS, rows, gone)
        return self._listing(kept, self._growing(growing_keys))

    def _track(self, stamp: bytes) -> Track | None:
        """The track of that stamp; None where it cannot be read. What was unreadable in this state is not read again."""
        key = stamp[:32].hex()
        if self._bad.get(key) == stamp:
            return None
        try:
            return self._get(key)
        except BadRecord:
            self._bad[key] = stamp
        except OSError:
            pass
        return None

    def _growing(self, keys: Sequence[str]) -> dict[str, list[Track]]:
        found: dict[str, list[Track]] = {}
        for key in keys:
            with suppress(BadRecord, OSError):
                if track := self._get(key):
                    found.setdefault(track.head.clip.key, []).append(track)
        return found

    def _listing(self, kept: Mapping[str, _Kept], growing: Mapping[str, list[Track]]) -> Listing:
        lines = {clip: one.line for clip, one in kept.items()}
        state = hashlib.blake2b(digest_size=16)
        for clip in sorted(kept):
            state.update(kept[clip].stamps)
        for clip, tracks in sorted(growing.items()):
            finished = [self._track(stamp) for stamp in _split(kept[clip].stamps)] if clip in kept else []
            lines[clip] = line_of([*tracks, *(track for track in finished if track)])
            state.update(f"{[(track.head.key, track.n_frames, track.is_complete) for track in tracks]}".encode())
        return Listing(
            dict(sorted(lines.items(), key=lambda item: item[1].newest, reverse=True)),
            state.hexdigest(),
            {clip: one.stamps for clip, one in kept.items()},
            {clip: tuple(track.head.key for track in tracks) for clip, tracks in growing.items()},
        )


def sweep(folder: Path) -> tuple[np.ndarray, list[str]]:
    """The stamps of all finished tracks, int64 (T, WORDS), and the keys of those without a manifest."""
    keys, growing, numbers = [], [], []
    for key in _names(folder):
        try:
            stat = os.stat(f"{folder}/{key}/manifest.json")  # noqa: PTH116 (a third of the time of a Path)
        except OSError:
            growing.append(key)
            continue
        keys.append(key)
        numbers += (stat.st_mtime_ns, stat.st_size)
    seen = np.empty((len(keys), WORDS), "<i8")
    seen[:, :4] = np.frombuffer(bytes.fromhex("".join(keys)), "<i8").reshape(-1, 4)
    seen[:, 4:] = np.array(numbers, "<i8").reshape(-1, 2)
    return seen, growing


def _stamp(root: Path, key: str) -> bytes | None:
    """The stamp of one finished track; None without a manifest."""
    try:
        stat = (root / "tracks" / key / "manifest.json").stat()
    except OSError:
        return None
    return bytes.fromhex(key) + np.array([stat.st_mtime_ns, stat.st_size], "<i8").tobytes()


def _names(folder: Path) -> list[str]:
    """The keys of all track folders, in no order."""
    try:
        return [entry.name for entry in os.scandir(folder) if is_key(entry.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _compared(seen: np.ndarray, kept: Mapping[str, _Kept]) -> tuple[dict[str, list[bytes]], list[bytes]]:
    """Clip key -> the stamps that are as they were, of each clip of which others are not; and the stamps seen that none was made
    from."""
    clips = list(kept)
    known = np.frombuffer(b"".join(kept[clip].stamps for clip in clips), "<i8").reshape(-1, WORDS)
    owner = np.repeat(np.arange(len(clips)), [len(kept[clip].stamps) // STAMP_BYTES for clip in clips])
    order = np.argsort(known[:, 0], kind="stable")
    place = np.searchsorted(known[order, 0], seen[:, 0])
    at = order[np.minimum(place, len(order) - 1)] if len(order) else place
    is_same = (known[at] == seen).all(axis=1) if len(order) else np.zeros(len(seen), bool)
    is_there = np.zeros(len(known), bool)
    is_there[at[is_same]] = True
    broken = np.unique(owner[~is_there])
    surviving: dict[str, list[bytes]] = {}
    for number in broken.tolist():
        first, last = np.searchsorted(owner, [number, number + 1])
        surviving[clips[number]] = [known[i].tobytes() for i in range(first, last) if is_there[i]]
    return surviving, [stamp.tobytes() for stamp in seen[~is_same]]


def _split(stamps: bytes) -> list[bytes]:
    return [stamps[at : at + STAMP_BYTES] for at in range(0, len(stamps), STAMP_BYTES)]


def _keys(stamps: bytes) -> list[str]:
    return [stamps[at : at + 32].hex() for at in range(0, len(stamps), STAMP_BYTES)]
