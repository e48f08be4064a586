"""Keeps a store sound: verifies packs and manifests, quarantines damage, and collects files that nothing names."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISDIR

from cache.backends.bucket_store import BucketStore
from cache.files import bytes_of, children
from cache.growing import named_files
from cache.records import BadRecord, NewerRecord, Pack, StoreError, Track
from cache.store import REPAIR, CorruptPack, Store, is_key

MIN_ORPHAN_AGE_SECONDS = 3600.0
"""Younger files may belong to a job that has yet to name them."""
_FOLDERS = (
    "tracks",
    "media",
    "media/urls",
    "reports",
    "quarantine",
    "requests",
    "uploads",
    "downloads",
    "downloads/urls",
)
"""Folders whose files are written under a temporary name that begins with a dot."""


@dataclass(frozen=True)
class Problem:
    """Damage that `verify` found."""

    name: str
    """The configuration and clip, or the file."""
    what: str
    """What is wrong and what to do."""
    key: str
    """Key of the track."""
    sha256: str = ""
    """The damaged pack; empty where the whole track is damaged."""
    clip: str = ""
    """Key of the clip; empty where the whole track is damaged."""
    is_repairable: bool = True
    """False for what only a newer version can judge."""


@dataclass(frozen=True)
class Orphan:
    """A file, folder or object that nothing in the store names."""

    path: Path
    """Below the store's `root`, where an object is not."""
    what: str
    """leftover, media or quarantine."""
    bytes: int


# Damage


def verify(store: Store) -> Iterator[Problem | None]:
    """Hash every pack and read every manifest again. Yields once per pack or bad manifest: a Problem, or None for a
    sound one.

    Files that nothing names are not damage: `collect` removes them.
    """
    store.forget()
    for key in store.track_keys():
        try:
            track = store.read(key)
        except NewerRecord as error:
            yield Problem(f"track {key[:12]}", str(error), key, is_repairable=False)
        except (BadRecord, OSError) as error:
            yield Problem(f"track {key[:12]}", f"{error}; {REPAIR}", key)
        else:
            if track is not None:
                yield from (_problem_of(store, track, pack) for pack in track.packs)


def repair(store: Store, problem: Problem) -> None:
    """Move the damaged pack or track into quarantine, so that the next run of the job makes it again.

    Raises StoreError while a job writes the clip. The clip of an unreadable track is unknown, so its lock cannot be
    taken; the track is read again first, in case a job has replaced it.
    """
    if not problem.sha256:
        with suppress(BadRecord, OSError):
            store.read(problem.key)
            return  # a job has made it again meanwhile
        move_to_quarantine(store, problem)
        return
    with store.writing(problem.clip):
        track = store.read(problem.key)
        listed = [pack for pack in track.packs if pack.sha256 == problem.sha256] if track else []
        if track and listed and _problem_of(store, track, listed[0]):
            move_to_quarantine(store, problem)


def move_to_quarantine(store: Store, problem: Problem) -> None:
    """Move a damaged pack or track of the store into quarantine, with a note: what, when, and from which track."""
    note = {
        "what": problem.what,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "name": problem.name,
        "track": problem.key,
    }
    store.set_aside(problem.key, problem.sha256, note)


def _problem_of(store: Store, track: Track, pack: Pack) -> Problem | None:
    try:
        store.check_pack(track, pack)
    except CorruptPack as error:
        head = track.head
        return Problem(head.label, str(error), head.key, pack.sha256, clip=head.clip.key)
    return None


# Files that nothing names


def collect(
    store: Store,
    *,
    min_age_seconds: float = MIN_ORPHAN_AGE_SECONDS,
    downloads: Iterable[tuple[Path, AbstractContextManager[object]]] = (),
    unused: Callable[[Set[str]], Iterable[Path]] | None = None,
    quarantine: bool = False,
    dry_run: bool = False,
) -> Iterator[Orphan]:
    """Remove what nothing names, or with `dry_run` only report it: files of killed writers, unlisted packs, tracks
    that were begun or removed in part.

    `downloads`: folders of unfinished downloads, each with a lock that raises OSError while a job writes there; they go
    too. `unused`: SHA-256 of the sources of all tracks -> media files that none of them needs; they go where it is
    given. `quarantine`: empties the quarantine as well. Skips everything that a job is writing.
    """
    if isinstance(store, BucketStore):
        for one in store.unnamed(min_age_seconds, quarantine=quarantine, dry_run=dry_run):
            yield Orphan(store.root / one.name, one.what, one.bytes)
        return
    latest = time.time() - min_age_seconds
    for key in store.track_keys():
        with suppress(BadRecord, StoreError, OSError):  # `verify` reports bad tracks; running jobs tidy up themselves
            yield from _collect_from_track(store, key, latest, dry_run)
    for folder, lock in downloads:
        with suppress(OSError), nullcontext() if dry_run else lock:
            if _changed(folder) <= latest:
                yield _remove(folder, "leftover", dry_run)
    loose = [(path, "leftover") for name in _FOLDERS for path in (store.root / name).glob(".*")]
    if quarantine:
        loose += [(path, "quarantine") for path in children(store.root / "quarantine") if path.name[0] != "."]
    if unused:
        with suppress(BadRecord, OSError):  # nobody knows what an unreadable track was made from
            sources = {track.head.clip.source_sha256 for key in store.track_keys() if (track := store.read(key))}
            loose += [(path, "media") for path in unused(sources)]
    for path, what in loose:
        with suppress(OSError):
            if _changed(path) <= latest:
                yield _remove(path, what, dry_run)


def _collect_from_track(store: Store, key: str, latest: float, dry_run: bool) -> Iterator[Orphan]:
    folder = store.track_folder(key)
    track = store.read(key)
    if track is None:
        if _changed(folder) <= latest:
            yield _remove(folder, "leftover", dry_run)
        return
    with nullcontext() if dry_run else store.writing(track.head.clip.key):
        track = store.read(key)
        if track is not None:
            packs = {f"{pack.sha256}.pack" for pack in track.packs}
            named = {"manifest.json"} | packs if track.is_complete else named_files(folder, track)
            for path in children(folder):
                if path.name not in named and _changed(path) <= latest:
                    yield _remove(path, "leftover", dry_run)


def _changed(path: Path) -> float:
    """When the file, or anything in the folder, last changed or got its name, in seconds since 1970; a file's own date
    may come from a server."""
    stat = path.lstat()
    inside = path.iterdir() if S_ISDIR(stat.st_mode) else ()
    return max(stat.st_mtime, stat.st_ctime, *map(_changed, inside))


def _remove(path: Path, what: str, dry_run: bool) -> Orphan:
    orphan = Orphan(path, what, bytes_of(path))
    if not dry_run and path.is_dir() and not path.is_symlink():
        hidden = path.with_name(f".{secrets.token_hex(8)}")
        path.rename(hidden)
        if is_key(path.name) and any((hidden / name).exists() for name in ("head.json", "manifest.json")):
            hidden.rename(path)  # a job began or finished it at this very moment
            raise StoreError("another job is writing this clip")
        shutil.rmtree(hidden, ignore_errors=True)
    elif not dry_run:
        path.unlink(missing_ok=True)
    return orphan
