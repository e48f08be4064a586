"""A lease: one worker's hold on a request, with its heartbeat and its end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from threading import Lock
from typing import Literal

from cache.files import NotWritten
from cache.keys import canonical_json
from cache.records import BadRecord
from cache.requests import records
from cache.requests.objects import Objects
from cache.requests.records import Ended, Failure, Progress

TELL_SECONDS = 0.5
"""Least seconds between two writes of progress."""

FreeReason = Literal["expired", "returned"]


class Lease:
    """A request that this process works on, as long as `is_held`. Two threads may use it."""

    def __init__(
        self,
        objects: Objects,
        id: str,
        n: int,
        asked: bytes,
        claim: bytes,
        *,
        n_lost: int,
        began: float,
        now: Callable[[], float],
    ) -> None:
        self.id = id
        self.asked = records.asked_from_json(asked)
        self.n_lost = n_lost
        """How many earlier attempts ended without a word: their workers were killed."""
        self.progress = Progress()
        self._objects, self._n, self._asked_bytes, self._claim = objects, n, asked, claim
        self._began, self._now = began, now
        self._n_beats = 0
        self._last_told = -TELL_SECONDS
        self._lock = Lock()

    def is_held(self) -> bool:
        """Whether the request is still this process's: not freed, deleted, or ended by another. Reads four objects."""
        try:
            return (
                self._objects.get(f"{self.id}.claim-{self._n}.json") == self._claim
                and self._objects.get(f"{self.id}.asked.json") == self._asked_bytes
                and self._objects.get(f"{self.id}.free-{self._n}.json") is None
                and self._objects.get(f"{self.id}.end.json") is None
            )
        except BadRecord:
            return False

    def is_stopping(self) -> bool:
        """Whether the request is to be cancelled."""
        with suppress(BadRecord):
            return self._objects.get(f"{self.id}.stop.json") is not None
        return True

    def tell(self, progress: Progress) -> None:
        """Show how far the work is; written at most every TELL_SECONDS, the latest with the next heartbeat at last. Never
        raises: progress that cannot be written stops nothing."""
        with self._lock:
            self.progress = progress
            if time.monotonic() - self._last_told >= TELL_SECONDS:
                with suppress(NotWritten):
                    self._beat()

    def beat(self) -> None:
        """Show that this process lives, with the latest progress: call it every BEAT_SECONDS. Raises NotWritten."""
        with self._lock:
            self._beat()

    def _beat(self) -> None:
        self._last_told = time.monotonic()
        self._n_beats += 1
        row = {"beat": self._n_beats, "progress": asdict(self.progress)}
        self._objects.put(f"{self.id}.beat-{self._n}.json", json.dumps(row).encode())

    def end(
        self,
        outcome: records.Outcome,
        *,
        failure: Failure | None = None,
        result: records.Result | None = None,
        clip: str = "",
        n_bytes: int = 0,
    ) -> bool:
        """Record how the request ended; False, and nothing changes, if it is no longer held. Raises NotWritten."""
        ended = Ended(outcome, self._now(), self._began, failure, result, clip, n_bytes)
        return self.is_held() and self._objects.put_new(f"{self.id}.end.json", records.to_json(ended))

    def give_back(self) -> None:
        """Let any worker take the request again. Raises NotWritten."""
        if self.is_held():
            free(self._objects, self.id, self._n, "returned")


def free(objects: Objects, id: str, n: int, reason: FreeReason) -> bool:
    """End the n-th attempt at a request, so that any worker may take it; False if it was over already. Raises NotWritten."""
    try:
        before = objects.get(f"{id}.claim-{n}.json")
    except BadRecord:
        before = None
    n_lost = n_lost_of(before) + (reason == "expired")
    return objects.put_new(f"{id}.free-{n}.json", canonical_json({"reason": reason, "n_lost": n_lost}).encode())


def n_lost_of(data: bytes | None) -> int:
    """How many attempts had ended without a word when that claim or release was written."""
    with suppress(BadRecord):
        n_lost = records.parse_object(data, "claim").get("n_lost") if data else 0
        return n_lost if isinstance(n_lost, int) and 0 <= n_lost < 1000 else 0
    return 0
