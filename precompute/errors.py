"""What a failed source is called: a short code for programs and one line for people."""

from __future__ import annotations

import unicodedata

JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""Invisible characters that belong to words (Persian, Hindi) and emoji."""


class SourceError(Exception):
    """A source that cannot be used. `str(error)` is one line: what was given, what was expected, what to do next."""

    code: str
    """Short stable name of the cause, such as `not_found`, `truncated` or `http_404`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(one_line(message))  # holds texts of web pages, files and other programs
        self.code = code


def one_line(text: str) -> str:
    """Text of others made fit for a terminal: blanks and line ends become one space, control characters (terminal
    escapes) and lone surrogates U+FFFD; invisible signs, such as those which turn the direction of writing, go."""
    return "".join(map(_harmless, " ".join(text.split())))


def _harmless(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Cs"):
        return "\N{REPLACEMENT CHARACTER}"
    return "" if category == "Cf" and character not in JOINERS else character
