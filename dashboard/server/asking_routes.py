"""The routes through which the page asks for work. Each needs the visitor's ticket (see ../visitors.py).

POST   /asking/uploads                  {"bytes": size}: begins an upload -> {"id"}
PUT    /asking/uploads/<id>?at=<offset> the next part, at most MAX_PART_BYTES -> {"received", "upload": its digest or null}; 409
                                        with {"received"} at another offset: continue there
DELETE /asking/uploads/<id>             gives it up
GET    /asking/requests                 the visitor's requests, the newest first
POST   /asking/requests                 {"source": {"address"} or {"upload", "title"}, "options": {...}} or {"again": id}: asks
POST   /asking/requests/<id>/cancel     ends it
DELETE /asking/requests/<id>            deletes it with its upload and its results

Whatever is refused is {"found", "next_step"} with a status of 4xx, or 507 where the store cannot be written. Bodies are data: no name in them becomes a path, and there is no
source that names a file of the server.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import fields
from threading import Lock
from typing import Any

import anyio
import anyio.to_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from cache.files import NotWritten
from cache.records import BadRecord, StoreError
from cache.requests.limits import Refused
from cache.requests.queue import Requests
from cache.requests.receiving import MAX_PART_BYTES, Receiver, Receiving, receiver_of
from cache.requests.records import Options, Source
from cache.requests.stills import first_bytes_of, for_content
from cache.requests.uploads import Uploads
from cache.store import Store, is_key
from dashboard.text import one_line
from dashboard.visitors.asking import Asker, address_in, asker_in
from dashboard.visitors.network import FORWARDED
from dashboard.visitors.requested import DEFAULT_SIDE, rows
from dashboard.visitors.visitor import TICKET_HEADER, holder_of

MAX_BODY_BYTES = 32 << 10
"""The largest body of a request for work."""
WRITERS = 2
"""Threads that hash and write parts: packs are served by the others, and wait for the interpreter with each one more."""
WRITE_BYTES = 1 << 20
"""Bytes of a part that are held in memory before they are written."""
OPTIONS = {field.name for field in fields(Options)} - {"tolerant", "max_duration", "crop"}

Answer = Callable[[Request, Asker], Awaitable[Response]]


def asking_routes(store: Store, *, prefix: str = "") -> Sequence[BaseRoute]:
    """The routes for `st.App(routes=...)`. `prefix`: the base path, without a slash at its end."""
    desk = Desk(store)

    def guarded(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def guard(request: Request) -> Response:
            who = holder_of(request.headers.get(TICKET_HEADER, ""))
            # Browsers say where a request comes from; what comes from elsewhere could only have stolen its ticket.
            if who is None or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
                return _refused(401, "this page is out of date", "reload the page")
            # A ticket is given only to those who may ask; here it counts as the sign-in.
            peer = request.client.host if request.client else None
            forwarded = ",".join(request.headers.getlist(FORWARDED))
            asker = asker_in(os.environ, store, who, is_signed_in=True, peer=peer, forwarded=forwarded)
            if asker.refusal:
                return _refused(403, asker.refusal.rstrip("."), "ask whoever runs this server")
            try:
                return await answer(request, asker)
            except Refused as error:
                return _refused(422, error.found, error.next_step)
            except (NotWritten, OSError):
                return _refused(507, "the server's store cannot be written now", "try again later")
            except ClientDisconnect:
                return Response(status_code=400)

        return guard

    return [
        Route(f"{prefix}/asking/{path}", guarded(answer), methods=[method])
        for method, path, answer in (
            ("POST", "uploads", desk.begin),
            ("PUT", "uploads/{id}", desk.receive),
            ("DELETE", "uploads/{id}", desk.give_up),
            ("GET", "requests", desk.list),
            ("POST", "requests", desk.ask),
            ("POST", "requests/{id}/cancel", desk.cancel),
            ("DELETE", "requests/{id}", desk.delete),
        )
    ]


class Desk:
    """Answers the routes for a visitor who has shown a ticket. Disks are waited for in threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._requests, self._uploads = Requests(store.root), Uploads(store.root)
        self._receiver = receiver_of(store.root)
        self._listing = Lock()
        self._writers = anyio.CapacityLimiter(WRITERS)

    # Uploads

    async def begin(self, request: Request, asker: Asker) -> Response:
        n_bytes = (await _body(request)).get("bytes")
        if not isinstance(n_bytes, int) or isinstance(n_bytes, bool):
            raise Refused("an upload without its size", "choose the file again")
        id = await run_in_threadpool(self._receiver.begin, asker.who, asker.limits, n_bytes, asker.network)
        return _json({"id": id}, 201)

    async def receive(self, request: Request, asker: Asker) -> Response:
        one = self._find(request, asker)
        if one is None:
            return _refused(404, "this upload was given up", "upload the file again")
        if not one.lock.acquire(blocking=False):
            return _json({"received": one.incoming.n_bytes}, 409)
        try:
            if request.query_params.get("at") != str(one.incoming.n_bytes):
                return _json({"received": one.incoming.n_bytes}, 409)
            await self._write(one, request)
            upload = await self._in_turn(self._receiver.finish, one)
        finally:
            one.lock.release()
        return _json({"received": one.incoming.n_bytes, "upload": upload.sha256 if upload else None})

    async def _write(self, one: Receiving, request: Request) -> None:
        """The body, to the disk as it comes; what came before a line breaks stays. Raises Refused for more than stated."""
        waiting, n_bytes = bytearray(), 0
        try:
            async for part in request.stream():
                n_bytes += len(part)
                if n_bytes > MAX_PART_BYTES:
                    raise Refused(f"a part of more than {MAX_PART_BYTES >> 20} MB", "upload the file again")
                waiting += part
                if len(waiting) >= WRITE_BYTES:
                    await self._in_turn(self._receiver.write, one, bytes(waiting))
                    waiting.clear()
        finally:
            if waiting and one.incoming.n_bytes + len(waiting) <= one.n_total:
                await self._in_turn(self._receiver.write, one, bytes(waiting))
                waiting.clear()
        if waiting:
            await run_in_threadpool(self._receiver.discard, one)
            raise Refused("the file has more bytes than were stated", "choose it again")

    async def _in_turn(self, act: Callable[..., Any], *given: Any) -> Any:
        return await anyio.to_thread.run_sync(act, *given, limiter=self._writers)

    async def give_up(self, request: Request, asker: Asker) -> Response:
        if (one := self._find(request, asker)) is not None:
            await run_in_threadpool(self._receiver.discard, one)
        return Response(status_code=204)

    def _find(self, request: Request, asker: Asker) -> Receiving | None:
        return self._receiver.find(asker.who, request.path_params["id"])

    # Requests

    async def list(self, request: Request, asker: Asker) -> Response:
        return _json(await run_in_threadpool(self._listed, asker))

    def _listed(self, asker: Asker) -> dict[str, Any]:
        with self._listing:  # it keeps what it has parsed
            requests = self._requests.all()

        def has_frames(clip: str) -> bool:
            return any(track.n_frames for track in self._store.tracks(clip=clip))

        return {"requests": rows(requests, asker.who, has_frames), "isServed": asker.is_served()}

    async def ask(self, request: Request, asker: Asker) -> Response:
        body = await _body(request)
        return _json({"id": await run_in_threadpool(self._ask, asker, body)}, 201)

    def _ask(self, asker: Asker, body: Mapping[str, Any]) -> str:
        if isinstance(again := body.get("again"), str):
            known = asker.get(again)
            if known is None:
                raise Refused("this request was deleted", "ask again")
            source, options = known.asked.source, known.asked.options
        else:
            source, options = wanted(asker.who, body, self._receiver, self._uploads)
        try:
            return asker.ask(source, options).id
        except StoreError as error:
            raise Refused("the upload was deleted", "upload the file again") from error
        except PermissionError as error:
            raise Refused(str(error), "upload the file") from error

    async def cancel(self, request: Request, asker: Asker) -> Response:
        await run_in_threadpool(asker.cancel, request.path_params["id"])
        return Response(status_code=204)

    async def delete(self, request: Request, asker: Asker) -> Response:
        await run_in_threadpool(asker.delete, request.path_params["id"])
        return Response(status_code=204)


