"""Names the errors of yt-dlp by the codes of the table."""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

from precompute.downloads.download import disk_full
from precompute.failures import FULL, SourceError
from precompute.net.http_failures import Passing, status_failure
from precompute.net.partial_download import VALIDATORS

PHRASES = [
    ("too_large", r"errno 27\b|file too large"),  # the kernel's limit of the child
    ("store_readonly", r"unable to (write data|open for writing)"),
    ("drm", r"\bdrm\b"),
    ("private_video", r"private video|video is private"),
    (
        "sign_in_required",
        r"confirm your age|age.restricted|inappropriate for some users|sign in to confirm|login required|log in|members.only",
    ),
    ("geo_blocked", r"in your country|geo.?restrict|from your location"),
    ("not_found", r"removed|terminated|no longer available|unavailable|does not exist"),
    (
        "unsupported_url",
        r"unsupported url|no suitable extractor|no video formats|no media found|urls are disabled|invalid ipv6|'idna' codec",
    ),
    ("no_format", r"requested format is not available"),
    ("empty", r"did not get any data blocks"),
]
"""Code, and the pattern of its messages; the first match counts."""


def named_error(url: str, error: BaseException, folder: Path) -> SourceError:
    """The failure that an error of yt-dlp stands for; `folder` is where it wrote."""
    causes = _causes(error)
    named = next(filter(None, (_named_cause(url, cause, folder) for cause in causes)), None)
    return named or _named_words(url, str(error), causes, folder)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what caused it, the outermost first."""
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        exc_info = getattr(cause, "exc_info", None)
        inner = getattr(cause, "cause", None) or (exc_info[1] if exc_info else None)
        is_new = isinstance(inner, BaseException) and inner not in found
        cause = inner if is_new else cause.__cause__ or cause.__context__
    return found


def _named_cause(url: str, cause: BaseException, folder: Path) -> SourceError | None:
    """The failure by the type of a cause; None if the type does not show it."""
    if isinstance(cause, SourceError):
        return cause
    if isinstance(cause, OSError) and cause.errno in FULL:
        return disk_full(url, folder.parent)
    if isinstance(cause, MemoryError):
        return SourceError("out_of_memory", f"{url}: the page needs too much memory")
    status = getattr(cause, "status", None)
    if not isinstance(status, int):
        return None
    response = getattr(cause, "response", None)
    return status_failure(url, status, response.headers.get("Retry-After") if response is not None else None)


def _named_words(url: str, words: str, causes: list[BaseException], folder: Path) -> SourceError:
    """The failure by yt-dlp's message."""
    from yt_dlp.networking.exceptions import TransportError
    from yt_dlp.utils import ContentTooShortError

    words = re.sub(r"\x1b\[[0-9;]*m|^ERROR:\s*", "", words).split(" (caused by")[0].split("; please report")[0][:300]
    if any(os.strerror(number) in words for number in FULL):  # some of its parts report it in words only
        return disk_full(url, folder.parent)
    if status := re.search(r"http error (\d{3})\b", words, re.IGNORECASE):
        return status_failure(url, int(status[1]))
    for code, pattern in PHRASES:
        if re.search(pattern, words, re.IGNORECASE):
            return SourceError(code, f"{url}: {words}")
    # Its downloader reports a lost connection in words only.
    if "Got error:" in words or any(isinstance(c, (TransportError, ContentTooShortError, OSError)) for c in causes):
        has_begun = (folder / VALIDATORS).exists()
        return Passing("network", f"{url}: {words}") if has_begun else SourceError("network", f"{url}: {words}")
    return SourceError("extractor_failed", f"{url}: {words} ({extractor_age()})")


def extractor_age() -> str:
    """`yt-dlp 2026.10.26, 31 days old`."""
    installed = version("yt-dlp")
    days = days_since_release(installed)
    return f"yt-dlp {installed}" + (f", {days} days old" if days is not None else "")


def days_since_release(installed: str, today: date | None = None) -> int | None:
    """Age of a version of yt-dlp, which is a date; None if it is not."""
    numbers = re.match(r"(\d{4})\.(\d{1,2})\.(\d{1,2})(?!\d)", installed)
    try:
        return ((today or datetime.now(UTC).date()) - date(*map(int, numbers.groups()))).days if numbers else None
    except ValueError:
        return None
