"""The diskcache index over the manifests: rows of text, no pickle, no eviction, rebuildable at any time."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
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

    def delete(self, key: str) -> None:
        with suppress(*_READ_ERRORS):
            self._cache.delete(key)

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
