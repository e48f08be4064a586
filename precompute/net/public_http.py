"""HTTP requests that connect to public addresses only, redirects included."""

from __future__ import annotations

import os
from collections.abc import Mapping
from socket import socket
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from consistency.zoo.records import Archive, ZooError
from precompute.net.addresses import ALLOW_LOOPBACK_VARIABLE, is_public

CONNECT_SECONDS, READ_SECONDS = 20, 60


def public_request(archive: Archive, method: str, headers: Mapping[str, str] | None = None) -> requests.Response:
    """Raises requests' exceptions, and ZooError for addresses that are not public."""
    if urlsplit(archive.url).scheme not in ("http", "https"):
        raise ZooError(f"{archive.url} is no http(s) address; mend it in zoo.toml")
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, _PublicOnly())
        return session.request(
            method,
            archive.url,
            headers={"Accept-Encoding": "identity", **(headers or {})},
            stream=True,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=True,
        )


class _PublicOnly(HTTPAdapter):
    """Speaks with public addresses only, whatever a redirect or a name server says: a zoo.toml may be a stranger's. A proxy
    of the user's is spoken with as it is."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PublicPool, "https": _PublicSecurePool}


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
    """The same, before a byte is sent. Raises ZooError."""
    address = connected.getpeername()[0]
    if not is_public(address, allow_loopback=os.environ.get(ALLOW_LOOPBACK_VARIABLE) == "1"):
        connected.close()
        raise ZooError(
            f"leads to {address}, which is not public; fetch the archive yourself and give the file to `zoo import`"
        )
    return connected
