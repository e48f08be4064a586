"""Answers leave at once.

Uvicorn writes the head of a response and its body apart. Streamlit opens the listening socket without naming its protocol, and
asyncio then leaves Nagle's algorithm on: the body waits until the browser has acknowledged the head, which it delays by 40 ms.
"""

from __future__ import annotations

import socket

from starlette.types import ASGIApp, Receive, Scope, Send


class SendAtOnce:
    """ASGI middleware: sets TCP_NODELAY on the connection of each request, where the server lets it be reached."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            transport = getattr(getattr(receive, "__self__", None), "transport", None)
            connection = transport.get_extra_info("socket") if transport else None
            if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await self.app(scope, receive, send)
