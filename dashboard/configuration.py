"""A configuration, its spellings, and its place in menus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PREFERRED_METHODS = ("baseline", "consistency")
"""They lead the methods of their zoo: the question that the project asks."""


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


def menu_order(configuration: Configuration) -> tuple[int, str, int, str, str]:
    """Sort key of menus: direct predictions first, then longer paths; the preferred methods lead their zoo."""
    c = configuration
    return len(c.domains), c.zoo, method_rank(c.method), c.method, c.path


def method_rank(method: str) -> int:
    """Sort key of methods: the preferred ones first."""
    return PREFERRED_METHODS.index(method) if method in PREFERRED_METHODS else len(PREFERRED_METHODS)
