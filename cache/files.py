"""Writes files and folders whole or not at all, even if the process is killed or the power fails; reads small ones."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Any

from cache.records import BadRecord

MAX_MANIFEST_BYTES = 64 << 20
UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO}
"""Errors of a disk that is full, broken or closed to writing."""
CANNOT_SYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
"""Errors of file systems that have no way to make something durable."""


class NotWritten(RuntimeError):
    """Something could not be written; the previous version is intact. The message says what to do."""


def write_whole(path: Path, parts: Iterable[bytes]) -> None:
    """Write `parts` under a temporary name, flush them to the disk, then rename. If `parts` raises, nothing appears."""
    temporary = path.with_name(f".{path.name[:16]}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            sync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file whole, creating its folder. Raises NotWritten where the disk refuses."""
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, [data])


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Gives an empty folder beside `path`. It replaces `path` when the block succeeds and vanishes when it fails.

    Raises NotWritten where the disk refuses.
    """
    unfinished, older = (path.with_name(f".{path.name}.{os.getpid()}.{end}") for end in ("new", "old"))
    with _explained(path):
        try:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            yield unfinished
            if path.exists():
                path.rename(older)
            try:
                unfinished.rename(path)
            except OSError:
                if older.exists():
                    older.rename(path)
                raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.rmtree(older, ignore_errors=True)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise NotWritten(
            f"{path} cannot be written: {error.strerror}; the previous version is intact. Free disk space or fix the "
            "folder's permissions, then run the same command again to resume"
        ) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Does nothing on systems that cannot open a folder (Windows)."""
    with suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            sync(descriptor)
        finally:
            os.close(descriptor)


def sync(descriptor: int) -> None:
    """Make a file or a folder durable, where its file system can: CIFS and the mounts of buckets cannot do it for folders. What a
    power failure then loses is found by its digest, and made again."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise


def make_folder(folder: Path) -> None:
    """Create the folder and make its name durable, unless it exists."""
    with suppress(FileExistsError):
        folder.mkdir()
        sync_folder(folder.parent)


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading. Raises OSError for anything else: opening a pipe would block."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_small(path: Path) -> bytes:
    """The bytes of a manifest or list. Raises BadRecord above MAX_MANIFEST_BYTES."""
    with open_regular(path) as file:
        data = file.read(MAX_MANIFEST_BYTES + 1)
    if len(data) > MAX_MANIFEST_BYTES:
        raise BadRecord(f"{path.name} is larger than {MAX_MANIFEST_BYTES} bytes")
    return data


def read_json(path: Path) -> Any:
    """Raises BadRecord where the file is too large or not JSON."""
    return parse_json(read_small(path), path.name)


def parse_json(data: bytes, name: str) -> Any:
    """Raises BadRecord where `data` is not JSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"{name} is not JSON: {error}") from error


def checked(parts: Iterable[bytes], n_bytes: int, sha256: str) -> Iterator[bytes]:
    """Passes the parts on. Raises ValueError at their end unless length and SHA-256 are as stated."""
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
    """The size of a file, or of all files in a folder; links are not followed."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(bytes_of(child) for child in path.iterdir())


def children(folder: Path) -> list[Path]:
    """The entries of a folder, in order; none where it does not exist."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return sorted(folder.iterdir())
    return []
