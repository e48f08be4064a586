"""How does one look after zoos? `python -m precompute zoo list|show|check|pull|import|calibrate`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from precompute.cli.console import EXIT_FAILED_ITEM, StoreOption, bytes_bar, complain, out, say, usage
from precompute.failures import SourceError
from precompute.text import one_line

if TYPE_CHECKING:
    from consistency.zoo.records import Edge, Zoo

# Torch takes seconds to import, so the modules that need it are imported by the commands.

PIPE_WIDTH = 200
"""Letters of a line where no terminal says how many fit."""
SHOWN_CONFIGURATIONS = 4
CALIBRATION_FRAMES = 50
"""Of each clip, where nothing else is said."""

app = typer.Typer(help="Look after zoos: the sets of networks that `run --zoo` takes.", no_args_is_help=True)

ZooArgument = Annotated[
    str, typer.Argument(metavar="ZOO", help="A zoo's name, or a folder (./NAME) that holds zoo.toml.")
]
CodeOption = Annotated[
    bool, typer.Option("--allow-code", help="Run networks that are programs of their makers. Only if you trust them.")
]


@app.command("list")
def list_zoos(
    as_json: Annotated[bool, typer.Option("--json", help="A JSON array, one object per zoo.")] = False,
) -> None:
    """Show the zoos that are known here.

    [bold]Example[/bold]

      python -m precompute zoo list
    """
    from consistency.zoo.read import known_zoos, read_zoo
    from consistency.zoo.records import ZooError

    rows = []
    for name in known_zoos():
        try:
            rows.append(_row(name, read_zoo(name)))
        except ZooError as error:
            complain(str(error))
    if as_json:
        print("[" + ",\n ".join(json.dumps(row) for row in rows) + "]")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("zoo", "version", "networks here", "MB", "methods", "licence"):
        table.add_column(title, justify="right" if title in ("networks here", "MB") else "left", overflow="fold")
    for row in rows:
        table.add_row(
            Text(row["zoo"]),
            Text(row["version"]),
            f"{row['n_here']} of {row['n_networks']}",
            f"{row['bytes'] / 1e6:.1f}",
            Text(", ".join(row["methods"])),
            Text(row["licence"]),
        )
    _page().print(table)


@app.command()
def show(zoo: ZooArgument) -> None:
    """Show the edges of a zoo, their files and digests, and its energies.

    [bold]Example[/bold]

      python -m precompute zoo show xtc
    """
    known = _read(zoo)
    table = Table(box=None, pad_edge=False)
    for title in ("edge", "method", "network", "MB", "SHA-256", "from"):
        table.add_column(title, justify="right" if title == "MB" else "left", overflow="fold")
    for edge in (*known.edges, *known.missing):
        size = (
            edge.weights.stat().st_size / 1e6 if edge.weights and edge.is_installed and edge.weights.is_file() else None
        )
        table.add_row(
            Text(f"{edge.source}-{edge.target}"),
            Text(edge.method),
            Text(edge.architecture if edge.format == "safetensors" else f"{edge.format} {edge.architecture}".strip()),
            "" if size is None else f"{size:.1f}",
            Text(edge.sha256[:12] or ("not here" if edge.weights else "fixed filter")),
            Text(edge.archive or (edge.weights.name if edge.weights else "")),
        )
    page = _page()
    say(f"{known.name} {known.version}, licence: {known.licence}; {known.folder}")
    page.print(table)
    for target, paths in known.energy_paths.items():
        constants = known.energies.get(target)
        how = f"constants of {constants.origin}" if constants else "no constants yet"
        say(f"energy of {target}: {len(paths)} paths, {how}")
    for archive in known.archives:
        say(f"archive {archive.name}: {archive.url}")


@app.command()
def check(
    zoo: ZooArgument,
    record: Annotated[
        bool, typer.Option("--record", help="Keep the digests of files that zoo.toml gives none for.")
    ] = False,
    allow_code: CodeOption = False,
) -> None:
    """Hash every network, run it once, and explain what does not fit or is missing. Exit code 1 where something does not.

    [bold]Examples[/bold]

      python -m precompute zoo check xtc

      python -m precompute zoo check my-zoo --record
    """
    from consistency.zoo import formats
    from consistency.zoo.check import problems
    from consistency.zoo.records import ZooError
    from precompute.zoos import install

    known = _read(zoo)
    if record:
        try:
            n_new = install.record(known)
        except (ZooError, OSError) as error:
            raise usage(str(error)) from error
        say(f"{known.name}: {n_new} digests recorded in {known.home / 'zoo.lock'}")
        known = _read(zoo)
    n_wrong = n_checked = 0
    checked: set[tuple[str, str, str]] = set()
    for edge in known.edges:
        if edge.format in formats.CODE and not allow_code:
            n_wrong += 1
            complain(
                f"edge {edge.name} is a program of its maker and was not run; if you trust it: --allow-code", "skipped"
            )
            continue
        found = (
            problems(edge, known.size_multiple)
            if (it := (edge.source, edge.target, edge.digest)) not in checked
            else []
        )
        checked.add(it)
        n_checked += 1
        n_wrong += bool(found)
        for problem in found:
            complain(one_line(problem), "wrong")
    for line in _lacking(known):
        complain(line, "missing")
    for target in known.uncalibrated:
        say(f"energy of {target} has no constants yet: python -m precompute zoo calibrate {zoo} --on walkthrough")
    n_edges = len(known.edges) + len(known.missing)
    say(f"{known.name}: {n_checked} of {n_edges} edges checked, {n_wrong} wrong; {known.folder.resolve()}")
    if n_wrong or known.missing:
        raise typer.Exit(EXIT_FAILED_ITEM)


@app.command()
def pull(zoo: ZooArgument) -> None:
    """Fetch the networks of a zoo that are not here: each archive is downloaded once, converted, and removed.

    Stopped and started again, it goes on where it was.

    [bold]Example[/bold]

      python -m precompute zoo pull xtc
    """
    from consistency.zoo.records import ZooError
    from precompute.zoos import install

    known = _read(zoo)
    if not known.archives and not (known.base and _read(known.base).archives):
        raise usage(f"zoo '{known.name}' names nothing to fetch; bring its networks with `zoo import`")
    found: list[str] = []
    try:
        with bytes_bar(f"{known.name} · download") as report:
            install.pull(known, say=say, report=report, on_problem=lambda text: found.append(text) or complain(text))
    except (ZooError, OSError) as error:
        complain(str(error))
        raise typer.Exit(EXIT_FAILED_ITEM) from error
    _finish(zoo, found)


@app.command("import")
def import_zoo(
    source: Annotated[Path, typer.Argument(metavar="FILE_OR_FOLDER", help="Weights, an archive of them, or a folder.")],
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="The zoo that they are for, or its new name.")],
) -> None:
    """Bring networks from files that are here already. A folder with a zoo.toml becomes the zoo NAME.

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
    _finish(name, found)


