"""A web server on this machine that answers as a test wants, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.media import write_video


@dataclass
class Site:
    """A web server on this machine: path -> function that answers a request; counts what it was asked."""

    address: str = ""
    pages: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def page(self, path: str, content: bytes, kind: str, status: int = 200) -> str:
        """Serve `content` at `path`; its URL."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            reply(request, status, content, {"Content-Type": kind, "Content-Length": str(len(content))})

        self.pages[path] = answer
        return self.address + path

    def video(self, path: str, folder: Path) -> str:
        return self.page(path, write_video(folder / "served.mp4", 10).read_bytes(), "video/mp4")

    def redirect(self, path: str, target: str) -> str:
        self.pages[path] = lambda request: reply(request, 302, b"", {"Location": target, "Content-Length": "0"})
        return self.address + path


def reply(request: BaseHTTPRequestHandler, status: int, content: bytes, headers: dict[str, str]) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(content)


@contextmanager
def running() -> Iterator[Site]:
    """A server for as long as the block lasts."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests.append(self.path)
            if self.path in site.pages:
                site.pages[self.path](self)
            else:
                self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Who asks may hang up at any time."""

    server = Server(("127.0.0.1", 0), Handler)
    site.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
