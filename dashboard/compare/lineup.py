"""Which configurations stand beside each other, and in which order? Two to eight of them, in; the next line-up, out."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.compare.configuration import LETTERS, Configuration

MIN_CONFIGURATIONS = 2
"""A and B: there is nothing to compare with less."""
MAX_CONFIGURATIONS = len(LETTERS)

Lineup = tuple[Configuration, ...]


def suggestion(lineup: Sequence[Configuration], options: Sequence[Configuration]) -> Configuration | None:
    """What to show next: a method not shown yet, of the zoos that are, in the order of `options`; None where all are.

    Two line-ups of the same members in another order get the same suggestion.
    """
    methods = {(c.zoo, c.method) for c in lineup}
    zoos = {c.zoo for c in lineup}
    new = [option for option in options if option not in lineup]
    return min(
        new,
        key=lambda c: (not c.is_direct, (c.zoo, c.method) in methods, c.zoo not in zoos, options.index(c)),
        default=None,
    )


def added(lineup: Sequence[Configuration], configuration: Configuration) -> Lineup:
    """With one more at the end; unchanged where there is no letter left for it."""
    return (*lineup, configuration)[:MAX_CONFIGURATIONS]


def removed(lineup: Sequence[Configuration], at: int) -> Lineup:
    """Without that one, the others moved up so that letters have no gap; unchanged where only two are left."""
    if len(lineup) <= MIN_CONFIGURATIONS or not 0 <= at < len(lineup):
        return tuple(lineup)
    return (*lineup[:at], *lineup[at + 1 :])


def moved(lineup: Sequence[Configuration], at: int, by: int) -> Lineup:
    """With that one exchanged with its neighbour `by` = -1 or 1 places on; unchanged at the ends."""
    to = at + by
    if not (0 <= at < len(lineup) and 0 <= to < len(lineup)):
        return tuple(lineup)
    line = list(lineup)
    line[at], line[to] = line[to], line[at]
    return tuple(line)
