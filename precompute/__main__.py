"""The command line of the batch job: `python -m precompute run|list|verify|remove|zoo`."""

from __future__ import annotations

import fnmatch
import json
import shutil
import signal
import sys
import time
from contextlib import contextmanager
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column, Table
from rich.text import Text

from cache.pack import BadPack
from cache.records import Track
from cache.store import CorruptPack, Store, StoreError, default_root
from precompute import zoo_commands
from precompute.errors import SourceError

# Torch takes seconds to import, so the modules that need it are imported by `run` alone.

FREE_SPACE_FACTOR = 1.2
"""A run starts only where this many times its estimated size is free."""
EXIT_FAILED_ITEM, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
PIPE_WIDTH = 200
"""Letters of a line where no terminal says how many fit: every configuration on one line."""
BATCH_SIZE = {"cpu": 8, "cuda": 32}
"""Frames per network run: on CPUs more only leaves the caches, on GPUs fewer leave it idle."""

app = typer.Typer(
    help="Precompute what the dashboard shows: predictions, readouts and consistency energies of videos.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(zoo_commands.app, name="zoo")
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="DIR",
        help="Where results are kept. Default: $CROSSCHECK_STORE, else the user's data folder.",
    ),
]


class DeviceName(StrEnum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Crop(StrEnum):
    centre = "centre"
    none = "none"


@app.command()
def run(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="A video file, a bundled clip's name, or a URL.")
    ],
    store: StoreOption = None,
    zoo: Annotated[
        str, typer.Option(metavar="NAME", help="A zoo's name (see `zoo list`), or a folder that holds zoo.toml.")
    ] = "mini",
    configurations: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN", help="Globs on zoo/method/path, separated by commas or repeated. Default: all."
        ),
    ] = None,
    fps: Annotated[float | None, typer.Option(help="Frames per second to take. Default: every frame.")] = None,
    start: Annotated[float, typer.Option(help="First second.")] = 0.0,
    end: Annotated[float | None, typer.Option(help="Last second (not included).")] = None,
    max_frames: Annotated[int | None, typer.Option(min=1, help="At most this many frames.")] = None,
    size: Annotated[int, typer.Option(help="Short side of the frames, pixels.")] = 256,
    crop: Annotated[Crop, typer.Option(help="The centre square, or the whole picture.")] = Crop.centre,
    device: Annotated[DeviceName, typer.Option(help="Where the networks run.")] = DeviceName.auto,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Frames per network run. Default: 8 on CPUs, 32 on GPUs.")
    ] = None,
    allow_code: zoo_commands.CodeOption = False,
) -> None:
    """Compute every configuration on every source. Run again, it computes only what is missing.

    [bold]Examples[/bold]

      python -m precompute run walkthrough phone

      python -m precompute run talk.mp4 --configurations 'mini/*/rgb-normal*' --fps 10

      python -m precompute run 'https://www.youtube.com/watch?v=...' --start 60 --end 90

    Exit codes: 0 done, 1 some source failed, 2 wrong usage.
    """
    import torch

    from consistency.zoo import ZooError, load_zoo
    from precompute import pipeline, recipes, video

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    patterns = [part for text in configurations or ["*"] for part in text.split(",") if part]
    if not patterns:
        raise _usage("--configurations names none; give globs on zoo/method/path, such as 'mini/*/rgb-normal*'")
    try:
        sampling = video.Sampling(start, end, fps, max_frames, size, crop.value)
        where = pipeline.choose_device(device.value)
        known_zoo = load_zoo(zoo, allow_code=allow_code)
        recipes.select_configurations(known_zoo, patterns)
    except (ValueError, ZooError) as error:
        raise _usage(str(error)) from error
    job = _Job(_open_store(store), known_zoo, patterns, sampling, where, batch_size or BATCH_SIZE[where.type])
    failed = []
    for spec in sources:
        try:
            job.do(spec)
        except (SourceError, ZooError, StoreError) as error:
            failed.append(spec)
            _complain(str(error))
        except OSError as error:
            failed.append(spec)
            _complain(
                f"{spec}: {error.strerror or error}; free space or mend the store, then run the same command again"
            )
        except torch.OutOfMemoryError:
            failed.append(spec)
            _complain(f"{spec}: the GPU's memory is full; use a smaller --batch-size or --size, or --device cpu")
        except Exception as error:  # one source that meets a fault of ours must not stop the others
            failed.append(spec)
            _complain(f"{spec}: {type(error).__name__}: {' '.join(str(error).split())}; please report this")
        except KeyboardInterrupt:
            _complain("stopped; finished packs are kept: run the same command again to go on")
            raise typer.Exit(EXIT_INTERRUPTED) from None
    if failed:
        _complain(f"{len(failed)} of {len(sources)} sources failed: {', '.join(failed)}", "failed")
        raise typer.Exit(EXIT_FAILED_ITEM)


