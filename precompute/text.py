"""Makes text from outside safe to print: one line, without control characters."""

from __future__ import annotations

import unicodedata

JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""Invisible characters that are part of words (Persian, Hindi) and of emoji."""


def one_line(text: str) -> str:
    """The text for a terminal: white space and line ends become one space, control characters (terminal escapes) and lone
    surrogates become U+FFFD; invisible characters, such as those that reverse the writing direction, are removed."""
    return "".join(map(_harmless, " ".join(text.split())))


def count(number: int, unit: str) -> str:
    """Such as `1 frame` and `2 frames`."""
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _harmless(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Cs"):
        return "\N{REPLACEMENT CHARACTER}"
    return "" if category == "Cf" and character not in JOINERS else character
