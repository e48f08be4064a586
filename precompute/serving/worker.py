"""The worker: takes requests in turn, does one at a time, and keeps the networks loaded that were asked for last."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any, Literal, Protocol

from cache.files import NotWritten
from cache.records import BadRecord
from cache.requests.lease import Lease
from cache.requests.limits import Limits
from cache.requests.order import in_turn
from cache.requests.queue import Requests, new_worker
from cache.requests.records import Asked, Result
from cache.requests.uploads import Uploads
from cache.store import Store
from precompute.failures import SourceError
from precompute.jobs.events import UNHEARD, Events, Stored
from precompute.jobs.predict import Networks
from precompute.media.decoder import FORKS, SPARES
from precompute.serving.compute_request import Busy, Setup, called, compute_request, failure_of
from precompute.serving.health import Health, health_of
from precompute.serving.housekeeping import tidy, visitors_bytes
from precompute.serving.keeper import Keeper, LeaseEnded
from precompute.signals import Stop
from precompute.text import count

POLL_SECONDS = 0.2
"""Wait of an idle worker between two looks: a listing of a thousand requests takes a few milliseconds."""
RETRY_SECONDS = 2.0
"""Wait between two tries to write to a disk that is full."""
BUSY_SECONDS = 10.0
"""A request whose clip another job is writing is left alone for so long."""
N_SPARES = 2
"""Decoders started ahead: a still needs one for its header and one for its frame."""
TIDY_SECONDS = 60.0
MAX_LOST = 3
"""A request whose workers were killed so many times has probably killed them: by its need of memory, say."""
STEADY_SECONDS = 3600.0
DISTRUST_SECONDS = 24 * 3600.0
"""After the clock has jumped by more than STEADY_SECONDS, nothing is too old to be kept until it has been steady for so long:
whoever set it may notice that it is wrong."""
KEEP_BYTES = 2 << 30
"""Memory of the networks that stay loaded between requests, by default. While it works, those of one request come on top."""

log = logging.getLogger(__name__)


class Say(Protocol):
    """Receives a line for people, and its facts by name for programs."""

    def __call__(self, line: str, /, **facts: Any) -> None: ...


Outcome = Literal["done", "failed", "cancelled", "given_back", "lost"]
"""How a worker's hold on a request ends; lost: another has it now."""


class Tally(Events, Protocol):
    """Counts what the jobs of the requests report, and how the requests end: `metrics.Metrics` does."""

    def ended(self, outcome: Outcome, *, code: str = "", seconds: float | None = None) -> None: ...


