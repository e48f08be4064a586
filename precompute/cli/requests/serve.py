"""`python -m precompute serve`: the worker that does requests."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, cast

import typer

from cache.requests.limits import limits_of
from cache.store import Store
from precompute.cli.job_options import BatchSizeOption, DeviceOption
from precompute.cli.output.console import (
    EXIT_FAILED_ITEM,
    StoreOption,
    folder_of,
    logging_to_stderr,
    open_store,
    say,
    usage,
)
from precompute.cli.run import say_stopping
from precompute.cli.zoo.arguments import CodeOption
from precompute.signals import Stop, stop_on_signals

if TYPE_CHECKING:
    from precompute.jobs.device_worker import Device

# Torch takes seconds to import, so the command imports what needs it.

NICENESS = 10
"""The page of the same machine comes first."""


def serve(
    context: typer.Context,
    store: StoreOption = None,
    device: DeviceOption = "auto",
    batch_size: BatchSizeOption = None,
    threads: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", min=1, help="CPU threads of the networks. Default: one per core."),
    ] = None,
    keep: Annotated[
        int, typer.Option(metavar="MB", min=0, help="Memory for networks that stay loaded between requests.")
    ] = 2048,
    no_files: Annotated[
        bool,
        typer.Option("--no-files", help="Refuse requests for files of this machine. For servers open to others."),
    ] = False,
    allow_code: CodeOption = False,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when no request waits; exit code 1 if one failed.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log on stderr how requests are computed.")] = False,
) -> None:
    """Do the requests in the store until stopped: stills before videos, askers in turn, the oldest first, one at a time.

    [bold]Examples[/bold]

      python -m precompute serve

      python -m precompute serve --device cuda --no-files --store /srv/crosscheck

      python -m precompute ask phone && python -m precompute serve --until-idle

    Several workers may serve one store. The first Ctrl-C or SIGTERM lets the worker finish its current pack and give the
    request back, so that the next one resumes there; the second stops it at once. A killed worker's request is taken
    again within half a minute.

    Exit codes: 0 stopped by SIGTERM or nothing left, 1 a request failed (with --until-idle), 2 wrong usage, 130 stopped by
    Ctrl-C.
    """
    if verbose:
        context.with_resource(logging_to_stderr())
    stop = context.with_resource(stop_on_signals(say_stopping))
    try:
        n_failed = _serve(
            open_store(folder_of(store)),
            device,
            batch_size,
            threads,
            keep << 20,
            stop,
            allow_code,
            no_files,
            until_idle,
        )
    except KeyboardInterrupt:
        raise typer.Exit(0 if stop.signal_number == signal.SIGTERM else stop.exit_code) from None
    if n_failed:
        raise typer.Exit(EXIT_FAILED_ITEM)


def _serve(
    opened: Store,
    device: str,
    batch_size: int | None,
    threads: int | None,
    keep_bytes: int,
    stop: Stop,
    allow_code: bool,
    no_files: bool,
    until_idle: bool,
) -> int:
    """How many requests failed."""
    import torch

    from precompute.jobs.device_worker import choose_device
    from precompute.serving.compute_request import Setup
    from precompute.serving.worker import Worker

    try:
        limits = limits_of(os.environ)
        setup = Setup(choose_device(cast("Device", device)), batch_size, allow_code, allow_files=not no_files)
    except ValueError as error:
        raise usage(str(error)) from error
    with suppress(OSError):
        os.nice(NICENESS)
    if threads is not None:
        torch.set_num_threads(threads)
    say(f"serving {opened.root} on {setup.device.type}; stop with Ctrl-C")
    return Worker(opened, setup, limits=limits, keep_bytes=keep_bytes, say=say).serve(stop, until_idle=until_idle)
