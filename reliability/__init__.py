"""What is promised of the job, the store and the dashboard, and how often was it tried? `python -m reliability`

A module here that is named in `MODULES` lists its promises as `PROMISES`. `make test` runs each at its small size,
`make torture` at its full size, and writes docs/reliability.md.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

MODULES = ("media", "dashboard", "urls", "stores", "pickles", "formats", "memory")
"""Files of this folder that hold promises, in the order in which they are tried."""


@dataclass(frozen=True)
class Outcome:
    """What trying a promise gave."""

    tries: int
    failures: int
    figures: str = ""
    """What else was measured, for a reader: `3 of 392 passed as whole, 0 hangs; slowest 2.1 s`."""
    examples: tuple[str, ...] = ()
    """Of the failures, a few, so that they can be found again: the seed, the file, the offset."""


@dataclass(frozen=True)
class Promise:
    """Something that must hold, with the way to try it many times."""

    number: int
    """As in the list of promises, 1 to 15; several tries of one promise share it."""
    name: str
    """A short word for the command line: `kills`."""
    sentence: str
    """What holds: `a job killed at any moment shows no wrong or half result, and its rerun finishes`."""
    unit: str
    """What is counted: `kills`."""
    small: int
    """Tries under `make test`, together some seconds."""
    full: int
    """Tries under `make torture`."""
    attempt: Callable[[int, Path, int], Outcome] = field(repr=False)
    """(tries, an empty folder, seed) -> Outcome. Equal seeds try equal things. Its docstring says how it is tried."""
    allowed_rate: float = 0.0
    """Failures per try that the promise itself allows, such as 0.01 for `at least 99 %`."""

    @property
    def how(self) -> str:
        """The beginning of what the attempt says of itself, on one line."""
        return " ".join((inspect.getdoc(self.attempt) or "").split("\n\n")[0].split())

    def is_kept(self, outcome: Outcome) -> bool:
        return outcome.tries > 0 and outcome.failures <= self.allowed_rate * outcome.tries


def promises() -> list[Promise]:
    """Every promise, in the order of MODULES."""
    return [promise for name in MODULES for promise in import_module(f"reliability.{name}").PROMISES]


def tell(n_done: int, tries: int) -> None:
    """Say on a terminal how far the promise being tried is; the next line is written over it."""
    if sys.stderr.isatty():
        print(f"\r{n_done} of {tries} ", end="", file=sys.stderr, flush=True)
