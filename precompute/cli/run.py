"""`python -m precompute run`: the batch job."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from precompute.cli.console import (
    EXIT_FAILED_ITEM,
    StoreOption,
    complain,
    err,
    logging_to_stderr,
    open_store,
    out,
    usage,
)
from precompute.cli.console_events import ConsoleEvents
from precompute.cli.json_events import JsonEvents
from precompute.cli.report_events import ReportEvents
from precompute.cli.zoo.arguments import CodeOption
from precompute.jobs.events import Broadcast
from precompute.media.listing import list_sources
from precompute.net.limits import MAX_DURATION_SECONDS, Limits
from precompute.signals import stop_on_signals

# Torch takes seconds to import, so the command imports what needs it.


class DeviceName(StrEnum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Crop(StrEnum):
    centre = "centre"
    none = "none"


def run(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE...", help="Video files, folders of videos, names of bundled clips, or URLs."),
    ] = None,
    list_file: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="Read more sources from a text file, one per line; - is stdin."),
    ] = None,
    store: StoreOption = None,
    zoo: Annotated[
        str, typer.Option(metavar="NAME", help="Name of a zoo (see `zoo list`), or a folder with a zoo.toml.")
    ] = "mini",
    configurations: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN", help="Globs on zoo/method/path, separated by commas or repeated. Default: all."
        ),
    ] = None,
    fps: Annotated[float | None, typer.Option(help="Frames per second to sample. Default: every frame.")] = None,
    start: Annotated[float, typer.Option(help="First second.")] = 0.0,
    end: Annotated[float | None, typer.Option(help="Last second (excluded). Default: the end.")] = None,
    max_frames: Annotated[int | None, typer.Option(min=1, help="Compute at most this many frames.")] = None,
    size: Annotated[int, typer.Option(help="Short side of the frames, in pixels.")] = 256,
    crop: Annotated[Crop, typer.Option(help="Compute the centre square, or the whole picture.")] = Crop.centre,
    tolerant: Annotated[
        bool, typer.Option("--tolerant", help="Keep the frames before the damage of a damaged or truncated file.")
    ] = False,
    device: Annotated[DeviceName, typer.Option(help="Where the networks run.")] = DeviceName.auto,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Frames per run of the networks. Default: 8 on CPUs, 32 on GPUs.")
    ] = None,
    allow_code: CodeOption = False,
    max_duration: Annotated[
        float, typer.Option(min=1, help="Longest video from a URL, in seconds; not checked with --max-frames.")
    ] = MAX_DURATION_SECONDS,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print events on stdout as JSON, one object per line.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", help="Log on stderr what the job plans, how it computes, and each pack it writes."),
    ] = False,
) -> None:
    """Compute every configuration on every source. Running it again computes only what is missing.

    [bold]Examples[/bold]

      python -m precompute run walkthrough phone

      python -m precompute run talk.mp4 --configurations 'mini/*/rgb-normal*' --fps 10

      python -m precompute run 'https://www.youtube.com/watch?v=...' --start 60 --end 90

      python -m precompute run my-videos --from more.txt --json --verbose 2> run.log

    The first Ctrl-C or SIGTERM lets the job finish its current pack; the second stops it at once.

    Exit codes: 0 done, 1 a source failed, 2 wrong usage, 130 stopped by Ctrl-C, 143 stopped by SIGTERM.
    """
    from consistency.zoo.read import load_zoo
    from consistency.zoo.records import ZooError
    from precompute.jobs.device_worker import choose_device
    from precompute.jobs.job import Settings, run_job
    from precompute.jobs.tracks import select_configurations
    from precompute.media.sampling import Sampling
    from precompute.media.sources import bundled_clips

    if verbose:
        context.with_resource(logging_to_stderr())
    stop = context.with_resource(stop_on_signals(_say_stopping))
    patterns = tuple(part for text in configurations or ["*"] for part in text.split(",") if part)
    if not patterns:
        raise usage("--configurations names none; use globs on zoo/method/path, such as 'mini/*/rgb-normal*'")
    try:
        listed = list_sources(sources or [], list_file, bundled_clips())
        sampling = Sampling(start, end, fps, max_frames, size, crop.value, tolerant)
        limits = Limits(max_seconds=None if max_frames else max_duration, start_seconds=start, end_seconds=end)
        where = choose_device(device.value)
        settings = Settings(load_zoo(zoo, allow_code=allow_code), patterns, sampling, where, batch_size, limits)
        select_configurations(settings.zoo, patterns)
    except (ValueError, ZooError) as error:
        raise usage(str(error)) from error
    if not listed.sources:
        raise usage("no source; give a video file, a folder, a URL or a bundled clip, or a list with --from FILE")
    opened = open_store(store)
    report = ReportEvents(opened.root)
    sinks = [report, ConsoleEvents(err if as_json else out), *([JsonEvents(report.path)] if as_json else [])]
    events = Broadcast(*sinks)
    try:
        n_failed = run_job(opened, listed.sources, settings, remarks=listed.remarks, events=events, stop=stop)
    except KeyboardInterrupt:
        complain("stopped; finished packs are kept: run the same command again to resume")
        raise typer.Exit(stop.exit_code) from None
    if n_failed:
        raise typer.Exit(EXIT_FAILED_ITEM)


def _say_stopping() -> None:
    complain("the current pack is being finished; press Ctrl-C again to stop at once", "stopping")
