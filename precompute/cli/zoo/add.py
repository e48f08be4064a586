"""`python -m precompute zoo add`: a network of others, as a zoo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from precompute.cli.output.console import EXIT_FAILED_ITEM, bytes_bar, complain, say, usage
from precompute.cli.zoo.arguments import report_installed
from precompute.text import one_line

SOURCES = "hf:OWNER/NAME[@REVISION], hub:OWNER/NAME@COMMIT:ENTRY or onnx:FILE"


def add_zoo(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="hf:OWNER/NAME[@REVISION] (Hugging Face hub), hub:OWNER/NAME@COMMIT:ENTRY (a program on GitHub, as torch.hub runs it), or onnx:FILE.",
        ),
    ],
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="The name of the new zoo.")],
    like: Annotated[
        str,
        typer.Option(
            metavar="PRESET_OR_FILE",
            help="What its outputs mean: the name of a preset, or a TOML file with an [[edge]] table for each. For ONNX files and programs that are not presets.",
        ),
    ] = "",
    accept_licence: Annotated[
        bool,
        typer.Option(
            "--accept-licence", help="You have read its licence, and may use it so. Only where it is asked for."
        ),
    ] = False,
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Run the program of a hub: source, once. Only if you trust it.")
    ] = False,
) -> None:
    """Download a network and install it as the zoo NAME. The revision is pinned, no pickle is read as code, and nothing is fetched
    before its licence is shown.

    The program of a hub: source runs once, in a child process, with --allow-code: it builds the network, which is saved as ONNX. It
    needs the libraries in requirements/hf.txt, as the networks of the hub do. The presets are listed on the Models page and in
    docs/networks.md.

    [bold]Examples[/bold]

      python -m precompute zoo add hf:depth-anything/Depth-Anything-V2-Small-hf --as dav2

      python -m precompute zoo add onnx:metric3d_vit_small.onnx --as metric3d --like metric3d-v2-vit-small
    """
    from consistency.zoo.records import ZooError
    from precompute.failures import SourceError
    from precompute.zoos.hub import add

    kind, _, rest = source.partition(":")
    if kind == "diffusers":
        complain(f"{add.DIFFUSERS}; {add.COMPUTED}")
        raise typer.Exit(EXIT_FAILED_ITEM)
    if kind not in ("hf", "hub", "onnx") or not rest:
        raise usage(f"'{one_line(source)[:120]}' is not a source of networks; write {SOURCES}")
    if kind == "onnx" and not like:
        raise usage("an ONNX file does not say what its numbers mean; add --like PRESET, or --like FILE")
    try:
        with bytes_bar(f"{one_line(name)[:64]} · download") as report:
            if kind == "hf":
                repository, _, revision = rest.partition("@")
                add.add(
                    name,
                    repository,
                    revision or "main",
                    like=like,
                    accepts_licence=accept_licence,
                    say=say,
                    report=report,
                )
            elif kind == "hub":
                add.add_program(
                    name,
                    rest,
                    like=like,
                    allow_code=allow_code,
                    accepts_licence=accept_licence,
                    say=say,
                    report=report,
                )
            else:
                add.add_file(name, Path(rest), like=like, accepts_licence=accept_licence, say=say)
    except (ZooError, SourceError, OSError, ValueError) as error:
        complain(one_line(str(error)))
        raise typer.Exit(EXIT_FAILED_ITEM) from error
    report_installed(name, [])
    say(f"to compare its axes and units with truth: python -m precompute zoo check {name}")
    say(f"to use it: python -m precompute run phone --zoo {name}")
