"""Media files that nothing needs: unfinished downloads, and sources that no track was made from.

The names are those of `precompute.downloads.download`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from cache.files import children, read_json
from cache.locks import lock_of
from cache.records import BadRecord

_SHA256 = re.compile(r"[0-9a-f]{64}")


def unfinished_downloads(media_dir: Path) -> Iterator[tuple[Path, AbstractContextManager[None]]]:
    """Folders of downloads that have not finished, each with a lock that raises Timeout, an OSError, while a job writes
    there."""
    for folder in media_dir.glob("download-*"):
        yield folder, _not_downloading(media_dir, folder)


def unused_media(media_dir: Path, sources: Set[str]) -> Iterator[Path]:
    """Downloads whose SHA-256 is not among `sources`, and notes of URLs whose file is unused or gone."""
    files = {path.name: path for path in children(media_dir) if _SHA256.fullmatch(path.stem)}
    unused = {name for name, path in files.items() if path.stem not in sources}
    yield from (files[name] for name in unused)
    for note in children(media_dir / "urls"):
        with suppress(BadRecord, OSError, KeyError, TypeError):
            name = Path(read_json(note)["path"]).name
            if name in unused or name not in files:
                yield note


@contextmanager
def _not_downloading(media_dir: Path, folder: Path) -> Iterator[None]:
    """Keeps jobs from downloading into the folder, whose name carries the first half of the digest of its URL."""
    with ExitStack() as held:
        for lock in media_dir.glob(f"urls/{folder.name.removeprefix('download-')}*.lock"):
            held.enter_context(lock_of(lock).acquire(timeout=0))
        yield
