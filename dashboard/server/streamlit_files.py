"""Streamlit's own scripts and style sheets are compressed once for all visitors."""

from __future__ import annotations

import gzip
import re

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class CompressStatic:
    """ASGI middleware: Streamlit's own scripts and style sheets, gzipped for browsers that accept it, and kept so.

    Streamlit serves them plain, as it would compress them again for each visitor. On a line of 1.5 Mbit/s their 3.4 MB are
    most of the wait for the first picture. Their names carry a hash of their content, so that a name never means others.
    """

    def __init__(self, app: ASGIApp, *, base_path: str = "") -> None:
        self._app = app
        prefix = f"/{base_path.strip('/')}".rstrip("/")
        self._paths = re.compile(rf"{re.escape(prefix)}/static(/[\w-][\w.-]*)+\.(js|css)")
        self._packed: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        accepts = "gzip" in Headers(scope=scope).get("accept-encoding", "") if scope["type"] == "http" else False
        if not accepts or scope["method"] != "GET" or not self._paths.fullmatch(scope["path"]):
            return await self._app(scope, receive, send)
        path: str = scope["path"]
        start: Message = {}
        body = bytearray()

        async def send_packed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            headers = MutableHeaders(raw=list(start["headers"]))
            data = bytes(body)
            # An unknown name may be answered with the page, which is not kept.
            is_whole = start["status"] == 200 and not headers.get("content-type", "").startswith("text/html")
            if is_whole and "content-encoding" not in headers:
                if path not in self._packed:
                    self._packed[path] = await run_in_threadpool(gzip.compress, data, 9, mtime=0)
                data = self._packed[path]
                headers["Content-Encoding"] = "gzip"
                headers["Content-Length"] = str(len(data))
                headers.add_vary_header("Accept-Encoding")
                if tag := headers.get("etag"):  # the bytes are others than those that Streamlit tagged
                    headers["ETag"] = f"W/{tag.removeprefix('W/')}"
            await send({**start, "headers": headers.raw})
            await send({"type": "http.response.body", "body": data})

        await self._app(scope, receive, send_packed)
