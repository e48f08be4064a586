"""Leases in place of file locks: an object that names its holder, renewed while it is held and free once it is not.

Each change is a put under the condition that the object is still the one that was seen, so two processes never hold one lease.
Ages are measured by the clock of the object store.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Lock, Thread

from cache.backends.objects import Bucket, BucketError
from cache.records import StoreError

LEASE_SECONDS = 60.0
"""A lease is free once its holder has not renewed it for so long; the holder renews it four times as often."""
_FREE = "free"


class Lease:
    """A lease that this process holds, until `release` or until another process has taken it over."""

    def __init__(self, bucket: Bucket, name: str, owner: str, etag: str, seconds: float, asked: float) -> None:
        """`asked`: when it was asked for, by this process's monotonic clock."""
        self._bucket, self._name, self._owner, self._seconds = bucket, name, owner, seconds
        self._etag, self._renewed = etag, asked
        self._n = 0
        self._is_lost = False
        self._lock, self._ending = Lock(), Event()
        self._thread = Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def require(self) -> None:
        """Raise StoreError unless the lease is held: a machine that was asleep may have lost it."""
        if time.monotonic() - self._renewed > self._seconds / 2:
            self._renew()
        if self._is_lost:
            raise StoreError(
                "another job took over this clip, as this one did not answer for a while",
                "run the same command again: what is stored is kept",
            )

    def release(self) -> None:
        """Let the next one have it. A bucket that does not answer frees it by itself, after the lease's time."""
        self._ending.set()
        self._thread.join()
        with self._lock:
            if not self._is_lost:
                try:
                    self._bucket.replace(self._name, _content(_FREE, 0), self._etag)
                except BucketError:
                    return

    def _keep(self) -> None:
        while not self._ending.wait(self._seconds / 4):
            self._renew()

    def _renew(self) -> None:
        with self._lock:
            if self._is_lost or self._ending.is_set():
                return
            self._n += 1
            began = time.monotonic()
            try:
                etag = self._bucket.replace(self._name, _content(self._owner, self._n), self._etag)
            except BucketError:
                # Whether it was renewed is unknown. Past its time it counts as lost: others may have it.
                self._is_lost = time.monotonic() - self._renewed > self._seconds
                return
            if etag is None:
                self._is_lost = True
            else:
                self._etag, self._renewed = etag, began


def acquire(
    bucket: Bucket, name: str, *, seconds: float = LEASE_SECONDS, on_wait: Callable[[], None] | None = None
) -> Lease:
    """The lease of that name. While another process holds it, calls `on_wait` once and waits; without `on_wait`, raises StoreError
    at once. Raises BucketError."""
    owner = secrets.token_hex(16)
    has_waited = False
    while True:
        asked = time.monotonic()
        content = _content(owner, 0)
        etag = bucket.put_new(name, content)
        if etag is None and (found := bucket.get(name)) is not None and _is_free(bucket, name, found.data, seconds):
            etag = bucket.replace(name, content, found.etag)
        if etag is not None:
            return Lease(bucket, name, owner, etag, seconds, asked)
        if on_wait is None:
            raise StoreError("another job is writing this clip", "wait for it or stop it")
        if not has_waited:
            on_wait()
            has_waited = True
        time.sleep(min(2.0, seconds / 8))


def is_held(bucket: Bucket, name: str, seconds: float = LEASE_SECONDS) -> bool:
    """Whether a process holds that lease."""
    found = bucket.get(name)
    return found is not None and not _is_free(bucket, name, found.data, seconds)


def _is_free(bucket: Bucket, name: str, data: bytes, seconds: float) -> bool:
    with suppress(ValueError, AttributeError):
        if json.loads(data).get("owner") == _FREE:
            return True
    entry = bucket.head(name)
    return entry is not None and (bucket.now() - entry.modified).total_seconds() > seconds


def _content(owner: str, n: int) -> bytes:
    """Never the same twice, so that a content tells whose it is."""
    return json.dumps({"owner": owner, "renewal": n, "nonce": secrets.token_hex(8)}).encode()
