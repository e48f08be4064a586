"""The lock file of an installed zoo: which files it consists of, with their digests."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from consistency.zoo.read import LOCK, read_lock
from consistency.zoo.records import ZooError

# --- the lock file ---


def entry(path: Path) -> dict[str, Any]:
    """What the lock says of a file."""
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": path.stat().st_size}


def write_lock(home: Path, lock: Mapping[str, Any]) -> None:
    """Replace the lock, whole or not at all."""
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=home, prefix=".lock-", delete=False, encoding="utf-8") as file:
        json.dump(lock, file, indent=1)
    Path(file.name).replace(home / LOCK)


def lock_of(home: Path) -> dict[str, Any]:
    """What the lock says. Raises ZooError."""
    try:
        return read_lock(home)
    except (ValueError, OSError) as error:
        raise ZooError(f"{home / LOCK} cannot be read: {error}; remove it and fetch the zoo again") from error


@contextmanager
def writing(home: Path):
    """One process at a time fills a zoo. Raises ZooError."""
    home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(home / ".writing").acquire(timeout=0):
            yield
    except Timeout:
        raise ZooError(f"another process is filling {home}; wait for it, then run again") from None
