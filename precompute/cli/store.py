"""The commands that look after the store: list, verify, remove, gc, export, import, doctor."""

from __future__ import annotations

import fnmatch
import json
import signal
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
)
from rich.table import Table
from rich.text import Text

from cache import maintenance
from cache.pack import BadPack
from cache.records import StoreError, Track
from cache.store import CorruptPack, Store, default_root
from cache.transfer import Arrival, OnBytes, copy_tracks, export_tar, import_tar
from precompute.cli.console import (
    EXIT_FAILED_ITEM,
    SteadyConsole,
    StoreOption,
    bytes_bar,
    complain,
    err,
    open_store,
    out,
    say,
    usage,
)
from precompute.media.leftovers import unfinished_downloads, unused_media
from precompute.text import one_line

PIPE_WIDTH = 200
"""Letters of a line where no terminal says how many fit: every configuration on one line."""

app = typer.Typer()

Patterns = Annotated[list[str], typer.Argument(metavar="PATTERN...", help="Globs on zoo/method/path; '*' for all.")]
ClipOption = Annotated[str, typer.Option("--clip", metavar="GLOB", help="Only clips with such a title or key.")]


@app.command("list")
def list_tracks(
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON array, one object per track.")] = False,
    show_all: Annotated[bool, typer.Option("--all", help="Inputs and ground truth too.")] = False,
) -> None:
    """Show what the store holds.

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
        # One object per line: readable by JSON parsers, grep and people.
        print("[" + ",\n ".join(json.dumps(row, allow_nan=False) for row in rows) + "]")
        return
    if not rows:
        say(f"{opened.root} holds no tracks; compute some: python -m precompute run walkthrough")
        return
    page = _page()
    for clip, pairs in groupby(zip(tracks, rows, strict=True), key=lambda pair: pair[0].head.clip.key):
        table = Table(box=None, pad_edge=False, title_justify="left")
        table.add_column("configuration", overflow="fold")
        table.add_column("kind", no_wrap=True)
        for name in ("frames", "MB", "energy (σ)"):
            table.add_column(name, justify="right", no_wrap=True)
        for track, row in pairs:
            mean = row.get("energy_mean")
            caveat = f" · {track.head.caveat}" if track.head.caveat else ""
            table.title = Text(one_line(f"{track.head.clip.title} ({clip[:12]}){caveat}"), style="bold")
            table.add_row(
                track.head.configuration,
                row["kind"],
                f"{row['n_frames']}" if row["complete"] else f"{row['n_frames']} of {track.head.clip.n_frames}",
                f"{row['bytes'] / 1e6:.1f}",
                "" if mean is None else f"{mean:.2f}",
            )
        page.print(table, "")


@app.command()
def verify(
    store: StoreOption = None,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Move what is damaged into quarantine, for `run` to make it again; renew the index."
        ),
    ] = False,
) -> None:
    """Hash every pack again and read every manifest. Exit code 1 where something is wrong and not mended.

    [bold]Examples[/bold]

      python -m precompute verify

      python -m precompute verify --fix && python -m precompute run walkthrough phone
    """
    opened = _existing_store(store, read_only=not fix)
    n_checked = n_wrong = n_mended = 0
    with Progress(TextColumn("verify"), BarColumn(), MofNCompleteColumn(), TextColumn("packs"), console=err) as bar:
        task = bar.add_task("verify", total=sum(len(track.packs) for track in opened.tracks()))
        for problem in maintenance.verify(opened):
            n_checked += 1
            bar.advance(task)
            if problem:
                n_wrong += 1
                complain(f"{problem.name}: {problem.what}", "damaged")
                if fix and problem.is_repairable:
                    try:
                        maintenance.repair(opened, problem)
                        n_mended += 1
                    except (StoreError, OSError) as error:
                        complain(f"{problem.name}: {error}")
    if fix:
        opened.rebuild_index()
    mended = f", {n_mended} moved to {opened.root / 'quarantine'}: run the job again" if n_mended else ""
    say(f"{opened.root}: {n_checked} checked, {n_wrong} damaged{mended}")
    if n_wrong > n_mended:
        raise typer.Exit(EXIT_FAILED_ITEM)


@app.command()
def remove(
    patterns: Patterns,
    clip: ClipOption = "*",
    store: StoreOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove tracks, and the files that no other track needs.

    [bold]Examples[/bold]

      python -m precompute remove 'mini/baseline/*' --clip 'Walk*'

      python -m precompute remove '*' --clip phone --yes
    """
    opened = open_store(store)
    chosen = _choose(opened, patterns, clip)
    say(f"{len(chosen)} tracks, {sum(track.bytes for track in chosen) / 1e6:.1f} MB")
    if not yes:
        typer.confirm("Remove them?", abort=True)
    freed = 0
    busy = []
    for clip_key, title in {track.head.clip.key: track.head.clip.title for track in chosen}.items():
        try:
            with opened.writing(clip_key):
                freed += opened.remove([track.head.key for track in chosen if track.head.clip.key == clip_key])
        except StoreError as error:
            busy.append(title)
            complain(f"{title}: {error}")
    say(f"{freed / 1e6:.1f} MB freed")
    if busy:
        raise typer.Exit(EXIT_FAILED_ITEM)


