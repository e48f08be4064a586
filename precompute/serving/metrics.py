"""What a worker counts for Prometheus: requests by their end, failures by code, frames, bytes, seconds, and the queue as it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from cache.records import BadRecord, StoreError
from cache.requests.queue import Requests
from cache.store import Store
from precompute.failures import KINDS
from precompute.jobs import events
from precompute.serving.health import Health
from precompute.serving.worker import Outcome

SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
"""Bounds of the histogram: a still takes about a second, a video minutes."""


class Metrics:
    """A worker's counters. One thread counts, others may read."""

    def __init__(self, store: Store, health: Callable[[], Health]) -> None:
        self._store = store
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(_Queue(Requests(store.root)))
        ended = Counter(
            "crosscheck_requests_ended", "Requests that this worker ended.", ["outcome"], registry=self.registry
        )
        failures = Counter("crosscheck_failures", "Failed requests by error code.", ["code"], registry=self.registry)
        # From the start, so that the first of each is a rise that rate() sees.
        self._ended = {outcome: ended.labels(outcome) for outcome in get_args(Outcome)}
        self._failures = {code: failures.labels(code) for code in KINDS}
        self._seconds = Histogram(
            "crosscheck_request_seconds", "Time that done requests took.", buckets=SECONDS, registry=self.registry
        )
        self._frames = Counter("crosscheck_frames_computed", "Frames computed.", registry=self.registry)
        self._stored = Counter("crosscheck_stored_bytes", "Bytes of tracks stored.", registry=self.registry)
        self._downloaded = Counter("crosscheck_downloaded_bytes", "Bytes of videos downloaded.", registry=self.registry)
        draining = Gauge(
            "crosscheck_draining", "1 while the worker ends: it takes no more requests.", registry=self.registry
        )
        draining.set_function(lambda: health().status == "draining")
        age = Gauge(
            "crosscheck_heartbeat_age_seconds", "Time since the last heartbeat was written.", registry=self.registry
        )
        age.set_function(lambda: health().heartbeat_age_seconds)
        self._clip, self._bytes_before = "", 0
        self._n_frames = self._n_downloaded = 0

    def emit(self, event: events.Event) -> None:
        """Count what a job reports."""
        match event:
            case events.Downloading():
                self._downloaded.inc(max(0, event.n_bytes - self._n_downloaded))
                self._n_downloaded = event.n_bytes
            case events.Planned():
                self._count_bytes()
                self._clip, self._bytes_before, self._n_frames = event.clip, self._bytes_of(event.clip), 0
            case events.Computing():
                n_frames = event.n_frames - event.n_resumed
                self._frames.inc(max(0, n_frames - self._n_frames))
                self._n_frames = n_frames

    def ended(self, outcome: Outcome, *, code: str = "", seconds: float | None = None) -> None:
        """Count the end of a request. `code`: of its failure. `seconds`: that a done one took."""
        self._count_bytes()
        self._n_downloaded = 0
        self._ended[outcome].inc()
        if code:
            self._failures[code].inc()
        if seconds is not None:
            self._seconds.observe(seconds)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)

    def _count_bytes(self) -> None:
        clip, self._clip = self._clip, ""
        if clip:
            self._stored.inc(max(0, self._bytes_of(clip) - self._bytes_before))

    def _bytes_of(self, clip: str) -> int:
        with suppress(OSError, StoreError, BadRecord):  # counting stops no work
            return sum(track.bytes for track in self._store.tracks(clip=clip))
        return 0


class _Queue(Collector):
    """The requests of the store, whichever worker does them, listed when Prometheus asks."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._lock = Lock()  # each scrape has a thread, and the queue is for one at a time

    def collect(self) -> list[GaugeMetricFamily]:
        with self._lock:
            requests = self._requests.all(with_dropped=True)
        states = {"waiting": 0, "running": 0}
        oldest = now = time.time()
        for request in requests:
            if request.is_live:
                states[request.state] += 1
            if request.state == "waiting":
                oldest = min(oldest, request.asked.when)
        family = GaugeMetricFamily("crosscheck_requests", "Requests in the store.", labels=["state"])
        for state, n in states.items():
            family.add_metric([state], n)
        age = GaugeMetricFamily(
            "crosscheck_oldest_waiting_seconds", "For how long the oldest request has waited.", value=now - oldest
        )
        return [family, age]
