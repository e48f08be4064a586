"""Formats numbers, intervals and tables as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.statistics import Interval
from consistency.domains import get_domain

NOT_MEASURED = "not measured"
HIGHER_IS_BETTER = "%"  # occurs in the names of such figures


def title(domain: str) -> str:
    """The name of a domain that is shown to people."""
    return get_domain(domain).title


def signed(value: float, digits: int) -> str:
    """A number with its sign, unless it rounds to zero."""
    rounded = round(value, digits)
    return f"{rounded:+.{digits}f}".replace("-", "−") if rounded else f"{0:.{digits}f}"


def plain(value: float, digits: int) -> str:
    """A number with a sign only if negative; NOT_MEASURED if not finite."""
    if not np.isfinite(value):
        return NOT_MEASURED
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")  # + 0.0: no minus before zero


def interval_text(found: Interval, digits: int, sign: bool = False) -> str:
    """`0.0612 ± 0.0003`, without the half-width if it was not measured."""
    mean = signed(found.mean, digits) if sign else plain(found.mean, digits)
    return mean if found.n < 2 else f"{mean} ± {found.half_width:.{digits}f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def digits_of(figure: str) -> int:
    """Decimals of a figure; its differences have one more."""
    return 2 if "angle" in figure else 1 if HIGHER_IS_BETTER in figure else 4


def number(figure: str, value: float) -> str:
    """A figure as shown in tables; – if not finite."""
    if not np.isfinite(value):
        return "–"
    return plain(value, digits_of(figure)) + ("°" if "angle" in figure else "")


def best_of(figure: str, values: Sequence[float]) -> float:
    """The best finite value of a figure; NaN if there is none."""
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return float("nan")
    return max(known) if HIGHER_IS_BETTER in figure else min(known)


def bold(text: str, is_bold: bool) -> str:
    """Text in bold, except for –."""
    return f"**{text}**" if is_bold and text != "–" else text
