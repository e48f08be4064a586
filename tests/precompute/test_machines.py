"""Machines as they are: drives that number their files anew or cannot lock them, file names with a tilde, logs that are not
UTF-8, no home folder."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cache import locks
from cache.store import Store
from consistency.zoo import read
from consistency.zoo.records import ZooError
from precompute.cli.app import app
from precompute.failures import SourceError
from precompute.jobs.events import name_error
from precompute.media import sources
from precompute.media.listing import list_sources
from precompute.media.sources import Stamp, fingerprint, local_path, require_unchanged, resolve
from precompute.zoos.writing import writing
from tests.fixtures.media import write_video
from tests.fixtures.zoos import write_zoo

ROOT = Path(__file__).parents[2]


@pytest.fixture
def renumbering(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A drive that gives each file a new inode number whenever it is asked; the list holds those given."""
    real, given = sources._stamp, []

    def stamp(path: Path) -> Stamp:
        given.append(len(given))
        return replace(real(path), inode=given[-1])

    monkeypatch.setattr(sources, "_stamp", stamp)
    return given


def test_a_file_that_is_numbered_anew_is_the_same_file(tmp_path, renumbering, monkeypatch):
    path = tmp_path / "clip"
    path.write_bytes(b"same")
    _, stamp = fingerprint(path)
    hashed: list[Path] = []
    original = sources.fingerprint
    monkeypatch.setattr(sources, "fingerprint", lambda path: hashed.append(path) or original(path))
    for _ in range(5):
        stamp = require_unchanged(path, stamp, is_last=False)
    assert len(hashed) == 1, "not again for every pack"
    require_unchanged(path, stamp)
    assert len(hashed) == 2


@pytest.mark.parametrize("is_late", [False, True])
def test_a_file_that_is_numbered_anew_and_changed_is_refused(tmp_path, renumbering, is_late):
    path = tmp_path / "clip"
    path.write_bytes(b"before")
    times = path.stat().st_mtime_ns
    _, stamp = fingerprint(path)
    if is_late:
        stamp = require_unchanged(path, stamp, is_last=False)
    path.write_bytes(b"behind")  # of the same size
    os.utime(path, ns=(times, times))
    with pytest.raises(SourceError) as caught:
        require_unchanged(path, stamp)
    assert caught.value.code == "changed"


def test_a_clip_on_a_drive_that_numbers_anew_is_computed(tmp_path, renumbering):
    video, zoo = write_video(tmp_path / "clip.mp4", 4), write_zoo(tmp_path / "zoo", targets=("normal",))
    words = ["run", video, "--store", tmp_path / "s", "--zoo", zoo, "--size", "32", "--device", "cpu"]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    assert len(renumbering) > 2


def test_a_name_that_begins_with_a_tilde_is_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write_video(tmp_path / "~clip.mp4", 3)
    (tmp_path / "~videos").mkdir()
    write_video(tmp_path / "~videos" / "~b.mp4", 3)
    assert resolve("~clip.mp4", media_dir=tmp_path).path == Path("~clip.mp4")
    assert list_sources(["~videos"], None, []).sources == ["~videos/~b.mp4"]
    assert local_path("~/clip.mp4") == tmp_path / "home" / "clip.mp4"
    for missing in ("~nobody-of-that-name/x.mp4", "~missing.mp4", "~\0"):
        with pytest.raises(SourceError) as caught:
            resolve(missing, media_dir=tmp_path)
        assert caught.value.code in ("not_found", "unreadable")
        assert list_sources([missing], None, []).sources == [missing]


def start(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "precompute", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, check=False)


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
)
def test_a_log_that_is_not_utf8_gets_every_line(tmp_path, environment):
    done = start("run", "schloß-σ.mp4", "--store", tmp_path / "s", **environment)
    assert done.returncode == 1, done.stderr
    assert b"error[not_found]" in done.stderr and b"schlo" in done.stderr and b"internal" not in done.stderr
    assert b"Traceback" not in done.stderr


def test_without_a_home_folder_a_named_store_suffices(tmp_path, monkeypatch):
    def homeless(*_: object, **__: object) -> str:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("platformdirs.user_data_dir", homeless)
    monkeypatch.delenv("CROSSCHECK_STORE", raising=False)
    monkeypatch.delenv("CROSSCHECK_ZOOS", raising=False)
    assert "mini" in read.known_zoos() and read.load_zoo("mini").methods
    Store(tmp_path / "s")
    result = CliRunner().invoke(app, ["run", "missing.mp4"])
    assert result.exit_code == 2 and "--store DIR or $CROSSCHECK_STORE" in result.stderr
    result = CliRunner().invoke(app, ["zoo", "import", str(write_zoo(tmp_path / "zoo")), "--as", "own"])
    assert result.exit_code != 0 and "$CROSSCHECK_ZOOS" in result.stderr and result.exception.__class__ is SystemExit


def test_a_limit_of_file_size_is_not_called_a_damaged_store():
    error = name_error("clip.mp4", OSError(errno.EFBIG, os.strerror(errno.EFBIG), "s/pack"))
    assert error.code == "disk_full" and "ulimit -f" in error.next_step


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_flock_one_process_at_a_time_writes_a_zoo(tmp_path, monkeypatch, number):
    monkeypatch.setattr(fcntl, "flock", refusing(number))
    for _ in range(2):
        with writing(tmp_path), pytest.raises(ZooError, match="another process is writing"), writing(tmp_path):
            pass
    assert not list(tmp_path.iterdir())


def test_a_zoo_on_a_drive_whose_locks_are_away_is_refused_with_the_file_systems_name(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", refusing(errno.ENOLCK))
    monkeypatch.setattr(locks, "file_system", lambda folder: "nfs4")
    monkeypatch.setenv("CROSSCHECK_ZOOS", str(tmp_path / "zoos"))
    result = CliRunner().invoke(app, ["zoo", "import", str(write_zoo(tmp_path / "zoo")), "--as", "own"])
    assert result.exit_code == 1
    assert "cannot lock files now (nfs4: No locks available)" in result.stderr
    assert "local disk with $CROSSCHECK_ZOOS" in result.stderr and "--store" not in result.stderr


def refusing(number: int) -> Callable[..., None]:
    """`flock` as it fails on a network drive."""

    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return flock
