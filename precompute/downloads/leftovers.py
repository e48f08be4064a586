"""Media files that nothing needs: unfinished downloads, sources that no track was made from, and downloads of visitors' addresses.

The names are those of `precompute.downloads.download`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Set
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import Timeout

from cache.files import children, read_json
from cache.locks import lock_of
from cache.records import BadRecord

_SHA256 = re.compile(r"[0-9a-f]{64}")


def unfinished_downloads(*media_dirs: Path) -> Iterator[tuple[Path, AbstractContextManager[None]]]:
    """Folders of downloads that have not finished, each with a lock that raises Timeout, an OSError, while a job writes
    there."""
    for media_dir in media_dirs:
        for folder in media_dir.glob("download-*"):
            yield folder, _not_downloading(media_dir, folder)


def unused_media(media_dir: Path, sources: Set[str]) -> Iterator[Path]:
    """Downloads whose SHA-256 is not among `sources`, and notes of URLs whose file is unused or gone."""
    files = {path.name: path for path in children(media_dir) if _SHA256.fullmatch(path.stem)}
    unused = {name for name, path in files.items() if path.stem not in sources}
    yield from (files[name] for name in unused)
    for note in children(media_dir / "urls"):
        name = _file_of(note) if note.suffix == ".json" else None
        if name is not None and (name in unused or name not in files):
            yield note


def delete_downloads(media_dir: Path, needed: Callable[[], Set[str]]) -> None:
    """Delete what was downloaded from other URLs than those whose notes, by name, are `needed`; asked again for each, once no job can
    begin to use it. Raises OSError."""
    for name in {path.stem for path in children(media_dir / "urls")} - {Path(note).stem for note in needed()}:
        note = media_dir / "urls" / f"{name}.json"
        folder = media_dir / f"download-{name[:32]}"
        if not note.exists() and not folder.exists():
            continue
        with suppress(Timeout), lock_of(note.with_suffix(".lock")).acquire(timeout=0):
            if note.name in needed():
                continue
            shutil.rmtree(folder, ignore_errors=True)
            file = _file_of(note)
            note.unlink(missing_ok=True)
            others = {_file_of(other) for other in children(media_dir / "urls") if other.suffix == ".json"}
            if file is not None and file not in others:
                (media_dir / file).unlink(missing_ok=True)


def _file_of(note: Path) -> str | None:
    """The name of the file that a note of a URL names."""
    with suppress(BadRecord, OSError, KeyError, TypeError):
        return Path(read_json(note)["path"]).name
    return None


@contextmanager
def _not_downloading(media_dir: Path, folder: Path) -> Iterator[None]:
    """Keeps jobs from downloading into the folder, whose name carries the first half of the digest of its URL."""
    with ExitStack() as held:
        for lock in media_dir.glob(f"urls/{folder.name.removeprefix('download-')}*.lock"):
            held.enter_context(lock_of(lock).acquire(timeout=0))
        yield