@app.command()
def gc(
    store: StoreOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    older_than: Annotated[
        float, typer.Option(metavar="HOURS", min=0, help="Leave what changed later: a job may be about to name it.")
    ] = maintenance.MIN_ORPHAN_AGE_SECONDS / 3600,
    media: Annotated[bool, typer.Option("--media", help="Also downloads that no track was made from.")] = False,
    quarantine: Annotated[bool, typer.Option("--quarantine", help="Also what `verify --fix` moved there.")] = False,
) -> None:
    """Remove what nothing in the store names: files of killed jobs, downloads that broke off, packs that no track holds.
    Jobs may run meanwhile.

    [bold]Examples[/bold]

      python -m precompute gc --dry-run

      python -m precompute gc --media --quarantine
    """
    opened = _existing_store(store, read_only=dry_run)
    n_found = n_bytes = 0
    for orphan in maintenance.collect(
        opened,
        min_age_seconds=3600 * older_than,
        downloads=unfinished_downloads(opened.media_dir),
        unused=partial(unused_media, opened.media_dir) if media else None,
        quarantine=quarantine,
        dry_run=dry_run,
    ):
        n_found += 1
        n_bytes += orphan.bytes
        say(f"{orphan.what}: {orphan.path.relative_to(opened.root)}, {orphan.bytes / 1e6:.1f} MB")
    say(f"{opened.root}: {n_found} {'found' if dry_run else 'removed'}, {n_bytes / 1e6:.1f} MB")


@app.command()
def export(
    patterns: Patterns,
    to: Annotated[Path, typer.Option(metavar="FILE.tar|FOLDER", help="A folder becomes a store, or is one.")],
    clip: ClipOption = "*",
    store: StoreOption = None,
) -> None:
    """Copy finished tracks, with the input and ground truth of their clips, into another store, or a file for `import`.

    [bold]Examples[/bold]

      python -m precompute export 'mini/*' --clip 'Walk*' --to walk.tar

      python -m precompute export '*' --to /media/disk/store
    """
    if (to.is_file() and to.suffix != ".tar") or to.suffix in (".gz", ".tgz", ".zip", ".xz", ".bz2", ".zst"):
        raise usage(f"--to {to}: give FILE.tar or a folder; packs cannot be compressed further")
    opened = _existing_store(store, read_only=True)
    chosen = _choose(opened, patterns, clip)
    clips = {track.head.clip.key for track in chosen}
    others = [t for t in opened.tracks() if t.head.clip.key in clips and t.head.kind in ("input", "truth")]
    tracks = list({track.head.key: track for track in [*others, *chosen]}.values())
    ready = [track for track in tracks if track.is_complete]
    if len(ready) < len(tracks):
        complain(f"{len(tracks) - len(ready)} tracks are not finished; run their job to its end first", "left out")
    with _transfer("export", to, sum(track.bytes for track in ready)) as on_bytes:
        if to.suffix == ".tar":
            arrivals = export_tar(opened, ready, to, on_bytes)
        else:
            arrivals = copy_tracks(opened, ready, open_store(to), on_bytes)
        _tell(arrivals, to)


@app.command("import")
def import_tracks(
    source: Annotated[Path, typer.Argument(metavar="FILE.tar|FOLDER", help="What `export` wrote, or a store.")],
    store: StoreOption = None,
) -> None:
    """Take over the finished tracks of another store or of a file. Those that are there already stay as they are.

    Everything is hashed, which shows that nothing changed on the way; it does not show who computed it.

    [bold]Examples[/bold]

      python -m precompute import walk.tar

      python -m precompute import /media/disk/store --store /srv/crosscheck
    """
    opened = open_store(store)
    if source.is_dir():
        other = _existing_store(source, read_only=True)
        tracks = [track for track in other.tracks() if track.is_complete]
        with _transfer("import", source, sum(track.bytes for track in tracks)) as on_bytes:
            _tell(copy_tracks(other, tracks, opened, on_bytes), opened.root)
    elif source.is_file():
        with _transfer("import", source, source.stat().st_size) as on_bytes:
            _tell(import_tar(opened, source, on_bytes), opened.root)
    else:
        raise usage(f"{source} is neither file nor folder; give what `export` wrote")