def wanted(who: str, body: Mapping[str, Any], receiver: Receiver, uploads: Uploads) -> tuple[Source, Options]:
    """What the page's JSON asks for. Raises Refused."""
    source, given = body.get("source"), body.get("options")
    if not isinstance(source, Mapping) or not isinstance(given, Mapping):
        raise Refused("a request without a source or options", "reload the page")
    try:
        options = Options(**{name: value for name, value in given.items() if name in OPTIONS})
        if options.size > DEFAULT_SIDE:  # minutes of video are limited, not their pixels
            raise Refused(f"frames of {options.size} pixels are asked for", f"ask for at most {DEFAULT_SIDE}")
        if options.end is not None and options.end <= options.start:
            raise Refused(f"the part ends at {options.end:g} s, before it starts", "choose a later end")
        if isinstance(address := source.get("address"), str):
            return Source("address", address_in(address)), options
        sha256 = source.get("upload")
        if not isinstance(sha256, str) or not is_key(sha256) or not receiver.has_received(who, sha256):
            raise Refused("this upload is not there", "upload the file again")
        title = one_line(str(source.get("title") or "upload"), 200)
        return Source("upload", sha256, title), for_content(options, first_bytes_of(uploads.path(sha256)))
    except FileNotFoundError as error:
        raise Refused("the upload was deleted", "upload the file again") from error
    except (BadRecord, TypeError) as error:
        raise Refused(str(error)[:300], "check the start, the end and the frames per second") from error


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object that came. Raises Refused."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MAX_BODY_BYTES:
            raise Refused(f"a request of more than {MAX_BODY_BYTES >> 10} kB", "ask for less at once")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refused("a request that cannot be read", "reload the page")
    return body


def _json(content: Mapping[str, Any], status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return JSONResponse(dict(content), status_code=status, headers=headers)


def _refused(status: int, found: str, next_step: str) -> Response:
    return _json({"found": found, "next_step": next_step}, status)
