"""Text from outside, made safe to show: one line, bounded length, and addresses that are links."""

from __future__ import annotations

from urllib.parse import urlsplit

MAX_TITLE_LETTERS = 80


def web_address(url: str | None) -> str | None:
    """`url` where it is an http(s) address with a host, which alone may become a link; else None."""
    if url is None or len(url) > 2000 or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None


def one_line(text: str, limit: int = MAX_TITLE_LETTERS) -> str:
    """`text` without control characters and line breaks, cut to `limit` letters; never empty."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 4 * limit]).split())
    return (line if len(line) <= limit else line[: limit - 1] + "…") or "untitled"
