"""The line-up: two to eight configurations side by side, and what adding, removing and moving make of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from dashboard.configuration import Configuration
from dashboard.player_data import LETTERS

MIN_CONFIGURATIONS = 2
"""A and B: a comparison needs two."""
MAX_CONFIGURATIONS = len(LETTERS)

Lineup = tuple[Configuration, ...]


def suggestion(lineup: Sequence[Configuration], options: Sequence[Configuration]) -> Configuration | None:
    """What to show next: a method not shown yet, from the zoos shown, in the order of `options`; None if all are shown.

    The order of the line-up does not change the suggestion.
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
    """The line-up with one more at the end; unchanged if no letter is left for it."""
    return (*lineup, configuration)[:MAX_CONFIGURATIONS]


def removed(lineup: Sequence[Configuration], at: int) -> Lineup:
    """The line-up without the one at that place, the others moved up; unchanged if only two are left."""
    if len(lineup) <= MIN_CONFIGURATIONS or not 0 <= at < len(lineup):
        return tuple(lineup)
    return (*lineup[:at], *lineup[at + 1 :])


def moved(lineup: Sequence[Configuration], at: int, by: int) -> Lineup:
    """The line-up with that one and its neighbour (`by` = -1 or 1) exchanged; unchanged at the ends."""
    to = at + by
    if not (0 <= at < len(lineup) and 0 <= to < len(lineup)):
        return tuple(lineup)
    line = list(lineup)
    line[at], line[to] = line[to], line[at]
    return tuple(line)


ARRANGEMENTS: Mapping[str, Callable[[Lineup, int], Lineup]] = {
    "left": partial(moved, by=-1),
    "right": partial(moved, by=1),
    "remove": removed,
}
"""What the browser can ask for a letter, by name."""
