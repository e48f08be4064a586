"""Answers leave at once, though Streamlit opens its socket in the way that asyncio does not recognise as TCP."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from dashboard.server.send_at_once import SendAtOnce


async def says_whether_it_waits(scope: Scope, receive: Receive, send: Send) -> None:
    transport = receive.__self__.transport  # type: ignore[attr-defined]
    no_delay = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
    await send({"type": "http.response.body", "body": b"1" if no_delay else b"0"})


@contextmanager
def served(app: Any) -> Iterator[int]:
    """The port of `app`, on a socket opened as Streamlit opens it."""
    listening = socket.socket(socket.AF_INET)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize(("app", "answer"), [(says_whether_it_waits, b"0"), (SendAtOnce(says_whether_it_waits), b"1")])
def test_a_connection_sends_at_once_with_the_middleware_alone(app, answer):
    with served(app) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/")
        assert connection.getresponse().read() == answer
        connection.close()


def test_a_server_that_hides_its_connections_is_served_too():
    answered = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        answered.append(scope["type"])

    async def call() -> None:
        for receive in (None, object(), lambda: None):
            await SendAtOnce(app)({"type": "http"}, receive, None)  # type: ignore[arg-type]

    with pytest.raises(StopIteration):  # it ends without waiting for anything
        call().send(None)
    assert answered == ["http"] * 3
