"""What visitors cause to be stored beside their requests: STORE/uploads/<sha256>, the bytes that they upload; STORE/downloads/, the
videos of the addresses that they give; STORE/unlisted/<clip key>, a mark for each clip that one of them asked for first.

A name that a visitor gave is text in a request; no part of it becomes a path.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cache.files import NotWritten, children, sync, sync_folder
from cache.records import StoreError
from cache.requests.limits import Refused
from cache.store import is_key

PART_BYTES = 1 << 20
"""Bytes held in memory."""


@dataclass(frozen=True)
class Upload:
    """Bytes in the store."""

    sha256: str
    bytes: int


class Uploads:
    """The uploads of a store. Opening reads nothing."""

    def __init__(self, root: Path | str) -> None:
        """`root`: the store's folder."""
        self._folder = Path(root) / "uploads"
        self._unlisted = Path(root) / "unlisted"
        self.downloads_dir = Path(root) / "downloads"
        """Where the videos of visitors' addresses go; the operator's are in Store.media_dir, and never deleted."""

    def path(self, sha256: str) -> Path:
        """Where those bytes are, if they are there. Raises StoreError for anything but a SHA-256."""
        if not is_key(sha256):
            raise StoreError(f"'{sha256[:80]}' is not the name of an upload: 64 hexadecimal digits")
        return self._folder / sha256

    def begin(self, max_bytes: int) -> Incoming:
        """A file that comes in parts. Raises NotWritten."""
        return Incoming(self._folder, max_bytes)

    def put(self, parts: Iterable[bytes], max_bytes: int) -> Upload:
        """Store the bytes under their digest. They go to the disk as they come, and none stay if there are too many, or if
        `parts` raises. Raises Refused and NotWritten."""
        incoming = self.begin(max_bytes)
        try:
            for part in _explained(parts):
                incoming.write(part)
            return incoming.finish()
        finally:
            incoming.discard()

    def stored(self) -> list[Upload]:
        """All uploads."""
        found = []
        for path in children(self._folder):
            with suppress(OSError):
                found += [Upload(path.name, path.lstat().st_size)] if is_key(path.name) else []
        return found

    def n_bytes(self) -> int:
        """Bytes of all uploads and downloads, unfinished ones included."""
        total = 0
        for folder in (self._folder, self.downloads_dir):
            for inside, _, names in os.walk(folder):
                for name in names:
                    with suppress(OSError):  # deleted meanwhile
                        total += (Path(inside) / name).lstat().st_size
        return total

    def sweep(self, min_age_seconds: float) -> None:
        """Delete what killed processes left of unfinished uploads, if nothing was added to it for so long. Raises OSError."""
        for path in children(self._folder):
            if path.name.startswith(".") and _is_older(path, min_age_seconds):
                path.unlink(missing_ok=True)

    def delete(self, sha256: str, *, min_age_seconds: float = 0.0) -> bool:
        """Delete the bytes, if they are there and nobody uploaded them more recently. Whether they were deleted. Raises
        OSError."""
        path = self.path(sha256)
        hidden = path.with_name(f".{secrets.token_hex(8)}")
        if not _is_older(path, min_age_seconds):
            return False
        with suppress(FileNotFoundError):
            path.rename(hidden)
            if not _is_older(hidden, min_age_seconds):  # uploaded again at this very moment
                hidden.rename(path)
                return False
            hidden.unlink()
            return True
        return False

    # Clips that are shown to those who know their key

    def unlist(self, clip: str) -> None:
        """Let no list name that clip. Raises NotWritten and StoreError."""
        if not is_key(clip):
            raise StoreError(f"'{clip[:80]}' is not the key of a clip")
        try:
            self._unlisted.mkdir(parents=True, exist_ok=True)
            (self._unlisted / clip).touch()
            sync_folder(self._unlisted)
        except OSError as error:
            raise NotWritten(f"{self._unlisted} cannot be written ({error.strerror or error})") from error

    def relist(self, clip: str) -> None:
        """Undo `unlist`. Raises OSError."""
        if is_key(clip):
            (self._unlisted / clip).unlink(missing_ok=True)

    def unlisted(self) -> frozenset[str]:
        """The keys of clips that lists leave out: visitors asked for them first."""
        return frozenset(path.name for path in children(self._unlisted) if is_key(path.name))


class Incoming:
    """An upload that is not whole yet: a hidden file that grows. It must be finished or discarded; one that a killed process
    left is swept later."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        self._path = folder / f".{secrets.token_hex(8)}"
        self._digest = hashlib.sha256()
        self.n_bytes = 0
        """Received so far."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("xb")
        except OSError as error:
            raise _not_stored(error) from error

    def write(self, part: bytes) -> None:
        """Append to it. After an error it can only be discarded. Raises Refused for too many bytes, or if another thread has
        discarded it, and NotWritten."""
        if self.n_bytes + len(part) > self._max_bytes:
            raise Refused(f"the file has more than {self._max_bytes / 1e6:.0f} MB", "upload a shorter or smaller one")
        try:
            self._file.write(part)
        except ValueError as error:  # closed meanwhile
            raise _given_up() from error
        except OSError as error:
            raise _not_stored(error) from error
        self._digest.update(part)
        self.n_bytes += len(part)

    def finish(self) -> Upload:
        """Store it under its digest. Raises Refused for an empty or discarded file, and NotWritten."""
        if not self.n_bytes:
            raise Refused("the file is empty", "choose it again")
        upload = Upload(self._digest.hexdigest(), self.n_bytes)
        try:
            with self._file:
                self._file.flush()
                sync(self._file.fileno())
            # Again even if it is there: its time says that it is needed.
            self._path.replace(self._folder / upload.sha256)
            sync_folder(self._folder)
        except (ValueError, FileNotFoundError) as error:
            raise _given_up() from error
        except OSError as error:
            raise _not_stored(error) from error
        return upload

    def discard(self) -> None:
        """Delete it, unless it was finished."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def in_parts(data: memoryview | bytes) -> Iterator[bytes]:
    """Bytes in memory, part by part."""
    for start in range(0, len(data), PART_BYTES):
        yield bytes(data[start : start + PART_BYTES])


def _not_stored(error: OSError) -> NotWritten:
    return NotWritten(f"the upload cannot be stored ({error.strerror or error}); free disk space, then try again")


def _given_up() -> Refused:
    return Refused("this upload was given up", "upload the file again")


def _explained(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The parts; an OSError of whoever sends them is not one of this disk."""
    try:
        yield from parts
    except OSError as error:
        raise Refused("the upload was interrupted", "upload it again") from error


def _is_older(path: Path, seconds: float) -> bool:
    with suppress(FileNotFoundError):
        return time.time() - path.lstat().st_mtime >= seconds
    return False
