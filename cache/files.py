"""How does a file appear whole or not at all, also where the process is killed or the power fails?"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import Any

from cache.records import BadRecord

MAX_MANIFEST_BYTES = 64 << 20


def write_whole(path: Path, parts: Iterable[bytes]) -> None:
    """Write `parts` under a temporary name, push them to the disk, then give them their name. Where `parts` raises,
    nothing appears."""
    temporary = path.with_name(f".{path.name[:16]}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; systems that cannot open one (Windows) have nothing to do here."""
    with suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make it, its name durable; nothing where it is there."""
    with suppress(FileExistsError):
        folder.mkdir()
        sync_folder(folder.parent)


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading; raises OSError for anything else, such as a pipe, which would be waited for."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_small(path: Path) -> bytes:
    """The bytes of a manifest or list. Raises BadRecord where it is too large."""
    with open_regular(path) as file:
        data = file.read(MAX_MANIFEST_BYTES + 1)
    if len(data) > MAX_MANIFEST_BYTES:
        raise BadRecord(f"{path.name} is larger than {MAX_MANIFEST_BYTES} bytes")
    return data


def read_json(path: Path) -> Any:
    """Raises BadRecord where it is too large or no JSON."""
    return parse_json(read_small(path), path.name)


def parse_json(data: bytes, name: str) -> Any:
    """Raises BadRecord where it is no JSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"{name} is not JSON: {error}") from error


def checked(parts: Iterable[bytes], n_bytes: int, sha256: str) -> Iterator[bytes]:
    """The same parts. Raises ValueError at their end where they are not as many bytes with that digest."""
    found, left = hashlib.sha256(), n_bytes
    for part in parts:
        found.update(part)
        left -= len(part)
        if left < 0:
            break
        yield part
    if left or found.hexdigest() != sha256:
        raise ValueError(f"{n_bytes - left} bytes with SHA-256 {found.hexdigest()[:12]}")


def hash_file(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bytes_of(path: Path) -> int:
    """Of a file, or of all files in a folder; links are not followed."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(bytes_of(child) for child in path.iterdir())
