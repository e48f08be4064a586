"""How does the command line speak? One line at a time: results on stdout, complaints on stderr, and the store's option."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.text import Text

from cache.records import StoreError
from cache.store import Store, default_root
from precompute.text import one_line

EXIT_FAILED_ITEM, EXIT_USAGE = 1, 2


class SteadyConsole(Console):
    """Goes quiet where nobody reads any more, or the disk of a log is full: what is said must not end what is done."""

    def _write_buffer(self) -> None:
        try:
            super()._write_buffer()
        except OSError:
            self.quiet = True
            with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123
                os.dup2(nowhere.fileno(), self.file.fileno())  # Python writes what it still holds when it ends


out = SteadyConsole(highlight=False)
err = SteadyConsole(stderr=True, highlight=False)

StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="DIR",
        help="Where results are kept. Default: $CROSSCHECK_STORE, else the user's data folder.",
    ),
]


def say(message: str) -> None:
    """One line on stdout, whatever the width of the terminal."""
    out.print(Text(one_line(message)), soft_wrap=True)


def complain(message: str, word: str = "error") -> None:
    """One line on stderr."""
    err.print(Text(f"{word}: {one_line(message)}"), soft_wrap=True)


def usage(message: str) -> typer.Exit:
    """To be raised: wrong usage, with what is allowed."""
    complain(message)
    return typer.Exit(EXIT_USAGE)


def open_store(root: Path | None) -> Store:
    """A store that can be written, or the end of the command."""
    try:
        return Store(root or default_root())
    except StoreError as error:
        raise usage(str(error)) from error


@contextmanager
def bytes_bar(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar of bytes that appears with the first of them; gives the callback for (bytes so far, all of them if known)."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what, total=None, visible=False)
        yield lambda n_bytes, total: bar.update(task, completed=n_bytes, total=total, visible=True)
