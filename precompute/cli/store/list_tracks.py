"""`python -m precompute list`: what the store holds."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from analysis.energy import Unreadable, energy, own_weighting
from analysis.shifts import Shift, shift_of, source_of
from cache.pack import BadPack
from cache.records import Track
from cache.store import CorruptPack, Store
from precompute.cli.output.console import StoreOption, complain, print_rows, print_table, say, usage
from precompute.cli.store.select import ClipOption, existing_store, is_meant
from precompute.text import one_line

TITLE_CHARACTERS = 60
"""Longest line of a title; a longer one takes more."""


def list_tracks(
    store: StoreOption = None,
    clip: ClipOption = "*",
    show_tracks: Annotated[bool, typer.Option("--tracks", help="One line per track, with mean energies.")] = False,
    show_all: Annotated[bool, typer.Option("--all", help="Include the tracks of inputs and ground truth.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array, one object per track.")] = False,
) -> None:
    """List the clips in the store, or their tracks: frames, size and mean energy.

    [bold]Examples[/bold]

      python -m precompute list

      python -m precompute list --tracks --clip walk

      python -m precompute list --json --all
    """
    opened = existing_store(store, read_only=True)
    tracks = [track for track in opened.tracks() if is_meant(track.head.clip, clip)]
    tracks.sort(key=_order)
    chosen = [track for track in tracks if show_all or track.head.kind not in ("input", "truth", "flow")]
    if as_json:
        print_rows(_row(opened, track) for track in chosen)
    elif not tracks and clip == "*":
        say(f"{opened.address} holds no tracks; compute some with: python -m precompute run walkthrough")
    elif not tracks:
        raise usage(f"no clip matches '{clip}'; `list` shows all clips")
    elif show_tracks or show_all:
        for _, group in groupby(chosen, key=lambda track: track.head.clip.key):
            print_table(_table([(track, _row(opened, track)) for track in group]))
            say("")
    else:
        print_table(_clips([list(group) for _, group in groupby(tracks, key=_line)]))


def _order(track: Track) -> tuple[str, ...]:
    head = track.head
    return head.clip.title, *_line(track), head.clip.key, head.zoo, head.method, head.kind, head.path


def _line(track: Track) -> tuple[str, str]:
    """The line of `list` that a track counts for: that of its clip, or of its ladder; a ladder follows the clip it was made from."""
    clip = track.head.clip
    shift = shift_of(clip.sampling)
    return (source_of(clip.sampling), shift.kind.name) if shift else (clip.key, "")


def _clips(lines: list[list[Track]]) -> Table:
    """One line for each clip and for each ladder, given all their tracks."""
    table = Table(box=None, pad_edge=False)
    table.add_column("clip", overflow="fold", max_width=TITLE_CHARACTERS)
    for name in ("key", "frames", "MB", "configurations"):
        table.add_column(name, justify="left" if name == "key" else "right", no_wrap=True)
    table.add_column("zoos", overflow="fold")
    for tracks in lines:
        clip = tracks[0].head.clip
        shifts = [shift for track in tracks if (shift := shift_of(track.head.clip.sampling))]
        n_ready = min(track.n_frames for track in tracks)
        caveat = next((f" · {track.head.caveat}" for track in tracks if track.head.caveat), "")
        computed = [track for track in tracks if track.head.kind in ("prediction", "readout", "scores")]
        names = {(track.head.zoo, track.head.method, track.head.path) for track in computed}
        table.add_row(
            Text(f"  {_ladder(shifts)}" if shifts else one_line(clip.title + caveat)),
            "" if shifts else clip.key[:12],
            f"{n_ready}" if all(track.is_complete for track in tracks) else f"{n_ready} of {clip.n_frames}",
            f"{sum(track.bytes for track in tracks) / 1e6:.1f}",
            f"{len(names)}",
            Text(one_line(", ".join(sorted({track.head.zoo for track in computed})))),
        )
    return table


def _ladder(shifts: list[Shift]) -> str:
    """`JPEG compression: q25 q18 q15 q10 q7`."""
    kind = shifts[0].kind
    steps = sorted({shift.strength for shift in shifts}, reverse=kind.is_stronger_lower)
    return f"{kind.title}: {' '.join(map(kind.spelled, steps))}"


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
        **({"shift": head.clip.sampling["shift"]} if source_of(head.clip.sampling) else {}),
    }
    if head.kind == "energy":
        try:
            row["energy_mean"] = _mean_energy(store, track)
            row["weighting"] = own_weighting(head.constants)
        except (CorruptPack, BadPack, KeyError, Unreadable) as error:
            row["energy_mean"] = None
            complain(f"{head.configuration} of '{head.clip.title}': {error}", "damaged")
    return row


def _mean_energy(store: Store, track: Track) -> float | None:
    """The mean over frames of the standardised energy that the pictures show, in sigma; None while no frame is stored."""
    if not track.n_frames:
        return None
    return float(energy(store.column(track, "terms"), track.head.constants, "standardised").mean())


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
    weighted = {track.head.configuration for track, row in pairs if row.get("weighting") == "weighted"}
    for track, row in pairs:
        mean = row.get("energy_mean")
        is_older = row.get("weighting") == "paper" and track.head.configuration in weighted
        table.add_row(
            track.head.configuration,
            "energy (paper)" if is_older else row["kind"],
            f"{row['n_frames']}" if row["complete"] else f"{row['n_frames']} of {track.head.clip.n_frames}",
            f"{row['bytes'] / 1e6:.1f}",
            "" if mean is None else f"{mean:.2f}",
        )
    return table
