"""The route that takes visitors' files: POST /uploads?for=picture (or video), the bytes as the body.

200 with {"sha256", "bytes"}; 401: no valid ticket (see visitors.py); 403: asking is off; 411: no length; 413: over a limit,
before a byte is read where the length says so; 503: as many uploads as are taken at once; 507: the disk is full. Every refusal
is {"found", "next_step"}. The bytes go to the disk as they come; neither a name nor a type is taken from the visitor.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator

import anyio
import anyio.from_thread
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from cache.files import NotWritten
from cache.requests.limits import Refused
from cache.requests.uploads import Upload
from cache.store import Store
from dashboard.asking import MAX_PICTURE_BYTES, asker_in
from dashboard.visitors import TICKET_HEADER, holder_of

MAX_AT_ONCE = 8
"""Uploads in progress: each holds a thread."""
PART_SECONDS = 30.0
"""Longest wait for the next bytes."""


class _Answer(Exception):
    """What the route answers instead."""

    def __init__(self, status: int, found: str, next_step: str) -> None:
        self.status, self.found, self.next_step = status, found, next_step
        super().__init__(found)


class UploadRoute:
    """Answers POST /uploads of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._n_running = 0

    async def answer(self, request: Request) -> Response:
        try:
            stored = await self._stored(request)
        except _Answer as answer:
            return _json({"found": answer.found, "next_step": answer.next_step}, answer.status)
        except Refused as refused:
            return _json({"found": refused.found, "next_step": refused.next_step}, 413)
        except NotWritten:
            return _json({"found": "the server cannot store the file now", "next_step": "try again later"}, 507)
        return _json({"sha256": stored.sha256, "bytes": stored.bytes}, 200)

    async def _stored(self, request: Request) -> Upload:
        """Raises _Answer, Refused and NotWritten."""
        who = holder_of(request.headers.get(TICKET_HEADER, ""))
        # Browsers say where a request comes from; what comes from elsewhere could only have stolen its ticket.
        if who is None or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise _Answer(401, "this page can no longer upload", "reload the page")
        # A ticket is given only to those who may ask; here it counts as the sign-in.
        asker = asker_in(os.environ, self._store, who, is_signed_in=True)
        if asker.refusal:
            raise _Answer(403, asker.refusal.rstrip("."), "ask whoever runs this server")
        length = request.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit() and len(length) <= 15):
            raise _Answer(411, "the size of the file is not stated", "choose the file again")
        n_bytes = int(length)
        max_bytes = MAX_PICTURE_BYTES if request.query_params.get("for") == "picture" else n_bytes
        if n_bytes > max_bytes:
            found = f"the picture has {n_bytes / 1e6:.0f} MB; the limit is {max_bytes / 1e6:.0f} MB"
            raise Refused(found, "scale it down first")
        if self._n_running >= MAX_AT_ONCE:
            raise _Answer(503, "many files are being uploaded right now", "try again in a minute")
        self._n_running += 1
        try:
            await anyio.to_thread.run_sync(asker.require_upload, n_bytes)
            parts = request.stream()
            limiter = anyio.CapacityLimiter(1)  # the shared threads serve the packs
            return await anyio.to_thread.run_sync(lambda: asker.upload(_pulled(parts), max_bytes), limiter=limiter)
        finally:
            self._n_running -= 1


def _pulled(parts: AsyncIterator[bytes]) -> Iterator[bytes]:
    """The parts, awaited one by one from the thread that writes them. Raises OSError if the visitor stops sending."""

    async def pull() -> bytes | None:
        with anyio.fail_after(PART_SECONDS):
            return await anext(parts, None)

    while True:
        try:
            part = anyio.from_thread.run(pull)
        except ClientDisconnect as error:
            raise OSError("the connection was lost") from error
        if part is None:
            return
        yield part


def _json(row: dict[str, object], status: int) -> Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(json.dumps(row), status, headers, media_type="application/json")
