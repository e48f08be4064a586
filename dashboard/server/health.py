"""What the page says to probes: whether it can read its store, what waits there, and what workers say of themselves.

It names no clip, no visitor and no folder: anyone who reaches the page may ask.
"""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cache.records import BadRecord, StoreError
from cache.requests.queue import Requests
from cache.store import Store
from cache.version import VERSION

NO_TRACK = "0" * 64
"""A key that no track has: to look for it reads the store and nothing else."""


def health_response(store: Store, request: Request) -> Response:
    """200 where the store can be read, else 503. A store without clips, and one without a worker, are well."""
    try:
        store.get(NO_TRACK)
        row = {"status": "ok", "version": VERSION, **_queue(Requests(store.root))}
    except (StoreError, BadRecord, OSError):
        row = {"status": "store unreadable", "version": VERSION}
    status = 200 if row["status"] == "ok" else 503
    return JSONResponse(row, status, {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})


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
        "silent_seconds": round(max(0.0, time.time() - when), 1) if isinstance(when, float) else None,
    }
