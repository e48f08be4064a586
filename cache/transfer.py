"""Transfers tracks between stores: from folder to folder, or through a tar file with one track after another.

    tracks/<key>/manifest.json, then the packs that it names: tracks/<key>/<sha256>.pack ...

Such a file is hostile input. Only these two kinds of regular files are read, in this order, header by header; only
packs whose length and SHA-256 the manifest has stated are written, under names of our own; and a track appears only
once all of it has arrived. An interrupted transfer resumes: packs that have arrived are not read again.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from cache.files import MAX_MANIFEST_BYTES, checked, open_regular, parse_json, write_whole
from cache.keys import clip_key
from cache.records import BadRecord, Pack, StoreError, Track, manifest_bytes, track_from_json
from cache.store import CorruptPack, Store

MAX_PACK_BYTES = 1 << 30
"""A frame of 16384 x 16384 pixels that does not compress makes a pack of 0.8 GB."""
_NAME = re.compile(r"tracks/([0-9a-f]{64})/(manifest\.json|[0-9a-f]{64}\.pack)")
_BLOCK = tarfile.BLOCKSIZE
_CHUNK_BYTES = 1 << 20
_AGAIN = "export it again with `python -m precompute export`, or copy the file again"

OnBytes = Callable[[int], None]
"""Called with the number of bytes transferred since the last call."""


class BadArchive(StoreError):
    """The file is not one that `export_tar` writes."""


@dataclass(frozen=True)
class Arrival:
    """The outcome of one track."""

    name: str
    outcome: Literal["new", "known", "refused"]
    """`known`: the store held it already."""
    why: str = ""
    """Why a track was refused; else empty."""


def copy_tracks(source: Store, tracks: Sequence[Track], target: Store, on_bytes: OnBytes) -> Iterator[Arrival]:
    """Copy finished tracks from one store to another."""
    for track in tracks:

        def read(pack: Pack, key: str = track.head.key) -> Iterator[bytes]:
            with open_regular(source.pack_path(key, pack.sha256)) as file:
                yield from _read(file, pack.bytes)

        yield _receive(target, track, read)
        on_bytes(track.bytes)


def export_tar(store: Store, tracks: Sequence[Track], path: Path, on_bytes: OnBytes) -> list[Arrival]:
    """Write finished tracks to a tar file, which appears under its name once it is whole. Equal tracks give equal
    bytes. Tracks with damaged packs are refused and left out."""
    arrivals: list[Arrival] = []

    def parts() -> Iterator[bytes]:
        for track in tracks:
            key = track.head.key
            try:
                packs = {pack.sha256: (store.pack_path(key, pack.sha256), pack.bytes) for pack in track.packs}
            except CorruptPack as error:
                arrivals.append(Arrival(track.head.label, "refused", str(error)))
                continue
            manifest = manifest_bytes(track)
            yield _header(f"tracks/{key}/manifest.json", len(manifest))
            yield manifest + _padding(len(manifest))
            for sha256, (file_path, n_bytes) in packs.items():
                yield _header(f"tracks/{key}/{sha256}.pack", n_bytes)
                with open_regular(file_path) as file:
                    try:
                        yield from checked(_read(file, n_bytes), n_bytes, sha256)
                    except ValueError as error:
                        raise CorruptPack(
                            f"pack {sha256[:12]} changed during the export", "run the same command again"
                        ) from error
                yield _padding(n_bytes)
                on_bytes(n_bytes)
            arrivals.append(Arrival(track.head.label, "new"))
        yield bytes(2 * _BLOCK)

    write_whole(path, parts())
    return arrivals


def import_tar(store: Store, path: Path, on_bytes: OnBytes) -> Iterator[Arrival]:
    """Import the tracks of a tar file, one after another. Raises BadArchive at the first part that `export_tar` does
    not write; earlier tracks stay."""
    with open_regular(path) as file:
        archive = _Archive(file, path.name, on_bytes)
        member = archive.next()
        while member:
            key, name = member
            if name != "manifest.json":
                raise archive.bad("holds a pack before its manifest")
            data = b"".join(archive.read())
            try:
                track = track_from_json(parse_json(data, f"the manifest of track {key[:12]}"))
                if track.head.key != key:
                    raise BadRecord(f"its manifest belongs to track {track.head.key[:12]}")
            except BadRecord as error:
                yield Arrival(f"track {key[:12]}", "refused", str(error))
            else:

                def read(pack: Pack, key: str = key) -> Iterator[bytes]:
                    while (member := archive.next()) != (key, f"{pack.sha256}.pack"):
                        if member is None or member[0] != key or member[1] == "manifest.json":
                            raise archive.bad(f"lacks pack {pack.sha256[:12]}")
                    yield from archive.read()

                yield _receive(store, track, read)
            member = archive.next()
            while member and member[0] == key and member[1] != "manifest.json":
                member = archive.next()  # skip packs of a known or refused track


def _receive(store: Store, track: Track, read: Callable[[Pack], Iterator[bytes]]) -> Arrival:
    name = track.head.label
    clip = track.head.clip
    try:
        if store.holds(track.head.key):
            return Arrival(name, "known")
        if clip.key != clip_key(clip.source_sha256, clip.sampling):
            raise BadRecord("its clip's key does not follow from source and sampling")
        if any(pack.bytes > MAX_PACK_BYTES for pack in track.packs):
            raise BadRecord(f"it names a pack of more than {MAX_PACK_BYTES} bytes")
        free = store.free_bytes()
        if free < track.bytes:
            raise StoreError(
                f"needs {track.bytes / 1e6:.0f} MB, {free / 1e6:.0f} MB are free",
                "free some space, then run the same command again",
            )
        with store.writing(clip.key):
            if not store.holds(track.head.key):
                store.adopt(track, read)
    except BadArchive:
        raise
    except (StoreError, BadRecord) as error:
        return Arrival(name, "refused", str(error))
    return Arrival(name, "new")


class _Archive:
    """The members of a tar file, header by header. tarfile's own loop follows extended headers of any size."""

    def __init__(self, file: BinaryIO, name: str, on_bytes: OnBytes) -> None:
        self._file, self._name, self._on_bytes = file, name, on_bytes
        self._left = self._padding = 0
        """Unread bytes of the current member, and the padding behind it to the end of its block."""

    def bad(self, what: str) -> BadArchive:
        return BadArchive(f"{self._name} {what}", _AGAIN)

    def next(self) -> tuple[str, str] | None:
        """Track key and file name of the next member; None at the end."""
        for _ in self.read():
            pass
        self._take(self._padding)
        block = self._take(_BLOCK)
        if not any(block):
            return None
        try:
            info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        except (tarfile.HeaderError, ValueError) as error:
            raise self.bad(f"has an unreadable header ({error})") from error
        name = _NAME.fullmatch(info.name)
        if info.type != tarfile.REGTYPE or name is None:
            raise self.bad(f"holds '{info.name[:200]}', which is neither a manifest nor a pack of a track")
        limit = MAX_MANIFEST_BYTES if name[2] == "manifest.json" else MAX_PACK_BYTES
        if not 0 < info.size <= limit:
            raise self.bad(f"holds '{name[2][:20]}' of {info.size} bytes; expected 1 to {limit}")
        self._left, self._padding = info.size, -info.size % _BLOCK
        return name[1], name[2]

    def read(self) -> Iterator[bytes]:
        """The rest of the current member."""
        while self._left:
            part = self._take(min(_CHUNK_BYTES, self._left))
            self._left -= len(part)
            yield part

    def _take(self, n_bytes: int) -> bytes:
        data = self._file.read(n_bytes)
        if len(data) < n_bytes:
            raise self.bad("is truncated")
        self._on_bytes(n_bytes)
        return data


def _read(file: BinaryIO, n_bytes: int) -> Iterator[bytes]:
    """The first `n_bytes` of a file, in parts."""
    while n_bytes and (part := file.read(min(_CHUNK_BYTES, n_bytes))):
        n_bytes -= len(part)
        yield part


def _header(name: str, n_bytes: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = n_bytes
    return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def _padding(n_bytes: int) -> bytes:
    return bytes(-n_bytes % _BLOCK)
