"""`python -m precompute zoo import`: install networks from local files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from precompute.cli.output.console import EXIT_FAILED_ITEM, complain
from precompute.cli.zoo.arguments import report_installed


def import_zoo(
    source: Annotated[
        Path, typer.Argument(metavar="FILE_OR_FOLDER", help="A file of weights, an archive of them, or a folder.")
    ],
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="The zoo they belong to, or the name of the new zoo.")
    ],
) -> None:
    """Install networks from local files. A folder with a zoo.toml becomes the zoo NAME.

    [bold]Examples[/bold]

      python -m precompute zoo import models.zip --as xtc

      python -m precompute zoo import my-zoo/ --as mine
    """
    from consistency.zoo.records import ZooError
    from precompute.zoos import install

    found: list[str] = []
    try:
        install.import_zoo(source, name, on_problem=lambda text: found.append(text) or complain(text))
    except (ZooError, OSError) as error:
        complain(str(error))
        raise typer.Exit(EXIT_FAILED_ITEM) from error
    report_installed(name, found)
