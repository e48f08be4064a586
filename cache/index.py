"""The diskcache index over the manifests: rows of text, no pickle, no eviction, rebuildable at any time."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import MODE_RAW

INDEX_ERRORS = (
    sqlite3.Error,
    diskcache.Timeout,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    OSError,
)
"""What reading a damaged index may raise; BadRecord is a ValueError."""
_INDEX_SIZE_LIMIT = 1 << 40
"""diskcache evicts above its limit even where told not to cull; the index of a million tracks stays far below this."""


Index = diskcache.Cache


class _TextDisk(diskcache.Disk):
    """Rows of text only. diskcache's own Disk unpickles what it finds (CVE-2025-69872) and opens files that a row
    names; this one does neither."""

    def put(self, key: Any) -> tuple[Any, bool]:
        if not isinstance(key, str):
            raise TypeError(f"index keys are text, got {type(key).__name__}")
        return key, True

    def get(self, key: Any, raw: bool) -> Any:
        return key if raw and isinstance(key, str) else ""

    def store(self, value: Any, read: bool, key: Any = None) -> tuple[int, int, None, str]:
        if not isinstance(value, str):
            raise TypeError(f"index rows are text, got {type(value).__name__}")
        return 0, MODE_RAW, None, value

    def fetch(self, mode: int, filename: Any, value: Any, read: bool) -> Any:
        return value if mode == MODE_RAW and isinstance(value, str) else None

    def remove(self, file_path: Any) -> None:
        """No row of ours has a file, so none is removed, whatever a row claims."""


def open_index(folder: Path) -> Index | None:
    """The index, made anew where it is damaged; None where there can be none: the manifests are then read instead."""
    for attempt in range(2):
        try:
            return diskcache.Cache(
                str(folder), disk=_TextDisk, eviction_policy="none", cull_limit=0, size_limit=_INDEX_SIZE_LIMIT
            )
        except (sqlite3.OperationalError, diskcache.Timeout, OSError):
            return None  # locked or not writable, which another moment may mend
        except sqlite3.DatabaseError:
            if attempt == 0:
                shutil.rmtree(folder, ignore_errors=True)
    return None
