"""`python -m precompute results look`: what files of values hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from precompute.cli.output.console import EXIT_FAILED_ITEM, complain, print_table, say
from precompute.failures import SourceError
from precompute.text import count, one_line

SAMPLED = 3
"""Entries of a stack whose values are looked at: first, middle, last."""


def look(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file, or a folder of numbered files.")],
) -> None:
    """List the arrays of a file, or of the first file of a folder: names, shapes, types and ranges. Nothing is stored.

    [bold]Examples[/bold]

      python -m precompute results look results.npz

      python -m precompute results look predictions/
    """
    from precompute.results.look import described, look_at

    try:
        files, rows = look_at(path, SAMPLED)
    except (SourceError, OSError) as error:
        complain(str(error), f"error[{error.code}]" if isinstance(error, SourceError) else "error")
        raise typer.Exit(EXIT_FAILED_ITEM) from None
    if path.is_dir():
        say(f"{count(len(files), 'file')}, from {files[0].name} to {files[-1].name}; in {files[0].name}:")
    table = Table(box=None, pad_edge=False)
    for name in ("array", "shape", "type", "lowest", "highest", "not finite", "remarks"):
        table.add_column(name, justify="right" if name in ("lowest", "highest", "not finite") else "left")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in described(row)))
    print_table(table)
