"""The line-up: two to eight configurations side by side, and what adding, removing, moving and copying make of it."""

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


def placed(lineup: Sequence[Configuration], at: int, to: int) -> Lineup:
    """The line-up with the one at `at` taken out and put in at `to`, those between moved up or down."""
    if not (0 <= at < len(lineup) and 0 <= to < len(lineup)):
        return tuple(lineup)
    others = [*lineup[:at], *lineup[at + 1 :]]
    return (*others[:to], lineup[at], *others[to:])


def duplicated(lineup: Sequence[Configuration], at: int) -> Lineup:
    """The line-up with a copy of that one after it; unchanged if no letter is left for it."""
    if len(lineup) >= MAX_CONFIGURATIONS or not 0 <= at < len(lineup):
        return tuple(lineup)
    return (*lineup[: at + 1], *lineup[at:])


def grid(lineup: Sequence[Configuration], options: Sequence[Configuration]) -> Lineup:
    """Every stored path of A's and B's methods, path by path, as many whole paths as there are letters.

    Paths that both methods have come first, so that the grid has no holes; A and B stay where both are direct.
    """
    methods = list(dict.fromkeys((c.zoo, c.method) for c in lineup[:MIN_CONFIGURATIONS]))
    by_path: dict[str, dict[tuple[str, str], Configuration]] = {}
    for option in options:
        if (option.zoo, option.method) in methods:
            by_path.setdefault(option.path, {})[option.zoo, option.method] = option
    whole = [found for found in by_path.values() if len(found) == len(methods)]
    cells = [found[method] for found in whole for method in methods]
    return tuple(cells[: MAX_CONFIGURATIONS - MAX_CONFIGURATIONS % max(len(methods), 1)])


def grid_places(lineup: Sequence[Configuration]) -> list[tuple[int, int]] | None:
    """(row, column) of each, if the line-up is every path of several methods: rows are methods, columns paths; else None."""
    methods = list(dict.fromkeys((c.zoo, c.method) for c in lineup))
    paths = list(dict.fromkeys(c.path for c in lineup))
    is_whole = len(set(lineup)) == len(lineup) == len(methods) * len(paths)
    if not is_whole or min(len(methods), len(paths)) < 2:
        return None
    return [(methods.index((c.zoo, c.method)), paths.index(c.path)) for c in lineup]


ARRANGEMENTS: Mapping[str, Callable[[Lineup, int], Lineup]] = {
    "left": partial(moved, by=-1),
    "right": partial(moved, by=1),
    "duplicate": duplicated,
    "remove": removed,
}
"""What the browser can ask for a letter, by name."""
