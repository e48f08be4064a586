"""A proxy before an S3 server that fails as networks and object stores do: 500s, slow and cut-off answers, lost answers, and listings
of a moment ago. Everything follows from a seed."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

FAULTS = ("refused", "slow", "cut", "lost", "stale", "closed")
STALE_SECONDS = 3.0


class FaultyProxy(ThreadingHTTPServer):
    """`rate` of the requests meet a fault; `counts` says how many of each kind did."""

    daemon_threads = True

    def __init__(self, endpoint: str, seed: int, rate: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(endpoint).netloc
        self.rate, self.counts, self.n_requests = rate, Counter[str](), 0
        self.listings: dict[str, tuple[float, tuple[int, list[tuple[str, str]], bytes]]] = {}
        self._choose, self._lock = random.Random(seed), threading.Lock()

    def fault(self, method: str, *, is_listing: bool) -> str:
        """What befalls the next request; empty for most."""
        with self._lock:
            self.n_requests += 1
            if self._choose.random() >= self.rate:
                return ""
            wanted = [name for name in FAULTS if name != "stale" or is_listing]
            found = "stale" if is_listing and self._choose.random() < 0.5 else self._choose.choice(wanted)
            self.counts[found] += 1
            return found

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has given up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        is_listing = self.command == "GET" and "list-type=2" in self.path
        fault = self.server.fault(self.command, is_listing=is_listing)
        if fault == "closed":
            self.close_connection = True
            return
        if fault == "refused":
            self._send(500, [("Content-Type", "application/xml")], b"<Error><Code>InternalError</Code></Error>")
            return
        if fault == "slow":
            time.sleep(0.3)
        known = self.server.listings.get(self.path)
        if fault == "stale" and known and time.monotonic() - known[0] < STALE_SECONDS:
            self._send(*known[1])
            return
        found = self._forward(body)
        if is_listing:
            self.server.listings[self.path] = (time.monotonic(), found)
        if fault == "lost":  # it was done, and nobody hears of it
            self.close_connection = True
            return
        self._send(*found, cut=fault == "cut")

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _answer

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.server.target, timeout=30)
        try:
            connection.request(self.command, self.path, body or None, dict(self.headers.items()))
            answer = connection.getresponse()
            dropped = ("transfer-encoding", "connection", "content-length", "server", "date")
            headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in dropped]
            if self.command == "HEAD":
                headers.append(("Content-Length", answer.getheader("Content-Length") or "0"))
            return answer.status, headers, answer.read()
        finally:
            connection.close()

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD" and status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.wfile.flush()
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Tests count for themselves."""


@contextmanager
def faulty(endpoint: str, *, seed: int, rate: float) -> Iterator[FaultyProxy]:
    """A proxy that runs meanwhile."""
    proxy = FaultyProxy(endpoint, seed, rate)
    thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()


def address_of(proxy: FaultyProxy) -> str:
    host, port = proxy.server_address[:2]
    return f"http://{host}:{port}"
