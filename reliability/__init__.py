"""Lists what the job, the store and the dashboard promise, and how each promise is tested: `python -m reliability`.

Each module in `MODULES` lists its promises as `PROMISES`. `make test` tries each a few times; `make torture` tries each many
times and writes docs/reliability.md.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

MODULES = ("media", "dashboard", "urls", "stores", "requests", "uploads", "pickles", "formats", "results", "memory")
"""Modules of promises/, in the order in which they are tried."""


@dataclass(frozen=True)
class Outcome:
    """The result of trying a promise."""

    tries: int
    failures: int
    figures: str = ""
    """What else was measured, in words: `3 of 392 passed as intact, 0 hangs; slowest 2.1 s`."""
    examples: tuple[str, ...] = ()
    """A few of the failures, with what reproduces them: the seed, the file, the offset."""


@dataclass(frozen=True)
class Promise:
    """Something that must hold, with a function that tries it many times."""

    number: int
    """Number in the list of promises, 1 to 20; several ways to try a promise share it."""
    name: str
    """A short word for the command line: `kills`."""
    sentence: str
    """What holds: `a job killed at any moment shows no wrong or partial result, and its rerun finishes`."""
    unit: str
    """What is counted: `kills`."""
    small: int
    """Tries in `make test`, which take a few seconds together."""
    full: int
    """Tries in `make torture`."""
    attempt: Callable[[int, Path, int], Outcome] = field(repr=False)
    """(tries, an empty folder, seed) -> Outcome. Equal seeds try equal things. Its docstring describes how."""
    allowed_rate: float = 0.0
    """Failures per try that the promise allows, such as 0.01 for `at least 99 %`."""

    @property
    def how(self) -> str:
        """The first paragraph of the attempt's docstring, on one line."""
        return " ".join((inspect.getdoc(self.attempt) or "").split("\n\n")[0].split())

    def is_kept(self, outcome: Outcome) -> bool:
        """Whether the outcome has few enough failures, and any tries at all."""
        return outcome.tries > 0 and outcome.failures <= self.allowed_rate * outcome.tries


def all_promises() -> list[Promise]:
    """Every promise, in the order of MODULES."""
    return [promise for name in MODULES for promise in import_module(f"reliability.promises.{name}").PROMISES]


def tell(n_done: int, tries: int) -> None:
    """Show progress on a terminal; the next line overwrites it."""
    if sys.stderr.isatty():
        print(f"\r{n_done} of {tries} ", end="", file=sys.stderr, flush=True)
