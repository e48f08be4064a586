"""Packs of a bucket on this machine's disk: fetched whole, hashed, and deleted again, the longest unused first, above a limit.

A pack is named by the digest of all its bytes, so no part of it can be trusted before the whole has arrived. From then on, ranges
are read from the copy.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Lock

import platformdirs

from cache.backends.address import Address
from cache.files import write_whole
from cache.keys import digest
from cache.records import StoreError

FOLDER_VARIABLE = "CROSSCHECK_BUCKET_CACHE"
LIMIT_VARIABLE = "CROSSCHECK_BUCKET_CACHE_GB"
DEFAULT_GB = 10.0
IN_USE_SECONDS = 60.0
"""A copy that was used since then stays: somebody may be about to open it."""
_MARK_SECONDS = 20.0
"""How exact the time of the last use is."""
_FREED_TO = 0.9
"""Share of the limit that is left, so that not every further pack needs a look at all of them."""


def folder_of(address: Address) -> Path:
    """Where this machine keeps its copies of that store, in a folder of its own. Raises StoreError."""
    named = os.environ.get(FOLDER_VARIABLE)
    try:
        place = Path(named) if named else platformdirs.user_cache_path("crosscheck") / "buckets"
    except (RuntimeError, OSError, KeyError):
        raise StoreError(
            "this user has no home folder to keep copies of packs in", f"name one with ${FOLDER_VARIABLE}"
        ) from None
    return place.absolute() / digest(str(address))[:16]


def limit_bytes() -> int:
    """The most bytes of copies. Raises StoreError for a setting that is not a number."""
    text = os.environ.get(LIMIT_VARIABLE, "")
    try:
        gigabytes = float(text) if text else DEFAULT_GB
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < 1e6:
        raise StoreError(f"{LIMIT_VARIABLE} is '{text[:40]}'", "give a number of gigabytes, such as 10")
    return int(gigabytes * 1e9)


class LocalCopies:
    """The copies of one store. Processes may share the folder."""

    def __init__(self, folder: Path, limit: int) -> None:
        """`limit`: bytes. What was used within IN_USE_SECONDS may stand above it, for as long."""
        self._folder, self._limit = folder, limit
        self._lock = Lock()
        self._n_new: int | None = None
        """Bytes added since the last look at all copies; None before the first."""

    def path(self, key: str, sha256: str) -> Path:
        """Where the copy of a pack is, if there is one."""
        return self._folder / key / f"{sha256}.pack"

    def add(self, path: Path, parts: Iterable[bytes]) -> None:
        """Write a copy whole. Raises what `parts` raises, and OSError where the disk refuses."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, parts)
        with self._lock:
            n_bytes = path.stat().st_size
            if self._n_new is None or self._n_new + n_bytes > (1 - _FREED_TO) * self._limit:
                self._trim()
                self._n_new = 0
            self._n_new += n_bytes

    def mark_used(self, path: Path) -> None:
        """Remember that the copy was used now."""
        with suppress(OSError):
            stat = path.stat()
            if time.time() - stat.st_atime > _MARK_SECONDS:
                os.utime(path, ns=(time.time_ns(), stat.st_mtime_ns))

    def drop(self, path: Path) -> None:
        """Delete a copy."""
        with suppress(OSError):
            path.unlink(missing_ok=True)

    def n_bytes(self) -> int:
        """Bytes of all copies."""
        return sum(n_bytes for _, n_bytes, _ in self._all())

    def _all(self) -> list[tuple[float, int, Path]]:
        """Last use, bytes and path of every copy."""
        found = []
        for path in self._folder.glob("*/*"):
            with suppress(OSError):
                stat = path.stat()
                found.append((max(stat.st_atime, stat.st_mtime), stat.st_size, path))
        return found

    def _trim(self) -> None:
        copies = sorted(self._all())
        total = sum(n_bytes for _, n_bytes, _ in copies)
        latest = time.time() - IN_USE_SECONDS
        for used, n_bytes, path in copies:
            if total <= _FREED_TO * self._limit or used > latest:
                return
            self.drop(path)
            total -= n_bytes