class _Job:
    """The settings of one call of `run`."""

    def __init__(
        self, store: Store, zoo: Any, patterns: list[str], sampling: Any, device: Any, batch_size: int
    ) -> None:
        self.store, self.zoo, self.patterns, self.sampling = store, zoo, patterns, sampling
        self.device, self.batch_size = device, batch_size
        from precompute.lanes import Networks

        self.networks = Networks()

    def do(self, spec: str) -> None:
        """Compute one source, and say what is done."""
        from precompute import pipeline, precision, video

        with _download_bar(spec) as on_bytes:
            source = video.resolve(spec, media_dir=self.store.media_dir, progress=on_bytes)
        plan = pipeline.make_plan(self.store, source, self.sampling, self.zoo, self.patterns)
        tracks = f"{len(plan.recipes)} tracks"
        if not plan.pending:
            say(f"{source.title}: {tracks} already stored, 0 frames computed")
            return
        self._require_space(plan)
        dtype = pipeline.clip_dtype(self.store, plan, pipeline.choose_dtype(self.device))
        accuracy = precision.measured(self.store.root, self.zoo, plan.recipes, self.device, dtype, self.networks)
        seconds = pipeline.seconds_per_frame(plan, self.device, dtype, self.batch_size, accuracy.exact, self.networks)
        cost = f"about {plan.estimated_bytes / 1e6:.0f} MB and {_duration(seconds * plan.n_frames_left)}"
        say(
            f"{source.title}: {plan.clip.n_frames or 'unknown'} frames, {len(plan.pending)} of {tracks} to compute, "
            f"{cost if plan.clip.n_frames else f'{1 / seconds:.1f} frames/s'} on {self.device.type} "
            f"({pipeline.dtype_name(dtype)}, {accuracy})",
        )
        began = time.perf_counter()
        with _frame_bar(source.title, plan.clip.n_frames) as report:
            n_frames = pipeline.run_plan(
                self.store,
                plan,
                device=self.device,
                dtype=dtype,
                batch_size=self.batch_size,
                exact=accuracy.exact,
                networks=self.networks,
                report=report,
                on_wait=lambda: say(f"{source.title}: waiting for another job that is writing this clip"),
                say=lambda message: say(f"{source.title}: {message}"),
            )
        elapsed = time.perf_counter() - began
        say(
            f"{source.title}: {len(plan.pending)} tracks stored, {n_frames} frames computed in {_duration(elapsed)} "
            f"({n_frames / elapsed:.1f} frames/s)",
        )

    def _require_space(self, plan: Any) -> None:
        free = shutil.disk_usage(self.store.root).free
        needed = FREE_SPACE_FACTOR * plan.estimated_bytes
        if free < needed:
            raise StoreError(
                f"{plan.source.title}: needs about {needed / 1e9:.1f} GB free in {self.store.root}, "
                f"{free / 1e9:.1f} GB are; free some, take fewer frames (--fps, --max-frames) "
                "or configurations, or choose another --store"
            )


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
    page = out if out.is_terminal else Console(highlight=False, width=PIPE_WIDTH)
    for clip, pairs in groupby(zip(tracks, rows, strict=True), key=lambda pair: pair[0].head.clip.key):
        table = Table(box=None, pad_edge=False, title_justify="left")
        table.add_column("configuration", overflow="fold")
        table.add_column("kind", no_wrap=True)
        for name in ("frames", "MB", "energy (σ)"):
            table.add_column(name, justify="right", no_wrap=True)
        for track, row in pairs:
            mean = row.get("energy_mean")
            table.title = Text(f"{track.head.clip.title} ({clip[:12]})", style="bold")
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
        typer.Option("--fix", help="Delete what is damaged; the next `run` makes it again. Stop other jobs first."),
    ] = False,
) -> None:
    """Hash every pack again and read every manifest. Exit code 1 where something is wrong and not mended.

    [bold]Examples[/bold]

      python -m precompute verify

      python -m precompute verify --fix && python -m precompute run walkthrough phone
    """
    root = store or default_root()
    if not (root / "tracks").is_dir():
        raise _usage(
            f"{root} is no store; name one with --store DIR, or make one: python -m precompute run walkthrough"
        )
    opened = _open_store(root) if fix else Store(root, read_only=True)
    n_checked = n_wrong = n_mended = 0
    with Progress(TextColumn("verify"), BarColumn(), MofNCompleteColumn(), TextColumn("packs"), console=err) as bar:
        task = bar.add_task("verify", total=sum(len(track.packs) for track in opened.tracks()))
        for problem in opened.verify():
            n_checked += 1
            bar.advance(task)
            if problem:
                n_wrong += 1
                _complain(f"{problem.name}: {problem.what}", "damaged")
                if fix and problem.is_repairable:
                    try:
                        opened.repair(problem)
                        n_mended += 1
                    except StoreError as error:
                        _complain(f"{problem.name}: {error}")
    say(
        f"{opened.root}: {n_checked} checked, {n_wrong} damaged" + (f", {n_mended} deleted: run the job" if fix else "")
    )
    if n_wrong > n_mended:
        raise typer.Exit(EXIT_FAILED_ITEM)


