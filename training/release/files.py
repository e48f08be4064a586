"""How is a file, or a folder, written whole or not at all?"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO}
"""What the system says of a full disk, or of one where nothing may be written."""


class NotWritten(RuntimeError):
    """Something could not be written, and what was there before still is."""


def write_whole(path: Path, data: bytes) -> None:
    """Replace the file in one step; on failure the older file stays."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise NotWritten(
            f"{path} cannot be written: {error.strerror or error}; what was there before still is. "
            "Make room or mend the folder's rights, then start the same command again: it goes on from there"
        ) from error


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Gives an empty folder beside `path`, which takes its place when the block ends well, and vanishes when it does not."""
    unfinished, older = (path.with_name(f".{path.name}.{os.getpid()}.{end}") for end in ("new", "old"))
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
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise NotWritten(
            f"{path} cannot be written: {error.strerror}; what was there before still is. "
            "Make room or mend the folder's rights, then start the same command again"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(older, ignore_errors=True)
