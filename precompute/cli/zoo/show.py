"""`python -m precompute zoo show`: the content of one zoo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from precompute.cli.output.console import print_table, say
from precompute.cli.zoo.arguments import ZooArgument, read
from precompute.text import count

if TYPE_CHECKING:
    from consistency.zoo.records import Edge


def show(zoo: ZooArgument) -> None:
    """Show the edges of a zoo with their files and digests, its energies and its archives.

    [bold]Example[/bold]

      python -m precompute zoo show xtc
    """
    known = read(zoo)
    table = Table(box=None, pad_edge=False)
    for title in ("edge", "method", "network", "MB", "SHA-256", "from"):
        table.add_column(title, justify="right" if title == "MB" else "left", overflow="fold")
    for edge in (*known.edges, *known.missing):
        table.add_row(*_cells(edge))
    say(f"{known.name} {known.version}, licence: {known.licence}; {known.folder}")
    print_table(table)
    for target, paths in known.energy_paths.items():
        constants = known.energies.get(target)
        origin = f"constants from {constants.origin}" if constants else "no constants yet"
        say(f"energy of {target}: {count(len(paths), 'path')}, {origin}")
    for archive in known.archives:
        say(f"archive {archive.name}: {archive.url}")


def _cells(edge: Edge) -> tuple[str | Text, ...]:
    size = edge.weights.stat().st_size / 1e6 if edge.weights and edge.is_installed and edge.weights.is_file() else None
    return (
        Text(f"{edge.source}-{edge.target}"),
        Text(edge.method),
        Text(edge.architecture if edge.format == "safetensors" else f"{edge.format} {edge.architecture}".strip()),
        "" if size is None else f"{size:.1f}",
        Text(edge.sha256[:12] or ("not installed" if edge.weights else "fixed filter")),
        Text(edge.archive or (edge.weights.name if edge.weights else "")),
    )
