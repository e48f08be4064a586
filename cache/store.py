"""The store: finds, reads and adopts tracks.

    STORE/tracks/<key>/<sha256>.pack    immutable, named by content
    STORE/tracks/<key>/manifest.json    written last: the track is finished
    STORE/tracks/<key>/head.json, progress.jsonl    while a job writes the track; parts: cache/growing.py
    STORE/media/                        downloaded sources
    STORE/locks/<clip key>.lock         one writer per clip
    STORE/index/                        rows of manifests, summaries and clips: a copy, safe to delete
    STORE/quarantine/                   damaged packs and tracks, each with a note in JSON

Packs and manifests are the truth. Every file appears under its name whole (temporary name, fsync, rename), so readers
never see half a file and killed writers never leave one. A track owns its folder: removing it cannot harm another.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import platformdirs
from filelock import Timeout

from cache.clips.lines import newest_first
from cache.clips.listing import REST, Lister, Listing
from cache.clips.rows import ClipRow, delete_rows, read_rows, write_rows
from cache.files import checked, hash_file, make_folder, read_json, sync_folder, write_whole
from cache.growing import End, begin, list_pack, read_end, read_growing, read_parts
from cache.index import Index, open_index, read_summaries
from cache.keys import is_key
from cache.locks import has_flock, lock_of
from cache.pack import BadPack, read_column, read_header, read_image, read_images
from cache.records import (
    BadRecord,
    Head,
    NewerRecord,
    Pack,
    StoreError,
    Track,
    manifest_bytes,
    track_from_json,
)

STORE_VARIABLE = "CROSSCHECK_STORE"
MAX_PARSED = 20_000
"""Manifests in memory, of 8 kB each: those of 500 clips."""
REPAIR = "run `python -m precompute verify --fix`, then the job again"


class CorruptPack(StoreError):
    """A pack's bytes are not the bytes that were written."""


def default_root() -> Path:
    """`$CROSSCHECK_STORE`, else the user's data folder. Raises StoreError if there is none, or if it is no folder."""
    if named := os.environ.get(STORE_VARIABLE):
        if "://" in named:
            raise StoreError("this needs a store in a folder, not in a bucket", "name one with --store DIR")
        return Path(named)
    try:
        return Path(platformdirs.user_data_dir("crosscheck")) / "store"
    except (RuntimeError, OSError, KeyError):
        raise StoreError(
            "this user has no home folder to keep a store in", f"name one with --store DIR or ${STORE_VARIABLE}"
        ) from None


def require_store(root: Path) -> None:
    """Raise StoreError if the folder is not a store. One without a track is a store too."""
    if not (root / "tracks").is_dir():
        raise StoreError(
            f"{root} is not a Crosscheck store (no tracks/ in it)",
            "pass another --store, or create one with: python -m precompute run walkthrough",
        )


