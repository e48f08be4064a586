"""The queue: asks for work, lists it, and lets one worker at a time do each request.

    STORE/requests/<id>.asked.json      what was asked; never changed
    STORE/requests/<id>.claim-<n>.json  the n-th attempt belongs to a worker
    STORE/requests/<id>.beat-<n>.json   its heartbeat and progress, replaced all the time
    STORE/requests/<id>.free-<n>.json   the attempt is over: given back, or its heartbeat has stopped
    STORE/requests/<id>.stop.json       to be cancelled
    STORE/requests/<id>.drop.json       to be deleted with its upload and its results
    STORE/requests/<id>.end.json        how it ended; never changed
    STORE/requests/worker.<token>.json  a running worker

An id is the digest of source, options and visitor, and a number that grows when the same is asked again after its end. Of the
objects, all but heartbeats are put only if absent, which makes every step happen once, whoever else tries it at the same
time; the names alone say the state, so one listing shows all requests. A kept queue library does not fit: litequeue and
persist-queue keep one SQLite file or pickles, huey pickles, procrastinate needs a server, and none can live in a bucket.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cache.keys import canonical_json
from cache.records import BadRecord, StoreError
from cache.requests import records
from cache.requests.lease import Lease, free, n_lost_of
from cache.requests.limits import Limits, Usage, require_allowed, usage
from cache.requests.objects import FolderObjects, Objects
from cache.requests.records import Asked, Ended, Failure, Options, Progress, Request, Source
from cache.requests.watch import Watch

BEAT_SECONDS = 2.0
"""Seconds between two heartbeats of a worker."""
LEASE_SECONDS = 20.0
"""A request is free again once its heartbeat has not changed for so long: ten beats, on a machine that may be busy."""
_NAME = re.compile(r"([0-9a-f]{32}-[0-9]{1,6})\.(?:(asked|stop|drop|end)|(claim|beat|free)-([0-9]{1,6}))\.json")
_WORKER = re.compile(r"worker\.([0-9a-f]{16})\.json")
ID = re.compile(r"[0-9a-f]{32}-[0-9]{1,6}")
UNREADABLE = Failure("bad_store", "the record of its end cannot be read", "ask for it again")


@dataclass
class _Names:
    """What the names of a request's objects say."""

    single: set[str] = field(default_factory=set)
    """Which of asked, stop, drop and end exist."""
    claim: int = 0
    """The latest attempt; 0 if there is none."""
    freed: int = 0
    """The latest attempt that is over."""
    last: int = 0
    """The largest number of any object."""
    numbered: list[tuple[str, int]] = field(default_factory=list)

    @property
    def is_waiting(self) -> bool:
        return "asked" in self.single and "end" not in self.single and self.freed >= self.claim

    @property
    def is_running(self) -> bool:
        return "asked" in self.single and "end" not in self.single and self.freed < self.claim


