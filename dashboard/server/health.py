"""What the page says to probes: whether it can read its store, what waits there, and what workers say of themselves.

It names no clip, no visitor and no folder: anyone who reaches the page may ask.
"""

from __future__ import annotations

import math
import os
import time
from threading import Lock
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cache.records import BadRecord, StoreError
from cache.requests.queue import Requests
from cache.store import Store
from cache.version import VERSION

NO_TRACK = "0" * 64
"""A key that no track has: to look for it reads the store and nothing else."""
KEPT_SECONDS = 2.0
"""An answer is given again for so long: to list a thousand requests takes a quarter of a second, and anyone may ask."""


class Health:
    """The answers for one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()
        self._known: tuple[float, dict[str, Any]] | None = None
        """When it was found, and what."""

    def answer(self, request: Request) -> Response:
        """200 where the store can be read, else 503. A store without clips, and one without a worker, are well."""
        with self._lock:
            if self._known is None or time.monotonic() - self._known[0] >= KEPT_SECONDS:
                row = _found(self._store)
                self._known = time.monotonic(), row
            row = self._known[1]
        status = 200 if row["status"] == "ok" else 503
        return JSONResponse(row, status, {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})


def _found(store: Store) -> dict[str, Any]:
    try:
        _require_readable(store)
        return {"status": "ok", "version": VERSION, **_queue(Requests(store.root))}
    except (StoreError, BadRecord, OSError):
        return {"status": "store unreadable", "version": VERSION}


def _require_readable(store: Store) -> None:
    """Raises OSError, StoreError or BadRecord. A folder without tracks is well: that is a new volume."""
    if store.is_folder:
        with os.scandir(store.root) as entries:
            next(entries, None)
    store.get(NO_TRACK)


def _queue(requests: Requests) -> dict[str, Any]:
    """Requests by state, and each worker that has shown itself: its device, whether it works, and for how long it is silent."""
    states = [request.state for request in requests.all(with_dropped=True) if request.is_live]
    return {
        "requests": {"waiting": states.count("waiting"), "running": states.count("running")},
        "workers": [_worker(row) for row in requests.workers()],
    }


def _worker(row: dict[str, Any]) -> dict[str, Any]:
    """What a worker says is data: anyone who can write to the store may have written it."""
    when = row.get("when")
    return {
        "device": "cuda" if row.get("device") == "cuda" else "cpu",
        "state": "draining" if row.get("is_draining") is True else "working" if row.get("doing") else "idle",
        "silent_seconds": round(max(0.0, time.time() - when), 1)
        if isinstance(when, float) and math.isfinite(when)
        else None,
    }
