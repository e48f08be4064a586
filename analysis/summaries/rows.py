"""The summaries of a store's tracks: from the rows of the index, from memory, and for the rest from the packs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from threading import Lock

from analysis.columns import Columns
from analysis.summaries.measure import summarise
from analysis.summaries.record import Summary, from_text, has_same_weights, to_text
from cache.records import BadRecord, Track
from cache.store import Store


class Summaries:
    """The summaries of a store, shared by all sessions.

    A row counts only beside the manifest that it was made from: the file's time and size are compared at every look. What
    has no row is computed from the packs, which takes as long as hashing them, and is kept: in the index by a store that may
    be written, else in memory.
    """

    def __init__(self, store: Store, columns: Columns | None = None) -> None:
        self._store = store
        self._columns = columns or Columns(store)
        self._kept: dict[str, tuple[str, Summary]] = {}
        self._without_row: dict[str, str] = {}
        self._lock = Lock()  # sessions are threads, and one of them is to compute

    def read(self, seconds: float = float("inf"), only: Iterable[str] | None = None) -> tuple[list[Summary], int]:
        """The summaries of all tracks or of `only` those keys, and how many are still missing after `seconds` of computing.

        Unreadable tracks are left out; `verify` reports them.
        """
        until = time.monotonic() + seconds
        stamps = self._store.manifest_stamps(only)
        wanted = list(stamps)
        with self._lock:
            self._load_rows(stamps, is_all=only is None)
            found = {key: self._kept[key][1] for key in wanted if self._holds(key, stamps)}
            energies: dict[_Name, list[Summary]] = {}
            for one in found.values():
                _add(energies, one)
            # A merged prediction without the energy that it needs is looked at again once there is one.
            for key in [key for key, one in found.items() if _lacks_energy(one) and _own_energy(one, energies)]:
                del found[key]
            missing = [key for key in wanted if key not in found]
            tracks = sorted(self._tracks(missing, until), key=lambda track: track.head.kind != "energy")
            n_unread = len(missing) - len(tracks) if time.monotonic() >= until else 0
            for track in tracks:
                if time.monotonic() >= until and track.is_complete:
                    n_unread += 1
                    continue
                summary = self._compute(track, stamps[track.head.key], energies)
                found[summary.key] = summary
                _add(energies, summary)
            return list(found.values()), n_unread

    def forget(self, keys: Iterable[str]) -> None:
        """Free the memory that those summaries take; they are read again when they are asked for."""
        with self._lock:
            for key in keys:
                self._kept.pop(key, None)

    def _load_rows(self, stamps: Mapping[str, str], *, is_all: bool) -> None:
        """Take the rows of the index, and again whenever others are lacking than at the last look: a job may have kept new ones."""
        lacking = self._lacking(stamps)
        if not lacking or lacking == self._without_row:
            return
        for key, row in self._store.summary_rows(None if is_all else lacking).items():
            if key in lacking:
                read = from_text(key, row)
                if read is not None and read[0] == lacking[key]:
                    self._kept[key] = read
        self._without_row = self._lacking(lacking)

    def _lacking(self, stamps: Mapping[str, str]) -> dict[str, str]:
        """The finished tracks of which nothing is kept, such as those whose manifest cannot be read."""
        return {key: stamp for key, stamp in stamps.items() if stamp and self._kept.get(key, ("",))[0] != stamp}

    def _holds(self, key: str, stamps: Mapping[str, str]) -> bool:
        """Whether what is kept belongs to the manifest as it is now, and to the energy that it was made with."""
        kept = self._kept.get(key)
        if kept is None or not stamps[key] or kept[0] != stamps[key]:
            return False
        summary = kept[1]
        return not summary.used_energy or bool(stamps.get(summary.used_energy))

    def _tracks(self, keys: Iterable[str], until: float) -> list[Track]:
        found = []
        for key in keys:
            if time.monotonic() >= until:
                break
            with suppress(BadRecord, OSError):
                track = self._store.get(key)
                if track is not None:
                    found.append(track)
        return found

    def _compute(self, track: Track, stamp: str, energies: Mapping[_Name, list[Summary]]) -> Summary:
        summary = summarise(self._columns, track)
        if own := _own_energy(summary, energies):
            with suppress(BadRecord, OSError):
                summary = summarise(self._columns, track, self._store.get(own.key))
        if stamp and track.is_complete:
            self._kept[track.head.key] = (stamp, summary)
            if not summary.problem:
                self._store.keep_summary(track.head.key, to_text(summary, stamp))
        return summary


_Name = tuple[str, str, str, str]


def _add(energies: dict[_Name, list[Summary]], one: Summary) -> None:
    """One name has several energies once its networks have changed."""
    if one.kind == "energy":
        energies.setdefault((one.clip.key, one.zoo, one.method, one.path), []).append(one)


def _own_energy(summary: Summary, energies: Mapping[_Name, list[Summary]]) -> Summary | None:
    """The newest energy of the method whose paths were merged, from the same weights; None for what is not merged."""
    if not summary.is_merged:
        return None
    found = energies.get((summary.clip.key, summary.zoo, summary.merged_of, summary.path), ())
    same = (one for one in found if has_same_weights(one, summary))
    return max(same, key=lambda one: (one.is_complete, one.time, one.key), default=None)


def _lacks_energy(summary: Summary) -> bool:
    return summary.is_merged and not summary.used_energy
