"""Shows the progress of a command as bars, and its errors as one line without a traceback."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from consistency.zoo.records import ZooError
from training.learning.jobs import TrainingJob
from training.learning.loop import Watch

LOG_TAIL_BYTES = 1000  # more than the longest line of a training log


@contextmanager
def errors_named() -> Iterator[None]:
    """Print what went wrong and what to do, without a traceback; the exit code is 1."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, ZooError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


@contextmanager
def bars() -> Iterator[Progress]:
    """Progress bars on stderr, for the duration of a block whose errors are named."""
    with (
        errors_named(),
        Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        ) as progress,
    ):
        yield progress


def follow_total(progress: Progress, description: str) -> Callable[[int, int], None]:
    """Add a bar; the callback takes what is done and the total."""
    bar = progress.add_task(description, total=None, rate="")
    return lambda done, of: progress.update(bar, completed=done, total=of)


def follow_rooms(progress: Progress, n_rooms: int) -> Callable[[int, int], None]:
    """Add a bar of rooms; the callback takes the frames and rooms that were just finished."""
    bar = progress.add_task("render rooms", total=n_rooms, rate="")
    started = time.monotonic()
    n_frames = 0

    def report(frames: int, rooms: int) -> None:
        nonlocal n_frames
        n_frames += frames
        rate = n_frames / (time.monotonic() - started)
        progress.update(bar, advance=rooms, rate=f"{rate:.1f} frames/s")

    return report


def follow_logs(progress: Progress, jobs: Sequence[TrainingJob], folder: Path) -> Watch:
    """Add a bar for all steps and one for each network in training; the callback reads their logs in `folder`."""
    total = progress.add_task("all networks", total=sum(job.steps for job in jobs), rate="")
    tasks: dict[str, TaskID] = {}
    done: dict[str, int] = {}

    def watch() -> None:
        for job in jobs:
            if done.get(job.name) == job.steps or (line := last_line(folder / f"{job.name}.jsonl")) is None:
                continue
            if job.name not in tasks:
                tasks[job.name] = progress.add_task(job.name, total=job.steps, rate="")
            rate = f"{line['images_per_second']:.0f} images/s, L1 {line['l1']:.4f}"
            is_done = line["step"] == job.steps
            progress.update(tasks[job.name], completed=line["step"], rate=rate, visible=not is_done)
            done[job.name] = line["step"]
        n_done = sum(done.get(job.name) == job.steps for job in jobs)
        progress.update(total, completed=sum(done.values()), rate=f"{n_done} of {len(jobs)}")

    return watch


def last_line(path: Path) -> dict | None:
    """Read the newest record of a training log; None before the first."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_TAIL_BYTES))
            lines = [line for line in file.read().split(b"\n") if line]
        return json.loads(lines[-1]) if lines else None
    except (FileNotFoundError, json.JSONDecodeError):
        return None
