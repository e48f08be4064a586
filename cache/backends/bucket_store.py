"""A store in a bucket: the same tracks, packs and promises as in a folder, kept by objects and conditional puts.

    PREFIX/crosscheck.json                written first: this prefix is a store
    PREFIX/manifests/<key>.json           a finished track; put last, and by one writer only
    PREFIX/packs/<key>/<sha256>.pack      its packs, named by their content
    PREFIX/growing/<key>.json             its head and the packs so far, while a job writes it
    PREFIX/leases/<clip key>.json         one writer per clip
    PREFIX/index/<random>.json.gz         manifests and summaries of many tracks: a copy, can be deleted
    PREFIX/quarantine/                    damaged packs and tracks, each with a note in JSON

Manifests have a folder of their own, so that listing them lists no packs. The store's `root` is a folder of this machine: copies of
packs (local_copies.py), an index of what was read, downloads and reports.
"""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from cache.backends import lease
from cache.backends.address import Address
from cache.backends.local_copies import LocalCopies, folder_of, limit_bytes
from cache.backends.objects import Bucket, BucketError, Entry, Gone, Object, etag_number, in_threads
from cache.backends.shared_index import Row, SharedIndex
from cache.clips import listing as clips
from cache.clips.lines import line_of
from cache.clips.listing import REST
from cache.clips.rows import STAMP_BYTES, delete_rows
from cache.files import MAX_MANIFEST_BYTES, checked, hash_file, parse_json
from cache.growing import End
from cache.index import open_index, read_summaries
from cache.records import BadRecord, Head, Pack, StoreError, Track, head_to_json, manifest_bytes, track_from_json
from cache.records import head_from_json as head_of
from cache.store import REPAIR, CorruptPack, Store, is_key, require_header

MARKER = "crosscheck.json"
LISTING_SECONDS = 2.0
"""For so long a store that is only read shows what it listed last."""
TAKEN = "another job writes this track too"


@dataclass(frozen=True)
class Listing:
    """What the bucket held at one moment."""

    manifests: Mapping[str, str]
    """Track key -> ETag of its manifest."""
    growing: frozenset[str]
    """Keys of tracks that a job writes, or left unfinished."""


@dataclass(frozen=True)
class Unnamed:
    """An object that nothing in the store names."""

    name: str
    bytes: int
    what: str
    """leftover or quarantine."""


