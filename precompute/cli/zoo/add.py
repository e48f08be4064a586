"""`python -m precompute zoo add`: a network of the Hugging Face hub, as a zoo."""

from __future__ import annotations

from typing import Annotated

import typer

from precompute.cli.output.console import EXIT_FAILED_ITEM, bytes_bar, complain, say, usage
from precompute.cli.zoo.arguments import report_installed
from precompute.text import one_line


def add_zoo(
    source: Annotated[
        str, typer.Argument(metavar="hf:OWNER/NAME[@REVISION]", help="A depth network of the Hugging Face hub.")
    ],
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="The name of the new zoo.")],
    accept_licence: Annotated[
        bool,
        typer.Option(
            "--accept-licence", help="You have read its licence, and may use it so. Only where it is asked for."
        ),
    ] = False,
) -> None:
    """Download a depth network and install it as the zoo NAME. The revision is pinned, only safetensors are read, and nothing is
    fetched before its licence and size are shown.

    It needs the library transformers: pip install -r requirements/hf.txt. The presets are listed on the Models page and in
    docs/networks.md.

    [bold]Example[/bold]

      python -m precompute zoo add hf:depth-anything/Depth-Anything-V2-Small-hf --as dav2
    """
    from consistency.zoo.records import ZooError
    from precompute.failures import SourceError
    from precompute.zoos.hub.add import add

    kind, _, rest = source.partition(":")
    if kind != "hf" or not rest:
        raise usage(
            f"'{one_line(source)[:120]}' is not a source of networks; write hf:OWNER/NAME or hf:OWNER/NAME@REVISION"
        )
    repository, _, revision = rest.partition("@")
    try:
        with bytes_bar(f"{one_line(name)[:64]} · download") as report:
            add(name, repository, revision or "main", accepts_licence=accept_licence, say=say, report=report)
    except (ZooError, SourceError, OSError, ValueError) as error:
        complain(one_line(str(error)))
        raise typer.Exit(EXIT_FAILED_ITEM) from error
    report_installed(name, [])
    say(f"to use it: python -m precompute run phone --zoo {name}")
