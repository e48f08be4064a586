"""`zoo.lock` of an installed zoo: the digests of its files, and energy constants measured on this machine."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from consistency.zoo.records import ZooError

LOCK = "zoo.lock"


def read_lock(home: Path) -> dict[str, Any]:
    """`weights` (file -> sha256, bytes, and of ONNX `data`: file beside it -> sha256), `archives`, `energy` (as in zoo.toml) and `name`; empty without a lock. Raises
    ValueError and OSError."""
    path = home / LOCK
    lock = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not isinstance(lock, dict) or not all(isinstance(lock.get(part, {}), dict) for part in ("weights", "energy")):
        raise ValueError(f"{path} is not a zoo.lock; delete it and download the zoo again")
    return lock


def lock_of(home: Path) -> dict[str, Any]:
    """Like `read_lock`, but raises ZooError."""
    try:
        return read_lock(home)
    except (ValueError, OSError) as error:
        raise ZooError(f"{home / LOCK} cannot be read: {error}", "delete it and download the zoo again") from error


def write_lock(home: Path, lock: Mapping[str, Any]) -> None:
    """Replace the lock, whole or not at all."""
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=home, prefix=".lock-", delete=False, encoding="utf-8") as file:
        json.dump(lock, file, indent=1)
    Path(file.name).replace(home / LOCK)


def entry(path: Path) -> dict[str, Any]:
    """The lock's entry for a file."""
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": path.stat().st_size}