class BucketStore(Store):
    """The tracks of a bucket. Threads may share it."""

    def __init__(
        self, address: Address, *, read_only: bool = False, lease_seconds: float = lease.LEASE_SECONDS
    ) -> None:
        self.bucket = Bucket(address)
        self._is_read_only = read_only
        self._lease_seconds = lease_seconds
        self._leases: dict[str, lease.Lease] = {}
        self._known: dict[str, tuple[str, Track]] = {}
        self._sound: dict[tuple[str, str], str] = {}
        """(track key, pack) -> the ETag under which the pack was last hashed."""
        self._growing_etags: dict[str, str] = {}
        self._shared = SharedIndex(self.bucket)
        self._unshared: dict[str, str] = {}
        """Track key -> summary that other machines do not have yet."""
        self._listed: tuple[float, Listing] | None = None
        self._last: clips.Listing | None = None
        self._listing_lock = Lock()
        super().__init__(folder_of(address), read_only=True)
        try:
            for name in ("tracks", "media"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"copies of packs cannot be kept in {self.root} ({error.strerror})",
                "choose a writable folder with $CROSSCHECK_BUCKET_CACHE",
            ) from error
        self.copies = LocalCopies(self.root / "tracks", limit_bytes())
        self._index = open_index(self.root / "index")
        if not read_only:
            self.bucket.put_new(MARKER, json.dumps({"crosscheck_store": 1}).encode())

    # Places

    @property
    def address(self) -> str:
        return str(self.bucket.address)

    @property
    def is_folder(self) -> bool:
        return False

    def free_bytes(self) -> float:
        return float("inf")

    def require(self) -> None:
        """Raise StoreError if there is no store below the prefix, and BucketError if nobody can tell."""
        if self.bucket.get(MARKER) is None:
            raise StoreError(
                f"{self.address} is not a Crosscheck store (no {MARKER} in it)",
                f"pass another --store, or create one with: python -m precompute run walkthrough --store {self.address}",
            )

    def track_keys(self) -> list[str]:
        listing = self._listing()
        return sorted(listing.growing | set(listing.manifests))

    # Tracks

    def get(self, key: str) -> Track | None:
        known = self._known.get(self._require_key(key))
        if known and self._is_read_only and self._listing().manifests.get(key) == known[0]:
            return known[1]
        found = self.bucket.get(_manifest(key), unless=known[0] if known else "")
        if found is None:
            self._known.pop(key, None)
            return self._read_growing(key)
        if known and not found.data and found.etag == known[0]:
            return known[1]
        return self._parsed_track(key, found)

    def read(self, key: str) -> Track | None:
        found = self.bucket.get(_manifest(self._require_key(key)))
        return self._read_growing(key) if found is None else _track(key, _json(found, "manifest.json"))

    def tracks(self, *, clip: str | None = None, kind: str | None = None) -> list[Track]:
        listing = self._listing()
        found = self._of_listing(listing)
        growing = in_threads(self._read_growing_or_none, listing.growing - set(listing.manifests))
        tracks = [
            track
            for track in (*found.values(), *growing)
            if track and clip in (None, track.head.clip.key) and kind in (None, track.head.kind)
        ]
        return sorted(tracks, key=lambda track: (track.head.computed_on.get("time", ""), track.head.key), reverse=True)

    def listing(self, *, rest: float = REST, is_kept: bool = False) -> clips.Listing:
        """What the store lists of each clip, as it is now."""
        of_clip: dict[str, list[Track]] = {}
        for track in self.tracks():
            of_clip.setdefault(track.head.clip.key, []).append(track)
        state, stamps, growing = hashlib.blake2b(digest_size=16), {}, {}
        for clip, tracks in sorted(of_clip.items()):
            finished = sorted(track.head.key for track in tracks if track.is_complete)
            written = sorted((track.head.key, track.n_frames) for track in tracks if not track.is_complete)
            stamps[clip] = b"".join(bytes.fromhex(key) + self._stamp(key) for key in finished)
            state.update(stamps[clip] + f"{clip} {written}".encode())
            if written:
                growing[clip] = tuple(key for key, _ in written)
        lines = {clip: line_of(tracks) for clip, tracks in of_clip.items()}
        if self._last is None or self._last.state != state.hexdigest():
            in_order = dict(sorted(lines.items(), key=lambda item: item[1].newest, reverse=True))
            self._last = clips.Listing(in_order, state.hexdigest(), stamps, growing)
        return self._last

    def _stamp(self, key: str) -> bytes:
        """What stands for the state of a manifest, as long as time and size of a file."""
        etag = self._known.get(key, ("",))[0]
        return hashlib.blake2b(etag.encode(), digest_size=STAMP_BYTES - 32).digest()

    def holds(self, key: str) -> bool:
        try:
            track = self.get(key)
        except BadRecord:
            return False
        if track is None or not track.is_complete:
            return False
        sizes = self._pack_sizes(key)
        return all(sizes.get(pack.sha256) == pack.bytes for pack in track.packs)

    # Summary rows

    def manifest_stamps(self, only: Iterable[str] | None = None) -> dict[str, str]:
        listing = self._listing()
        keys = sorted(listing.growing | set(listing.manifests)) if only is None else only
        return {key: listing.manifests.get(key, "") for key in keys}

    def summary_rows(self, keys: Collection[str] | None = None) -> dict[str, str]:
        self._take_shared()
        return read_summaries(self.root / "index", keys)

    def keep_summary(self, key: str, row: str) -> bool:
        if not self._is_read_only:
            self._unshared[key] = row
        return super().keep_summary(key, row)

    def keep_line(self, clip: str) -> bytes | None:
        return None if self._is_read_only else self.listing().stamps(clip)

    def share_index(self) -> None:
        """Put what was kept since the last time into the bucket, with the manifests. A copy that cannot be put stops nothing."""
        rows, self._unshared = self._unshared, {}
        with suppress(BucketError):
            self._shared.add(self._shared_rows(rows))

    # Packs

    def pack_path(self, key: str, sha256: str) -> Path:
        """The copy of a pack on this machine, fetched where there is none, and hashed as in a folder. Raises CorruptPack where the
        bucket's object is missing or damaged, and BucketError where it cannot be had now."""
        self.pack_file(key, sha256)  # names that are no digests go no further
        path = self.copies.path(key, sha256)
        with suppress(OSError):
            stat = path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            if self._checked.get(path) == stamp or hash_file(path) == sha256:
                self._checked[path] = stamp
                self.copies.mark_used(path)
                return path
        return self._fetched(key, sha256)

    def check_pack(self, track: Track, pack: Pack) -> None:
        """As in a folder, of the object in the bucket: what was hashed under its ETag is not fetched again."""
        name, known = _pack(track.head.key, pack.sha256), (track.head.key, pack.sha256)
        entry = self.bucket.head(name)
        if entry is None:
            raise CorruptPack(f"pack {pack.sha256[:12]} is missing", REPAIR)
        if not entry.etag or self._sound.get(known) != entry.etag:
            self.copies.drop(self.copies.path(*known))
            self._fetched(*known)
            self._sound[known] = entry.etag
        with self.pack_path(*known).open("rb") as file:
            require_header(track, pack, file)

    def _fetched(self, key: str, sha256: str) -> Path:
        path = self.copies.path(key, sha256)
        parts = _hashed(self.bucket.fetch(_pack(key, sha256)), sha256)
        try:
            self.copies.add(path, parts)
        except Gone:
            raise CorruptPack(f"pack {sha256[:12]} is missing", REPAIR) from None
        except ValueError as error:
            raise CorruptPack(f"pack {sha256[:12]} is damaged", REPAIR) from error
        except OSError as error:
            raise CorruptPack(
                f"pack {sha256[:12]} cannot be copied to {self.root} ({error.strerror})",
                "free some space there, or choose another folder with $CROSSCHECK_BUCKET_CACHE",
            ) from error
        stat = path.stat()
        self._checked[path] = (stat.st_mtime_ns, stat.st_size)
        return path

    # Changes

    @contextmanager
    def writing(self, clip: str, *, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
        """Be the only writer of that clip, by a lease. While another job writes it, calls `on_wait` once and waits; without
        `on_wait`, raises StoreError at once. Raises BucketError."""
        name = f"leases/{self._require_key(clip)}.json"
        held = lease.acquire(self.bucket, name, seconds=self._lease_seconds, on_wait=on_wait)
        self._leases[clip] = held
        try:
            yield
        finally:
            del self._leases[clip]
            held.release()

    def begin(self, head: Head, packs: Sequence[Pack]) -> None:
        self._require_lease(head.clip.key)
        self._growing_etags[head.key] = self.bucket.put(_growing(head.key), _growing_bytes(head, packs))
        self.bucket.delete([_manifest(head.key)])
        self._changed(head.key)

    def put_pack(self, head: Head, sha256: str, data: bytes) -> None:
        self._require_lease(head.clip.key)
        self._put_bytes(head.key, sha256, data)
        with suppress(OSError):  # what is measured next reads it again
            self.copies.add(self.copies.path(head.key, sha256), [data])

    def list_packs(self, head: Head, packs: Sequence[Pack], n_new: int) -> None:
        key = head.key
        self._require_lease(head.clip.key)
        etag = self.bucket.replace(_growing(key), _growing_bytes(head, packs), self._growing_etags[key])
        if etag is None:
            raise StoreError(TAKEN, "run the same command again: what is stored is kept")
        self._growing_etags[key] = etag

    def parts(self, key: str) -> dict[int, Pack]:
        return {}

    def end(self, key: str) -> End | None:
        return None

    def complete(self, track: Track) -> None:
        """Put the manifest of a track whose packs are all stored, and delete every other object of it. The first writer wins: where
        another has finished the same track meanwhile, its packs stay and these go."""
        key = track.head.key
        self._require_lease(track.head.clip.key)
        kept = track
        if self.bucket.put_new(_manifest(key), manifest_bytes(track)) is None:
            kept = self._completed_again(track)
        self._changed(key)
        self.bucket.delete([_growing(key)])
        self._growing_etags.pop(key, None)
        wanted = {_pack(key, pack.sha256) for pack in kept.packs}
        self.bucket.delete([entry.name for entry in self.bucket.list(f"packs/{key}") if entry.name not in wanted])

    def _completed_again(self, track: Track) -> Track:
        """The track that is stored, once a manifest of that name was there already: the other's if it is whole and has other
        packs, else this one."""
        key = track.head.key
        while (found := self.bucket.get(_manifest(key))) is not None:
            with suppress(BadRecord):
                other = _track(key, _json(found, "manifest.json"))
                sizes = self._pack_sizes(key)
                is_whole = all(sizes.get(pack.sha256) == pack.bytes for pack in other.packs)
                if is_whole and other.packs != track.packs:
                    return other
            if self.bucket.replace(_manifest(key), manifest_bytes(track), found.etag) is not None:
                return track
        raise StoreError(TAKEN, "run the same command again: what is stored is kept")

    def remove(self, keys: Sequence[str]) -> int:
        freed = 0
        for key in set(keys):
            entries = list(self.bucket.list(f"packs/{self._require_key(key)}"))
            freed += sum(entry.bytes for entry in entries)
            # The lists go before their packs, as in a folder.
            self.bucket.delete([_manifest(key), _growing(key), *(entry.name for entry in entries)])
            self._changed(key)
            if self._index is not None:
                self._index.delete(key)
        delete_rows(self.root / "index", (), keys)
        return freed

    def set_aside(self, key: str, sha256: str, note: Mapping[str, Any]) -> None:
        name = f"{(sha256 or self._require_key(key))[:12]}-{secrets.token_hex(4)}"
        moved = [_pack(key, sha256)] if sha256 else [_manifest(key), _growing(key)]
        moved += [] if sha256 else [entry.name for entry in self.bucket.list(f"packs/{key}")]
        moved = [one for one in moved if self.bucket.head(one) is not None]
        if moved:
            text = json.dumps({**note, "from": moved[0]}, indent=1)
            self.bucket.put(f"quarantine/{name}.json", text.encode())
        for one in moved:
            self.bucket.copy(one, f"quarantine/{name}.pack" if sha256 else f"quarantine/{name}/{one.split('/')[-1]}")
        self.bucket.delete(moved)
        if sha256:
            self.copies.drop(self.copies.path(key, sha256))
            self._sound.pop((key, sha256), None)
        self._changed(key)

    def unnamed(self, min_age_seconds: float, *, quarantine: bool = False, dry_run: bool = False) -> Iterator[Unnamed]:
        """Delete what nothing names and what is older than that, or only list it: packs of killed jobs, and lists that a finished
        track no longer needs. Skips clips that a job is writing."""
        now = self.bucket.now()

        def is_old(entry: Entry) -> bool:
            return (now - entry.modified).total_seconds() >= min_age_seconds

        of_track: dict[str, list[Entry]] = {}
        for entry in (*self.bucket.list_hex("packs"), *self.bucket.list_hex("growing")):
            of_track.setdefault(entry.name.split("/")[1].removesuffix(".json"), []).append(entry)
        for key, entries in of_track.items():
            old = [entry for entry in entries if is_old(entry)]
            with suppress(BadRecord, _Busy):  # what is neither finished nor growing may be arriving, pack by pack
                if old and (len(old) == len(entries) or self.read(key) is not None):
                    yield from self._unnamed_of(key, old, dry_run)
        folders = ("clock", *(("quarantine",) if quarantine else ()))
        for entry in (entry for folder in folders for entry in self.bucket.list(folder) if is_old(entry)):
            if not dry_run:
                self.bucket.delete([entry.name])
            yield Unnamed(entry.name, entry.bytes, "quarantine" if entry.name.startswith("quarantine") else "leftover")

    def _unnamed_of(self, key: str, entries: Iterable[Entry], dry_run: bool) -> Iterator[Unnamed]:
        def left_over() -> list[Entry]:
            track = self.read(key) if is_key(key) else None
            named = {_pack(key, pack.sha256) for pack in track.packs} if track else set()
            named |= {_growing(key)} if track and not track.is_complete else set()
            return [entry for entry in entries if entry.name not in named]

        found = left_over()
        if found and not dry_run:
            clip = self._clip_of(key)
            if clip:
                try:
                    with self.writing(clip):
                        found = left_over()
                        self.bucket.delete([entry.name for entry in found])
                except BucketError:
                    raise
                except StoreError:
                    raise _Busy from None
            else:
                self.bucket.delete([entry.name for entry in found])
        yield from (Unnamed(entry.name, entry.bytes, "leftover") for entry in found)

    def _clip_of(self, key: str) -> str:
        track = self.read(key) if is_key(key) else None
        return track.head.clip.key if track else ""

    def rebuild_index(self) -> int:
        if self._index is not None:
            self._index.close()
        shutil.rmtree(self.root / "index", ignore_errors=True)
        self.forget()
        self._index = open_index(self.root / "index")
        found = self._of_listing(self._listing(), from_shared=False)
        self._shared.replace({key: (self._known[key][0], _manifest_json(track), "") for key, track in found.items()})
        return len(found)

    def forget(self) -> None:
        super().forget()
        self._known.clear()
        self._sound.clear()
        self._listed = None

    # Parts

    def _listing(self) -> Listing:
        with self._listing_lock:
            if self._is_read_only and self._listed and time.monotonic() - self._listed[0] < LISTING_SECONDS:
                return self._listed[1]
            growing = {_key_in(entry) for entry in self.bucket.list_hex("growing")}
            manifests = {_key_in(entry): entry.etag for entry in self.bucket.list_hex("manifests")}
            manifests.pop("", None)
            listing = Listing(manifests, frozenset(growing - {""}))
            self._listed = (time.monotonic(), listing)
            return listing

    def _changed(self, key: str) -> None:
        self._known.pop(key, None)
        self._listed = None

    def _of_listing(self, listing: Listing, *, from_shared: bool = True) -> dict[str, Track]:
        """The finished tracks of a listing, by key: from memory, from the index of this machine, from that of the bucket, and for
        the rest from their manifests."""

        def lacking() -> list[str]:
            return [key for key, etag in listing.manifests.items() if self._known.get(key, ("",))[0] != etag]

        for key in lacking():
            etag = listing.manifests[key]
            manifest = self._index.get(key, etag_number(etag)) if self._index is not None else None
            if manifest is not None:
                with suppress(BadRecord):
                    self._known[key] = (etag, _track(key, manifest))
        if from_shared and lacking():
            self._take_shared(listing)
        in_threads(self._parsed_or_none, lacking())
        return {key: self._known[key][1] for key in listing.manifests if key in self._known}

    def _take_shared(self, listing: Listing | None = None) -> None:
        """Take over what the bucket's index says of manifests as they are now."""
        listing = listing or self._listing()
        for key, (etag, manifest, summary) in self._shared.news():
            if listing.manifests.get(key) == etag and self._index is not None:
                if self._known.get(key, ("",))[0] != etag:
                    with suppress(BadRecord):
                        self._known[key] = (etag, _track(key, manifest))
                        self._index.put(key, etag_number(etag), manifest)
                if summary:
                    self._index.put_summary(key, summary)

    def _shared_rows(self, summaries: Mapping[str, str]) -> dict[str, Row]:
        etags = self._listing().manifests
        rows: dict[str, Row] = {}
        for key, summary in summaries.items():
            with suppress(BadRecord):
                track = self.get(key)
                if track is not None and track.is_complete and self._known[key][0] == etags.get(key):
                    rows[key] = (etags[key], _manifest_json(track), summary)
        return rows

    def _parsed_or_none(self, key: str) -> None:
        with suppress(BadRecord):
            found = self.bucket.get(_manifest(key))
            if found is not None:
                self._parsed_track(key, found)

    def _parsed_track(self, key: str, found: Object) -> Track:
        data = _json(found, "manifest.json")
        track = _track(key, data)
        self._known[key] = (found.etag, track)
        if self._index is not None:
            self._index.put(key, etag_number(found.etag), data)
        return track

    def _read_growing_or_none(self, key: str) -> Track | None:
        with suppress(BadRecord):
            return self._read_growing(key)
        return None

    def _read_growing(self, key: str) -> Track | None:
        """A track without a manifest; None where no job has begun it."""
        found = self.bucket.get(_growing(key))
        if found is None:  # a writer may have finished between the two looks
            finished = self.bucket.get(_manifest(key))
            return None if finished is None else self._parsed_track(key, finished)
        data = _json(found, "the list of a growing track")
        try:
            head = head_of(data["head"])
            packs = tuple(Pack(**pack) for pack in data["packs"])
        except (KeyError, TypeError) as error:
            raise BadRecord(f"the list of a growing track cannot be read: {error}") from error
        if head.key != key:
            raise BadRecord(f"it belongs to track {head.key[:12]}")
        return Track(head, packs, is_complete=False)

    def _pack_sizes(self, key: str) -> dict[str, int]:
        """SHA-256 in the name -> bytes."""
        return {
            entry.name.split("/")[-1].removesuffix(".pack"): entry.bytes for entry in self.bucket.list(f"packs/{key}")
        }

    def _put_bytes(self, key: str, sha256: str, data: bytes) -> None:
        etag = self.bucket.put(_pack(key, sha256), data)
        self._sound.pop((key, sha256), None)
        if etag:
            self._sound[key, sha256] = etag

    def _receive(self, track: Track, pack: Pack, read: Callable[[Pack], Iterator[bytes]]) -> None:
        try:
            data = b"".join(checked(read(pack), pack.bytes, pack.sha256))
        except ValueError as error:
            raise CorruptPack(f"pack {pack.sha256[:12]} arrived as {error}", "fetch it again") from error
        require_header(track, pack, io.BytesIO(data))
        self._require_lease(track.head.clip.key)
        self._put_bytes(track.head.key, pack.sha256, data)

    def _make_place(self, key: str) -> None:
        """Objects need no folder."""

    def _require_lease(self, clip: str) -> None:
        if held := self._leases.get(clip):
            held.require()

    def _require_key(self, key: str) -> str:
        self.track_folder(key)
        return key


class _Busy(Exception):
    """A job is writing the clip."""


def _manifest(key: str) -> str:
    return f"manifests/{key}.json"


def _growing(key: str) -> str:
    return f"growing/{key}.json"


def _pack(key: str, sha256: str) -> str:
    return f"packs/{key}/{sha256}.pack"


def _key_in(entry: Entry) -> str:
    """The key in the name of a manifest or list; empty where others put something there."""
    key = entry.name.split("/")[-1].removesuffix(".json")
    return key if is_key(key) else ""


def _growing_bytes(head: Head, packs: Sequence[Pack]) -> bytes:
    return json.dumps({"head": head_to_json(head), "packs": [asdict(pack) for pack in packs]}).encode()


def _manifest_json(track: Track) -> Any:
    return json.loads(manifest_bytes(track))


def _json(found: Object, name: str) -> Any:
    if len(found.data) > MAX_MANIFEST_BYTES:
        raise BadRecord(f"{name} is larger than {MAX_MANIFEST_BYTES} bytes")
    return parse_json(found.data, name)


def _track(key: str, manifest: Any) -> Track:
    track = track_from_json(manifest)
    if track.head.key != key:
        raise BadRecord(f"its manifest belongs to track {track.head.key[:12]}")
    return track


def _hashed(parts: Iterable[bytes], sha256: str) -> Iterator[bytes]:
    """Passes the parts on. Raises ValueError at their end unless their SHA-256 is as stated."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
        yield part
    if found.hexdigest() != sha256:
        raise ValueError("other bytes")
