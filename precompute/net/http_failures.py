"""Names the failures of web servers by the codes of the table, and reads how long to wait before the next try."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from precompute.failures import SourceError

STATUS_CODES = {
    401: "sign_in_required",
    403: "http_403",
    404: "not_found",
    410: "not_found",
    429: "rate_limited",
    451: "geo_blocked",
}
"""HTTP status -> code; others are `http_error`."""


class Passing(SourceError):
    """A failure that may be over after a while: a busy server, or a lost connection."""

    def __init__(self, code: str, found: str, wait_seconds: float = 0.0) -> None:
        super().__init__(code, found)
        self.wait_seconds = wait_seconds
        """Least wait that the server asks for."""


def status_failure(url: str, status: int, retry_after_header: str | None = None) -> SourceError:
    """The failure of an answer with an HTTP error status."""
    code = STATUS_CODES.get(status, "http_error")
    found = f"{url}: the server answered {status}"
    if status != 429 and status < 500:
        return SourceError(code, found)
    wait_seconds = retry_after(retry_after_header)
    asks = f" and asks to wait {wait_seconds:.0f} s" if wait_seconds else ""
    return Passing(code, found + asks, wait_seconds)


def retry_after(header: str | None) -> float:
    """The seconds that a Retry-After header asks to wait, given as a number or a date; 0 if it gives neither."""
    if header and re.fullmatch(r"\d{1,9}", header.strip()):
        return float(header)
    try:
        then = parsedate_to_datetime(header or "")
        return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return 0.0
