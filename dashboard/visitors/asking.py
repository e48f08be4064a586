"""Asking for work from the page: who may, within which limits, and what becomes of it. `asker_of(store)` is where to begin.

    asker = asker_of(site.store)
    if asker.refusal: st.text(asker.refusal)
    request = asker.ask(Source("address", url), Options(end=30.0))      # raises Refused, NotWritten, BadRecord

Files go through the routes of `server/asking_routes.py`, with `asker.ticket`; they answer with the digest, which is the name of
`Source("upload", sha256, title)`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from threading import Lock

import streamlit as st

from cache.files import NotWritten
from cache.records import BadRecord, StoreError
from cache.requests.limits import Limits, Refused, asking, limits_of
from cache.requests.queue import Requests
from cache.requests.receiving import receiver_of
from cache.requests.records import Asked, Options, Request, Source
from cache.requests.uploads import Uploads
from cache.store import Store
from dashboard.text import one_line, web_address
from dashboard.visitors.access import needs_sign_in
from dashboard.visitors.network import FORWARDED, network_of, proxies_of
from dashboard.visitors.visitor import network_name, ticket_of, visitor

OFF = "Asking is switched off on this server. Whoever runs it can allow it with CROSSCHECK_REQUESTS."
IN_BUCKET = (
    "Asking needs a store in a folder; the store of this page is in a bucket. Results are computed by command there."
)
SIGN_IN = "On this server, asking requires sign-in, which is not set up."
REFUSALS = (Refused, NotWritten, StoreError, BadRecord, PermissionError)
"""What asking raises; `words_of` says it to the visitor."""
MAX_PICTURE_BYTES = 20_000_000
MAX_PICTURE_PIXELS = 40_000_000
"""Said before a larger one is uploaded; the decoder decides."""
SERVE = "python -m precompute serve"
"""The command that starts a worker."""
_BARE_ADDRESS = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+/\S*")
"""As people paste it: youtu.be/..."""
_ONE_AT_A_TIME = Lock()
"""Each request is stored before the next one is counted: of many at the same moment, no more are accepted than the limits say."""


class Asker:
    """What one visitor may ask for."""

    def __init__(self, store: Store, who: str, limits: Limits, refusal: str = "", network: str = "") -> None:
        """`refusal`: why this visitor may ask for nothing; empty if it may. `network`: as in Asked."""
        self.who, self.limits, self.refusal, self.network = who, limits, refusal, network
        self._store = store
        self._requests, self._uploads = Requests(store.root), Uploads(store.root)
        self._receiver = receiver_of(store.root)

    @property
    def ticket(self) -> str:
        """What uploads of this visitor carry; empty if it may not ask."""
        return "" if self.refusal else ticket_of(self.who)

    def ask(self, source: Source, options: Options) -> Request:
        """The request, new or made before. Raises Refused, NotWritten, BadRecord, and PermissionError if this visitor may not
        ask, or asks for a file of the server."""
        if self.refusal or source.kind == "file":
            raise PermissionError(self.refusal or "files of the server cannot be asked for")
        n_bytes = 0
        if source.kind == "upload":
            if not self._has_uploaded(source.name):
                raise StoreError("this upload is not there", "upload it again")
            try:
                n_bytes = self._uploads.path(source.name).stat().st_size
            except OSError as error:
                raise StoreError("the upload was deleted", "upload it again") from error
        asked = Asked(source, options, self.who, time.time(), n_bytes, is_visitors=True, network=self.network)
        with _ONE_AT_A_TIME:
            n_file_bytes = self._uploads.n_bytes() - n_bytes
            return self._requests.ask(asked, limits=self.limits, n_file_bytes=n_file_bytes, is_stored=self._is_stored)

    def own(self) -> list[Request]:
        """This visitor's requests, the newest first."""
        return [request for request in reversed(self._requests.all()) if request.asked.who == self.who]

    def clips(self) -> frozenset[str]:
        """The keys of the clips that this visitor asked for."""
        known = {request.ended.clip if request.ended else request.progress.clip for request in self.own()}
        return frozenset(known - {""})

    def all(self) -> list[Request]:
        """Everybody's requests, for figures that name nobody."""
        return self._requests.all()

    def get(self, id: str) -> Request | None:
        """This visitor's request with that id; None for those of others."""
        request = self._requests.get(id)
        return request if request is not None and request.asked.who == self.who else None

    def cancel(self, id: str) -> None:
        """End a request of this visitor. Raises NotWritten."""
        if self.get(id) is not None:
            self._requests.cancel(id)

    def delete(self, id: str) -> None:
        """Delete a request of this visitor with its upload and its results: hidden at once, deleted by a worker within a
        minute. Raises NotWritten."""
        if self.get(id) is not None:
            self._requests.drop(id)

    def is_served(self) -> bool:
        """Whether a worker runs. If not, show SERVE."""
        return self._requests.is_served()

    def upload(self, data: memoryview | bytes) -> str:
        """Store a file that is in memory already: its digest. Raises Refused and NotWritten."""
        return self._receiver.take(self.who, self.limits, data, self.network)

    def _has_uploaded(self, sha256: str) -> bool:
        """Whether this visitor uploaded those bytes: who knows a digest alone must not see what others make of them."""
        return self._receiver.has_received(self.who, sha256) or any(
            request.asked.source.kind == "upload" and request.asked.source.name == sha256 for request in self.own()
        )

    def _is_stored(self, request: Request) -> bool:
        """Whether the result of a request that is done still answers it."""
        result = request.ended.result if request.ended else None
        if result is None:
            return False
        return sum(track.is_complete for track in self._store.tracks(clip=result.clip)) >= result.n_tracks


