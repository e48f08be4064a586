"""Deletes requests with all that visitors caused to be stored by them: on demand, after their time, and for want of room."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

from cache.records import StoreError
from cache.requests.limits import Limits, clip_bytes
from cache.requests.queue import Requests
from cache.requests.records import Request
from cache.requests.uploads import Uploads
from cache.store import Store
from precompute.downloads.download import note_of
from precompute.downloads.leftovers import delete_downloads
from precompute.failures import SourceError

ORPHAN_SECONDS = 24 * 3600.0
"""An upload that no request names may be one whose request is about to be made."""
LOOKED_AT_SECONDS = 3600.0
"""What ended so recently is not deleted for want of room: somebody may be looking at it."""

log = logging.getLogger(__name__)


def tidy(store: Store, requests: Requests, uploads: Uploads, *, limits: Limits | None, now: float) -> list[Request]:
    """Delete the requests that are to be deleted, those that ended too long before `now`, and, while visitors' data takes more
    room than it may, those of visitors that ended first. `limits`: None where the clock cannot be trusted; only the first
    go then, and uploads that no request names stay. What waits or runs is never touched, nor what the operator asked for,
    but for the records of such requests. Returns the deleted requests. Raises NotWritten and OSError."""
    everything = requests.all(with_dropped=True)
    ended = [request for request in everything if not request.is_live]
    due = [request for request in ended if request.is_dropped or (limits and _is_old(request, limits, now))]
    deleted = _delete(store, requests, uploads, due)
    if limits is not None:
        named = {request.asked.source.name for request in everything}
        for upload in uploads.stored():
            if upload.sha256 not in named:
                uploads.delete(upload.sha256, min_age_seconds=ORPHAN_SECONDS)
        uploads.sweep(ORPHAN_SECONDS)
        for oldest in _oldest_first(requests.all(with_dropped=True), now):
            if visitors_bytes(requests, uploads) <= limits.bytes_kept:
                break
            deleted += _delete(store, requests, uploads, oldest)
    requests.sweep()
    return deleted


def visitors_bytes(requests: Requests, uploads: Uploads) -> int:
    """Bytes of all that visitors caused to be stored: uploads, downloads and unlisted clips."""
    return uploads.n_bytes() + clip_bytes(requests.all(with_dropped=True))


def _is_old(request: Request, limits: Limits, now: float) -> bool:
    return request.ended is not None and now - request.ended.when > limits.days * 86400.0


def _oldest_first(requests: Iterable[Request], now: float) -> Iterator[list[Request]]:
    """The requests of visitors that nobody may be looking at, in groups that share a source: it stays as long as one of them does."""
    groups: dict[str, list[Request]] = {}  # by the name alone: one file may have been uploaded under two titles
    for request in requests:
        if request.asked.is_unlisted:
            groups.setdefault(request.asked.source.name, []).append(request)
    whens = {
        name: max(request.ended.when if request.ended else now for request in group) for name, group in groups.items()
    }
    for name in sorted(groups, key=lambda name: whens[name]):
        if now - whens[name] > LOOKED_AT_SECONDS:
            yield groups[name]


def _delete(store: Store, requests: Requests, uploads: Uploads, old: list[Request]) -> list[Request]:
    """Delete these requests with what belongs to them alone; returns those for which that was possible."""
    deleted = []
    for request in old:
        try:
            if request.asked.is_unlisted and not _delete_results(
                store, uploads, request, requests, {other.id for other in old}
            ):
                continue
        except StoreError as error:  # a job is writing the clip; later
            log.debug("%s: %s", request.id, error)
            continue
        requests.forget(request.id)
        deleted.append(request)
    if any(request.asked.source.kind == "address" for request in deleted):
        delete_downloads(uploads.downloads_dir, lambda: _needed_downloads(requests))
    return deleted


def _delete_results(store: Store, uploads: Uploads, request: Request, requests: Requests, old: Collection[str]) -> bool:
    """Delete the upload and the unlisted results of a request, unless another request needs them. False, and nothing
    changes, while one that is live may need them: only this request knows its clip, so it has to stay until then."""
    source = request.asked.source
    clip = request.ended.clip if request.ended else ""
    # Read now, and the clip under its lock: another worker may have begun on the same source since the listing.
    with store.writing(clip) if clip else nullcontext():
        kept = [other for other in requests.all(with_dropped=True) if other.id not in old]
        sharing = [other for other in kept if other.asked.source.name == source.name]
        if clip in uploads.unlisted() and not any(other.ended and other.ended.clip == clip for other in kept):
            if any(other.is_live for other in sharing):
                return False
            store.remove([track.head.key for track in store.tracks(clip=clip)])
            uploads.relist(clip)
    if source.kind == "upload" and not sharing:
        uploads.delete(source.name)
    return True


def _needed_downloads(requests: Requests) -> set[str]:
    """The names of the notes of the addresses that visitors' requests name."""
    found = set()
    for request in requests.all(with_dropped=True):
        if request.asked.is_unlisted and request.asked.source.kind == "address":
            with suppress(SourceError):
                found.add(note_of(request.asked.source.name, Path()).name)
    return found
