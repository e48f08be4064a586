"""How are figures written down? Numbers, intervals and tables as text; what was not measured says so."""

from collections.abc import Sequence

import numpy as np

from analysis.statistics import Interval
from consistency.domains import get_domain

NOT_MEASURED = "not measured"
HIGHER_IS_BETTER = "%"  # in a figure's name


def title(domain: str) -> str:
    """The name shown to people."""
    return get_domain(domain).title


def signed(value: float, digits: int) -> str:
    """With its sign, unless it rounds to zero."""
    rounded = round(value, digits)
    return f"{rounded:+.{digits}f}".replace("-", "−") if rounded else f"{0:.{digits}f}"


def plain(value: float, digits: int) -> str:
    if not np.isfinite(value):
        return NOT_MEASURED
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")  # + 0.0: no minus before zero


def interval_text(found: Interval, digits: int, sign: bool = False) -> str:
    """`0.0612 ± 0.0003`, without the part that was not measured."""
    mean = signed(found.mean, digits) if sign else plain(found.mean, digits)
    return mean if found.n < 2 else f"{mean} ± {found.half_width:.{digits}f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def digits_of(figure: str) -> int:
    """Of the figure itself; a difference takes one more."""
    return 2 if "angle" in figure else 1 if HIGHER_IS_BETTER in figure else 4


def number(figure: str, value: float) -> str:
    """A figure as the tables show it; – where there is none."""
    if not np.isfinite(value):
        return "–"
    return plain(value, digits_of(figure)) + ("°" if "angle" in figure else "")


def best_of(figure: str, values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return float("nan")
    return max(known) if HIGHER_IS_BETTER in figure else min(known)


def bold(text: str, is_bold: bool) -> str:
    return f"**{text}**" if is_bold and text != "–" else text
