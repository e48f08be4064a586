"""`python -m precompute compare`: from a video to its Compare page in one step."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from precompute.cli.dashboard_child import ANSWER_SECONDS, DashboardChild, NoDashboard
from precompute.cli.job_options import (
    BatchSizeOption,
    ConfigurationsOption,
    CropOption,
    DeviceOption,
    EndOption,
    FpsOption,
    MaxDurationOption,
    MaxFramesOption,
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
    open_store,
    say,
)
from precompute.cli.output.console_events import ConsoleEvents
from precompute.cli.output.logs import logging_to_stderr
from precompute.cli.output.next_step import page_link
from precompute.cli.output.report_events import ReportEvents
from precompute.cli.run import say_stopping
from precompute.cli.zoo.arguments import CodeOption
from precompute.jobs import events
from precompute.net.limits import MAX_DURATION_SECONDS
from precompute.signals import stop_on_signals

POLL_SECONDS = 0.5
"""How often a page that stays open is checked."""


def compare(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A video file, a picture, the name of a bundled clip, or a URL.")
    ],
    store: StoreOption = None,
    zoo: ZooOption = "mini",
    configurations: ConfigurationsOption = None,
    port: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", min=1, max=65535, help="Port of the page. Default: 8501, or a free one."),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the link.")] = False,
    fps: FpsOption = None,
    start: StartOption = 0.0,
    end: EndOption = None,
    max_frames: MaxFramesOption = None,
    max_duration: MaxDurationOption = MAX_DURATION_SECONDS,
    size: SizeOption = 256,
    crop: CropOption = "centre",
    tolerant: TolerantOption = False,
    device: DeviceOption = "auto",
    batch_size: BatchSizeOption = None,
    allow_code: CodeOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Compute a clip and open its page, which fills while the job runs. A clip that is stored opens at once.

    [bold]Examples[/bold]

      python -m precompute compare phone

      python -m precompute compare my-video.mp4 --fps 10

    The page is served to this machine alone, until Ctrl-C. Then nothing is left running; what was computed stays stored.

    Exit codes: 0 done, 1 the source or the page failed, 2 wrong usage, 130 stopped before the end, 143 the same by SIGTERM.
    """
    from precompute.jobs.job import run_job

    if verbose:
        context.with_resource(logging_to_stderr())
    stop = context.with_resource(stop_on_signals(say_stopping))
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
        device=device,
        batch_size=batch_size,
        allow_code=allow_code,
        max_duration=max_duration,
    )
    opened = open_store(store)
    with ExitStack() as stack:
        page = PageOpener(opened.root, port, wants_browser=not no_browser, stack=stack)
        sinks = events.Broadcast(ReportEvents(opened.root), ConsoleEvents(), page)
        try:
            n_failed = run_job(opened, [source], settings, events=sinks, stop=stop)
            page.wait_until_open()
            if n_failed or page.failure:
                raise typer.Exit(EXIT_FAILED_ITEM)
            say("press Ctrl-C to end the page")
        except KeyboardInterrupt:
            complain("stopped; finished packs are kept: run the same command again to resume")
            raise typer.Exit(stop.exit_code) from None
        try:
            page.stay()
        except KeyboardInterrupt:
            return
    complain("the dashboard has ended by itself")
    raise typer.Exit(EXIT_FAILED_ITEM)


class PageOpener:
    """Starts the dashboard once the source has proved usable, and opens the clip's page once frames are on the way."""

    def __init__(self, root: Path, port: int | None, *, wants_browser: bool, stack: ExitStack) -> None:
        self._root, self._port, self._wants_browser, self._stack = root, port, wants_browser, stack
        self._child: DashboardChild | None = None
        self._opening: threading.Thread | None = None
        self._clip = ""
        self.failure = ""
        """Why there is no page; empty if nothing is wrong."""

    def emit(self, event: events.Event) -> None:
        """The store lists the clip from its first frames on: before that, its link would show another clip."""
        match event:
            case events.Planned():
                self._clip = event.clip
                self._start()
            case events.Computing():
                self._open()
            case events.Stored():
                self._clip = event.clip
                self._start()
                self._open()

    def wait_until_open(self) -> None:
        """Return once the page is open, or has failed."""
        if self._opening is not None:
            while self._opening.is_alive():
                self._opening.join(POLL_SECONDS)  # in parts, so that signals are handled

    def stay(self) -> None:
        """Return only if the dashboard ends by itself."""
        assert self._child is not None
        waiting = threading.Event()
        while not self._child.has_ended:
            waiting.wait(POLL_SECONDS)

    def _start(self) -> None:
        if self._child is None and not self.failure:
            try:
                self._child = self._stack.enter_context(DashboardChild(self._root, self._port))
                self._stack.callback(self._stop_opening, self._child)
            except (NoDashboard, OSError) as error:
                self._fail(str(error))

    def _open(self) -> None:
        if self._child is not None and self._opening is None:
            self._opening = threading.Thread(target=self._open_page, args=(self._child,), daemon=True)
            self._opening.start()

    def _open_page(self, child: DashboardChild) -> None:
        try:
            if not child.wait_until_it_answers():
                return
        except NoDashboard as error:
            self._fail(str(error))
            return
        link = page_link(self._clip, child.port)
        say(f"page: {link}")
        if self._wants_browser and has_display():
            webbrowser.open(link)

    def _stop_opening(self, child: DashboardChild) -> None:
        """Before the child ends: its log is closed then."""
        child.ask_to_end()
        if self._opening is not None:
            self._opening.join(ANSWER_SECONDS)

    def _fail(self, why: str) -> None:
        self.failure = why
        complain(f"no page: {why}")


def has_display() -> bool:
    """Whether a browser can show a window; without one, Python would start a text browser in this terminal."""
    if sys.platform in ("darwin", "win32"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
