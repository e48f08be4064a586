"""Locks where the file system has none, names that cannot be made durable, and what is said of either."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cache import locks
from cache.files import replace_file, sync_folder
from cache.locks import NoLocks, file_system, lock_of
from cache.records import StoreError
from cache.store import Store

CLIP = "0" * 64


def without(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let `flock` fail as on a network drive."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_flock_one_job_at_a_time_writes_a_clip(tmp_path: Path, monkeypatch, number: int):
    without(monkeypatch, number)
    store = Store(tmp_path)
    for _ in range(2):
        with store.writing(CLIP):
            assert [path.name for path in (tmp_path / "locks").iterdir()] == [f"{CLIP}.lock.held"]
            with pytest.raises(StoreError, match="another job is writing this clip"), Store(tmp_path).writing(CLIP):
                pass
    assert not list((tmp_path / "locks").iterdir())


def test_a_killed_job_leaves_no_lock_where_there_is_no_flock(tmp_path: Path, monkeypatch):
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom cache.locks import lock_by_existence\n"
        "held = lock_by_existence(Path(sys.argv[1])).acquire()\nos._exit(9)"
    )
    store = Store(tmp_path)
    path = tmp_path / "locks" / f"{CLIP}.lock"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", program, str(path)], cwd=root, check=False).returncode == 9
    assert path.with_name(f"{path.name}.held").exists()
    without(monkeypatch, errno.ENOSYS)
    waited: list[bool] = []
    with store.writing(CLIP, on_wait=lambda: waited.append(True)):
        pass


def test_a_lock_service_that_is_away_is_one_error_that_names_the_file_system(tmp_path: Path, monkeypatch):
    without(monkeypatch, errno.ENOLCK)
    monkeypatch.setattr(locks, "file_system", lambda folder: "nfs4")
    with pytest.raises(NoLocks, match=r"cannot lock files now \(nfs4: No locks available\); start its lock service"):
        Store(tmp_path)
    Store(tmp_path, read_only=True)
    with pytest.raises(NoLocks):
        lock_of(tmp_path / "clip.lock")


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_folder_that_cannot_be_synced_is_written_all_the_same(tmp_path: Path, monkeypatch, number: int):
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    sync_folder(tmp_path)
    replace_file(tmp_path / "new" / "file", b"whole")
    assert (tmp_path / "new" / "file").read_bytes() == b"whole"


def test_a_folder_that_fails_to_be_synced_is_an_error(tmp_path: Path, monkeypatch):
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output error"):
        sync_folder(tmp_path)


def test_the_file_system_of_a_folder_is_that_of_the_nearest_mount(tmp_path: Path):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"a / ext4 rw 0 0\nb {tmp_path} lustre rw 0 0\n")
    assert file_system(tmp_path / "store", mounts) == "lustre"
    assert file_system(Path("/"), mounts) == "ext4"
    assert file_system(Path("/"), tmp_path / "missing") == ""