@app.command()
def calibrate(
    zoo: ZooArgument,
    clips: Annotated[
        list[str],
        typer.Option("--on", metavar="CLIP", help="A video file, a bundled clip's name, or a URL; repeatable."),
    ],
    method: Annotated[str | None, typer.Option(help="Whose networks are measured. Default: baseline.")] = None,
    max_frames: Annotated[int, typer.Option(min=2, help="Of each clip, spread over it.")] = CALIBRATION_FRAMES,
    allow_code: CodeOption = False,
    store: StoreOption = None,
) -> None:
    """Measure the constants of a zoo's energies: the mean and the spread of each path's disagreement on ordinary clips.

    They are kept beside the zoo, and energies computed from then on use them.

    [bold]Example[/bold]

      python -m precompute zoo calibrate xtc --on walkthrough --on phone
    """
    from consistency.zoo.lock import lock_of, write_lock, writing
    from consistency.zoo.read import load_zoo
    from consistency.zoo.records import ZooError
    from precompute.zoos import calibration

    try:
        known = load_zoo(zoo, allow_code=allow_code)
        measured = calibration.calibrate(known, clips, method=method, max_frames=max_frames, store=store, say=say)
        with writing(known.home):
            lock = lock_of(known.home)
            lock["energy"] = {**lock.get("energy", {}), **measured}
            write_lock(known.home, lock)
    except (ZooError, SourceError, OSError, ValueError) as error:
        complain(one_line(str(error)))
        raise typer.Exit(EXIT_FAILED_ITEM) from error
    for target, row in measured.items():
        say(f"energy of {target}, {row['origin']}")
        for path, mu, sigma in zip(row["paths"], row["mu"], row["sigma"], strict=True):
            say(f"  {path}: mu {mu:.4f}, sigma {sigma:.4f}")


