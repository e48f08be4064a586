"""Text from outside on one line, without control characters."""

from __future__ import annotations

import unicodedata

JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""Invisible characters that belong to words (Persian, Hindi) and emoji."""


def one_line(text: str) -> str:
    """Text of others made fit for a terminal: blanks and line ends become one space, control characters (terminal
    escapes) and lone surrogates U+FFFD; invisible signs, such as those which turn the direction of writing, go."""
    return "".join(map(_harmless, " ".join(text.split())))


def count(number: int, unit: str) -> str:
    """Such as `1 frame` and `2 frames`."""
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _harmless(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Cs"):
        return "\N{REPLACEMENT CHARACTER}"
    return "" if category == "Cf" and character not in JOINERS else character
