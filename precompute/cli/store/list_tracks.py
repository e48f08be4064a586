"""`python -m precompute list`: what the store holds."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from analysis.energy import Unreadable, standardised
from cache.pack import BadPack
from cache.records import Track
from cache.store import CorruptPack, Store, default_root
from precompute.cli.console import StoreOption, complain, print_rows, print_table, say
from precompute.text import one_line


def list_tracks(
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array, one object per track.")] = False,
    show_all: Annotated[bool, typer.Option("--all", help="Include inputs and ground truth.")] = False,
) -> None:
    """List the tracks in the store: frames, size and mean energy.

    [bold]Examples[/bold]

      python -m precompute list

      python -m precompute list --json --all
    """
    opened = Store(store or default_root(), read_only=True)
    tracks = [t for t in opened.tracks() if show_all or t.head.kind not in ("input", "truth")]
    tracks.sort(
        key=lambda track: (
            track.head.clip.title,
            track.head.clip.key,
            track.head.zoo,
            track.head.method,
            track.head.kind,
            track.head.path,
        )
    )
    rows = [_row(opened, track) for track in tracks]
    if as_json:
        print_rows(rows)
        return
    if not rows:
        say(f"{opened.root} holds no tracks; compute some with: python -m precompute run walkthrough")
        return
    for _, pairs in groupby(zip(tracks, rows, strict=True), key=lambda pair: pair[0].head.clip.key):
        print_table(_table(list(pairs)))
        say("")


def _row(store: Store, track: Track) -> dict[str, Any]:
    """One track in `list --json`."""
    head = track.head
    row: dict[str, Any] = {
        "clip": head.clip.key,
        "title": head.clip.title,
        "zoo": head.zoo,
        "method": head.method,
        "path": head.path,
        "kind": head.kind,
        "n_frames": track.n_frames,
        "bytes": track.bytes,
        "complete": track.is_complete,
        "caveat": head.caveat,
        "key": head.key,
    }
    if head.kind == "energy":
        try:
            row["energy_mean"] = _mean_energy(store, track)
        except (CorruptPack, BadPack, KeyError, Unreadable) as error:
            row["energy_mean"] = None
            complain(f"{head.configuration} of '{head.clip.title}': {error}", "damaged")
    return row


def _mean_energy(store: Store, track: Track) -> float | None:
    """The mean over frames of the standardised energy, in sigma; None while no frame is stored."""
    if not track.n_frames:
        return None
    return float(standardised(store.column(track, "terms"), track.head.constants).mean())


def _table(pairs: list[tuple[Track, dict[str, Any]]]) -> Table:
    """The tracks of one clip, each with its row."""
    head = pairs[0][0].head
    caveat = f" · {head.caveat}" if head.caveat else ""
    table = Table(box=None, pad_edge=False, title_justify="left")
    table.title = Text(one_line(f"{head.clip.title} ({head.clip.key[:12]}){caveat}"), style="bold")
    table.add_column("configuration", overflow="fold")
    table.add_column("kind", no_wrap=True)
    for name in ("frames", "MB", "energy (σ)"):
        table.add_column(name, justify="right", no_wrap=True)
    for track, row in pairs:
        mean = row.get("energy_mean")
        table.add_row(
            track.head.configuration,
            row["kind"],
            f"{row['n_frames']}" if row["complete"] else f"{row['n_frames']} of {track.head.clip.n_frames}",
            f"{row['bytes'] / 1e6:.1f}",
            "" if mean is None else f"{mean:.2f}",
        )
    return table
