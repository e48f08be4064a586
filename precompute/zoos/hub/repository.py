"""Fetches the program of a network: one commit of a GitHub repository, as an archive, and what it downloads in turn."""

from __future__ import annotations

import os
import re
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from consistency.zoo.lock import entry
from consistency.zoo.records import ZooError
from precompute.failures import SourceError
from precompute.net import public_http
from precompute.net.public_http import Report

SERVER_VARIABLE = "GITHUB_SERVER_URL"
SERVER = "https://github.com"
MAX_ARCHIVE_BYTES = 512 << 20
"""Largest archive, and largest sum of its files: some repositories carry pictures."""
MAX_FILES = 20_000
_SOURCE = re.compile(
    r"(?P<repository>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})@(?P<commit>[0-9a-f]{40}):"
    r"(?P<entry>([A-Za-z_]\w*(\.[A-Za-z_]\w*)*:)?[A-Za-z_]\w*)"
)
_UNPINNED = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?![0-9a-f]{40}:)[\w./-]*)?:([\w.:]+)")
_COMMIT = re.compile(rb"[0-9a-f]{40}")


@dataclass(frozen=True)
class Program:
    """An entry of a repository at one commit."""

    repository: str
    commit: str
    """40 hexadecimal digits."""
    entry: str
    """A function of hubconf.py, or `module:function`."""

    @property
    def page(self) -> str:
        """Where its code can be read."""
        return f"{server()}/{self.repository}/tree/{self.commit}"


def parse(source: str) -> Program:
    """OWNER/NAME@COMMIT:ENTRY. Raises ZooError."""
    if match := _SOURCE.fullmatch(source):
        return Program(match["repository"], match["commit"], match["entry"])
    if unpinned := _UNPINNED.fullmatch(source):
        raise ZooError(
            f"hub:{source[:200]} names no commit, and its program could change unseen",
            f"pin it: git ls-remote {server()}/{unpinned[1]} HEAD shows the newest; write hub:{unpinned[1]}@COMMIT:{unpinned[3]}, "
            "with all 40 digits",
        )
    raise ZooError(
        f"'{source[:200]}' is not the entry of a repository", "write hub:OWNER/NAME@COMMIT:ENTRY, with all 40 digits"
    )


def fetch(program: Program, folder: Path, report: Report) -> tuple[Path, dict[str, Any]]:
    """The folder of its files, and the record of the archive they came in. Raises ZooError and OSError."""
    url = f"{server()}/{program.repository}/archive/{program.commit}.zip"
    path = download(url, folder / "archive", MAX_ARCHIVE_BYTES, report)
    home = folder / "program"
    home.mkdir()
    try:
        with zipfile.ZipFile(path) as archive:
            # GitHub writes the commit into the archive's comment.
            if _COMMIT.fullmatch(archive.comment) and archive.comment != program.commit.encode():
                raise ZooError(
                    f"{url} is of commit {archive.comment[:12].decode()}, not {program.commit[:12]}",
                    "check the address and the commit",
                )
            _unpack(archive, home, program.repository)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise ZooError(f"{url} is not a zip archive, or a damaged one ({error})", "run again") from error
    return home, {"url": url, **entry(path)}


def download(url: str, folder: Path, max_bytes: int, report: Report) -> Path:
    """The file of a public address. Raises ZooError and OSError."""
    try:
        return public_http.download(url, folder, max_bytes=max_bytes, report=report)
    except SourceError as error:
        raise ZooError(error.found, "check the address and the network, then run again") from error


def server() -> str:
    """GitHub's address: `$GITHUB_SERVER_URL`, as in its own programs, or its public one."""
    return (os.environ.get(SERVER_VARIABLE) or SERVER).rstrip("/")


def _unpack(archive: zipfile.ZipFile, home: Path, repository: str) -> None:
    """Write its regular files under `home`, without the folder that the archive puts them all in. Raises ZooError."""
    rows = [row for row in archive.infolist() if not row.is_dir() and not stat.S_ISLNK(row.external_attr >> 16)]
    if len(rows) > MAX_FILES or sum(row.file_size for row in rows) > MAX_ARCHIVE_BYTES:
        raise ZooError(f"{repository} has more than {MAX_FILES} files, or {MAX_ARCHIVE_BYTES >> 20} MB; not unpacked")
    left = MAX_ARCHIVE_BYTES
    for row in rows:
        parts = PurePosixPath(row.filename).parts[1:]
        if not parts or ".." in parts or "\\" in row.filename or row.filename.startswith("/"):
            raise ZooError(f"{repository}: its archive has a file at {row.filename[:120]!r}; not unpacked")
        target = home.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(row) as source, target.open("wb") as file:
            while chunk := source.read(1 << 16):
                left -= len(chunk)
                if left < 0:
                    raise ZooError(f"{repository}: its files are larger than its archive says; not unpacked")
                file.write(chunk)
