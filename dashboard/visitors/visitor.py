"""Who asks: a visitor's name in requests, and the ticket that lets the page upload in that name.

Those who have signed in are named by their provider, others by a cookie of this site; requests hold only a digest. A ticket is
a name and a time with a signature. Only our own page gets one, and it travels in a header: a page elsewhere can neither learn
it nor send it, whatever cookies the browser adds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from functools import cache

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.visitors.access import needs_sign_in

COOKIE = "crosscheck_visitor"
COOKIE_SECONDS = 365 * 24 * 3600
TICKET_HEADER = "x-crosscheck-ticket"
TICKET_SECONDS = 24 * 3600.0
"""A page that has been open for longer has to be reloaded before it can upload."""
_TOKEN = re.compile(r"[0-9a-f]{32}")
_COOKIE_SENT = re.compile(rf"(?:^|;\s*){COOKIE}=[0-9a-f]{{32}}(?:\s*;|$)")
_TICKET = re.compile(r"([0-9a-f]{32})\.([0-9]{1,12})\.([0-9a-f]{64})")


def visitor() -> str:
    """The name of this session's visitor: 32 hexadecimal digits. Without cookies, that of the session."""
    if needs_sign_in() and st.user.is_logged_in:
        return _digest("user", *(str(st.user.get(name) or "") for name in ("iss", "sub", "email")))
    cookie = st.context.cookies.get(COOKIE, "")
    if not isinstance(cookie, str) or not _TOKEN.fullmatch(
        cookie
    ):  # in Streamlit's tests there is no browser to keep one
        cookie = st.session_state.setdefault(COOKIE, secrets.token_hex(16))
    return _digest("cookie", cookie)


def network_name(network: str) -> str:
    """A name for a network address that tells nobody which one it is, until this process ends: requests hold it."""
    return _signature(f"network {network}")[:32]


def ticket_of(who: str) -> str:
    """A ticket for uploads in the name of `who`."""
    expires = f"{who}.{int(time.time() + TICKET_SECONDS)}"
    return f"{expires}.{_signature(expires)}"


def holder_of(ticket: str) -> str | None:
    """Who holds that ticket; None if it is none of this server's, or has expired."""
    found = _TICKET.fullmatch(ticket)
    if found is None or not hmac.compare_digest(found[3], _signature(f"{found[1]}.{found[2]}")):
        return None
    return found[1] if int(found[2]) > time.time() else None


class NameVisitors:
    """ASGI middleware: gives a browser that has none the cookie by which it is known again, with the page."""

    def __init__(self, app: ASGIApp, *, base_path: str = "") -> None:
        self._app, self._path = app, f"/{base_path.strip('/')}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _COOKIE_SENT.search(Headers(scope=scope).get("cookie", "")):
            return await self._app(scope, receive, send)

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message["headers"]))
                if headers.get("content-type", "").startswith("text/html"):
                    secure = "; Secure" if scope.get("scheme") == "https" else ""
                    cookie = (
                        f"{COOKIE}={secrets.token_hex(16)}; Path={self._path}; Max-Age={COOKIE_SECONDS}; HttpOnly; "
                        f"SameSite=Lax{secure}"
                    )
                    headers.append("Set-Cookie", cookie)
                    headers["Cache-Control"] = "private, no-cache"  # no cache may give it to another visitor
                    message = {**message, "headers": headers.raw}
            await send(message)

        await self._app(scope, receive, send_with_cookie)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(("crosscheck visitor", *parts)).encode()).hexdigest()[:32]


def _signature(text: str) -> str:
    return hmac.new(_secret(), text.encode(), hashlib.sha256).hexdigest()


@cache
def _secret() -> bytes:
    """This process's own: tickets end with it."""
    return secrets.token_bytes(32)