class Requests:
    """The requests of a store. Opening reads nothing; listing works where nothing can be written."""

    def __init__(
        self,
        root: Path | str,
        *,
        objects: Objects | None = None,
        lease_seconds: float = LEASE_SECONDS,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`root`: the store's folder. `objects`: where to keep them instead."""
        self._objects: Objects = objects or FolderObjects(Path(root) / "requests")
        self._now = now
        self._watch = Watch(lease_seconds, monotonic)
        self._asked: dict[str, Asked] = {}
        self._ended: dict[str, Ended] = {}

    # For those who ask

    def ask(
        self,
        asked: Asked,
        *,
        limits: Limits | None = None,
        n_file_bytes: int = 0,
        is_stored: Callable[[Request], bool] = lambda request: False,
    ) -> Request:
        """The request: a new one, or the one that the same visitor made before, if it waits or runs, or if it is done and
        `is_stored` says that its result still answers it. `n_file_bytes`: bytes of other visitors' uploads and downloads.
        Raises Refused, if a new one is over the limits, and NotWritten."""
        table = self._table()
        while True:
            number = max((int(id.split("-")[1]) for id in table if id.startswith(f"{asked.key}-")), default=0)
            latest = f"{asked.key}-{number}"
            known = self._request(latest, table[latest]) if latest in table else None
            if known is not None and _answers(known, is_stored):
                return known
            if limits is not None:
                require_allowed(asked, self._usage(asked, n_file_bytes), limits)
            new = replace(asked, nonce=asked.nonce or secrets.token_hex(8))
            id = f"{asked.key}-{number + 1}"
            if self._objects.put_new(f"{id}.asked.json", records.to_json(new)):
                return Request(id, new, "waiting")
            table = self._table()  # another process was quicker

    def all(self, *, with_dropped: bool = False) -> list[Request]:
        """All readable requests, the oldest first."""
        table = self._table()
        self._asked = {id: asked for id, asked in self._asked.items() if id in table}
        self._ended = {id: ended for id, ended in self._ended.items() if id in table}
        found = [request for id, names in table.items() if (request := self._request(id, names))]
        found = [request for request in found if with_dropped or not request.is_dropped]
        return sorted(found, key=lambda request: (request.asked.when, request.id))

    def get(self, id: str) -> Request | None:
        """The request with that id; None if there is none, or if it is to be deleted."""
        names = self._table().get(id)
        request = self._request(id, names) if names else None
        return request if request and not request.is_dropped else None

    def cancel(self, id: str) -> None:
        """Let the request end as cancelled: at once if it waits, soon if a worker has it. Does nothing if it has ended.
        Raises NotWritten."""
        names = self._table().get(id)
        if names is None or "asked" not in names.single or "end" in names.single:
            return
        self._objects.put_new(f"{id}.stop.json", b"{}")
        if names.is_waiting:
            ended = Ended("cancelled", self._now(), clip=self._progress(id, names.claim).clip)
            self._objects.put_new(f"{id}.end.json", records.to_json(ended))

    def drop(self, id: str) -> None:
        """Hide the request from everybody, cancel it, and let a worker delete it with its upload and its results. Raises
        NotWritten."""
        if (names := self._table().get(id)) and "asked" in names.single:
            self._objects.put_new(f"{id}.drop.json", b"{}")
            self.cancel(id)

    def forget(self, id: str) -> None:
        """Delete the objects of a request that has ended. Its worker, if it has one after all, notices. Raises NotWritten."""
        if id in self._table():
            self._objects.delete(f"{id}.asked.json")  # first: without it, the rest says nothing
        self.sweep()

    def sweep(self) -> None:
        """Delete what is left of forgotten requests. Raises NotWritten."""
        for id, names in self._table().items():
            if "asked" not in names.single:
                for what, n in names.numbered:
                    self._objects.delete(f"{id}.{what}-{n}.json")
                for what in names.single:
                    self._objects.delete(f"{id}.{what}.json")

    def _usage(self, asked: Asked, n_file_bytes: int) -> Usage:
        return usage(self.all(), asked.who, self._now(), network=asked.network, n_file_bytes=n_file_bytes)

    # For workers

    def claim(self, id: str, worker: str) -> Lease | None:
        """Take a waiting request; None if another worker has it, or if it has ended. Raises NotWritten and BadRecord."""
        names = self._table().get(id)
        data = self._objects.get(f"{id}.asked.json")
        if names is None or data is None or not names.is_waiting:
            return None
        before = self._objects.get(f"{id}.free-{names.freed}.json") if names.freed else None
        n_lost = n_lost_of(before)
        n = names.last + 1
        began = self._now()
        claim = canonical_json({"worker": worker, "when": began, "n_lost": n_lost}).encode()
        if not self._objects.put_new(f"{id}.claim-{n}.json", claim):
            return None
        lease = Lease(self._objects, id, n, data, claim, n_lost=n_lost, began=began, now=self._now)
        after = self._table().get(id)
        if after is None or after.claim != n or not lease.is_held():
            # Between listing and claiming, others made further attempts and tidied up this number.
            self._objects.delete(f"{id}.claim-{n}.json")
            return None
        if (
            known := self._progress(id, names.claim)
        ).clip:  # some of its packs may be stored: they are tidied by its key
            lease.tell(Progress(title=known.title, clip=known.clip))
        for what, old in after.numbered:
            if old < n:
                self._objects.delete(f"{id}.{what}-{old}.json")
        return lease

    def free_expired(self) -> list[str]:
        """Free the requests, and remove the workers, whose heartbeat has stopped. Call it every few seconds; returns the ids
        freed by this call. Raises NotWritten."""
        running = {
            f"{id}.beat-{names.claim}.json": (id, names.claim)
            for id, names in self._table().items()
            if names.is_running
        }
        workers = [name for name in self._objects.names() if _WORKER.fullmatch(name)]
        beats = {}
        for name in (*running, *workers):
            try:
                beats[name] = self._objects.get(name)
            except BadRecord:
                beats[name] = None
        freed = []
        for name in self._watch.stopped(beats):
            if name in running:
                id, n = running[name]
                if free(self._objects, id, n, "expired"):
                    freed.append(id)
            else:
                self._objects.delete(name)
        return freed

    def announce(self, worker: str, facts: Mapping[str, Any]) -> None:
        """Say that a worker runs: call it every BEAT_SECONDS. `worker`: 16 hexadecimal digits. Raises NotWritten."""
        row = {"when": self._now(), "beat": secrets.token_hex(4), **facts}
        self._objects.put(f"worker.{worker}.json", canonical_json(row).encode())

    def retire(self, worker: str) -> None:
        """The worker has ended. Raises NotWritten."""
        self._objects.delete(f"worker.{worker}.json")

    def workers(self) -> list[dict[str, Any]]:
        """What running workers say of themselves. Those that were killed may be among them for LEASE_SECONDS, and as long as
        no other worker runs: compare `when` with the clock, or `beat` with what it was before."""
        found = []
        for name in self._objects.names():
            if _WORKER.fullmatch(name):
                with suppress(BadRecord):
                    data = self._objects.get(name)
                    found += [records.parse_object(data, name)] if data is not None else []
        return found

    def is_served(self) -> bool:
        """Whether a worker has shown itself recently, by this machine's clock: for a hint, not for a decision."""
        whens = [row.get("when") for row in self.workers()]
        return any(isinstance(when, float) and abs(self._now() - when) < LEASE_SECONDS for when in whens)

    # How

    def _table(self) -> dict[str, _Names]:
        """All requests by id, from one listing."""
        table: dict[str, _Names] = {}
        for name in self._objects.names():
            if found := _NAME.fullmatch(name):
                id, single, what, number = found.groups()
                names = table.setdefault(id, _Names())
                if single:
                    names.single.add(single)
                    continue
                n = int(number)
                names.numbered.append((what, n))
                names.last = max(names.last, n)
                if what == "claim":
                    names.claim = max(names.claim, n)
                elif what == "free":
                    names.freed = max(names.freed, n)
        return table

    def _request(self, id: str, names: _Names) -> Request | None:
        """None for one that is not there or cannot be read."""
        if "asked" not in names.single:
            return None
        try:
            asked = self._asked.get(id) or records.asked_from_json(self._objects.get(f"{id}.asked.json") or b"")
        except BadRecord:
            return None
        if id not in self._asked and not id.startswith(f"{asked.key}-"):
            return None  # an object that was put under another's name
        self._asked[id] = asked
        ended = self._end(id) if "end" in names.single else None
        progress = self._progress(id, names.claim) if names.is_running else Progress()
        state = ended.outcome if ended else "running" if names.is_running else "waiting"
        is_stopping = "stop" in names.single and ended is None
        return Request(id, asked, state, progress, ended, is_stopping, "drop" in names.single)

    def _progress(self, id: str, n: int) -> Progress:
        """What the n-th attempt last told."""
        with suppress(BadRecord):
            if data := self._objects.get(f"{id}.beat-{n}.json"):
                return records.progress_from_json(data)
        return Progress()

    def _end(self, id: str) -> Ended:
        if id not in self._ended:
            try:
                self._ended[id] = records.ended_from_json(self._objects.get(f"{id}.end.json") or b"")
            except BadRecord:  # it has ended nevertheless, and is not done again
                return Ended("failed", 0.0, failure=UNREADABLE)
        return self._ended[id]


def _answers(known: Request, is_stored: Callable[[Request], bool]) -> bool:
    """Whether the same, asked again, is this request."""
    if known.is_dropped or known.is_stopping:
        return False
    return known.is_live or (known.state == "done" and is_stored(known))


def new_worker() -> str:
    """A name for a worker."""
    return secrets.token_hex(8)


def find(requests: Requests, start: str) -> Request:
    """The one request whose id begins so. Raises StoreError."""
    found = [request for request in requests.all() if request.id.startswith(start)] if start else []
    if len(found) != 1:
        what = f"{len(found)} requests have" if found else "no request has"
        raise StoreError(f"{what} an id that begins with '{start[:40]}'", "`requests` lists them all")
    return found[0]


__all__ = [
    "Asked",
    "Ended",
    "Failure",
    "Options",
    "Progress",
    "Request",
    "Requests",
    "Source",
    "find",
    "new_worker",
]
