"""Tables as CSV files that spreadsheets open as they are meant: their letters right, and nothing computed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

Value = str | int | float | None
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""With these a cell begins that spreadsheets would compute."""
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")


def to_csv(head: Sequence[str], rows: Iterable[Sequence[Value]]) -> bytes:
    """RFC 4180 in UTF-8, with a byte order mark, without which spreadsheets misread the letters. None is an empty cell."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([_safe(title) for title in head])
    writer.writerows([_safe(value) for value in row] for row in rows)
    return file.getvalue().encode("utf-8-sig")


def _safe(value: Value) -> Value:
    """Text as text: a spreadsheet would run what begins like a formula. Numbers stay, as text too."""
    if not isinstance(value, str) or not value.startswith(FORMULA_SIGNS) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}"