def _lacking(zoo: Zoo) -> list[str]:
    """For each network that is not here: its file, and what cannot be computed without it."""
    whole = replace(zoo, edges=(*zoo.edges, *zoo.missing))
    chains = {(m, path): whole.chain(m, path) for m in whole.methods for path in whole.paths(m)}
    lines = []
    for edge in zoo.missing:
        names = [f"{zoo.name}/{method}/{path}" for (method, path), chain in chains.items() if _has(chain, edge)]
        energies = [
            target
            for target, paths in zoo.energy_paths.items()
            if any(
                _has(whole.chain(method, path), edge)
                for method in whole.methods
                if target in whole.targets(method)
                for path in (f"rgb-{target}", *paths)
            )
        ]
        rest = f" and {len(names) - SHOWN_CONFIGURATIONS} more" if len(names) > SHOWN_CONFIGURATIONS else ""
        needed = [", ".join(names[:SHOWN_CONFIGURATIONS]) + rest] if names else []
        needed += [f"the energies of {', '.join(energies)}"] if energies else []
        where = (
            f", archive {edge.archive}"
            if edge.archive
            else f"; put it into {edge.weights and edge.weights.parent} and check --record"
        )
        file = edge.weights.name if edge.weights else ""
        lines.append(f"{edge.name} ({file}{where}): needed for {' and '.join(needed) or 'nothing'}")
    return lines


def _has(chain: tuple[Edge, ...], edge: Edge) -> bool:
    return any(other is edge for other in chain)


def _finish(name: str, found: list[str]) -> None:
    """Say what is here now; exit code 1 where something went wrong or is missing still."""
    zoo = _read(name)
    row = _row(name, zoo)
    say(
        f"{zoo.name}: {row['n_here']} of {row['n_networks']} networks are here, {row['bytes'] / 1e6:.1f} MB in {zoo.home}"
    )
    if zoo.missing:
        say(f"what is missing, and for what: python -m precompute zoo check {name}")
    elif not zoo.energies and zoo.energy_paths:
        say(f"for energies, measure their constants: python -m precompute zoo calibrate {name} --on walkthrough")
    if found or zoo.missing:
        raise typer.Exit(EXIT_FAILED_ITEM)


def _row(name: str, zoo: Zoo) -> dict[str, Any]:
    """What `list --json` tells of a zoo."""
    here = {edge.weights for edge in zoo.edges if edge.weights}
    whole = replace(zoo, edges=(*zoo.edges, *zoo.missing))
    return {
        "zoo": name,
        "version": zoo.version,
        "licence": zoo.licence,
        "n_here": len(here),
        "n_networks": len({edge.weights for edge in whole.edges if edge.weights}),
        "bytes": sum(path.stat().st_size for path in here if path.is_file()),
        "methods": list(whole.methods),
        "domains": list(zoo.domains),
        "energies": sorted(zoo.energies),
    }


def _read(name: str) -> Zoo:
    from consistency.zoo.read import read_zoo
    from consistency.zoo.records import ZooError

    try:
        return read_zoo(name)
    except ZooError as error:
        raise usage(str(error)) from error


def _page() -> Console:
    return out if out.is_terminal else Console(highlight=False, width=PIPE_WIDTH)
