"""Text made fit to show: from outside as one bounded line without markup, addresses only to the web, numbers as on the page."""

from __future__ import annotations

from urllib.parse import urlsplit

MAX_TITLE_LETTERS = 80
DECIMALS = {"σ": 2, "°": 1, "m": 2, "%": 1, "s": 3}
"""Decimals by unit, as in web/ui/numbers.mjs; ratios and all other units have OTHER_DECIMALS."""
OTHER_DECIMALS = 3
SIGNED_UNITS = ("σ",)
"""Units on whose scale 0 is a value like any other, so that a small one may be rounded to it."""
MINUS = "\N{MINUS SIGN}"
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


def number(value: float, unit: str) -> str:
    """`value` with the decimals of its unit: `−0.08 σ`, `12.3°`, `0.052`; `< 0.001` where it would be rounded to 0."""
    decimals = DECIMALS.get(unit, OTHER_DECIMALS)
    least = 10.0**-decimals
    text = f"{abs(value):.{decimals}f}"
    is_negative = value < 0
    gap = "" if unit in ("", "°") else "\N{NO-BREAK SPACE}"
    if value != 0 and not float(text):
        if unit not in SIGNED_UNITS:
            return f"{'> ' + MINUS if is_negative else '< '}{least:.{decimals}f}{gap}{unit}"
        is_negative = False
    return f"{MINUS if is_negative else ''}{text}{gap}{unit}"
