"""Text made fit to show: from outside as one bounded line without markup, addresses only to the web, counts with their noun."""

from __future__ import annotations

from urllib.parse import urlsplit

MAX_TITLE_LETTERS = 80
MARKDOWN_SIGNS = frozenset("\\`*_{}[]()<>#+-.!|~$:&^=")


def web_address(url: str | None) -> str | None:
    """`url` if it is an http(s) address with a host, which alone may become a link; else None."""
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


def without_markdown(text: str) -> str:
    """`text` with every sign escaped that could be Markdown, for the places where Streamlit reads it."""
    return "".join(f"\\{letter}" if letter in MARKDOWN_SIGNS else letter for letter in text)


def counted(number: int, noun: str) -> str:
    """`1 frame`, `2 frames`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
