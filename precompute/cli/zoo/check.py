"""`python -m precompute zoo check`: whether every network of a zoo is installed, unchanged and works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from precompute.cli.output.console import EXIT_FAILED_ITEM, complain, say, usage
from precompute.cli.zoo.arguments import CodeOption, ZooArgument, read, whole
from precompute.text import count, one_line

if TYPE_CHECKING:
    from consistency.zoo.records import Edge, Zoo

SHOWN_CONFIGURATIONS = 4
"""Configurations that are named for a missing network; of the others, the number is printed."""


def check(
    zoo: ZooArgument,
    record: Annotated[
        bool, typer.Option("--record", help="First store the digests of files for which zoo.toml has none.")
    ] = False,
    allow_code: CodeOption = False,
) -> None:
    """Hash and run every network once, and explain what is wrong or missing. Exit code 1 if anything is.

    Normals and depth of other people's networks are compared with the truth of the bundled walk-through: the axes that fit best of all
    signs and orders are named, and stated ones that clearly lose are refused, as is depth that falls with distance, is not in metres
    though stated so, or was scaled picture by picture.

    [bold]Examples[/bold]

      python -m precompute zoo check xtc

      python -m precompute zoo check my-zoo --record
    """
    from consistency.zoo.records import ZooError
    from precompute.zoos import install

    known = read(zoo)
    if record:
        try:
            n_new = install.record(known)
        except (ZooError, OSError) as error:
            raise usage(str(error)) from error
        say(f"{known.name}: {count(n_new, 'digest')} recorded in {known.home / 'zoo.lock'}")
        known = read(zoo)
    n_checked, n_wrong = _checked(known, allow_code)
    downloads = [edge for edge in known.missing if edge.archive]
    is_all = len({edge.weights for edge in downloads}) == len(
        {edge.weights for edge in whole(known).edges if edge.weights}
    )
    if downloads and is_all:
        networks = count(len({edge.weights for edge in downloads}), "network")
        complain(
            f"none of the {networks} is installed; download them with: python -m precompute zoo pull {zoo}", "missing"
        )
    else:
        for line in _missing(known):
            complain(line, "missing")
        if downloads:
            complain(f"download what is missing with: python -m precompute zoo pull {zoo}", "next")
    for target in known.uncalibrated:
        say(f"energy of {target} has no constants yet: python -m precompute zoo calibrate {zoo} --on walkthrough")
    n_edges = len(known.edges) + len(known.missing)
    say(f"{known.name}: {n_checked} of {n_edges} edges checked, {n_wrong} wrong; {known.folder.resolve()}")
    if n_wrong or known.missing:
        raise typer.Exit(EXIT_FAILED_ITEM)


def _checked(zoo: Zoo, allow_code: bool) -> tuple[int, int]:
    """How many edges were run, and how many are wrong or were not allowed to."""
    from consistency.zoo.check import problems
    from consistency.zoo.networks import formats
    from precompute.zoos import meaning_check

    n_wrong = n_checked = 0
    checked: set[tuple[str, str, str]] = set()
    for edge in zoo.edges:
        if edge.format in formats.CODE and not allow_code:
            n_wrong += 1
            complain(
                f"edge {edge.name} is a program written by its author and was not run; if you trust it, "
                "use --allow-code",
                "skipped",
            )
            continue
        n_checked += 1
        if (it := (edge.source, edge.target, edge.digest)) in checked:
            continue
        checked.add(it)
        found = problems(edge, zoo.size_multiple)
        if meaning_check.applies(edge):
            said, wrong = _meaning(edge, zoo.size_multiple)
            if said:
                say(f"{edge.name}: {said}")
            found = wrong if said and wrong else found or wrong
        n_wrong += bool(found)
        for problem in found:
            complain(one_line(problem), "wrong")
    return n_checked, n_wrong


def _meaning(edge: Edge, size_multiple: int) -> tuple[str, list[str]]:
    """What the bundled clip's truth says of an edge, and what contradicts its zoo."""
    from consistency.zoo.explained import Explained
    from precompute.failures import SourceError
    from precompute.zoos import meaning_check

    try:
        said, wrong = meaning_check.meaning(edge, size_multiple)
    except (Explained, SourceError, OSError) as error:
        return "", [str(error)]
    return said, [f"edge {edge.name}: {text}" for text in wrong]


def _missing(zoo: Zoo) -> list[str]:
    """For each missing network: its file, and what cannot be computed without it."""
    complete = whole(zoo)
    chains = {
        (method, path): complete.chain(method, path) for method in complete.methods for path in complete.paths(method)
    }
    lines = []
    for edge in zoo.missing:
        names = [f"{zoo.name}/{method}/{path}" for (method, path), chain in chains.items() if _has(chain, edge)]
        energies = [
            target
            for target, paths in zoo.energy_paths.items()
            if any(
                _has(complete.chain(method, path), edge)
                for method in complete.methods
                if target in complete.targets(method)
                for path in (f"rgb-{target}", *paths)
            )
        ]
        rest = f" and {len(names) - SHOWN_CONFIGURATIONS} more" if len(names) > SHOWN_CONFIGURATIONS else ""
        needed = [", ".join(names[:SHOWN_CONFIGURATIONS]) + rest] if names else []
        needed += [f"the energies of {', '.join(energies)}"] if energies else []
        where = (
            f", archive {edge.archive}"
            if edge.archive
            else f"; put it into {edge.weights and edge.weights.parent} and run check --record"
        )
        file = edge.weights.name if edge.weights else ""
        lines.append(f"{edge.name} ({file}{where}): needed for {' and '.join(needed) or 'nothing'}")
    return lines


def _has(chain: tuple[Edge, ...], edge: Edge) -> bool:
    return any(other is edge for other in chain)
