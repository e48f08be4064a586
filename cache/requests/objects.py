"""Keeps small named objects in a folder, through the operations that a bucket has as well: put if absent, put, get, list, delete.

Each is atomic, and there is no rename, append or lock among them, so a bucket can take the folder's place.
"""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from cache.files import NotWritten, open_regular, sync, sync_folder
from cache.locks import lock_of
from cache.records import BadRecord

MAX_OBJECT_BYTES = 64 << 10
"""Requests take about 1 kB; most of the rest is room for long addresses."""
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""Errors of file systems without hard links, such as FAT."""


class Objects(Protocol):
    """Small objects by name. A name has no folders in it."""

    def put_new(self, name: str, data: bytes) -> bool:
        """Store the object durably; False, and nothing changes, if the name is taken. Of several callers at once, one gets
        True. Raises NotWritten."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """Store or replace the object. A power failure may lose it. Raises NotWritten."""
        ...

    def get(self, name: str) -> bytes | None:
        """The object's bytes, never a part of them; None if there is none. Raises BadRecord above MAX_OBJECT_BYTES."""
        ...

    def names(self) -> list[str]:
        """The names of all objects."""
        ...

    def delete(self, name: str) -> None:
        """Remove the object, if there is one. Raises NotWritten."""
        ...


class FolderObjects:
    """Objects as files of one folder, which the first of them creates."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put_new(self, name: str, data: bytes) -> bool:
        path = self._folder / name
        if path.exists():
            return False
        try:
            temporary = self._written(data, is_durable=True)
            try:
                is_new = _linked(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
            sync_folder(self._folder)
        except OSError as error:
            raise _not_written(path, error) from error
        return is_new

    def put(self, name: str, data: bytes) -> None:
        path = self._folder / name
        try:
            temporary = self._written(data, is_durable=False)
            try:
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise _not_written(path, error) from error

    def get(self, name: str) -> bytes | None:
        try:
            with open_regular(self._folder / name) as file:
                data = file.read(MAX_OBJECT_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadRecord(f"{name} cannot be read ({error.strerror})") from error
        if len(data) > MAX_OBJECT_BYTES:
            raise BadRecord(f"{name} is larger than {MAX_OBJECT_BYTES} bytes")
        return data

    def names(self) -> list[str]:
        try:
            return [name for name in os.listdir(self._folder) if not name.startswith(".")]  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            return []

    def delete(self, name: str) -> None:
        path = self._folder / name
        try:
            with suppress(FileNotFoundError):
                path.unlink()
        except OSError as error:
            raise _not_written(path, error) from error

    def _written(self, data: bytes, *, is_durable: bool) -> Path:
        """A temporary file with these bytes; none is left if it cannot be written."""
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / f".{secrets.token_hex(8)}"
        try:
            with temporary.open("xb") as file:
                file.write(data)
                if is_durable:
                    file.flush()
                    sync(file.fileno())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return temporary


def _linked(temporary: Path, path: Path) -> bool:
    """Give the file its name, unless the name is taken."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with lock_of(path.with_name(".lock")):
            if path.exists():
                return False
            temporary.replace(path)
    return True


def _not_written(path: Path, error: OSError) -> NotWritten:
    return NotWritten(
        f"{path.parent} cannot be written ({error.strerror or error}); free disk space or fix the folder's permissions, then "
        "try again"
    )
