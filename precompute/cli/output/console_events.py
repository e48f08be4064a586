"""The events of a run for people: one line for each result, bars while it works, and a table of what failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from precompute.cli.output.console import bytes_bar, err, out
from precompute.cli.output.rate import RateColumn
from precompute.failures import KINDS
from precompute.jobs import events
from precompute.text import count, one_line

TITLE_CHARACTERS = 24
"""Longest title shown beside a progress bar."""
SOURCE_CHARACTERS = 60
"""Longest source shown beside the progress bar of its download."""


class ConsoleEvents:
    """Prints results on `lines`, and errors and progress on stderr."""

    def __init__(self, lines: Console = out) -> None:
        self._lines = lines
        self._bars = ExitStack()
        self._show_bytes: Callable[[int, int | None], None] | None = None
        self._show_frames: Callable[[int, int, str], None] | None = None
        self._nodes = ""
        self._n_sources = 0
        self._source = self._title = ""
        self._failed: list[events.Failed] = []

    def emit(self, event: events.Event) -> None:
        match event:
            case events.RunStarted():
                self._n_sources = len(event.sources)
            case events.Note() | events.Waiting() | events.BatchHalved():
                self._say(self._remark(event))
            case events.Started():
                self._source = event.source
            case events.Downloading() | events.Computing():
                self._show_progress(event)
            case events.Resolved():
                self._close_bars()
            case events.Planned():
                self._title = event.title
                self._close_bars()  # those of the strength before
                self._say(_planned(event))
                self._show_frames = self._bars.enter_context(_frame_bar(event.title, event.n_frames))
            case events.Nodes():
                self._nodes = ", ".join(f"{rate.node} {rate.frames_per_second:.1f}/s" for rate in event.rates)
            case events.Estimated():
                err.print(Text(_estimated(self._title, event)), soft_wrap=True)
            case events.Stored():
                self._close_bars()
                self._say(_stored(event))
            case events.Failed():
                self._close_bars()
                self._failed.append(event)
                line = f"error[{event.error.code}] {event.error} (trying again {_again(event)})"
                err.print(Text(line), soft_wrap=True)
            case events.RunEnded():
                self._close_bars()
                if self._failed and self._n_sources > 1:
                    err.print(_table(self._failed))
                    err.print(Text(f"failed: {len(self._failed)} of {self._n_sources} sources"), soft_wrap=True)

    def _remark(self, event: events.Note | events.Waiting | events.BatchHalved) -> str:
        if isinstance(event, events.Note):
            return event.text
        if isinstance(event, events.Waiting):
            return f"{self._title}: waiting for another job that is writing this clip"
        frames = count(event.batch_size, "frame")
        return f"{self._title}: the GPU's memory is full; continuing with batches of {frames}"

    def _show_progress(self, event: events.Downloading | events.Computing) -> None:
        if isinstance(event, events.Computing):
            if self._show_frames:
                self._show_frames(event.n_frames, event.n_resumed, self._nodes)
            return
        if self._show_bytes is None:
            bar = bytes_bar(f"{self._source[:SOURCE_CHARACTERS]} · download")
            self._show_bytes = self._bars.enter_context(bar)
        self._show_bytes(event.n_bytes, event.n_total)

    def _say(self, text: str) -> None:
        self._lines.print(Text(text), soft_wrap=True)

    def _close_bars(self) -> None:
        self._bars.close()
        self._show_bytes = self._show_frames = None


def _planned(plan: events.Planned) -> str:
    size = f", about {plan.estimated_bytes / 1e6:.0f} MB" if plan.n_frames else ""
    frames = count(plan.n_frames, "frame") if plan.n_frames else "unknown number of frames"
    if plan.first_frame:
        frames = f"frames {plan.first_frame} to {plan.n_frames - 1}"
    dtype = plan.dtype if not plan.accuracy else f"{plan.dtype}, {plan.accuracy}"
    return (
        f"{plan.title}: {frames}, {plan.n_pending} of {count(plan.n_tracks, 'track')} to compute{size}, "
        f"on {plan.device} ({dtype})"
    )


def _estimated(title: str, event: events.Estimated) -> str:
    return f"{title}: about {_duration(event.seconds_left)} left, at {event.frames_per_second:.1f} frames/s"


def _stored(done: events.Stored) -> str:
    if done.is_partial:
        frames = count(done.n_frames_computed, "frame")
        return f"{done.title}: {frames} of this shard computed in {_duration(done.seconds)}; other shards are not done"
    if not done.n_tracks_computed:
        return f"{done.title}: {count(done.n_tracks, 'track')} already stored, 0 frames computed"
    measured = f", {done.n_tracks_measured} of them of motion and stability" if done.n_tracks_measured else ""
    if not done.n_frames_computed:
        return f"{done.title}: {count(done.n_tracks_computed, 'track')} stored{measured}, 0 frames computed"
    return (
        f"{done.title}: {count(done.n_tracks_computed, 'track')} stored{measured}, "
        f"{count(done.n_frames_computed, 'frame')} computed in {_duration(done.seconds)} "
        f"({done.n_frames_computed / done.seconds:.1f} frames/s)"
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _table(failed: list[events.Failed]) -> Table:
    """Sources and messages are printed as text, never as markup: anyone may have written them."""
    table = Table(box=None, pad_edge=False)
    for name in ("failed", "code", "what to do", "trying again"):
        table.add_column(name, overflow="fold")
    for event in failed:
        error = event.error
        table.add_row(Text(one_line(event.source)), Text(error.code), Text(error.next_step), Text(_again(event)))
    return table


def _again(event: events.Failed) -> str:
    """Whether the same command can succeed later without a change."""
    return "may help" if KINDS[event.error.code].can_retry else "will not help"


@contextmanager
def _frame_bar(title: str, n_frames: int) -> Iterator[Callable[[int, int, str], None]]:
    """A bar of frames. Yields the function to call with (frames so far, frames of earlier runs, the rates of nodes)."""
    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as bar:
        about = f"{title[:TITLE_CHARACTERS]} · computing"
        task = bar.add_task(about, total=n_frames or None)

        def show(n_done: int, n_resumed: int, nodes: str) -> None:
            if not bar.tasks[0].completed and n_resumed:
                bar.reset(task, total=n_frames or None, completed=n_resumed)
            bar.update(task, completed=n_done, description=f"{about} · {nodes}" if nodes else about)

        yield show
