"""A configuration, its letter, and the ones that a comparison starts with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LETTERS = "ABCDEFGH"
"""The configurations of one view, in order."""
PREFERRED_TARGET = "normal"
PREFERRED_METHODS = ("baseline", "consistency")
"""What A and B are where nothing was chosen: the question that the project asks."""


@dataclass(frozen=True)
class Configuration:
    """One way to predict a target: zoo, method and path, direct (two domains) or through others."""

    zoo: str
    method: str
    path: str

    @property
    def domains(self) -> tuple[str, ...]:
        return tuple(self.path.split("-"))

    @property
    def is_direct(self) -> bool:
        return len(self.domains) == 2

    @property
    def spelling(self) -> str:
        """`zoo/method` where the path is the direct one, which the task tells already; else `zoo/method/path`."""
        return f"{self.zoo}/{self.method}" + ("" if self.is_direct else f"/{self.path}")


def default_configurations(configurations: Sequence[Configuration]) -> tuple[Configuration, ...]:
    """A and B where nothing was chosen: baseline and consistency of one zoo, else the first two there are."""
    if not configurations:
        return ()
    by_name = {(c.zoo, c.method): c for c in reversed(configurations) if c.is_direct}
    for zoo in dict.fromkeys(c.zoo for c in configurations):
        pair = [by_name.get((zoo, method)) for method in PREFERRED_METHODS]
        if all(pair):
            return tuple(c for c in pair if c)
    return (configurations[0], configurations[min(1, len(configurations) - 1)])


def _order(configuration: Configuration) -> tuple[int, str, int, str, str]:
    """Direct predictions first, then the longer paths."""
    c = configuration
    return len(c.domains), c.zoo, _method_rank(c.method), c.method, c.path


def _method_rank(method: str) -> int:
    return PREFERRED_METHODS.index(method) if method in PREFERRED_METHODS else len(PREFERRED_METHODS)
