"""What the commands share: results on stdout, errors and progress on stderr, one line each, and the --store option."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from cache.records import StoreError
from cache.store import Store, default_root
from precompute.text import one_line

EXIT_FAILED_ITEM, EXIT_USAGE = 1, 2
PIPE_WIDTH = 200
"""Characters per line where no terminal sets a width: enough for one line per configuration."""


class SteadyConsole(Console):
    """Falls silent once nobody reads its output or the disk of a log is full: failing to print must not end the work."""

    def _write_buffer(self) -> None:
        try:
            super()._write_buffer()
        except OSError:
            self.quiet = True
            with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123
                os.dup2(nowhere.fileno(), self.file.fileno())  # Python flushes what it still holds when it ends


out = SteadyConsole(highlight=False)
err = SteadyConsole(stderr=True, highlight=False)

StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="DIR",
        help="Folder of the store. Default: $CROSSCHECK_STORE, else in the user's data folder.",
    ),
]


def say(message: str) -> None:
    """Print one line on stdout, whatever the width of the terminal."""
    out.print(Text(one_line(message)), soft_wrap=True)


def complain(message: str, word: str = "error") -> None:
    """Print one line on stderr."""
    err.print(Text(f"{word}: {one_line(message)}"), soft_wrap=True)


def usage(message: str) -> typer.Exit:
    """The exception to raise for wrong usage, after printing what is allowed."""
    complain(message)
    return typer.Exit(EXIT_USAGE)


def print_rows(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print a JSON array with one object per line: readable by JSON parsers, grep and people."""
    print("[" + ",\n ".join(json.dumps(row, allow_nan=False) for row in rows) + "]")


def print_table(table: Table) -> None:
    """Print a table on stdout; into a pipe, with every row on one line."""
    page = out if out.is_terminal else SteadyConsole(highlight=False, width=PIPE_WIDTH)
    page.print(table)


def print_columns(head: Sequence[str], rows: Sequence[Sequence[str]], *, n_left: int) -> None:
    """Many rows in columns on stdout, each row on one line; the first `n_left` columns and the last begin at the left."""
    widths = [max(map(cell_len, column)) for column in zip(head, *rows, strict=True)]

    def padded(at: int, text: str) -> str:
        space = " " * (widths[at] - cell_len(text))
        return f"{text}{space}" if at < n_left or at == len(widths) - 1 else f"{space}{text}"

    lines = ("  ".join(padded(at, text) for at, text in enumerate(row)).rstrip() for row in (head, *rows))
    out.out("\n".join(lines), highlight=False)


def open_store(root: Path | None) -> Store:
    """The store, for writing. Ends the command if it cannot be opened."""
    try:
        return Store(root or default_root())
    except StoreError as error:
        raise usage(str(error)) from error


@contextmanager
def bytes_bar(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar of bytes that appears with the first of them. Yields the function to call with (bytes so far, total or None)."""
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
