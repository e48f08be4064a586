"""Spells URLs: one spelling per video to find it again, and one without keys to show."""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit, urlunsplit

from precompute.failures import SourceError
from precompute.text import one_line

MAX_URL_CHARACTERS = 4000
"""Longest URL; signed links of clouds have some 2000."""

YOUTUBE_PAGE = "https://www.youtube.com/watch?v="
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"]*[^\s'\":;,.)]", re.IGNORECASE)
"""An address within a message, without the punctuation that follows it."""
YOUTUBE_HOST = re.compile(r"((www\.|m\.|music\.)?youtube(-nocookie)?\.com|(www\.)?youtu\.be)")


def looks_like_url(spec: str) -> bool:
    """Whether `spec` is meant as a URL: `scheme://...` or `data:...`; `normalise_url` reports the errors of bad ones."""
    return re.match(r"[a-z][a-z0-9+.-]*://|data:", spec.strip(), re.IGNORECASE) is not None


def normalise_url(url: str) -> str:
    """One spelling per video: YouTube's many forms become watch?v=ID; otherwise scheme and host in lower case, no fragment.

    Raises SourceError for anything but an http(s) URL, for one with a password, and for a YouTube page that is not a video.
    """
    url = url.strip()
    shown = repr(url[:200])
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise SourceError("unsupported_url", f"{shown}: not a URL ({error})") from None
    if parts.scheme not in ("http", "https"):
        raise SourceError("unsupported_url", f"{shown}: the scheme {parts.scheme!r} is not supported")
    if len(url) > MAX_URL_CHARACTERS:
        raise SourceError("unsupported_url", f"{shown}...: longer than {MAX_URL_CHARACTERS} characters")
    if not host or parts.username is not None or re.search(r"[\x00-\x20\x7f\\]", url) or one_line(url) != url:
        raise SourceError(
            "unsupported_url", f"{shown}: no host, or a password, white space or a control character in it"
        )
    if YOUTUBE_HOST.fullmatch(host):
        return YOUTUBE_PAGE + _youtube_id(host, parts.path, parts.query, shown)
    if ":" in host:
        host = f"[{host}]"
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme]:
        host = f"{host}:{port}"
    return urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))


def shown_url(url: str) -> str:
    """The URL for visitors of the dashboard: without user, password and query, any of which may contain a key. The id of a
    YouTube video stays."""
    with suppress(SourceError):
        url = normalise_url(url)
        if url.startswith(YOUTUBE_PAGE):
            return url
    return re.sub(r"(?<=://)[^/]*@", "", re.split(r"[?#]", url)[0])


def with_shown_urls(text: str) -> str:
    """A message with each address in it as `shown_url`."""
    return _ADDRESS.sub(lambda found: shown_url(found[0]), text)


def _youtube_id(host: str, path: str, query: str, shown: str) -> str:
    words = [word for word in path.split("/") if word]
    identifier = parse_qs(query).get("v", [""])[0]
    if host.endswith("youtu.be"):
        identifier = words[0] if words else ""
    elif len(words) == 2 and words[0] in ("shorts", "embed", "live", "v"):
        identifier = words[1]
    if not re.fullmatch(r"[A-Za-z0-9_-]{11}", identifier):
        raise SourceError("unsupported_url", f"{shown}: a YouTube page but not a video")
    return identifier
