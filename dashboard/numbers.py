"""Numbers as words: fixed digits for each measure, a true minus, shares in percent, the size of a correlation."""

from __future__ import annotations

import math

MINUS = "\N{MINUS SIGN}"
SPACE = "\N{NO-BREAK SPACE}"
DIGITS = {"σ": 2, "°": 1, "m": 2, "cm": 1, "%": 1, "s": 3}
"""Unit -> digits after the point, as in web/ui/numbers.mjs; ratios and codes have three."""
OTHER_DIGITS = 3
SIGNED_UNITS = ("σ",)
"""Units on whose scale 0 is a value like any other, so that a small one may be rounded to it."""
NAMELESS_UNITS = ("", "code")
"""Units that are not written."""
SIZES = ((0.2, "hardly"), (0.4, "weakly"), (0.6, "moderately"), (0.8, "strongly"), (math.inf, "very strongly"))
"""|Spearman's ρ| below it -> how one number follows the other (after Evans, 1996)."""


def number(value: float, unit: str) -> str:
    """`value` with its unit: `−0.08 σ`, `12.3°`, `0.051`; `< 0.001` where it would be rounded to 0; a dash if unknown."""
    if not math.isfinite(value):
        return "\N{EN DASH}"
    digits = digits_of(unit)
    text, sign = f"{abs(value):.{digits}f}", MINUS if value < 0 else ""
    if value != 0 and not float(text):
        is_signed = unit in SIGNED_UNITS
        text = text if is_signed else f"{10**-digits:.{digits}f}"
        sign = "" if is_signed else "> " + MINUS if value < 0 else "< "
    space = "" if unit == "°" else SPACE
    return f"{sign}{text}{'' if unit in NAMELESS_UNITS else space + unit}"


def digits_of(unit: str) -> int:
    return DIGITS.get(unit, OTHER_DIGITS)


def percent(count: int, whole: int) -> str:
    """Whole percent; 0 and 100 only if they are exact."""
    share = 100 * count / whole
    if 0 < share < 1 or 99 < share < 100:
        text = f"{share:.1f}" if 0.1 <= share <= 99.9 else ("< 0.1" if share < 1 else "> 99.9")
    else:
        text = f"{share:.0f}"
    return f"{text.replace(' ', SPACE)}{SPACE}%"


def correlation(rho: float) -> str:
    """`ρ = 0.31`."""
    return f"ρ{SPACE}={SPACE}{number(rho, 'σ').removesuffix(f'{SPACE}σ')}"


def size_of(rho: float) -> str:
    """How strongly, in a word: `weakly`."""
    return next(word for limit, word in SIZES if abs(rho) < limit)
