"""Locks between jobs, also on file systems without `flock`; and the name of a file system."""

from __future__ import annotations

import errno
import tempfile
from contextlib import suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock

from cache.records import StoreError

WITHOUT_FLOCK = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)
"""Errors of file systems that have no `flock`: Lustre mounted without it, some SMB, 9p and FUSE."""


START_LOCKS = "start its lock service (NFS: rpc.statd), mount it with local locks (nolock)"
"""What gives such a file system its locks."""


class NoLocks(StoreError):
    """Two jobs could write the same files, since the file system cannot keep them apart."""


def lock_of(path: Path) -> BaseFileLock:
    """The lock of that file, not yet acquired. Where there is no `flock`, a file beside it whose existence is the lock: it names
    its process, and that of a process that has ended counts no more. Raises NoLocks where a lock service is away."""
    return FileLock(path) if has_flock(path.parent) else lock_by_existence(path)


def lock_by_existence(path: Path) -> SoftFileLock:
    """The lock of that file where there is no `flock`."""
    return SoftFileLock(path.with_name(f"{path.name}.held"))


def has_flock(folder: Path) -> bool:
    """Whether files there can be locked. Raises NoLocks where that fails for another reason than not being implemented."""
    try:
        import fcntl
    except ImportError:
        return True  # Windows: locks of another kind
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in WITHOUT_FLOCK:
            return False
        if error.errno == errno.ENOLCK:
            kind = file_system(folder)
            raise NoLocks(
                f"{folder} is on a file system that cannot lock files now ({kind or 'of unknown kind'}: {error.strerror})",
                f"{START_LOCKS}, or choose another --store",
            ) from None
        raise
    return True


def file_system(place: Path, mounts: Path = Path("/proc/self/mounts")) -> str:
    """The type of the file system that holds a folder; empty if the system does not say."""
    found: dict[Path, str] = {}
    with suppress(OSError):
        for line in mounts.read_text().splitlines():
            _, target, kind, *_ = line.split(" ")
            found[Path(target.encode().decode("unicode_escape"))] = kind  # a blank is \040; the last one mounted wins
    resolved = place.resolve()
    return next((found[folder] for folder in (resolved, *resolved.parents) if folder in found), "")
