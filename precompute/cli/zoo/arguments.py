"""What the zoo commands share: their arguments, reading a zoo, and a summary of what is installed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from precompute.cli.output.console import EXIT_FAILED_ITEM, say, usage

if TYPE_CHECKING:
    from consistency.zoo.records import Zoo

# Torch takes seconds to import, so the commands import what needs it.

ZooArgument = Annotated[str, typer.Argument(metavar="ZOO", help="Name of a zoo, or a folder (./NAME) with a zoo.toml.")]
CodeOption = Annotated[
    bool,
    typer.Option(
        "--allow-code", help="Run networks that are programs written by their authors. Only if you trust them."
    ),
]


def read(name: str) -> Zoo:
    """The zoo, without its missing networks. Ends the command if it cannot be read."""
    from consistency.zoo.read import read_zoo
    from consistency.zoo.records import ZooError

    try:
        return read_zoo(name)
    except ZooError as error:
        raise usage(str(error)) from error


def whole(zoo: Zoo) -> Zoo:
    """The zoo as if all its networks were installed."""
    return replace(zoo, edges=(*zoo.edges, *zoo.missing))


def summary(name: str, zoo: Zoo) -> dict[str, Any]:
    """One zoo in `zoo list --json`."""
    here = {edge.weights for edge in zoo.edges if edge.weights}
    return {
        "zoo": name,
        "version": zoo.version,
        "licence": zoo.licence,
        "n_here": len(here),
        "n_networks": len({edge.weights for edge in whole(zoo).edges if edge.weights}),
        "bytes": sum(path.stat().st_size for path in here if path.is_file()),
        "methods": list(whole(zoo).methods),
        "domains": list(zoo.domains),
        "energies": sorted(zoo.energies),
    }


def report_installed(name: str, problems: list[str]) -> None:
    """Print what is installed after `pull` or `import`. Exit code 1 after problems, or if networks are missing."""
    zoo = read(name)
    row = summary(name, zoo)
    say(
        f"{zoo.name}: {row['n_here']} of {row['n_networks']} networks installed, "
        f"{row['bytes'] / 1e6:.1f} MB in {zoo.home}"
    )
    if zoo.missing:
        say(f"to see what is missing and what needs it: python -m precompute zoo check {name}")
    elif not zoo.energies and zoo.energy_paths:
        say(f"to get energies, measure their constants: python -m precompute zoo calibrate {name} --on walkthrough")
    if problems or zoo.missing:
        raise typer.Exit(EXIT_FAILED_ITEM)
