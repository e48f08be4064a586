"""A thread of the worker that shows that it lives, and sees when its request is cancelled or no longer its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Literal

from cache.files import NotWritten
from cache.requests.lease import Lease
from cache.requests.queue import BEAT_SECONDS, Requests

log = logging.getLogger(__name__)


class LeaseEnded(Exception):
    """The request is to be cancelled, or it is no longer this worker's."""

    def __init__(self, why: Literal["cancelled", "lost"]) -> None:
        super().__init__(why)
        self.why: Literal["cancelled", "lost"] = why


@dataclass
class _Held:
    """A lease and its end in one object, so that the thread, which may be late, cannot end the next lease instead."""

    lease: Lease
    ended: Literal["", "cancelled", "lost"] = ""


class Keeper:
    """Beats for the worker and the request that it holds, and frees the requests of workers that were killed."""

    def __init__(self, requests: Requests, worker: str, facts: Callable[[], Mapping[str, Any]]) -> None:
        """`requests`: for this thread alone. `facts`: what the worker says of itself at that time."""
        self._requests, self._worker, self._facts = requests, worker, facts
        self._held: _Held | None = None
        self._last_beat = time.monotonic()
        self._stop = Event()

    @property
    def doing(self) -> str:
        """Id of the request held; empty if none."""
        held = self._held
        return held.lease.id if held is not None else ""

    @property
    def heartbeat_age_seconds(self) -> float:
        """Since the last heartbeat was written."""
        return time.monotonic() - self._last_beat

    @contextmanager
    def running(self) -> Iterator[None]:
        """The thread runs within the block; afterwards nobody waits for the worker's next heartbeat."""
        self._beat()
        thread = Thread(target=self._run, name="keeper", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(BEAT_SECONDS)
            try:
                self._requests.retire(self._worker)
            except NotWritten as error:
                log.debug("%s", error)

    @contextmanager
    def holding(self, lease: Lease) -> Iterator[None]:
        """Beat for this request within the block."""
        self._held = _Held(lease)
        try:
            yield
        finally:
            self._held = None

    def raise_if_ended(self) -> None:
        """Raise LeaseEnded if the request held should not be worked on any more."""
        if self._held is not None and self._held.ended:
            raise LeaseEnded(self._held.ended)

    def _run(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            self._beat()

    def _beat(self) -> None:
        try:
            if (held := self._held) is not None:
                if held.lease.is_held():
                    held.lease.beat()  # also if it is to be cancelled: until the job has noticed, nobody else may begin
                    held.ended = "cancelled" if held.lease.is_stopping() else ""
                else:
                    held.ended = "lost"
            doing = held.lease.id if held is not None else ""
            self._requests.announce(self._worker, {**self._facts(), "doing": doing})
            self._last_beat = time.monotonic()
            self._requests.free_expired()
        except (NotWritten, OSError) as error:  # the job meets the same disk, and reports it
            log.warning("no heartbeat: %s", error)