class Store:
    """Tracks by key. Opening a store reads nothing; opening it for writing creates its folders."""

    def __init__(self, root: Path | str, *, read_only: bool = False) -> None:
        self.root = Path(root)
        self._checked: dict[Path, tuple[int, int]] = {}
        self._parsed: dict[str, tuple[int, Track]] = {}
        self._index: Index | None = None
        self._lister = Lister(self.root, self._get_without_row)
        if not read_only:
            self._open_for_writing()

    # Places

    @property
    def address(self) -> str:
        """What opens the store again, for commands and messages."""
        return str(self.root)

    @property
    def is_folder(self) -> bool:
        """Whether the store is a folder, in which work can be asked for and machines can put parts of tracks."""
        return True

    def free_bytes(self) -> float:
        """Room for further results."""
        return shutil.disk_usage(self.root).free

    @property
    def media_dir(self) -> Path:
        """The folder of downloaded sources."""
        return self.root / "media"

    def track_folder(self, key: str) -> Path:
        """The folder of a track, which may not exist. Raises StoreError for a name that is not a key."""
        if not is_key(key):
            raise StoreError(f"'{key[:80]}' is not a track key: 64 hexadecimal digits")
        return self.root / "tracks" / key

    def pack_file(self, key: str, sha256: str) -> Path:
        """The file of a track's pack, unchecked. Raises StoreError for names that are not digests."""
        if not is_key(sha256):
            raise StoreError(f"'{sha256[:80]}' is not a pack name: 64 hexadecimal digits")
        return self.track_folder(key) / f"{sha256}.pack"

    def track_keys(self) -> list[str]:
        """The keys of all track folders, readable or not, in order."""
        try:
            return sorted(entry.name for entry in os.scandir(self.root / "tracks") if is_key(entry.name))
        except (FileNotFoundError, NotADirectoryError):
            return []

    # Tracks

    def get(self, key: str) -> Track | None:
        """The track with that key, finished or growing; None if there is none. Raises BadRecord on a bad manifest."""
        return self._get(key, is_kept=True)

    def _get_without_row(self, key: str) -> Track | None:
        """As `get`, for many tracks: a row in the index takes ten times as long as reading the manifest."""
        return self._get(key, is_kept=False)

    def _get(self, key: str, *, is_kept: bool) -> Track | None:
        folder = self.track_folder(key)
        manifest = folder / "manifest.json"
        if not manifest.exists():
            growing = read_growing(folder)
            if growing is not None:
                return _with_key(growing, key)
        try:
            stamp = manifest.stat().st_mtime_ns  # exists by now if a writer finished between the two looks
        except FileNotFoundError:
            return None
        known = self._parsed.get(key)
        if known and known[0] == stamp:
            return known[1]
        track = self._from_index(key, stamp)
        if track is None:
            data = read_json(manifest)
            track = _with_key(track_from_json(data), key)
            if is_kept and self._index is not None:
                self._index.put(key, stamp, data)
        while len(self._parsed) >= MAX_PARSED:
            self._parsed.pop(next(iter(self._parsed)), None)
        self._parsed[key] = (stamp, track)
        return track

    def read(self, key: str) -> Track | None:
        """As `get`, from the files alone, without index and memory."""
        folder = self.track_folder(key)
        manifest = folder / "manifest.json"
        track = track_from_json(read_json(manifest)) if manifest.exists() else read_growing(folder)
        return _with_key(track, key) if track else None

    def tracks(self, *, clip: str | None = None, kind: str | None = None) -> list[Track]:
        """Every readable track, newest first, finished or growing; `verify` reports the unreadable ones.

        Those of one `clip` are found without reading the others.
        """
        found = []
        for key in self.track_keys() if clip is None else self._lister.keys_of(clip):
            with suppress(BadRecord, OSError):
                track = self.get(key)
                if track and clip in (None, track.head.clip.key) and kind in (None, track.head.kind):
                    found.append(track)
        return newest_first(found)

    def listing(self, *, rest: float = REST, is_kept: bool = False) -> Listing:
        """What the store lists of each clip: as it is now, or, of a store so large that a look takes 0.1 s, as it was up to `rest`
        times as long ago. A store that may be written keeps what it had to read for the next look; with `is_kept`, any whose index
        can be written."""
        return self._lister.look(rest=rest, is_kept=is_kept or self._index is not None)

    def listed_tracks(self, listing: Listing, clip: str) -> list[Track]:
        """The readable tracks that a listing has of one clip, as they are now, newest first."""
        found = []
        for key in listing.keys(clip):
            with suppress(BadRecord, OSError):
                track = self.get(key)
                if track and track.head.clip.key == clip:
                    found.append(track)
        return newest_first(found)

    def holds(self, key: str) -> bool:
        """Whether that track is finished and every pack file has its size."""
        try:
            track = self.get(key)
        except (BadRecord, OSError):
            return False
        return track is not None and track.is_complete and len(self._present(track)) == len(track.packs)

    # Summary rows, whose content is not the store's concern

    def manifest_stamps(self, only: Iterable[str] | None = None) -> dict[str, str]:
        """Track key -> the state of its manifest's file, of all tracks or of `only` those keys; empty text where there is none, as of a
        growing track."""
        stamps = {}
        for key in self.track_keys() if only is None else only:
            try:
                stat = os.stat(f"{self.root}/tracks/{key}/manifest.json")  # noqa: PTH116 (a third of the time of a Path)
                stamps[key] = f"{stat.st_mtime_ns}-{stat.st_size}"
            except OSError:
                stamps[key] = ""
        return stamps

    def summary_rows(self, keys: Collection[str] | None = None) -> dict[str, str]:
        """Track key -> the row that was kept for it, from whatever state of its manifest; with `keys`, of at least those."""
        return read_summaries(self.root / "index", keys)

    def keep_summary(self, key: str, row: str) -> bool:
        """Keep a row beside the track's manifest in the index; False where this store may not be written."""
        if self._index is None:
            return False
        self._index.put_summary(key, row)
        return True

    def keep_line(self, clip: str) -> bytes | None:
        """Keep the row that lists one clip, whose tracks are finished, without a look at the others: what rows about that clip are made
        from. None while a track grows, or where this store may not be written."""
        return None if self._index is None else self._lister.keep(clip)

    def clip_rows(self, name: str) -> dict[str, ClipRow]:
        """Clip key -> the row of that name, from whatever state of its manifests."""
        return read_rows(self.root / "index", name)

    def keep_clip_rows(self, name: str, rows: Mapping[str, ClipRow]) -> None:
        """Keep rows about clips; does nothing where this store may not be written."""
        if self._index is not None:
            write_rows(self.root / "index", name, rows)

    # Frames and columns

    def column(self, track: Track, name: str) -> np.ndarray:
        """Column `name` over all ready frames of the track: (N, ...). Raises KeyError if it has no such column."""
        if name not in track.head.columns:
            raise KeyError(name)
        parts = [read_column(self.pack_path(track.head.key, pack.sha256), name) for pack in track.packs]
        return np.concatenate(parts) if parts else np.zeros((0,), np.float32)

    def images(self, track: Track) -> Iterator[bytes]:
        """The coded images of all ready frames, in order."""
        for pack in track.packs:
            yield from read_images(self.pack_path(track.head.key, pack.sha256))

    def image(self, track: Track, frame: int) -> bytes:
        """The coded image of one ready frame. Raises IndexError if the track has no such frame."""
        for pack in track.packs:
            if 0 <= frame - pack.start < pack.n_frames:
                return read_image(self.pack_path(track.head.key, pack.sha256), frame - pack.start)
        raise IndexError(f"{track.head.configuration} has {track.n_frames} frames, not frame {frame}")

    def pack_path(self, key: str, sha256: str) -> Path:
        """The file of a track's pack, hashed on first use by this process and after every change.

        Raises CorruptPack where it is missing or its bytes are not the ones that were written.
        """
        path = self.pack_file(key, sha256)
        try:
            stat = path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            if self._checked.get(path) != stamp:
                if hash_file(path) != sha256:
                    raise CorruptPack(f"pack {sha256[:12]} is damaged", REPAIR)
                self._checked[path] = stamp
        except FileNotFoundError:
            raise CorruptPack(f"pack {sha256[:12]} is missing", REPAIR) from None
        except OSError as error:
            raise CorruptPack(f"pack {sha256[:12]} cannot be read ({error.strerror})", REPAIR) from error
        return path

    def check_pack(self, track: Track, pack: Pack) -> None:
        """Raises CorruptPack unless the pack's bytes are intact and its header agrees with the track."""
        try:
            with self.pack_path(track.head.key, pack.sha256).open("rb") as file:
                require_header(track, pack, file)
        except OSError as error:
            raise CorruptPack(str(error)) from error

    # Changes

    @contextmanager
    def writing(self, clip: str, *, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
        """Be the only writer of that clip. While another job writes it, calls `on_wait` once and waits; without
        `on_wait`, raises StoreError at once. Raises NoLocks."""
        lock = lock_of(self.root / "locks" / f"{clip}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if on_wait is None:
                raise StoreError("another job is writing this clip", "wait for it or stop it") from None
            on_wait()
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def begin(self, head: Head, packs: Sequence[Pack]) -> None:
        """Start writing a track, or resume one that has these packs. The caller holds `writing` for its clip."""
        folder = self.track_folder(head.key)
        begin(folder, head, packs)
        (folder / "manifest.json").unlink(missing_ok=True)

    def put_pack(self, head: Head, sha256: str, data: bytes) -> None:
        """Store the bytes of a pack, which nothing lists yet."""
        write_whole(self.pack_file(head.key, sha256), [data])

    def list_packs(self, head: Head, packs: Sequence[Pack], n_new: int) -> None:
        """List the last `n_new` of the growing track's `packs`, which are stored."""
        for pack in packs[len(packs) - n_new :]:
            list_pack(self.track_folder(head.key), pack)

    def parts(self, key: str) -> dict[int, Pack]:
        """First frame -> the part of a growing track that another machine put there (cache/growing.py)."""
        return read_parts(self.track_folder(key))

    def end(self, key: str) -> End | None:
        """Where the clip of a growing track ends, if another machine has found that."""
        return read_end(self.track_folder(key))

    def complete(self, track: Track) -> None:
        """Write the manifest of a track whose packs are all stored, and remove every other file of its folder."""
        folder = self.track_folder(track.head.key)
        write_whole(folder / "manifest.json", [manifest_bytes(track)])
        wanted = {"manifest.json", *(f"{pack.sha256}.pack" for pack in track.packs)}
        for path in folder.iterdir():  # head, progress, and what killed writers left
            if path.name not in wanted:
                path.unlink(missing_ok=True)
        self._lister.expire()

    def adopt(self, track: Track, read: Callable[[Pack], Iterator[bytes]]) -> None:
        """Store a finished track of another store. `read` gives the bytes of a pack; stored packs are not read again.

        The track appears once all of it is stored. The caller holds `writing` of its clip. Raises CorruptPack where a
        pack is not the one that the track names.
        """
        try:
            self.read(track.head.key)
        except NewerRecord:
            raise
        except BadRecord:
            pass  # an unreadable track is replaced
        self._make_place(track.head.key)
        for pack in track.packs:
            try:
                self.check_pack(track, pack)
            except CorruptPack:
                self._receive(track, pack, read)
        self.complete(track)

    def remove(self, keys: Sequence[str]) -> int:
        """Remove those tracks, and what the index says of their clips. Returns the bytes freed. The caller holds `writing` of every
        clip concerned."""
        freed, clips = 0, set()
        for key in set(keys):
            folder = self.track_folder(key)
            with suppress(BadRecord, OSError):
                if track := self.get(key):
                    clips.add(track.head.clip.key)
            freed += sum(path.stat().st_size for path in folder.glob("*.pack"))
            # The lists go before their packs: an interrupted removal leaves no track that lacks some.
            for name in ("manifest.json", "head.json"):
                (folder / name).unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            self._parsed.pop(key, None)
            if self._index is not None:
                self._index.delete(key)
        delete_rows(self.root / "index", clips, keys)
        self._lister.expire()
        return freed

    def set_aside(self, key: str, sha256: str, note: Mapping[str, Any]) -> None:
        """Move a damaged pack, or the whole track where `sha256` is empty, into quarantine, with a note in JSON."""
        path = self.pack_file(key, sha256) if sha256 else self.track_folder(key)
        folder = self.root / "quarantine"
        name = f"{path.stem[:12]}-{secrets.token_hex(4)}"
        if path.exists():
            make_folder(folder)
            note = {**note, "from": str(path.relative_to(self.root))}
            write_whole(folder / f"{name}.json", [json.dumps(note, indent=1).encode()])
            path.rename(folder / f"{name}{path.suffix}")
            sync_folder(path.parent)

    def share_index(self) -> None:
        """Let other machines know what was written into the index; a folder's index is the one they read."""

    def rebuild_index(self) -> int:
        """Build the index again from the manifests. Returns how many it holds."""
        if self._index is not None:
            self._index.close()
        shutil.rmtree(self.root / "index", ignore_errors=True)
        self.forget()
        self._index = open_index(self.root / "index")
        n_finished = sum(track.is_complete for track in self.tracks())
        self.listing()
        return n_finished

    def forget(self) -> None:
        """Forget which packs and manifests were checked: all are read and hashed again."""
        self._checked.clear()
        self._parsed.clear()
        self._lister.forget()

    def _make_place(self, key: str) -> None:
        make_folder(self.track_folder(key))

    def _open_for_writing(self) -> None:
        try:
            for name in ("tracks", "media", "locks"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass
        except OSError as error:
            raise StoreError(
                f"the store {self.root} cannot be written ({error.strerror})",
                "choose a writable folder with --store DIR",
            ) from error
        has_flock(self.root / "locks")  # reported now, and once
        self._index = open_index(self.root / "index")

    def _from_index(self, key: str, stamp: int) -> Track | None:
        """The indexed track, where the index holds the manifest of that time and can be read."""
        manifest = self._index.get(key, stamp) if self._index is not None else None
        with suppress(BadRecord):
            return None if manifest is None else _with_key(track_from_json(manifest), key)
        return None

    def _present(self, track: Track) -> tuple[Pack, ...]:
        """The packs before the first one that is missing or of another size."""

        def is_present(pack: Pack) -> bool:
            with suppress(OSError):
                return self.pack_file(track.head.key, pack.sha256).stat().st_size == pack.bytes
            return False

        return tuple(takewhile(is_present, track.packs))

    def _receive(self, track: Track, pack: Pack, read: Callable[[Pack], Iterator[bytes]]) -> None:
        path = self.pack_file(track.head.key, pack.sha256)
        try:
            write_whole(path, checked(read(pack), pack.bytes, pack.sha256))
        except ValueError as error:
            raise CorruptPack(f"pack {pack.sha256[:12]} arrived as {error}", "fetch it again") from error
        self.check_pack(track, pack)


def require_header(track: Track, pack: Pack, file: BinaryIO) -> None:
    """Raises CorruptPack unless the header of the open pack agrees with the track."""
    head = track.head
    expected = (pack.n_frames, head.codec, head.clip.width, head.clip.height, head.domain["channels"])
    try:
        header = read_header(file, pack.bytes)
    except BadPack as error:
        raise CorruptPack(str(error)) from error
    found = (header.n_frames, header.codec, header.width, header.height, header.channels)
    if found != expected:
        raise CorruptPack(f"pack {pack.sha256[:12]} holds {found}, expected {expected}", REPAIR)


def _with_key(track: Track, key: str) -> Track:
    if track.head.key != key:
        raise BadRecord(f"its manifest belongs to track {track.head.key[:12]}")
    return track
