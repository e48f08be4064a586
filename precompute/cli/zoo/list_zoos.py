"""`python -m precompute zoo list`: the zoos on this machine."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from precompute.cli.output.console import complain, print_rows, print_table
from precompute.cli.zoo.arguments import summary


def list_zoos(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array, one object per zoo.")] = False,
) -> None:
    """List the zoos on this machine, with the number of networks that are installed.

    [bold]Example[/bold]

      python -m precompute zoo list
    """
    from consistency.zoo.read import known_zoos, read_zoo
    from consistency.zoo.records import ZooError

    rows = []
    for name in known_zoos():
        try:
            rows.append(summary(name, read_zoo(name)))
        except ZooError as error:
            complain(str(error))
    if as_json:
        print_rows(rows)
        return
    table = Table(box=None, pad_edge=False)
    for title in ("zoo", "version", "networks", "MB", "methods", "licence"):
        table.add_column(title, justify="right" if title in ("networks", "MB") else "left", overflow="fold")
    for row in rows:
        table.add_row(
            Text(row["zoo"]),
            Text(row["version"]),
            f"{row['n_here']} of {row['n_networks']}",
            f"{row['bytes'] / 1e6:.1f}",
            Text(", ".join(row["methods"])),
            Text(row["licence"]),
        )
    print_table(table)
