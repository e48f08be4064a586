"""Reads the items of HEIF files (ISO 23008-12), of which HEIC and AVIF are kinds: what they hold, and what is stated of them."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from precompute.media.containers.mp4 import TOP_LEVEL, Box, boxes
from precompute.media.stills.coded import broken, cut

MAX_ITEMS = 10_000
"""Items of one file: a grid of the most pixels in tiles of 512 x 512 has 160."""
MAX_EXTENTS = 100_000


class Property(NamedTuple):
    """Something that is stated of an item, in the order in which it applies."""

    kind: bytes
    data: bytes


@dataclass
class Item:
    """A picture or something about one."""

    kind: bytes = b""
    """Such as `hvc1` or `grid`."""
    extents: list[tuple[int, int, int]] = field(default_factory=list)
    """(where: 0 the file, 1 the box `idat`; offset; bytes, 0: to the end)."""
    properties: list[Property] = field(default_factory=list)
    references: dict[bytes, list[int]] = field(default_factory=dict)
    """Kind of reference -> the items that it leads to."""

    def all(self, kind: bytes) -> Iterator[bytes]:
        """What the properties of that kind state."""
        return (stated.data for stated in self.properties if stated.kind == kind)


class HeifFile:
    """The items of a file. Raises SourceError, also for extents beyond its end."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self.data = data
        self.items: dict[int, Item] = {}
        self.primary = -1
        self._idat = b""
        file = io.BytesIO(data)
        top = list(boxes(file, 0, len(data)))
        meta = next((box for box in top if box.kind == b"meta"), None)
        if meta is None or meta.end > len(data):
            raise cut(path, "the list of its pictures (meta) is missing or incomplete")
        last = top[-1]
        self.end = last.end
        """The end of the last box; what is no box behind it is appended data, which is ignored."""
        if last.end > len(data):
            if last.kind in TOP_LEVEL:
                raise cut(path, f"{len(data)} bytes, its boxes state {last.end}")
            self.end = top[-2].end
        inner = {box.kind: box for box in boxes(file, meta.start + 4, meta.end)}
        try:
            self._read(file, inner)
        except (struct.error, IndexError):
            raise broken(path, "the list of its pictures ends too early") from None
        if self.primary not in self.items:
            raise broken(path, "it names no primary picture")

    def content(self, item: Item) -> bytes:
        """The bytes of an item. Raises SourceError."""
        found = bytearray()
        for where, offset, stated in item.extents:
            source = self._idat if where == 1 else self.data
            n_bytes = stated or len(source) - offset
            if where not in (0, 1):
                raise broken(self.path, "a picture is stored in another one")
            if offset + n_bytes > len(source):
                raise cut(self.path, f"a picture ends at byte {offset + n_bytes} of {len(source)}")
            if len(found) + n_bytes > len(self.data):  # the same bytes again and again
                raise broken(self.path, "a picture is larger than the file")
            found += source[offset : offset + n_bytes]
        return bytes(found)

    def _read(self, file: io.BytesIO, inner: dict[bytes, Box]) -> None:
        def body(kind: bytes) -> _Reader:
            box = inner.get(kind)
            return _Reader(self.data[box.start : min(box.end, len(self.data))] if box else b"\0" * 8)

        self._read_kinds(file, inner)
        primary = body(b"pitm")
        self.primary = primary.number(2 if primary.version == 0 else 4)
        self._read_places(body(b"iloc"))
        if b"idat" in inner:
            self._idat = self.data[inner[b"idat"].start : inner[b"idat"].end]
        if b"iref" in inner:
            self._read_references(file, inner[b"iref"])
        if b"iprp" in inner:
            self._read_properties(file, inner[b"iprp"])

    def _read_kinds(self, file: io.BytesIO, inner: dict[bytes, Box]) -> None:
        if (box := inner.get(b"iinf")) is None:
            return
        n_head = 6 if self.data[box.start] == 0 else 8
        for entry in boxes(file, box.start + n_head, box.end):
            info = _Reader(self.data[entry.start : entry.end])
            if entry.kind != b"infe" or info.version not in (2, 3) or len(self.items) >= MAX_ITEMS:
                continue
            number = info.number(2 if info.version == 2 else 4)
            info.number(2)
            self.items[number] = Item(info.take(4))

    def _read_places(self, places: _Reader) -> None:
        sizes = places.number(2)
        n_offset, n_length, n_base, n_index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
        n_index = n_index if places.version else 0
        wide = 4 if places.version == 2 else 2
        n_extents_in_all = 0
        for _ in range(min(places.number(wide), MAX_ITEMS)):
            item = self.items.get(places.number(wide), Item())
            where = places.number(2) & 15 if places.version else 0
            places.number(2)  # the file in which it is: others are never opened
            base = places.number(n_base)
            for _ in range(places.number(2)):
                n_extents_in_all += 1
                if n_extents_in_all > MAX_EXTENTS:
                    raise broken(self.path, "its pictures are in too many pieces")
                places.number(n_index)
                offset = base + places.number(n_offset)
                item.extents.append((where, offset, places.number(n_length)))

    def _read_references(self, file: io.BytesIO, box: Box) -> None:
        wide = 4 if self.data[box.start] else 2
        for reference in boxes(file, box.start + 4, box.end):
            links = _Reader(self.data[reference.start : reference.end], has_version=False)
            item = self.items.get(links.number(wide), Item())
            found = [links.number(wide) for _ in range(min(links.number(2), MAX_ITEMS))]
            item.references.setdefault(reference.kind, []).extend(found)

    def _read_properties(self, file: io.BytesIO, box: Box) -> None:
        properties: Sequence[Property] = ()
        for part in boxes(file, box.start, box.end):
            if part.kind == b"ipco":
                properties = [
                    Property(stated.kind, self.data[stated.start : stated.end])
                    for stated in boxes(file, part.start, part.end)
                ]
            elif part.kind == b"ipma":
                links = _Reader(self.data[part.start : part.end])
                for _ in range(min(links.number(4), MAX_ITEMS)):
                    item = self.items.get(links.number(4 if links.version else 2), Item())
                    for _ in range(links.number(1)):
                        index = links.number(2) & 0x7FFF if links.flags & 1 else links.number(1) & 0x7F
                        if 0 < index <= len(properties):
                            item.properties.append(properties[index - 1])


class _Reader:
    """Reads whole numbers, big-endian, from the content of a box. Raises IndexError at its end."""

    def __init__(self, data: bytes, has_version: bool = True) -> None:
        self._data = data
        self._at = 0
        head = self.number(4) if has_version else 0
        self.version, self.flags = head >> 24, head & 0xFFFFFF

    def number(self, n_bytes: int) -> int:
        return int.from_bytes(self.take(n_bytes), "big")

    def take(self, n_bytes: int) -> bytes:
        found = self._data[self._at : self._at + n_bytes]
        if len(found) < n_bytes:
            raise IndexError
        self._at += n_bytes
        return found