class Worker:
    """Does the requests of a store."""

    def __init__(
        self,
        store: Store,
        setup: Setup,
        *,
        limits: Limits | None = None,
        keep_bytes: int = KEEP_BYTES,
        say: Say = lambda line, /, **facts: None,
    ) -> None:
        """`say` receives a line about each request that has started or ended, and about a disk that is full."""
        self.store, self._say = store, say
        self._limits = limits or Limits()
        self._setup = replace(setup, max_visitor_bytes=int(1e6 * self._limits.upload_mb))
        self._keep_bytes = keep_bytes
        self._requests, self._uploads = Requests(store.root), Uploads(store.root)
        self._name = new_worker()
        self._networks = Networks()
        self._keeper: Keeper | None = None
        self._stop = Stop()
        self.tally: Tally | None = None
        """Counts from now on."""
        self._busy_until: dict[str, float] = {}
        self._clock_offset = time.time() - time.monotonic()
        self._distrusted_until = 0.0
        self._next_tidy = 0.0

    def health(self) -> Health:
        """How this worker is; any thread may ask."""
        keeper = self._keeper
        if keeper is None:
            return health_of(is_draining=self._stop.is_set(), doing="", heartbeat_age_seconds=0.0)
        return health_of(
            is_draining=self._stop.is_set(),
            doing=keeper.doing,
            heartbeat_age_seconds=keeper.heartbeat_age_seconds,
        )

    def serve(self, stop: Stop, *, until_idle: bool = False) -> int:
        """Do requests until `stop` is set, or until none waits; returns how many failed then. Raises KeyboardInterrupt
        once `stop` is set and the current pack is stored; the request is given back before."""
        device = self._setup.device.type

        def facts() -> dict[str, Any]:
            return {"device": device, "is_draining": stop.is_set()}

        keeper = Keeper(Requests(self.store.root), self._name, facts)
        self._keeper, self._stop = keeper, stop
        n_failed = 0
        is_full = False
        with keeper.running(), ExitStack() as stack:
            stack.enter_context(FORKS.ready())
            stack.callback(SPARES.end)
            while True:
                stop.raise_if_set()
                with suppress(OSError):
                    SPARES.fill(N_SPARES)
                try:
                    self._tidy()
                    lease = self._next()
                    is_full = False
                except (NotWritten, OSError) as error:
                    if not is_full:
                        self._say(f"waiting: {error}")
                    is_full, lease = True, None
                    time.sleep(RETRY_SECONDS)
                if lease is not None:
                    with keeper.holding(lease):
                        n_failed += not self._do(lease, keeper, stop)
                elif until_idle and not is_full and not self._has_work():
                    return n_failed
                else:
                    time.sleep(POLL_SECONDS)

    def _next(self) -> Lease | None:
        """The request whose turn it is; None if none waits that can be done now."""
        requests = self._requests.all(with_dropped=True)
        running = {(request.asked.source, request.asked.options) for request in requests if request.state == "running"}
        now = time.monotonic()
        for request in in_turn(requests):
            is_same = (
                request.asked.source,
                request.asked.options,
            ) in running  # of another visitor: wait, and find it stored
            if is_same or now < self._busy_until.get(request.id, 0.0):
                continue
            try:
                if (lease := self._requests.claim(request.id, self._name)) is not None:
                    return lease
            except BadRecord as error:
                log.debug("%s: %s", request.id, error)
        return None

    def _has_work(self) -> bool:
        return any(request.state == "waiting" for request in self._requests.all(with_dropped=True))

    def _do(self, lease: Lease, keeper: Keeper, stop: Stop) -> bool:
        """Do a request and record how it ended. False if it failed."""
        id, name = lease.id[:12], called(lease.asked)
        try:
            if lease.is_stopping():
                raise LeaseEnded("cancelled")
            if lease.n_lost >= MAX_LOST:
                raise SourceError("worker_lost", f"{name}: {count(lease.n_lost, 'worker')} stopped while computing it")
            self._require_room(lease.asked)
            self._say(f"{id} {name}: started", request=lease.id)
            began = time.perf_counter()
            heard = self.tally or UNHEARD
            stored = compute_request(self.store, self._uploads, lease, self._setup, self._networks, keeper, stop, heard)
            result = _result(stored, time.perf_counter() - began)
            self._record(
                stop, lambda: lease.end("done", result=result, clip=stored.clip, n_bytes=self._bytes_of(stored.clip))
            )
            line = f"{id} {stored.title}: {_done(stored, result.seconds)}"
            self._tell_end(lease, "done", line, seconds=result.seconds, n_frames=result.n_frames_computed)
        except LeaseEnded as ended:
            if ended.why == "cancelled":
                clip = lease.progress.clip
                self._record(stop, lambda: lease.end("cancelled", clip=clip, n_bytes=self._bytes_of(clip)))
            self._tell_end(lease, ended.why, f"{id} {name}: {ended.why}")
        except Busy:
            self._busy_until[lease.id] = time.monotonic() + BUSY_SECONDS
            self._record(stop, lease.give_back)
            line = f"{id} {name}: another job is writing this clip; tried again in {BUSY_SECONDS:.0f} s"
            self._tell_end(lease, "given_back", line)
        except KeyboardInterrupt:
            try:
                lease.give_back()
                self._tell_end(lease, "given_back", f"{id} {name}: given back; finished packs are kept")
            except NotWritten as error:
                self._say(f"{id} {name}: {error}", request=lease.id)
            raise
        except Exception as error:  # nothing that stops one request may stop the others
            log.debug("%s failed", lease.id, exc_info=error)
            failure = failure_of(error, lease.asked, self.store, self._uploads)
            clip = lease.progress.clip
            self._record(stop, lambda: lease.end("failed", failure=failure, clip=clip, n_bytes=self._bytes_of(clip)))
            line = f"{id} error[{failure.code}] {failure.message}; {failure.next_step}"
            self._tell_end(lease, "failed", line, code=failure.code)
            return False
        finally:
            stop.has_unsaved_frames = False
            self._networks.trim(self._keep_bytes)
        return True

    def _tell_end(
        self, lease: Lease, outcome: Outcome, line: str, *, code: str = "", seconds: float | None = None, **facts: Any
    ) -> None:
        if self.tally is not None:
            self.tally.ended(outcome, code=code, seconds=seconds)
        more = {"code": code, "seconds": seconds, **facts}
        self._say(line, request=lease.id, outcome=outcome, **{name: fact for name, fact in more.items() if fact})

    def _record(self, stop: Stop, write: Callable[[], object]) -> None:
        """Write, and if the disk is full, wait until it is not: what was done must not be forgotten. Raises
        KeyboardInterrupt once `stop` is set, rather than wait."""
        stop.has_unsaved_frames = False  # those of a pack that failed are lost already: a signal ends the wait
        is_full = False
        while True:
            try:
                write()
                return
            except NotWritten as error:
                if not is_full:
                    self._say(f"waiting: {error}")
                is_full = True
                stop.raise_if_set()
                time.sleep(RETRY_SECONDS)

    def _tidy(self) -> None:
        """Delete what is to be deleted, every minute."""
        if time.monotonic() < self._next_tidy:
            return
        self._next_tidy = time.monotonic() + TIDY_SECONDS
        limits = self._limits if self._is_clock_trusted() else None
        for request in tidy(self.store, self._requests, self._uploads, limits=limits, now=time.time()):
            self._say(f"{request.id[:12]} {called(request.asked)}: deleted", request=request.id)

    def _is_clock_trusted(self) -> bool:
        """Whether the clock says how old something is."""
        offset = time.time() - time.monotonic()
        if abs(offset - self._clock_offset) > STEADY_SECONDS:
            self._clock_offset = offset
            self._distrusted_until = time.monotonic() + DISTRUST_SECONDS
        return time.monotonic() >= self._distrusted_until

    def _require_room(self, asked: Asked) -> None:
        """Raise SourceError if all that visitors asked for takes more than its room. One request can exceed it by what it stores."""
        if asked.is_unlisted:
            used = visitors_bytes(self._requests, self._uploads)
            if used > 1e6 * self._limits.mb_in_all:
                raise SourceError(
                    "no_room", f"{called(asked)}: {used / 1e6:.0f} of {self._limits.mb_in_all:g} MB are used"
                )

    def _bytes_of(self, clip: str) -> int:
        """Bytes of the clip's packs, if lists leave it out."""
        if not clip or clip not in self._uploads.unlisted():
            return 0
        return sum(track.bytes for track in self.store.tracks(clip=clip))


def _result(stored: Stored, seconds: float) -> Result:
    return Result(stored.clip, stored.title, stored.n_tracks, stored.n_frames_computed, seconds)


def _done(stored: Stored, seconds: float) -> str:
    if not stored.n_tracks_computed:
        return f"{count(stored.n_tracks, 'track')} already stored"
    frames = count(stored.n_frames_computed, "frame")
    return f"{count(stored.n_tracks_computed, 'track')} stored, {frames} computed in {seconds:.1f} s"
