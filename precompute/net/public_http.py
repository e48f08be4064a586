"""Downloads by HTTP from public addresses only, redirects included, and resumes what was interrupted."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from precompute.failures import SourceError
from precompute.net.addresses import ALLOW_LOOPBACK_VARIABLE, is_public
from precompute.net.http_failures import status_failure
from precompute.net.limits import require_size
from precompute.net.partial_download import Part
from precompute.text import one_line

Report = Callable[[int, int | None], None]
"""Called with the bytes downloaded so far, and of how many; None if unknown."""

CONNECT_SECONDS, READ_SECONDS = 20, 60
CHUNK_BYTES = 1 << 16
PART = "part"
"""Name of the file in a download's folder."""


def size_of(url: str) -> int:
    """Bytes of the file at `url`; 0 if its server does not say. Raises SourceError for addresses that are not allowed."""
    try:
        with _request("HEAD", url) as answer:
            return int(answer.headers.get("Content-Length", 0)) if answer.ok else 0
    except (requests.RequestException, ValueError):
        return 0  # some servers do not answer HEAD


def download(url: str, folder: Path, *, max_bytes: int, report: Report) -> Path:
    """Download `url` to a file in `folder`, which belongs to this URL, after the part that an earlier try left there.

    Raises SourceError, and OSError if the file cannot be stored.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = Part(folder, url, max_bytes)
    path = folder / PART
    n_bytes = path.stat().st_size if path.exists() else 0
    headers = {"Range": f"bytes={n_bytes}-", "If-Range": part.if_range or ""} if n_bytes else {}
    try:
        with _request("GET", url, headers) as answer:
            if answer.status_code == 416:
                if answer.headers.get("Content-Range") == f"bytes */{n_bytes}":
                    return path  # it was complete
                raise part.changed()
            if not answer.ok:
                raise status_failure(url, answer.status_code, answer.headers.get("Retry-After"))
            part.accept(answer.status_code, answer.headers, is_rest=n_bytes > 0)
            n_bytes = n_bytes if answer.status_code == 206 else 0
            total_bytes = part.validators.total_bytes if part.validators else None
            with path.open("ab" if n_bytes else "wb") as file:
                for chunk in answer.iter_content(CHUNK_BYTES):
                    n_bytes += len(chunk)
                    require_size(url, n_bytes, max_bytes)
                    file.write(chunk)
                    report(n_bytes, total_bytes)
    except requests.RequestException as error:
        raise SourceError("network", f"{url}: {one_line(str(error))[:300]}") from error
    return path


def _request(method: str, url: str, headers: Mapping[str, str] | None = None) -> requests.Response:
    """Raises requests' exceptions, and SourceError for addresses that are not public."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise SourceError("unsupported_url", f"{url}: not an http(s) address")
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, _PublicOnly())
        return session.request(
            method,
            url,
            headers={"Accept-Encoding": "identity", **(headers or {})},
            stream=True,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=True,
        )


class _NotPublic(Exception):
    """A connection led to the address that is the message."""


class _PublicOnly(HTTPAdapter):
    """Connects to public addresses only, whatever a redirect or a name server says: a zoo.toml may be a stranger's. The user's
    own proxy is used as it is: behind one, only the proxy knows which address is reached."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PublicPool, "https": _PublicSecurePool}

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        try:
            return super().send(request, *arguments, **options)
        except _NotPublic as error:
            raise SourceError("blocked_address", f"{request.url}: leads to {error}, which is not public") from None


class _PublicConnection(HTTPConnection):
    def _new_conn(self) -> socket:
        return _public(super()._new_conn())


class _PublicSecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket:
        return _public(super()._new_conn())


class _PublicPool(HTTPConnectionPool):
    ConnectionCls = _PublicConnection  # type: ignore[assignment]


class _PublicSecurePool(HTTPSConnectionPool):
    ConnectionCls = _PublicSecureConnection  # type: ignore[assignment]


def _public(connected: socket) -> socket:
    """The same socket, before a byte is sent. Raises _NotPublic."""
    address = connected.getpeername()[0]
    if not is_public(address, allow_loopback=os.environ.get(ALLOW_LOOPBACK_VARIABLE) == "1"):
        connected.close()
        raise _NotPublic(address)
    return connected
