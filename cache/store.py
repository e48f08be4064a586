"""Where are the results, and how are they put, found, checked and removed?

    STORE/tracks/<key>/<sha256>.pack    immutable, named by content
    STORE/tracks/<key>/manifest.json    written last: the track is finished
    STORE/tracks/<key>/head.json, progress.jsonl    while a job writes it
    STORE/media/                        downloaded sources
    STORE/locks/<clip key>.lock         one writer per clip
    STORE/index/                        diskcache rows of the manifests, a copy that may be deleted
    STORE/quarantine/                   what was found damaged, each with a note in JSON

Packs and manifests are the truth. Every file appears under its name whole (temporary name, fsync, rename), so a reader
or a killed writer never leaves or sees a half of one. A track owns its folder: removing it can harm no other.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from stat import S_ISDIR
from typing import Any

import numpy as np
import platformdirs
from filelock import FileLock, Timeout

from cache.files import (
    bytes_of,
    checked,
    hash_file,
    make_folder,
    parse_json,
    read_json,
    read_small,
    sync_folder,
    write_whole,
)
from cache.index import INDEX_ERRORS, Index, open_index
from cache.pack import BadPack, read_column, read_header, read_image, read_images
from cache.records import (
    BadRecord,
    Head,
    NewerRecord,
    Pack,
    Problem,
    StoreError,
    Track,
    head_from_json,
    track_from_json,
)
from cache.writer import TrackWriter, write_manifest

STORE_VARIABLE = "CROSSCHECK_STORE"


_FOLDERS = ("tracks", "media", "media/urls", "reports", "quarantine")
"""Where files are written whole, under a temporary name that begins with a point."""
MIN_ORPHAN_AGE_SECONDS = 3600.0
"""Younger files may belong to a job that has not told of them yet."""


_REPAIR = "run `python -m precompute verify --fix`, then the job again"


class CorruptPack(StoreError):
    """A pack's bytes are not the bytes that were written."""


@dataclass(frozen=True)
class Orphan:
    """A file or folder that nothing in the store names."""

    path: Path
    what: str
    """leftover, media or quarantine."""
    bytes: int


def default_root() -> Path:
    """`$CROSSCHECK_STORE`, else the user's data folder."""
    named = os.environ.get(STORE_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_data_dir("crosscheck")) / "store"


