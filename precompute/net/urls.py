"""Spells URLs: one spelling per video to find it again, and one without keys to show."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

from precompute.failures import SourceError
from precompute.text import one_line

MAX_URL_CHARACTERS = 4000
"""Longest URL; signed links of clouds have some 2000."""

YOUTUBE_PAGE = "https://www.youtube.com/watch?v="
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"]*[^\s'\":;,.)]", re.IGNORECASE)
"""An address within a message, without the punctuation that follows it."""
YOUTUBE_HOST = re.compile(
    r"(\w+\.)?youtube(-nocookie|kids)?\.com|(www\.)?youtu\.be|youtube\.googleapis\.com", re.IGNORECASE
)
YOUTUBE_ID = re.compile(r"(?!videoseries|live_stream)[A-Za-z0-9_-]{11}(?![A-Za-z0-9_-])")
"""An ID where an address may continue after it, as `youtu.be/ID&t=3` does; the excluded words stand for playlists and channels."""

BARE_HOST = re.compile(
    r"(//)?((?:[\w-]+\.)+(?:[a-z]{2,24}|xn--[a-z0-9-]+|\d{1,3}))\.?(:\d{1,5})?(?=[/?#])", re.IGNORECASE
)
"""The host of an address without a scheme: a name with a dot, or an IPv4 address, before a path."""


def looks_like_url(spec: str) -> bool:
    """Whether `spec` is meant as a URL: `scheme://...` or `data:...`; `normalise_url` reports the errors of bad ones."""
    return re.match(r"[a-z][a-z0-9+.-]*://|data:", spec.strip(), re.IGNORECASE) is not None


def address_of(spec: str) -> str | None:
    """The URL that `spec` is, or stands for: `youtu.be/ID` and `example.org/clip.mp4` are completed with https. None if it is
    meant as a file: if it, or a folder of the host's name, exists."""
    spec = spec.strip()
    if looks_like_url(spec):
        return spec
    bare = BARE_HOST.match(spec)
    if bare is None:
        return None
    with suppress(OSError, ValueError):  # a name too long for a file, a NUL byte
        if Path(spec).exists() or Path(bare[2]).exists():
            return None
    return f"https://{spec.removeprefix('//')}"


def is_youtube(url: str) -> bool:
    """Whether it is the address of a page on YouTube."""
    return YOUTUBE_HOST.fullmatch(urlsplit(url).hostname or "") is not None


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
        return YOUTUBE_PAGE + _youtube_id(host, parts, shown)
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


def _youtube_id(host: str, parts: SplitResult, shown: str) -> str:
    """The video's ID in any form that yt-dlp accepts: watch?v=ID, #!v=ID, youtu.be/ID, shorts/ID, embed/ID, e/ID and the like."""
    words = [word for word in parts.path.split("/") if word]
    named = re.search(r"(?:^|[&;])v=([^&;]*)", f"{parts.query}&{parts.fragment.lstrip('!')}")
    places = [words[0]] if host.endswith("youtu.be") and words else []
    places += words[1:2] if words and words[0] in ("shorts", "embed", "live", "v", "e") else []
    places += [named[1]] if named else []
    found = next(filter(None, map(YOUTUBE_ID.match, places)), None)
    if found is None:
        raise SourceError("unsupported_url", f"{shown}: a YouTube page but not a video")
    return found[0]
