"""Shows a folder read-only as some cloud drives do: every look at a file finds another inode number, and the same bytes.

`python renumbering_mount.py FOLDER MOUNT`, with mfusepy and libfuse; it runs until it is unmounted.
"""

from __future__ import annotations

import errno
import itertools
import os
import sys
from pathlib import Path
from typing import Any

from mfusepy import FUSE, FuseOSError, Operations


class Drive(Operations):
    """The folder, numbered anew at each look."""

    use_ns = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = itertools.count(1000)

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        try:
            found = os.lstat(self._real(path))
        except OSError as error:
            raise FuseOSError(error.errno or errno.EIO) from None
        kept = {name: getattr(found, name) for name in ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size")}
        times = dict.fromkeys(("st_atime", "st_mtime", "st_ctime"), found.st_mtime_ns)
        return kept | times | {"st_ino": next(self.numbers)}

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *(entry.name for entry in self._real(path).iterdir())]

    def open(self, path: str, flags: int) -> int:
        return os.open(self._real(path), os.O_RDONLY)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        return 0

    def _real(self, path: str) -> Path:
        return self.folder / path.lstrip("/")


if __name__ == "__main__":
    FUSE(Drive(Path(sys.argv[1])), sys.argv[2], foreground=True, ro=True, use_ino=True, attr_timeout=0, entry_timeout=0)