class Store:
    """Tracks by key. Opening one reads nothing; a writable one makes its folders."""

    def __init__(self, root: Path | str, *, read_only: bool = False) -> None:
        self.root = Path(root)
        self._checked: dict[Path, tuple[int, int]] = {}
        self._parsed: dict[str, tuple[int, Track]] = {}
        self._index: Index | None = None
        if not read_only:
            self._open_for_writing()

    @property
    def media_dir(self) -> Path:
        """Where downloaded sources are kept."""
        return self.root / "media"

    # Reading

    def get(self, key: str) -> Track | None:
        """The track of that key, finished or growing; None where there is none. Raises BadRecord on a bad manifest."""
        folder = self._track_dir(key)
        manifest = folder / "manifest.json"
        if not manifest.exists():
            growing = self._growing(folder)
            if growing is not None:
                return _with_key(growing, key)
        try:
            stamp = manifest.stat().st_mtime_ns  # there by now, where a writer finished between the two looks
        except FileNotFoundError:
            return None
        known = self._parsed.get(key)
        if known and known[0] == stamp:
            return known[1]
        track = self._from_index(key, stamp)
        if track is None:
            data = read_json(manifest)
            track = _with_key(track_from_json(data), key)
            self._to_index(key, stamp, data)
        self._parsed[key] = (stamp, track)
        return track

    def tracks(self, *, clip: str | None = None, kind: str | None = None) -> list[Track]:
        """Every readable track, the newest first, finished or growing; bad manifests are left to `verify`."""
        found: list[tuple[str, Track]] = []
        for key in self._keys():
            with suppress(BadRecord, OSError):
                track = self.get(key)
                if track and clip in (None, track.head.clip.key) and kind in (None, track.head.kind):
                    found.append((track.head.computed_on.get("time", ""), track))
        found.sort(key=lambda item: (item[0], item[1].head.key), reverse=True)
        return [track for _, track in found]

    def column(self, track: Track, name: str) -> np.ndarray:
        """Column `name` over all ready frames of the track: (N, ...). Raises KeyError where it has none."""
        if name not in track.head.columns:
            raise KeyError(name)
        parts = [read_column(self.pack_path(track.head.key, pack.sha256), name) for pack in track.packs]
        return np.concatenate(parts) if parts else np.zeros((0,), np.float32)

    def images(self, track: Track) -> Iterator[bytes]:
        """The coded images of all ready frames, in order."""
        for pack in track.packs:
            yield from read_images(self.pack_path(track.head.key, pack.sha256))

    def image(self, track: Track, frame: int) -> bytes:
        """The coded image of one ready frame. Raises IndexError where the track has none of that number."""
        for pack in track.packs:
            if 0 <= frame - pack.start < pack.n_frames:
                return read_image(self.pack_path(track.head.key, pack.sha256), frame - pack.start)
        raise IndexError(f"{track.head.configuration} has {track.n_frames} frames, not frame {frame}")

    def pack_path(self, key: str, sha256: str) -> Path:
        """The file of a track's pack, hashed when this process meets it first and whenever it has changed since.

        Raises CorruptPack where it is missing or its bytes are not the ones that were written.
        """
        path = self._pack_file(key, sha256)
        try:
            stat = path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            if self._checked.get(path) != stamp:
                if hash_file(path) != sha256:
                    raise CorruptPack(f"pack {sha256[:12]} is damaged; {_REPAIR}")
                self._checked[path] = stamp
        except FileNotFoundError:
            raise CorruptPack(f"pack {sha256[:12]} is missing; {_REPAIR}") from None
        except OSError as error:
            raise CorruptPack(f"pack {sha256[:12]} cannot be read ({error.strerror}); {_REPAIR}") from error
        return path

    def holds(self, key: str) -> bool:
        """Whether that track is finished and all its packs are there, as far as their sizes tell."""
        try:
            track = self.get(key)
        except (BadRecord, OSError):
            return False
        return track is not None and track.is_complete and len(self._present(track)) == len(track.packs)

    # Writing

    @contextmanager
    def writing(self, clip: str, *, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
        """Be the one writer of that clip. While another job is, calls `on_wait` once and waits; without it, raises
        StoreError at once."""
        lock = FileLock(self.root / "locks" / f"{clip}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if on_wait is None:
                raise StoreError("another job is writing this clip; wait for it or stop it") from None
            on_wait()
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def writer(self, head: Head) -> TrackWriter:
        """A writer that goes on where an earlier one stopped. The caller holds `writing` of the clip."""
        return TrackWriter(self, head)

    def adopt(self, track: Track, read: Callable[[Pack], Iterator[bytes]]) -> None:
        """Take over a finished track of another store, whose packs `read` gives; those that are there are not read.

        It shows when all is there. The caller holds `writing` of its clip. Raises CorruptPack where a pack is not the
        one that the track names.
        """
        try:
            self._stored(track.head.key)
        except NewerRecord:
            raise
        except BadRecord:
            pass  # what cannot be read is replaced
        folder = self._track_dir(track.head.key)
        make_folder(folder)
        for pack in track.packs:
            if self._verify_pack(track, pack):
                try:
                    write_whole(
                        self._pack_file(track.head.key, pack.sha256), checked(read(pack), pack.bytes, pack.sha256)
                    )
                except ValueError as error:
                    raise CorruptPack(f"pack {pack.sha256[:12]} came as {error}; fetch it again") from error
                if problem := self._verify_pack(track, pack):
                    raise CorruptPack(problem.what)
        write_manifest(folder, track)

    def remove(self, keys: Sequence[str]) -> int:
        """Remove those tracks. Returns the bytes freed. The caller holds `writing` of every clip concerned."""
        freed = 0
        for key in set(keys):
            folder = self._track_dir(key)
            freed += sum(path.stat().st_size for path in folder.glob("*.pack"))
            # What names the packs goes first: a removal that is cut short leaves no track that lacks some.
            for name in ("manifest.json", "head.json"):
                (folder / name).unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            self._parsed.pop(key, None)
            if self._index is not None:
                with suppress(*INDEX_ERRORS):
                    self._index.delete(key)
        return freed

    def verify(self) -> Iterator[Problem | None]:
        """Re-hash everything; yields once per pack or bad manifest: a Problem, or None where all is well.

        What nothing names is no damage: `collect` removes it.
        """
        self._checked.clear()
        self._parsed.clear()
        for key in self._keys():
            try:
                track = self._stored(key)
            except NewerRecord as error:
                yield Problem(f"track {key[:12]}", str(error), key, is_repairable=False)
            except (BadRecord, OSError) as error:
                yield Problem(f"track {key[:12]}", f"{error}; {_REPAIR}", key)
            else:
                if track is not None:
                    yield from (self._verify_pack(track, pack) for pack in track.packs)

    def repair(self, problem: Problem) -> None:
        """Move what is wrong into quarantine, so that the next run of the job makes it again.

        Raises StoreError while a job writes that clip. Where the clip is not known, nothing can ask for it.
        """
        if not problem.sha256:
            with suppress(BadRecord, OSError):
                self._stored(problem.key)
                return  # a job has made it again meanwhile
            self.quarantine(self._track_dir(problem.key), problem)
            return
        with self.writing(problem.clip):
            track = self._stored(problem.key)
            listed = [pack for pack in track.packs if pack.sha256 == problem.sha256] if track else []
            if track and listed and self._verify_pack(track, listed[0]):
                self.quarantine(self._pack_file(problem.key, problem.sha256), problem)

    def quarantine(self, path: Path, problem: Problem) -> None:
        """Move a damaged file or folder of the store out of the way, with a note of what, when and of which track."""
        folder = self.root / "quarantine"
        name = f"{path.stem[:12]}-{secrets.token_hex(4)}"
        note = {
            "what": problem.what,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "name": problem.name,
            "track": problem.key,
            "from": str(path.relative_to(self.root)),
        }
        if path.exists():
            make_folder(folder)
            write_whole(folder / f"{name}.json", [json.dumps(note, indent=1).encode()])
            path.rename(folder / f"{name}{path.suffix}")
            sync_folder(path.parent)

    def collect(
        self,
        *,
        min_age_seconds: float = MIN_ORPHAN_AGE_SECONDS,
        media: bool = False,
        quarantine: bool = False,
        dry_run: bool = False,
    ) -> Iterator[Orphan]:
        """Remove what nothing names, or with `dry_run` only tell it: files of killed writers, packs that no list holds,
        tracks begun or removed in part, downloads that broke off.

        With `media` also downloads that no track was made from, with `quarantine` what was put there. What a job is
        writing or fetching is left out.
        """
        latest = time.time() - min_age_seconds
        for key in self._keys():
            with suppress(BadRecord, StoreError, OSError):  # `verify` tells of the bad ones; jobs tidy up themselves
                yield from self._collect_from_track(key, latest, dry_run)
        for folder in self.media_dir.glob("download-*"):
            with suppress(OSError), nullcontext() if dry_run else self._not_fetching(folder):
                if _changed(folder) <= latest:
                    yield _remove(folder, "leftover", dry_run)
        loose = [(path, "leftover") for name in _FOLDERS for path in (self.root / name).glob(".*")]
        if quarantine:
            loose += [(path, "quarantine") for path in _children(self.root / "quarantine") if path.name[0] != "."]
        if media:
            loose += [(path, "media") for path in self._unused_media()]
        for path, what in loose:
            with suppress(OSError):
                if _changed(path) <= latest:
                    yield _remove(path, what, dry_run)

    def rebuild_index(self) -> int:
        """Make the index anew from the manifests. Returns how many it holds."""
        if self._index is not None:
            self._index.close()
        shutil.rmtree(self.root / "index", ignore_errors=True)
        self._parsed.clear()
        self._index = open_index(self.root / "index")
        return sum(track.is_complete for track in self.tracks())

    # Below: how

    def _verify_pack(self, track: Track, pack: Pack) -> Problem | None:
        head = track.head
        expected = (pack.n_frames, head.codec, head.clip.width, head.clip.height, head.domain["channels"])
        try:
            path = self.pack_path(head.key, pack.sha256)
            with path.open("rb") as file:
                header = read_header(file, pack.bytes)
            found = (header.n_frames, header.codec, header.width, header.height, header.channels)
            what = "" if found == expected else f"pack {pack.sha256[:12]} holds {found}, expected {expected}; {_REPAIR}"
        except (CorruptPack, BadPack, OSError) as error:
            what = str(error)
        name = f"{head.configuration} ({head.kind}) of '{head.clip.title}'"
        return Problem(name, what, head.key, pack.sha256, clip=head.clip.key) if what else None

    def _present(self, track: Track) -> tuple[Pack, ...]:
        """The packs up to the first one that is not there with its size."""

        def is_there(pack: Pack) -> bool:
            with suppress(OSError):
                return self._pack_file(track.head.key, pack.sha256).stat().st_size == pack.bytes
            return False

        return tuple(takewhile(is_there, track.packs))

    def _sound(self, track: Track) -> tuple[Pack, ...]:
        """The packs up to the first one that is damaged, which goes into quarantine."""
        for number, pack in enumerate(track.packs):
            if problem := self._verify_pack(track, pack):
                self.quarantine(self._pack_file(track.head.key, pack.sha256), problem)
                return track.packs[:number]
        return track.packs

    def _collect_from_track(self, key: str, latest: float, dry_run: bool) -> Iterator[Orphan]:
        folder = self._track_dir(key)
        track = self._stored(key)
        if track is None:
            if _changed(folder) <= latest:
                yield _remove(folder, "leftover", dry_run)
            return
        with nullcontext() if dry_run else self.writing(track.head.clip.key):
            track = self._stored(key)
            if track is not None:
                lists = {"manifest.json"} if track.is_complete else {"head.json", "progress.jsonl"}
                named = lists | {f"{pack.sha256}.pack" for pack in track.packs}
                for path in _children(folder):
                    if path.name not in named and _changed(path) <= latest:
                        yield _remove(path, "leftover", dry_run)

    @contextmanager
    def _not_fetching(self, folder: Path) -> Iterator[None]:
        """Keep jobs from the download of that folder, which bears the beginning of the URL's digest. Raises Timeout, an
        OSError, where one is at it."""
        with ExitStack() as held:
            for lock in self.media_dir.glob(f"urls/{folder.name.removeprefix('download-')}*.lock"):
                held.enter_context(FileLock(lock, timeout=0))
            yield

    def _unused_media(self) -> Iterator[Path]:
        """Downloads that no track was made from, and notes of URLs whose file is gone; none where a track is unreadable."""
        try:
            sources = {track.head.clip.source_sha256 for key in self._keys() if (track := self._stored(key))}
        except (BadRecord, OSError):
            return
        files = {path.name: path for path in _children(self.media_dir) if _is_key(path.stem)}
        unused = {name for name, path in files.items() if path.stem not in sources}
        yield from (files[name] for name in unused)
        for note in _children(self.media_dir / "urls"):
            with suppress(BadRecord, OSError, KeyError, TypeError):
                name = Path(read_json(note)["path"]).name
                if name in unused or name not in files:
                    yield note

    def _open_for_writing(self) -> None:
        try:
            for name in ("tracks", "media", "locks"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass
        except OSError as error:
            raise StoreError(
                f"the store {self.root} cannot be written ({error.strerror}); choose a writable folder with --store DIR"
            ) from error
        self._index = open_index(self.root / "index")

    def _keys(self) -> list[str]:
        try:
            return sorted(entry.name for entry in os.scandir(self.root / "tracks") if _is_key(entry.name))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _track_dir(self, key: str) -> Path:
        if not _is_key(key):
            raise StoreError(f"'{key[:80]}' is not a track key: 64 hexadecimal digits")
        return self.root / "tracks" / key

    def _pack_file(self, key: str, sha256: str) -> Path:
        if not _is_key(sha256):
            raise StoreError(f"'{sha256[:80]}' is not a pack name: 64 hexadecimal digits")
        return self._track_dir(key) / f"{sha256}.pack"

    def _stored(self, key: str) -> Track | None:
        """As `get`, from the files alone: what a rebuilt index would hold."""
        folder = self._track_dir(key)
        manifest = folder / "manifest.json"
        track = track_from_json(read_json(manifest)) if manifest.exists() else self._growing(folder)
        return _with_key(track, key) if track else None

    def _growing(self, folder: Path) -> Track | None:
        """A track without a manifest: its head and the packs listed so far. None where the job has not begun it."""
        try:
            head = head_from_json(read_json(folder / "head.json"))
            lines = read_small(folder / "progress.jsonl").split(b"\n")
        except FileNotFoundError:
            return None
        packs: list[Pack] = []
        for line in lines[:-1]:  # what follows the last newline is a line still being written
            try:
                packs.append(Pack(**parse_json(line, "progress.jsonl")))
            except TypeError as error:
                raise BadRecord(f"progress.jsonl cannot be read: {error}") from error
        return Track(head, tuple(packs), is_complete=False)

    def _from_index(self, key: str, stamp: int) -> Track | None:
        """What the index holds of that manifest; None where there is none of its time or none that can be read."""
        if self._index is not None:
            with suppress(*INDEX_ERRORS):
                row = json.loads(str(self._index.get(key)))
                return _with_key(track_from_json(row["manifest"]), key) if row["stamp"] == stamp else None
        return None

    def _to_index(self, key: str, stamp: int, manifest: Any) -> None:
        if self._index is not None:
            with suppress(*INDEX_ERRORS):
                self._index.set(key, json.dumps({"stamp": stamp, "manifest": manifest}))


def _with_key(track: Track, key: str) -> Track:
    if track.head.key != key:
        raise BadRecord(f"its manifest is of track {track.head.key[:12]}")
    return track


def _is_key(text: str) -> bool:
    return len(text) == 64 and all(letter in "0123456789abcdef" for letter in text)


def _children(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return sorted(folder.iterdir())
    return []


def _changed(path: Path) -> float:
    """When the file, or anything in the folder, changed last or got its name, in seconds; a file's own date may be one
    that a server told."""
    stat = path.lstat()
    children = path.iterdir() if S_ISDIR(stat.st_mode) else ()
    return max(stat.st_mtime, stat.st_ctime, *map(_changed, children))


def _remove(path: Path, what: str, dry_run: bool) -> Orphan:
    orphan = Orphan(path, what, bytes_of(path))
    if not dry_run and path.is_dir() and not path.is_symlink():
        hidden = path.with_name(f".{secrets.token_hex(8)}")
        path.rename(hidden)
        if _is_key(path.name) and any((hidden / name).exists() for name in ("head.json", "manifest.json")):
            hidden.rename(path)  # a job has begun or finished it in this very moment
            raise StoreError("another job is writing this clip")
        shutil.rmtree(hidden, ignore_errors=True)
    elif not dry_run:
        path.unlink(missing_ok=True)
    return orphan
