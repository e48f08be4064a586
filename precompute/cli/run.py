"""`python -m precompute run`: the batch job."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, cast

import typer

from precompute.cli.job_options import (
    BatchSizeOption,
    ConfigurationsOption,
    CropOption,
    DeviceOption,
    EndOption,
    EnergiesOnlyOption,
    FpsOption,
    LogFormatOption,
    MaxDurationOption,
    MaxFramesOption,
    NoReadoutsOption,
    ShiftOption,
    SizeOption,
    StartOption,
    TolerantOption,
    VerboseOption,
    ZooOption,
    make_settings,
)
from precompute.cli.output.console import (
    EXIT_FAILED_ITEM,
    StoreOption,
    complain,
    err,
    open_store,
    out,
    usage,
)
from precompute.cli.output.console_events import ConsoleEvents
from precompute.cli.output.json_events import JsonEvents
from precompute.cli.output.log_events import LogEvents
from precompute.cli.output.logs import log_stopping, logging_to_stderr
from precompute.cli.output.next_step import NextStep
from precompute.cli.output.report_events import ReportEvents
from precompute.cli.zoo.arguments import CodeOption
from precompute.failures import NoRay
from precompute.jobs.events import Broadcast
from precompute.media.decoder import FORKS
from precompute.media.listing import list_sources
from precompute.net.limits import MAX_DURATION_SECONDS
from precompute.signals import stop_on_signals

if TYPE_CHECKING:
    from precompute.jobs.device_worker import Device

# Torch takes seconds to import, so the command imports what needs it.

log = logging.getLogger(__name__)


def run(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE...",
            help="Video files, pictures, folders of either, names of bundled clips, `gallery` for the bundled pictures, or URLs.",
        ),
    ] = None,
    list_file: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="Read more sources from a text file, one per line; - is stdin."),
    ] = None,
    store: StoreOption = None,
    zoo: ZooOption = "mini",
    configurations: ConfigurationsOption = None,
    no_readouts: NoReadoutsOption = False,
    fps: FpsOption = None,
    start: StartOption = 0.0,
    end: EndOption = None,
    max_frames: MaxFramesOption = None,
    size: SizeOption = 256,
    crop: CropOption = "centre",
    tolerant: TolerantOption = False,
    shift: ShiftOption = None,
    energies_only: EnergiesOnlyOption = False,
    device: DeviceOption = "auto",
    batch_size: BatchSizeOption = None,
    allow_code: CodeOption = False,
    max_duration: MaxDurationOption = MAX_DURATION_SECONDS,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Compute only the I-th of N parts: for N machines that share the store's folder (docs/cluster.md).",
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="ADDRESS",
            help="Compute on the nodes of the Ray cluster at that address, such as 10.0.0.1:6379 (docs/cluster.md).",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print events on stdout as JSON, one object per line.")
    ] = False,
    verbose: VerboseOption = False,
    log_format: LogFormatOption = "text",
) -> None:
    """Compute every configuration on every source. Running it again computes only what is missing.

    [bold]Examples[/bold]

      python -m precompute run walkthrough phone

      python -m precompute run gallery

      python -m precompute run talk.mp4 --configurations 'mini/*/rgb-normal*' --fps 10

      python -m precompute run photo.heic 'scan/frame_%04d.png' --fps 24

      python -m precompute run 'https://www.youtube.com/watch?v=...' --start 60 --end 90

      python -m precompute run walkthrough --fps 5 --shift jpeg@1..5,blur@1..5

      python -m precompute run my-videos --store /shared/store --shard 2/8

      python -m precompute run my-videos --store /shared/store --ray 10.0.0.1:6379

      python -m precompute run my-videos --from more.txt --json --verbose 2> run.log

    The first Ctrl-C or SIGTERM lets the job finish its current pack; the second stops it at once.

    Exit codes: 0 done, 1 a source failed, 2 wrong usage, 130 stopped by Ctrl-C, 143 stopped by SIGTERM.
    """
    is_json_log = log_format == "json"
    if verbose or is_json_log:
        level = logging.DEBUG if verbose else logging.INFO
        context.with_resource(logging_to_stderr(is_json=is_json_log, level=level))
    context.with_resource(FORKS.ready())  # first, so that decoders and torch are imported at once
    from precompute.jobs.job import run_job
    from precompute.jobs.units import parse_shard
    from precompute.media.sources import bundled_clips, bundled_sets

    stop = context.with_resource(stop_on_signals(log_stopping if is_json_log else say_stopping))
    try:
        part = parse_shard(shard) if shard is not None else None
        listed = list_sources(sources or [], list_file, bundled_clips(), bundled_sets())
    except ValueError as error:
        raise usage(str(error)) from error
    settings = make_settings(
        zoo=zoo,
        configurations=configurations,
        fps=fps,
        start=start,
        end=end,
        max_frames=max_frames,
        size=size,
        crop=crop,
        tolerant=tolerant,
        device="cpu" if ray is not None else device,  # each node chooses its own
        batch_size=batch_size,
        allow_code=allow_code,
        max_duration=max_duration,
        shift=shift,
        energies_only=energies_only,
        no_readouts=no_readouts,
    )
    if ray is not None and shard is not None:
        raise usage("--ray and --shard both split the work; use one of them")
    if not listed.sources:
        raise usage(
            "no source; give a video file, a picture, a folder, a URL or a bundled clip, or a list with --from FILE"
        )
    opened = open_store(store)
    report = ReportEvents(opened.root)
    lines = err if as_json else out
    for_people = [LogEvents()] if is_json_log else [ConsoleEvents(lines), NextStep(store, lines)]
    events = Broadcast(report, *for_people, *([JsonEvents(report.path)] if as_json else []))
    try:
        if ray is not None:
            from precompute.cluster.messages import job_of
            from precompute.cluster.run import run_on_cluster

            job = job_of(opened.root, zoo, settings, cast("Device", device), allow_code=allow_code)
            n_failed = run_on_cluster(
                opened, listed.sources, settings, job, ray, remarks=listed.remarks, events=events, stop=stop
            )
        else:
            n_failed = run_job(
                opened, listed.sources, settings, remarks=listed.remarks, shard=part, events=events, stop=stop
            )
    except NoRay as error:
        raise usage(str(error)) from error
    except KeyboardInterrupt:
        text = "stopped; finished packs are kept: run the same command again to resume"
        log.warning(text) if is_json_log else complain(text)
        raise typer.Exit(stop.exit_code) from None
    if n_failed:
        raise typer.Exit(EXIT_FAILED_ITEM)


def say_stopping() -> None:
    complain("the current pack is being finished; press Ctrl-C again to stop at once", "stopping")
