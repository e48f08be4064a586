"""The command line of the batch job: `python -m precompute run`, and the commands that look after store and zoos."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from cache.store import Store
from precompute.cli import store as store_module
from precompute.cli import zoo as zoo_module
from precompute.cli.console import EXIT_FAILED_ITEM, StoreOption, bytes_bar, complain, err, open_store, out, usage
from precompute.cli.outcomes import Outcomes
from precompute.cli.zoo import CodeOption
from precompute.failures import SourceError
from precompute.jobs.events import Stored
from precompute.media.download import MAX_DURATION_SECONDS, Limits
from precompute.media.listing import list_sources
from precompute.signals import Stop, stop_on_signals

# Torch takes seconds to import, so the modules that need it are imported by `run` alone.

FREE_SPACE_FACTOR = 1.2
"""A run starts only where this many times its estimated size is free."""
BATCH_SIZE = {"cpu": 8, "cuda": 32}
"""Frames per network run: on CPUs more only leaves the caches, on GPUs fewer leave it idle."""

app = typer.Typer(
    help="Precompute what the dashboard shows: predictions, readouts and consistency energies of videos.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(zoo_module.app, name="zoo")


class DeviceName(StrEnum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Crop(StrEnum):
    centre = "centre"
    none = "none"


@app.command()
def run(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE...", help="A video file, a folder of them, a bundled clip's name, or a URL."),
    ] = None,
    list_file: Annotated[
        str | None, typer.Option("--from", metavar="FILE", help="A text file with one source per line; - reads them.")
    ] = None,
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
    tolerant: Annotated[
        bool, typer.Option("--tolerant", help="Of a damaged or cut file, keep the frames before the damage.")
    ] = False,
    device: Annotated[DeviceName, typer.Option(help="Where the networks run.")] = DeviceName.auto,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Frames per network run. Default: 8 on CPUs, 32 on GPUs.")
    ] = None,
    allow_code: CodeOption = False,
    max_duration: Annotated[
        float, typer.Option(min=1, help="Longest part of a URL's video, seconds; --max-frames lifts it.")
    ] = MAX_DURATION_SECONDS,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line for each event.")] = False,
) -> None:
    """Compute every configuration on every source. Run again, it computes only what is missing.

    [bold]Examples[/bold]

      python -m precompute run walkthrough phone

      python -m precompute run talk.mp4 --configurations 'mini/*/rgb-normal*' --fps 10

      python -m precompute run 'https://www.youtube.com/watch?v=...' --start 60 --end 90

      python -m precompute run my-videos --from more.txt --json

    Ctrl-C and SIGTERM finish the chunk in hand first; the second one stops at once.

    Exit codes: 0 done, 1 some source failed, 2 wrong usage, 130 stopped by Ctrl-C, 143 by SIGTERM.
    """
    from consistency.zoo.read import load_zoo
    from consistency.zoo.records import ZooError
    from precompute.jobs import devices
    from precompute.jobs.tracks import select_configurations
    from precompute.media.sampling import Sampling
    from precompute.media.sources import bundled_clips

    stop = context.with_resource(stop_on_signals(_say_stopping))
    patterns = [part for text in configurations or ["*"] for part in text.split(",") if part]
    if not patterns:
        raise usage("--configurations names none; give globs on zoo/method/path, such as 'mini/*/rgb-normal*'")
    try:
        listed = list_sources(sources or [], list_file, bundled_clips())
        sampling = Sampling(start, end, fps, max_frames, size, crop.value, tolerant)
        where = devices.choose_device(device.value)
        known_zoo = load_zoo(zoo, allow_code=allow_code)
        select_configurations(known_zoo, patterns)
    except (ValueError, ZooError) as error:
        raise usage(str(error)) from error
    if not listed.sources:
        raise usage("no source; give a video file, a folder, a URL or a bundled clip, or --from FILE that names some")
    limits = Limits(
        max_seconds=None if max_frames else max_duration, start_seconds=sampling.start, end_seconds=sampling.end
    )
    opened = open_store(store)
    outcomes = Outcomes(opened.root, listed.sources, as_json=as_json, out=out, err=err)
    job = _Job(
        opened, known_zoo, patterns, sampling, where, batch_size or BATCH_SIZE[where.type], limits, outcomes, stop
    )
    for remark in listed.remarks:
        outcomes.say(remark)
    if known_zoo.missing:
        n_missing = len({edge.weights for edge in known_zoo.missing})
        outcomes.say(f"{n_missing} networks of zoo {known_zoo.name} are not here; tracks that need them are left out")
    try:
        for spec in listed.sources:
            stop.raise_if_set()  # also where the source in hand then failed
            outcomes.started(spec)
            try:
                outcomes.stored(job.do(spec))
            except Exception as error:  # nothing that stops one source may stop the others
                outcomes.failed_by(error)
        stop.raise_if_set()
    except KeyboardInterrupt:
        outcomes.finish()
        complain("stopped; finished packs are kept: run the same command again to go on")
        raise typer.Exit(stop.exit_code) from None
    outcomes.finish()
    if outcomes.failed:
        raise typer.Exit(EXIT_FAILED_ITEM)


app.add_typer(store_module.app)


class _Job:
    """The settings of one call of `run`."""

    def __init__(
        self,
        store: Store,
        zoo: Any,
        patterns: list[str],
        sampling: Any,
        device: Any,
        batch_size: int,
        limits: Limits,
        outcomes: Outcomes,
        stop: Stop,
    ) -> None:
        self.store, self.zoo, self.patterns, self.sampling = store, zoo, patterns, sampling
        self.device, self.batch_size, self.limits, self.outcomes = device, batch_size, limits, outcomes
        self.stop = stop
        from precompute.jobs.predict import Networks

        self.networks = Networks()

    def do(self, spec: str) -> Stored:
        """Compute one source, and say what is done."""
        from precompute.jobs import devices, precision, run
        from precompute.jobs.plan import make_plan
        from precompute.media.sources import resolve

        self.stop.has_chunk = False  # an earlier source may have failed in the midst of one
        say = self.outcomes.say
        with bytes_bar(f"{spec[:60]} · download") as show:

            def on_bytes(n_bytes: int, total: int | None) -> None:
                show(n_bytes, total)
                self.outcomes.progress("download", n_bytes, total)

            source = resolve(spec, media_dir=self.store.media_dir, limits=self.limits, progress=on_bytes)
        plan = make_plan(self.store, source, self.sampling, self.zoo, self.patterns)
        tracks = f"{len(plan.specs)} tracks"
        if not plan.pending:
            say(f"{source.title}: {tracks} already stored, 0 frames computed")
            return Stored(source.title, plan.clip.key, len(plan.specs), 0)
        self._require_space(plan)
        dtype = devices.clip_dtype(self.store, plan, devices.choose_dtype(self.device))
        first = devices.all_devices(self.device)[0]  # where its networks then stay
        accuracy = precision.measured(self.store.root, self.zoo, plan.specs, first, dtype, self.networks)
        seconds = run.seconds_per_frame(plan, self.device, dtype, self.batch_size, accuracy.exact, self.networks)
        cost = f"about {plan.estimated_bytes / 1e6:.0f} MB and {_duration(seconds * plan.n_frames_left)}"
        say(
            f"{source.title}: {plan.clip.n_frames or 'unknown'} frames, {len(plan.pending)} of {tracks} to compute, "
            f"{cost if plan.clip.n_frames else f'{1 / seconds:.1f} frames/s'} on {self.device.type} "
            f"({devices.dtype_name(dtype)}, {accuracy})",
        )
        began = time.perf_counter()
        with _frame_bar(source.title, plan.clip.n_frames, self.outcomes) as report:

            def on_frames(n_done: int, n_resumed: int) -> None:
                self.stop.has_chunk = True
                report(n_done, n_resumed)

            n_frames = run.run_plan(
                self.store,
                plan,
                device=self.device,
                dtype=dtype,
                batch_size=self.batch_size,
                exact=accuracy.exact,
                networks=self.networks,
                report=on_frames,
                on_wait=lambda: say(f"{source.title}: waiting for another job that is writing this clip"),
                say=lambda message: say(f"{source.title}: {message}"),
                stop=self.stop,
            )
        self.stop.has_chunk = False
        self.stop.raise_if_set()
        elapsed = time.perf_counter() - began
        say(
            f"{source.title}: {len(plan.pending)} tracks stored, {n_frames} frames computed in {_duration(elapsed)} "
            f"({n_frames / elapsed:.1f} frames/s)",
        )
        return Stored(source.title, plan.clip.key, len(plan.specs), n_frames)

    def _require_space(self, plan: Any) -> None:
        free = shutil.disk_usage(self.store.root).free
        needed = FREE_SPACE_FACTOR * plan.estimated_bytes
        if free < needed:
            raise SourceError(
                "disk_full",
                f"{plan.source.title}: needs about {needed / 1e9:.1f} GB free in {self.store.root}, "
                f"{free / 1e9:.1f} GB are",
                "free space, use fewer frames (--fps, --max-frames) or configurations, or choose another --store",
            )


def _say_stopping() -> None:
    complain("the chunk in hand is being finished; Ctrl-C again stops at once", "stopping")


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
def _frame_bar(title: str, n_frames: int, outcomes: Outcomes):
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
            outcomes.progress("compute", n_done, n_frames or None)

        yield report
