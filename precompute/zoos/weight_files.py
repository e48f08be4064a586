"""Finds files of weights in archives and folders, and unpacks them up to a limit."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from consistency.zoo.networks.external_data import find_beside
from consistency.zoo.records import ZooError

MAX_ARCHIVE_FILES = 10_000
CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Found:
    """A file that may contain a network."""

    name: str
    """As its archive or folder names it, for people."""
    suffix: str
    """Extension in lower case, with the dot."""
    open: Callable[[], AbstractContextManager[IO[bytes]]]
    beside: Callable[[str], Found | None] = lambda name: None
    """The file of that bare name in the same folder; None if there is none."""


def weights_of(path: Path) -> dict[str, list[Found]]:
    """Stem -> the files of that name in an archive, in a folder and its archives, or the file itself. Raises ZooError."""
    found: dict[str, list[Found]] = {}
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in files:
        if file.suffix.lower() == ".zip":
            for name, member in _members(file):
                found.setdefault(PurePosixPath(name).stem, []).append(member)
        elif file.is_file():
            found.setdefault(file.stem, []).append(_on_disk(file))
    return found


def _on_disk(path: Path) -> Found:
    def beside(name: str) -> Found | None:
        return _on_disk(find_beside(path, name, path.name))

    return Found(str(path), path.suffix.lower(), lambda: path.open("rb"), beside)


def _members(path: Path) -> Iterable[tuple[str, Found]]:
    try:
        with zipfile.ZipFile(path) as archive:
            rows = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ZooError(f"{path.name}: damaged, or not a zip archive ({error})", "download it again") from error
    if len(rows) > MAX_ARCHIVE_FILES:
        raise ZooError(f"{path.name}: contains {len(rows)} files, more than any archive of networks; not opened")

    @contextmanager
    def opened(row: zipfile.ZipInfo):
        with zipfile.ZipFile(path) as archive, archive.open(row) as file:
            yield file

    members: dict[str, Found] = {}
    for row in rows:
        if not row.is_dir():
            name = PurePosixPath(row.filename.replace("\\", "/"))
            beside = partial(_beside, members, name.parent)
            members[str(name)] = Found(f"{path.name}/{name}", name.suffix.lower(), partial(opened, row), beside)
    return members.items()


def _beside(members: Mapping[str, Found], folder: PurePosixPath, name: str) -> Found | None:
    return members.get(str(folder / name))


def copy_bounded(file: Found, path: Path, max_bytes: int) -> None:
    """Unpack a file to `path`. Raises ZooError if it is larger than it can be."""
    n_bytes = 0
    with file.open() as source, path.open("wb") as target:
        while chunk := source.read(CHUNK_BYTES):
            n_bytes += len(chunk)
            if n_bytes > max_bytes:
                raise ZooError(
                    f"{file.name}: more than {max_bytes / 1e6:.0f} MB, too large for this network; not unpacked"
                )
            target.write(chunk)
