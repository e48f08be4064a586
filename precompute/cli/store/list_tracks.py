"""`python -m precompute list`: what the store holds."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from analysis.energy import Unreadable, energy, own_weighting
from analysis.shifts import Shift, shift_of, source_of
from cache.clips.lines import Line
from cache.clips.listing import Listing
from cache.pack import BadPack
from cache.records import Track
from cache.store import CorruptPack, Store
from precompute.cli.output.console import StoreOption, complain, print_columns, print_rows, print_table, say, usage
from precompute.cli.store.select import ClipOption, existing_store, is_meant
from precompute.text import one_line

TITLE_CHARACTERS = 60
"""Longest line of a title; a longer one takes more."""

MAX_FOLDED = 500
"""Rows from which on long titles are no longer folded: laying out 10,000 rows takes rich four seconds."""
CLIP_COLUMNS = ("clip", "key", "frames", "MB", "configurations", "zoos")


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
    listing = opened.listing(is_kept=True)
    lines = sorted((line for line in listing.lines.values() if is_meant(line.clip, clip)), key=_order)
    if as_json:
        print_rows(_row(opened, track) for line in lines for track in _tracks(opened, listing, line, show_all))
    elif not lines and clip == "*":
        say(f"{opened.address} holds no tracks; compute some with: python -m precompute run walkthrough")
    elif not lines:
        raise usage(f"no clip matches '{clip}'; `list` shows all clips")
    elif show_tracks or show_all:
        for line in lines:
            if tracks := _tracks(opened, listing, line, show_all):
                print_table(_table([(track, _row(opened, track)) for track in tracks]))
                say("")
    else:
        _show_clips([list(group) for _, group in groupby(lines, key=_group)])


def _tracks(store: Store, listing: Listing, line: Line, show_all: bool) -> list[Track]:
    """The tracks of a clip that are to be shown."""
    found = store.listed_tracks(listing, line.clip.key)
    found.sort(key=lambda t: (t.head.zoo, t.head.method, t.head.kind, t.head.path))
    return [track for track in found if show_all or track.head.kind not in ("input", "truth", "flow")]


def _order(line: Line) -> tuple[str, ...]:
    return line.clip.title, *_group(line), line.clip.key


def _group(line: Line) -> tuple[str, str]:
    """What stands in one line of `list`: a clip, or a ladder; a ladder follows the clip it was made from."""
    shift = shift_of(line.clip.sampling)
    return (source_of(line.clip.sampling), shift.kind.name) if shift else (line.clip.key, "")


def _show_clips(groups: list[list[Line]]) -> None:
    """One line for each clip and for each ladder."""
    rows = [_clip_row(lines) for lines in groups]
    if len(rows) > MAX_FOLDED:
        print_columns(CLIP_COLUMNS, rows, n_left=2)
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("clip", overflow="fold", max_width=TITLE_CHARACTERS)
    for name in CLIP_COLUMNS[1:-1]:
        table.add_column(name, justify="left" if name == "key" else "right", no_wrap=True)
    table.add_column("zoos", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    print_table(table)


def _clip_row(lines: list[Line]) -> tuple[str, ...]:
    """The texts of CLIP_COLUMNS."""
    clip = lines[0].clip
    shifts = [shift for line in lines if (shift := shift_of(line.clip.sampling))]
    n_ready = min(line.n_ready for line in lines)
    caveat = next((f" · {line.caveat}" for line in lines if line.caveat), "")
    computed = {name for line in lines for name in line.names if name.kind in ("prediction", "readout", "scores")}
    return (
        f"  {_ladder(shifts)}" if shifts else one_line(clip.title + caveat),
        "" if shifts else clip.key[:12],
        f"{n_ready}" if all(line.is_complete for line in lines) else f"{n_ready} of {clip.n_frames}",
        f"{sum(line.bytes for line in lines) / 1e6:.1f}",
        f"{len({(name.zoo, name.method, name.path) for name in computed})}",
        one_line(", ".join(sorted({name.zoo for name in computed}))),
    )


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