@app.command()
def remove(
    patterns: Annotated[list[str], typer.Argument(metavar="PATTERN...", help="Globs on zoo/method/path; '*' for all.")],
    clip: Annotated[str, typer.Option(metavar="GLOB", help="Only clips with such a title or key.")] = "*",
    store: StoreOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove tracks, and the files that no other track needs.

    [bold]Examples[/bold]

      python -m precompute remove 'mini/baseline/*' --clip 'Walk*'

      python -m precompute remove '*' --clip phone --yes
    """
    opened = _open_store(store)
    chosen = [
        track
        for track in opened.tracks()
        if any(fnmatch.fnmatch(track.head.configuration, pattern) for pattern in patterns)
        and (fnmatch.fnmatch(track.head.clip.title, clip) or fnmatch.fnmatch(track.head.clip.key, clip))
    ]
    if not chosen:
        raise _usage(f"no track matches {' '.join(patterns)} on clips '{clip}'; `list --all` shows what there is")
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
            _complain(f"{title}: {error}")
    say(f"{freed / 1e6:.1f} MB freed")
    if busy:
        raise typer.Exit(EXIT_FAILED_ITEM)


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
        "key": head.key,
    }
    if head.kind == "energy":
        try:
            row["energy_mean"] = mean_energy(store, track)
        except (CorruptPack, BadPack, KeyError) as error:
            row["energy_mean"] = None
            _complain(f"{head.configuration} of '{head.clip.title}': {error}", "damaged")
    return row


def mean_energy(store: Store, track: Track) -> float | None:
    """The mean over frames of the standardised energy, in sigma; None while no frame is stored."""
    if not track.n_frames:
        return None
    constants = track.head.constants
    terms = store.column(track, "terms")  # (N, P)
    return float(((terms - constants["mu"]) / constants["sigma"]).mean())


def _open_store(root: Path | None) -> Store:
    try:
        return Store(root or default_root())
    except StoreError as error:
        raise _usage(str(error)) from error


def say(message: str) -> None:
    """One line on stdout, whatever the width of the terminal."""
    out.print(Text(message), soft_wrap=True)


def _usage(message: str) -> typer.Exit:
    _complain(message)
    return typer.Exit(EXIT_USAGE)


def _complain(message: str, word: str = "error") -> None:
    """One line on stderr."""
    err.print(Text(f"{word}: {message}"), soft_wrap=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


class _RateColumn(ProgressColumn):
    """Frames per second of this run."""

    def __init__(self) -> None:
        super().__init__(table_column=Column(no_wrap=True, min_width=14))

    def render(self, task: Any) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} frames/s" if speed else "", style="progress.data.speed", no_wrap=True)


@contextmanager
def _frame_bar(title: str, n_frames: int):
    """A bar of frames; gives the callback that `run_plan` reports to."""
    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as bar:
        task = bar.add_task(f"{title[:24]} · computing", total=n_frames or None)

        def report(n_done: int, n_resumed: int) -> None:
            if not bar.tasks[0].completed and n_resumed:
                bar.reset(task, total=n_frames or None, completed=n_resumed)
            bar.update(task, completed=n_done)

        yield report


@contextmanager
def _download_bar(spec: str):
    """A bar of bytes that appears with the first of them."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(f"{spec[:60]} · download", total=None, visible=False)
        yield lambda n_bytes, total: bar.update(task, completed=n_bytes, total=total, visible=True)


if __name__ == "__main__":
    sys.exit(app(prog_name="python -m precompute"))
