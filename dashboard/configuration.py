"""A configuration, its spellings, and the ones that a comparison starts with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PREFERRED_TARGET = "normal"
PREFERRED_METHODS = ("baseline", "consistency")
"""A and B until something else is chosen: the question that the project asks."""


@dataclass(frozen=True)
class Configuration:
    """One way to predict a target: zoo, method and path, direct (two domains) or through others."""

    zoo: str
    method: str
    path: str

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains of the path, in order."""
        return tuple(self.path.split("-"))

    @property
    def is_direct(self) -> bool:
        """True if the target is predicted from the image in one step."""
        return len(self.domains) == 2

    @property
    def full_spelling(self) -> str:
        """`zoo/method/path`, as in commands."""
        return f"{self.zoo}/{self.method}/{self.path}"

    @property
    def spelling(self) -> str:
        """`zoo/method` for a direct path, which the target implies; else `zoo/method/path`."""
        return f"{self.zoo}/{self.method}" if self.is_direct else self.full_spelling


def find_configuration(spelled: str, options: Sequence[Configuration]) -> Configuration | None:
    """The one of `options` with that spelling, short or full; None if there is none."""
    return next((option for option in options if spelled in (option.spelling, option.full_spelling)), None)


def default_configurations(configurations: Sequence[Configuration]) -> tuple[Configuration, ...]:
    """A and B until something else is chosen: baseline and consistency of one zoo, else the first two there are."""
    if not configurations:
        return ()
    by_name = {(c.zoo, c.method): c for c in reversed(configurations) if c.is_direct}
    for zoo in dict.fromkeys(c.zoo for c in configurations):
        pair = [by_name.get((zoo, method)) for method in PREFERRED_METHODS]
        if all(pair):
            return tuple(c for c in pair if c)
    return (configurations[0], configurations[min(1, len(configurations) - 1)])


def menu_order(configuration: Configuration) -> tuple[int, str, int, str, str]:
    """Sort key of menus: direct predictions first, then longer paths; the preferred methods lead their zoo."""
    c = configuration
    return len(c.domains), c.zoo, method_rank(c.method), c.method, c.path


def method_rank(method: str) -> int:
    """Sort key of methods: the preferred ones first."""
    return PREFERRED_METHODS.index(method) if method in PREFERRED_METHODS else len(PREFERRED_METHODS)