def may_ask(environment: Mapping[str, str]) -> bool:
    """Whether anybody may."""
    try:
        return asking(environment) != "off"
    except ValueError:
        return False


def words_of(error: Exception) -> str:
    """Why asking failed, for the visitor: of the server's disk no more than that it cannot be written."""
    if isinstance(error, NotWritten):
        return (
            "Nothing was asked for: the server's store cannot be written now. Try again later, or ask whoever runs it."
        )
    if isinstance(error, Refused):
        return f"{error.found[:1].upper()}{error.found[1:]}. Next: {error.next_step}."
    if isinstance(error, BadRecord):
        return f"This cannot be asked for: {error.found[:300]}."
    return f"{str(error)[:1].upper()}{str(error)[1:300]}."


def address_in(text: str) -> str:
    """The web address that someone typed or pasted. Raises Refused: files have no address."""
    text = text.strip()
    if "://" not in text and _BARE_ADDRESS.fullmatch(text):
        text = f"https://{text}"
    address = web_address(text)
    if address is None:
        raise Refused(f"'{one_line(text, 120)}' is not a web address", "paste one that begins with https://")
    return address


def asker_of(store: Store) -> Asker:
    """The asker of this session's visitor."""
    is_signed_in = needs_sign_in() and bool(st.user.is_logged_in)
    peer, forwarded = st.context.ip_address, ",".join(st.context.headers.get_all(FORWARDED))
    return asker_in(os.environ, store, visitor(), is_signed_in=is_signed_in, peer=peer, forwarded=forwarded)


def asker_in(
    environment: Mapping[str, str],
    store: Store,
    who: str,
    *,
    is_signed_in: bool,
    peer: str | None = None,
    forwarded: str = "",
) -> Asker:
    """The asker of that visitor under the settings of `environment`; of none if they cannot be read. `peer`: the address that the
    connection comes from; `forwarded`: its X-Forwarded-For."""
    try:
        mode, limits = asking(environment), limits_of(environment)
        network = network_of(peer, forwarded, proxies_of(environment))
    except ValueError as error:
        return Asker(store, who, Limits(), f"The settings of this server cannot be read: {error}.")
    if mode == "off":
        return Asker(store, who, limits, OFF)
    if not store.is_folder:
        return Asker(store, who, limits, IN_BUCKET)
    if mode == "signed-in" and not is_signed_in:
        return Asker(store, who, limits, SIGN_IN)
    return Asker(store, who, limits, network=network_name(network) if network else "")
