"""What a page of one clip opens with where its link names nothing: the target, and the methods A and B.

Overview and Study are about all clips: their target is one that any clip has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dashboard.configuration import Configuration

MERGED_TARGET = "depth"
"""What opens where it is merged: merging changes depth the most."""
USUAL_TARGET = "normal"
MERGED = ("baseline", "merged")
CONSISTENCY = ("baseline", "consistency")
"""The comparison of the project page: the same networks, trained without and with consistency."""


def default_target(targets: Sequence[str], options: Callable[[str], Sequence[Configuration]]) -> str | None:
    """Depth where both of MERGED predict it, else normals, else the first of `targets`; None without any.

    `options` lists the configurations of a target.
    """
    if MERGED_TARGET in targets and pair_of(MERGED, options(MERGED_TARGET)):
        return MERGED_TARGET
    return USUAL_TARGET if USUAL_TARGET in targets else next(iter(targets), None)


def default_configurations(options: Sequence[Configuration]) -> tuple[Configuration, ...]:
    """A and B among the configurations of one target: of one zoo MERGED, else CONSISTENCY, else the first two there are."""
    if not options:
        return ()
    found = pair_of(MERGED, options) or pair_of(CONSISTENCY, options)
    return found or (options[0], options[min(1, len(options) - 1)])


def pair_of(methods: tuple[str, str], options: Sequence[Configuration]) -> tuple[Configuration, ...]:
    """The direct predictions of both methods, of the first zoo that has them; empty if none has."""
    by_name = {(c.zoo, c.method): c for c in reversed(options) if c.is_direct}
    for zoo in dict.fromkeys(c.zoo for c in options):
        pair = [by_name.get((zoo, method)) for method in methods]
        if all(pair):
            return tuple(c for c in pair if c)
    return ()
