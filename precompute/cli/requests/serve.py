"""`python -m precompute serve`: the worker that does requests."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, cast

import typer

from cache.requests.limits import limits_of
from cache.store import Store
from precompute.cli.job_options import BatchSizeOption, DeviceOption, LogFormatOption
from precompute.cli.output.console import (
    EXIT_FAILED_ITEM,
    StoreOption,
    open_store,
    say,
    usage,
)
from precompute.cli.output.logs import FACTS, log_stopping, logging_to_stderr
from precompute.cli.run import say_stopping
from precompute.cli.zoo.arguments import CodeOption
from precompute.signals import stop_on_signals

if TYPE_CHECKING:
    from precompute.jobs.device_worker import Device
    from precompute.serving.worker import Say, Worker

# Torch takes seconds to import, so the command imports what needs it.

log = logging.getLogger(__name__)

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
    log_format: LogFormatOption = "text",
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="[ADDRESS:]PORT",
            help="Answer /healthz and /metrics (Prometheus) there; without an address, to this machine alone.",
        ),
    ] = None,
) -> None:
    """Do the requests in the store until stopped: stills before videos, askers in turn, the oldest first, one at a time.

    [bold]Examples[/bold]

      python -m precompute serve

      python -m precompute serve --device cuda --no-files --store /srv/crosscheck

      python -m precompute ask phone && python -m precompute serve --until-idle

      python -m precompute serve --metrics 9464 --log-format json

    Several workers may serve one store. The first Ctrl-C or SIGTERM lets the worker finish its current pack and give the
    request back, so that the next one resumes there; the second stops it at once. A killed worker's request is taken
    again within half a minute.

    Exit codes: 0 stopped by SIGTERM or nothing left, 1 a request failed (with --until-idle), 2 wrong usage, 130 stopped by
    Ctrl-C.
    """
    is_json_log = log_format == "json"
    if verbose or is_json_log:
        level = logging.DEBUG if verbose else logging.INFO
        context.with_resource(logging_to_stderr(is_json=is_json_log, level=level))
    stop = context.with_resource(stop_on_signals(log_stopping if is_json_log else say_stopping))
    tell = _log if is_json_log else _say
    try:
        worker = _worker(open_store(store), device, batch_size, threads, keep << 20, allow_code, no_files, tell)
        if metrics is not None:
            address = context.with_resource(_answering(metrics, worker))
            tell(f"answering {address}/healthz and {address}/metrics", address=address)
        n_failed = worker.serve(stop, until_idle=until_idle)
    except KeyboardInterrupt:
        raise typer.Exit(0 if stop.signal_number == signal.SIGTERM else stop.exit_code) from None
    if n_failed:
        raise typer.Exit(EXIT_FAILED_ITEM)


def _worker(
    opened: Store,
    device: str,
    batch_size: int | None,
    threads: int | None,
    keep_bytes: int,
    allow_code: bool,
    no_files: bool,
    tell: Say,
) -> Worker:
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
    tell(f"serving {opened.root} on {setup.device.type}; stop with Ctrl-C", device=setup.device.type)
    return Worker(opened, setup, limits=limits, keep_bytes=keep_bytes, say=tell)


@contextmanager
def _answering(place: str, worker: Worker) -> Iterator[str]:
    """The worker's web server; yields its address. Ends the command if it cannot listen there."""
    from precompute.serving.endpoint import answering, place_of
    from precompute.serving.metrics import Metrics

    counted = Metrics(worker.store, worker.health)
    try:
        found = place_of(place)
    except ValueError as error:
        raise usage(f"--metrics {error}") from error
    with ExitStack() as stack:
        try:
            address = stack.enter_context(answering(found, worker.health, counted))
        except OSError as error:
            raise usage(
                f"--metrics {place}: cannot listen there ({error.strerror or error}); give another port"
            ) from error
        worker.tally = counted
        yield address


def _say(line: str, /, **facts: object) -> None:
    say(line)


def _log(line: str, /, **facts: object) -> None:
    log.log(logging.ERROR if "code" in facts else logging.INFO, "%s", line, extra={FACTS: facts})
