"""Receives uploads part by part: limits before bytes, bytes to the disk as they come, and a way to resume."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from threading import Lock

from cache.requests.limits import DAY_SECONDS, Limits, Refused, Usage, require_upload, usage
from cache.requests.queue import Requests
from cache.requests.uploads import Incoming, Upload, Uploads, in_parts

MAX_PART_BYTES = 8 << 20
"""The largest body of one request. The browser sends half of it, so that a broken connection costs little."""
MAX_OPEN, MAX_OPEN_IN_ALL = 2, 64
"""Uploads of a visitor, and of all, that may be under way at once: each holds a file open."""
IDLE_SECONDS = 600.0
"""An upload of which nothing more came for so long is discarded."""


@dataclass
class Receiving:
    """An upload under way."""

    who: str
    n_total: int
    incoming: Incoming
    touched: float
    """When the last bytes came, by a monotonic clock."""
    network: str = ""
    """As in Asked."""
    lock: Lock = field(default_factory=Lock)
    """Held while a part is written: of two requests at once, one is refused."""


@dataclass(frozen=True)
class _Received:
    """A whole upload of a visitor."""

    n_bytes: int
    when: float
    """Seconds since 1970."""
    network: str


@cache
def receiver_of(root: Path) -> Receiver:
    """The receiver of the store in that folder, which the routes and the pages of this process share."""
    return Receiver(Uploads(root), Requests(root))


class Receiver:
    """The uploads under way, and those received since the server started with whose they are. Threads may share it."""

    def __init__(self, uploads: Uploads, requests: Requests, clock: Callable[[], float] = time.monotonic) -> None:
        self._uploads, self._requests, self._clock = uploads, requests, clock
        self._open: dict[str, Receiving] = {}
        self._received: dict[tuple[str, str], _Received] = {}
        self._lock = Lock()

    def begin(self, who: str, limits: Limits, n_bytes: int, network: str = "") -> str:
        """Accept a file of that size: its name for the requests that bring its parts. `network`: as in Asked. Raises Refused
        and NotWritten."""
        with self._lock:
            self._forget_old()
            if n_bytes <= 0:
                raise Refused("the file is empty", "choose it again")
            n_own = sum(one.who == who for one in self._open.values())
            n_near = sum(one.network == network for one in self._open.values()) if network else 0
            if n_own >= MAX_OPEN or n_near >= MAX_OPEN * limits.per_address or len(self._open) >= MAX_OPEN_IN_ALL:
                raise Refused("other uploads are under way, as many as are accepted at once", "wait for one of them")
            require_upload(n_bytes, self._usage(who, network), limits)
            id = secrets.token_hex(16)
            self._open[id] = Receiving(who, n_bytes, self._uploads.begin(n_bytes), self._clock(), network)
        return id

    def find(self, who: str, id: str) -> Receiving | None:
        """That upload of that visitor, if it is under way."""
        one = self._open.get(id)
        return one if one is not None and one.who == who else None

    def write(self, one: Receiving, part: bytes) -> None:
        """Append bytes. Raises Refused and NotWritten; the upload is then discarded."""
        try:
            one.incoming.write(part)
        except Exception:
            self.discard(one)
            raise
        one.touched = self._clock()

    def finish(self, one: Receiving) -> Upload | None:
        """The upload once all its bytes are there; None before. Raises NotWritten."""
        if one.incoming.n_bytes < one.n_total:
            return None
        try:
            upload = one.incoming.finish()
        finally:
            self.discard(one)
        with self._lock:
            self._received[one.who, upload.sha256] = _Received(upload.bytes, time.time(), one.network)
        return upload

    def take(self, who: str, limits: Limits, data: memoryview | bytes, network: str = "") -> str:
        """Store bytes that are in memory already: their digest. Raises Refused and NotWritten."""
        with self._lock:
            require_upload(len(data), self._usage(who, network), limits)
        upload = self._uploads.put(in_parts(data), len(data))
        with self._lock:
            self._received[who, upload.sha256] = _Received(upload.bytes, time.time(), network)
        return upload.sha256

    def discard(self, one: Receiving) -> None:
        """Forget an upload and its bytes."""
        with self._lock:
            self._open = {id: other for id, other in self._open.items() if other is not one}
        one.incoming.discard()

    def has_received(self, who: str, sha256: str) -> bool:
        """Whether that visitor uploaded those bytes. Who knows a digest alone must not see what others make of the bytes."""
        return (who, sha256) in self._received

    def _usage(self, who: str, network: str) -> Usage:
        """As of the requests, with the uploads that no request names yet and those under way."""
        requests = self._requests.all()
        asked = {(request.asked.who, request.asked.source.name) for request in requests}
        more = [
            (other, known.network, known.n_bytes)
            for (other, sha256), known in self._received.items()
            if (other, sha256) not in asked
        ]
        more += [(one.who, one.network, one.n_total) for one in self._open.values()]
        to_come = sum(one.n_total - one.incoming.n_bytes for one in self._open.values())
        used = usage(requests, who, time.time(), network=network, n_file_bytes=self._uploads.n_bytes() + to_come)
        used = replace(used, bytes_today=used.bytes_today + sum(n for other, _, n in more if other == who))
        if (known := used.of_address) is not None:
            n_bytes = known.bytes_today + sum(n for _, other, n in more if other == network)
            used = replace(used, of_address=replace(known, bytes_today=n_bytes))
        return used

    def _forget_old(self) -> None:
        now = self._clock()
        for id, one in list(self._open.items()):
            if now - one.touched > IDLE_SECONDS and not one.lock.locked():
                del self._open[id]
                one.incoming.discard()
        self._received = {key: known for key, known in self._received.items() if time.time() - known.when < DAY_SECONDS}
