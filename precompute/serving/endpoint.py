"""The worker's own web server: /healthz for probes, /metrics for Prometheus. It listens only where it is told to.

GET /healthz    200 {"status": "ok", ...}, 503 {"status": "draining" | "stalled", ...}
GET /metrics    what metrics.py counts, as text
"""

from __future__ import annotations

import json
import logging
import re
import socket
import socketserver
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from cache.version import VERSION
from precompute.serving.health import Health
from precompute.serving.metrics import Metrics

READ_SECONDS = 5.0
"""A client that sends nothing for so long is left."""
_PLACE = re.compile(r"(?:(?P<host>[\w.-]+|\[[0-9A-Fa-f:.]+\]):)?(?P<port>\d{1,5})")

log = logging.getLogger(__name__)


def place_of(text: str) -> tuple[str, int]:
    """`[ADDRESS:]PORT` as (address, port); without an address, this machine alone. Raises ValueError."""
    found = _PLACE.fullmatch(text)
    if found is None or int(found["port"]) > 65535:
        raise ValueError(f"{text[:200]!r}: give [ADDRESS:]PORT, such as 9464 or 0.0.0.0:9464")
    return (found["host"] or "127.0.0.1").strip("[]"), int(found["port"])


@contextmanager
def answering(place: tuple[str, int], health: Callable[[], Health], metrics: Metrics) -> Iterator[str]:
    """Answer there inside the block; yields the address, such as http://127.0.0.1:9464. Port 0: a free one. Raises OSError
    if it cannot listen there."""

    class Answer(_Answer):
        def answer(self) -> tuple[int, str, bytes]:
            if self.path == "/healthz":
                now = health()
                row = {**asdict(now), "version": VERSION}
                return 200 if now.is_ready else 503, "application/json", json.dumps(row).encode() + b"\n"
            if self.path == "/metrics":
                return 200, "text/plain; version=0.0.4; charset=utf-8", metrics.text()
            return 404, "text/plain; charset=utf-8", b"nothing here but /healthz and /metrics\n"

    host, port = place
    with _Server(place, Answer) as server:
        Thread(target=server.serve_forever, name="endpoint", daemon=True).start()
        try:
            yield f"http://{f'[{host}]' if ':' in host else host}:{port or server.server_address[1]}"
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, place: tuple[str, int], answer: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        super().__init__(place, answer)

    def server_bind(self) -> None:
        """Without asking the network for the name of this machine, as http.server would."""
        socketserver.TCPServer.server_bind(self)


class _Answer(BaseHTTPRequestHandler):
    timeout = READ_SECONDS
    server_version, sys_version = "crosscheck", ""

    def answer(self) -> tuple[int, str, bytes]:
        """Status, type and body."""
        raise NotImplementedError

    def do_GET(self) -> None:
        try:
            status, kind, body = self.answer()
        except OSError as error:  # the store cannot be listed
            status, kind, body = (
                503,
                "text/plain; charset=utf-8",
                f"the store cannot be read: {error.strerror}\n".encode(),
            )
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        log.debug(format, *args)
