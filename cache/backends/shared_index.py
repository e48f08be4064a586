"""The index that a bucket holds: manifests and summaries of many tracks in one object, so that nobody asks for each.

    index/<random>.json.gz    {track key: [ETag of its manifest, the manifest, its summary or ""]}

Each writer adds an object of its own, and once there are many, one writer merges them. A row counts only beside the manifest of its
ETag, which the listing of the bucket gives; what is missing or out of date is read from the manifests themselves.
"""

from __future__ import annotations

import gzip
import json
import secrets
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from cache.backends.objects import Bucket, Entry, in_threads

FOLDER = "index"
MAX_PARTS = 32
"""More objects than that are merged by the next writer."""
MAX_PART_BYTES = 64 << 20
"""Largest compressed object that is read or merged."""
MAX_TEXT_BYTES = 1 << 30
_HALF = MAX_PART_BYTES // 2

Row = tuple[str, Any, str]
"""ETag of the manifest, the manifest as JSON gives it, and the summary of the track; empty where there is none."""


class SharedIndex:
    """What the bucket's index says, each of its objects read once."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._read: set[str] = set()

    def news(self) -> Iterator[tuple[str, Row]]:
        """The rows of all objects that were not read before. Raises BucketError."""
        new = [entry for entry in self._bucket.list(FOLDER) if entry.name not in self._read]
        for rows in in_threads(self._rows, new):
            yield from rows.items()
        self._read |= {entry.name for entry in new}

    def add(self, rows: Mapping[str, Row]) -> None:
        """Add rows, and merge what has become many objects. Raises BucketError."""
        if rows:
            self._put(rows)
        parts = [entry for entry in self._bucket.list(FOLDER) if entry.bytes < _HALF]
        if len(parts) > MAX_PARTS:
            self._merge(parts)

    def replace(self, rows: Mapping[str, Row]) -> None:
        """Let the index hold exactly these rows. Raises BucketError."""
        before = [entry.name for entry in self._bucket.list(FOLDER)]
        if rows:
            self._put(rows)
        self._bucket.delete(before)

    def _merge(self, parts: list[Entry]) -> None:
        """Two writers that merge at once write the same rows twice, and lose none."""
        merged: dict[str, Row] = {}
        for entry in sorted(parts, key=lambda entry: entry.modified):
            merged |= self._rows(entry)
        self._put(merged)
        self._bucket.delete(entry.name for entry in parts)

    def _put(self, rows: Mapping[str, Row]) -> None:
        name = f"{FOLDER}/{secrets.token_hex(16)}.json.gz"
        self._bucket.put(name, gzip.compress(json.dumps(dict(rows)).encode(), 6, mtime=0))
        self._read.add(name)

    def _rows(self, entry: Entry) -> dict[str, Row]:
        """The rows of one object; none where it is gone, too large or damaged."""
        found = self._bucket.get(entry.name) if entry.bytes <= MAX_PART_BYTES else None
        if found is None:
            return {}
        try:
            reader = zlib.decompressobj(31)
            table = json.loads(reader.decompress(found.data, MAX_TEXT_BYTES))
            return {str(key): (str(etag), manifest, str(summary)) for key, (etag, manifest, summary) in table.items()}
        except (zlib.error, ValueError, TypeError, AttributeError, RecursionError):
            return {}
