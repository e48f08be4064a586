"""Deletes requests, uploads and the unlisted results that belong to them: on demand, and after their time."""

from __future__ import annotations

import logging
from collections.abc import Collection
from contextlib import nullcontext

from cache.records import StoreError
from cache.requests.queue import Requests
from cache.requests.records import Request
from cache.requests.uploads import Uploads
from cache.store import Store

ORPHAN_SECONDS = 24 * 3600.0
"""An upload that no request names may be one whose request is about to be made."""

log = logging.getLogger(__name__)


def tidy(
    store: Store, requests: Requests, uploads: Uploads, *, keep_seconds: float | None, now: float
) -> list[Request]:
    """Delete the requests that are to be deleted, and those that ended more than `keep_seconds` before `now` (None, where the
    clock cannot be trusted: those stay, and uploads that no request names). What waits or runs is never touched. Returns the deleted ones. Raises NotWritten and OSError."""
    everything = requests.all(with_dropped=True)
    old = [request for request in everything if not request.is_live and _is_due(request, keep_seconds, now)]
    deleted = []
    for request in old:
        try:
            if request.asked.source.kind == "upload" and not _delete_upload(
                store, uploads, request, requests, {other.id for other in old}
            ):
                continue
        except StoreError as error:  # a job is writing the clip; later
            log.debug("%s: %s", request.id, error)
            continue
        requests.forget(request.id)
        deleted.append(request)
    if keep_seconds is not None:
        named = {request.asked.source.name for request in everything}
        for upload in uploads.stored():
            if upload.sha256 not in named:
                uploads.delete(upload.sha256, min_age_seconds=ORPHAN_SECONDS)
        uploads.sweep(ORPHAN_SECONDS)
    requests.sweep()
    return deleted


def _is_due(request: Request, keep_seconds: float | None, now: float) -> bool:
    if request.is_dropped:
        return True
    return keep_seconds is not None and request.ended is not None and now - request.ended.when > keep_seconds


def _delete_upload(store: Store, uploads: Uploads, request: Request, requests: Requests, old: Collection[str]) -> bool:
    """Delete the upload and the unlisted results of a request, unless another request needs them. False, and nothing
    changes, while one that is live may need them: only this request knows its clip, so it has to stay until then."""
    name = request.asked.source.name
    clip = request.ended.clip if request.ended else ""
    # Read now, and the clip under its lock: another worker may have begun on the same upload since the listing.
    with store.writing(clip) if clip else nullcontext():
        kept = [other for other in requests.all(with_dropped=True) if other.id not in old]
        sharing = [other for other in kept if other.asked.source.name == name]
        if clip in uploads.unlisted() and not any(other.ended and other.ended.clip == clip for other in kept):
            if any(other.is_live for other in sharing):
                return False
            store.remove([track.head.key for track in store.tracks(clip=clip)])
            uploads.relist(clip)
    if not sharing:
        uploads.delete(name)
    return True