@app.command()
def doctor(
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON array, one object per finding.")] = False,
) -> None:
    """Look at everything that a job needs: store, disk, versions, device. Exit code 1 where there is a problem.

    [bold]Examples[/bold]

      python -m precompute doctor

      python -m precompute doctor --json
    """
    from precompute.cli.doctor import examine

    findings = examine(store or default_root())
    if as_json:
        print("[" + ",\n ".join(json.dumps(asdict(finding)) for finding in findings) + "]")
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for finding in findings:
            colour = {"ok": "green", "warning": "yellow", "problem": "bold red"}[finding.state]
            found = finding.found + (f"; {finding.next_step}" if finding.next_step else "")
            table.add_row(finding.name, Text(finding.state, style=colour), Text(one_line(found)))
        _page().print(table)
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(EXIT_FAILED_ITEM)


def _existing_store(root: Path | None, *, read_only: bool) -> Store:
    """The store, or the end of the command where there is none."""
    root = root or default_root()
    if not (root / "tracks").is_dir():
        raise usage(
            f"{root} is no store, for lack of a folder tracks; name another, or make one: python -m precompute run walkthrough"
        )
    return Store(root, read_only=True) if read_only else open_store(root)


def _choose(store: Store, patterns: list[str], clip: str) -> list[Track]:
    """The tracks of those configurations on those clips, or the end of the command where there is none."""
    chosen = [
        track
        for track in store.tracks()
        if any(fnmatch.fnmatch(track.head.configuration, pattern) for pattern in patterns)
        and (fnmatch.fnmatch(track.head.clip.title, clip) or fnmatch.fnmatch(track.head.clip.key, clip))
    ]
    if not chosen:
        raise usage(f"no track matches {' '.join(patterns)} on clips '{clip}'; `list --all` shows what there is")
    return chosen


@contextmanager
def _transfer(what: str, place: Path, n_bytes: int) -> Iterator[OnBytes]:
    """A bar of bytes, and one line where the transfer cannot go on; gives the callback for bytes."""
    n_done = 0
    try:
        with bytes_bar(what) as show:

            def on_bytes(n_more: int) -> None:
                nonlocal n_done
                n_done += n_more
                show(n_done, n_bytes)

            yield on_bytes
    except StoreError as error:
        complain(str(error))
    except OSError as error:
        complain(f"{place}: {error.strerror or error}; mend that and run the same command again to go on")
    except KeyboardInterrupt:
        complain("stopped; whole tracks are kept: run the same command again to go on")
        raise typer.Exit(128 + signal.SIGINT) from None
    else:
        return
    raise typer.Exit(EXIT_FAILED_ITEM)


def _tell(arrivals: Iterable[Arrival], place: Path) -> None:
    """Say what became of each track."""
    counts = Counter[str]()
    for arrival in arrivals:
        counts[arrival.outcome] += 1
        if arrival.outcome == "refused":
            complain(f"{arrival.name}: {arrival.why}", "refused")
    say(f"{place}: {counts['new']} tracks stored, {counts['known']} were there, {counts['refused']} refused")
    if counts["refused"]:
        raise typer.Exit(EXIT_FAILED_ITEM)


def _page() -> Console:
    """Where tables go: every row on one line where no terminal says how many letters fit."""
    return out if out.is_terminal else SteadyConsole(highlight=False, width=PIPE_WIDTH)


def _row(store: Store, track: Track) -> dict[str, Any]:
    """What `list --json` tells of a track."""
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
        "caveat": track.head.caveat,
        "key": head.key,
    }
    if head.kind == "energy":
        try:
            row["energy_mean"] = mean_energy(store, track)
        except (CorruptPack, BadPack, KeyError) as error:
            row["energy_mean"] = None
            complain(f"{head.configuration} of '{head.clip.title}': {error}", "damaged")
    return row


def mean_energy(store: Store, track: Track) -> float | None:
    """The mean over frames of the standardised energy, in sigma; None while no frame is stored."""
    if not track.n_frames:
        return None
    constants = track.head.constants
    terms = store.column(track, "terms")  # (N, P)
    return float(((terms - constants["mu"]) / constants["sigma"]).mean())
