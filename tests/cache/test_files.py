"""Laws of files and folders that are written whole."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from cache.files import NotWritten, folder_written_whole, replace_file


def test_a_full_disk_is_named_and_keeps_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "new" / "x.pt"
    replace_file(path, b"older")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotWritten, match="No space left on device; the previous version is intact"):
        replace_file(path, b"newer")
    assert [p.name for p in path.parent.iterdir()] == ["x.pt"]
    assert path.read_text() == "older"


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path):
    out = tmp_path / "zoo"
    with folder_written_whole(out) as folder:
        (folder / "a").write_text("1")
        assert not out.exists()
    with pytest.raises(NotWritten, match="full"), folder_written_whole(out) as folder:
        (folder / "a").write_text("2")
        raise OSError(errno.ENOSPC, "full")
    with pytest.raises(KeyboardInterrupt), folder_written_whole(out) as folder:
        (folder / "a").write_text("3")
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["zoo"]
    assert (out / "a").read_text() == "1"
    with folder_written_whole(out) as folder:
        (folder / "b").write_text("4")
    assert [path.name for path in out.iterdir()] == ["b"]
