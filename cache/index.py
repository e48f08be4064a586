"""The diskcache index over the manifests: rows of text, no pickle, no eviction, rebuildable at any time.

It holds the manifests themselves and, under SUMMARY, small rows that sum up a track for a page about all of them.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import MODE_RAW

_READ_ERRORS = (
    sqlite3.Error,
    diskcache.Timeout,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    OSError,
)
"""What reading a damaged index can raise."""
MAX_ASKED = 500
"""SQLite takes 999 values in one query in its oldest versions."""
SUMMARY = "summary:"
"""Before the track's key, in the key of a summary row."""
_FILE = "cache.db"
"""diskcache's, in the index's folder."""
_SIZE_LIMIT = 1 << 40
"""diskcache evicts above its limit even with culling off; the index of a million tracks stays far below this."""


_DOLLAR = "CROSSCHECK_DOLLAR"
"""A variable of the environment that stands for a dollar sign, which cannot be escaped otherwise."""


class Index:
    """Manifests by track key, each with the time stamp of its file. Every error counts as a missing row."""

    def __init__(self, cache: diskcache.Cache) -> None:
        self._cache = cache

    def get(self, key: str, stamp: int) -> Any:
        """The JSON of the track's manifest as it was at `stamp` (`st_mtime_ns`); None where the index lacks it."""
        with suppress(*_READ_ERRORS):
            row = json.loads(str(self._cache.get(key)))
            return row["manifest"] if row["stamp"] == stamp else None
        return None

    def put(self, key: str, stamp: int, manifest: Any) -> None:
        with suppress(*_READ_ERRORS):
            self._cache.set(key, json.dumps({"stamp": stamp, "manifest": manifest}))

    def put_summary(self, key: str, row: str) -> None:
        with suppress(*_READ_ERRORS):
            self._cache.set(f"{SUMMARY}{key}", row)

    def delete(self, key: str) -> None:
        with suppress(*_READ_ERRORS):
            self._cache.delete(key)
            self._cache.delete(f"{SUMMARY}{key}")

    def close(self) -> None:
        self._cache.close()


def open_index(folder: Path) -> Index | None:
    """The index in `folder`, created again where it is damaged. None where it cannot be opened: the manifests are then
    read instead."""
    for attempt in range(2):
        try:
            return Index(
                diskcache.Cache(
                    _spelled(folder), disk=TextDisk, eviction_policy="none", cull_limit=0, size_limit=_SIZE_LIMIT
                )
            )
        except (sqlite3.OperationalError, diskcache.Timeout, OSError):
            return None  # locked or not writable, which may pass
        except sqlite3.DatabaseError:
            if attempt == 0:
                shutil.rmtree(folder, ignore_errors=True)
    return None


def read_summaries(folder: Path, keys: Collection[str] | None = None) -> dict[str, str]:
    """Track key -> summary row, of all rows or those of at most MAX_ASKED `keys`, in one query that writes nothing; empty where there is no index, or none to read.

    Through diskcache it would take one query, and 0.1 ms, for each row, and write its settings into a store that is only read.
    """
    file = folder / _FILE
    if not file.is_file():
        return {}
    # The last resort is for a folder that may not be written: SQLite then cannot share the file, and reads it as it is.
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        with suppress(*_READ_ERRORS):
            connection = sqlite3.connect(f"{file.absolute().as_uri()}?{mode}", uri=True, timeout=1)
            try:
                if keys is None or len(keys) > MAX_ASKED:
                    which, names = "key >= ? AND key < ?", [SUMMARY, SUMMARY[:-1] + chr(ord(SUMMARY[-1]) + 1)]
                else:
                    which, names = f"key IN ({', '.join('?' * len(keys))})", [f"{SUMMARY}{key}" for key in keys]
                rows = connection.execute(
                    f"SELECT key, value FROM Cache WHERE {which} AND raw = 1 AND mode = ?", (*names, MODE_RAW)
                ).fetchall()
            finally:
                connection.close()
            return {key[len(SUMMARY) :]: row for key, row in rows if isinstance(key, str) and isinstance(row, str)}
    return {}


def _spelled(folder: Path) -> str:
    """The folder, for diskcache, which expands `~` and the variables of the environment in what it is given."""
    path = str(folder.absolute())
    if "$" in path:
        os.environ[_DOLLAR] = "$"
    return path.replace("$", f"${{{_DOLLAR}}}")


class TextDisk(diskcache.Disk):
    """Stores rows of text only. diskcache's own Disk unpickles what it finds (CVE-2025-69872) and opens files that a
    row names; this one does neither."""

    def put(self, key: Any) -> Any:  # (key, True); the base class states no types, and inferred ones are too narrow
        if not isinstance(key, str):
            raise TypeError(f"index keys are text, got {type(key).__name__}")
        return key, True

    def get(self, key: Any, raw: bool) -> Any:
        return key if raw and isinstance(key, str) else ""

    def store(self, value: Any, read: bool, key: Any = None) -> Any:  # (0, MODE_RAW, None, value)
        if not isinstance(value, str):
            raise TypeError(f"index rows are text, got {type(value).__name__}")
        return 0, MODE_RAW, None, value

    def fetch(self, mode: int, filename: Any, value: Any, read: bool) -> Any:
        return value if mode == MODE_RAW and isinstance(value, str) else None

    def remove(self, file_path: Any) -> None:
        """Removes nothing: no row has a file, whatever it claims."""
