"""The command line: render rooms, train the networks, evaluate and export them, and make the bundled clips."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
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

from . import export, methods, sample
from .data import RenderPlan, render_all
from .furniture import DEFAULT_CATALOGUE_FOLDER

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode="markdown")

Work = Annotated[
    Path,
    typer.Option(help="Folder for rendered frames and checkpoints (about 6 GB); kept, so that a killed run goes on."),
]
Workers = Annotated[int, typer.Option(min=1, help="Processes at a time.")]
Seed = Annotated[int, typer.Option(help="Seed of rooms, batches and weights.")]
Rooms = Annotated[int, typer.Option(min=1, help="Training rooms.")]
Views = Annotated[int, typer.Option(min=1, help="Frames per training room.")]
Catalogues = Annotated[Path, typer.Option(help="Folder of the .sh3f furniture catalogues.")]
LearningRate = Annotated[float, typer.Option(help="Highest learning rate.")]
Scale = Annotated[
    float, typer.Option(min=0.001, help="Factor on every number of steps: 0.01 tries the whole command quickly.")
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]

DEFAULT_WORK = Path("build/training")
DEFAULT_WORKERS = os.cpu_count() or 1
render_defaults, train_defaults = RenderPlan(), methods.TrainingPlan()


@app.command()
def make(
    out: Annotated[Path, typer.Option(help="Folder of the finished zoo.")],
    work: Work = DEFAULT_WORK,
    workers: Workers = DEFAULT_WORKERS,
    device: Device = "auto",
    seed: Seed = train_defaults.seed,
    rooms: Rooms = render_defaults.train_rooms,
    views: Views = render_defaults.train_views,
    scale: Scale = 1.0,
    learning_rate: LearningRate = train_defaults.learning_rate,
    catalogues: Catalogues = DEFAULT_CATALOGUE_FOLDER,
) -> None:
    """Everything: render, train, evaluate, and write weights, zoo.toml and MODEL_CARD.md.

    Stopped and started again, it goes on where it was.

    Example: `python -m training make --out consistency/zoos/mini`
    """
    render(work, workers, seed, rooms, views, catalogues)
    train(work, workers, device, seed, scale, learning_rate)
    evaluate(out, work, seed, scale, learning_rate)


@app.command()
def render(
    work: Work = DEFAULT_WORK,
    workers: Workers = DEFAULT_WORKERS,
    seed: Seed = render_defaults.seed,
    rooms: Rooms = render_defaults.train_rooms,
    views: Views = render_defaults.train_views,
    catalogues: Catalogues = DEFAULT_CATALOGUE_FOLDER,
) -> None:
    """Render training, validation and test rooms; shards that are there are kept.

    Example: `python -m training render --rooms 100`
    """
    plan = RenderPlan(seed=seed, train_rooms=rooms, train_views=views)
    n_rooms = plan.train_rooms + plan.validation_rooms + plan.test_rooms
    started = time.monotonic()
    with bars() as progress:
        bar = progress.add_task("render rooms", total=n_rooms, rate="")
        n_frames = 0

        def report(frames: int, rooms: int) -> None:
            nonlocal n_frames
            n_frames += frames
            rate = n_frames / (time.monotonic() - started)
            progress.update(bar, advance=rooms, rate=f"{rate:.1f} frames/s")

        render_all(plan, work / "frames", workers, catalogues, report)
    note_time(work / "frames" / "render.json", time.monotonic() - started, workers)


@app.command()
def train(
    work: Work = DEFAULT_WORK,
    workers: Workers = DEFAULT_WORKERS,
    device: Device = "auto",
    seed: Seed = train_defaults.seed,
    scale: Scale = 1.0,
    learning_rate: LearningRate = train_defaults.learning_rate,
) -> None:
    """Train all networks on the rendered rooms; each goes on from its last checkpoint.

    Example: `python -m training train --scale 0.01`
    """
    device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    plan = training_plan(seed, scale, learning_rate)
    folder = work / "networks"
    jobs = [job for jobs in methods.plan_jobs(plan) for job in jobs]
    with bars() as progress:
        tasks: dict[str, TaskID] = {}

        def watch() -> None:
            for job in jobs:
                line = last_line(folder / f"{job.name}.jsonl")
                if line is None:
                    continue
                if job.name not in tasks:
                    tasks[job.name] = progress.add_task(job.name, total=job.steps, rate="")
                rate = f"{line['images_per_second']:.0f} images/s, L1 {line['l1']:.4f}"
                progress.update(tasks[job.name], completed=line["step"], rate=rate)

        methods.train_all(plan, work / "frames", folder, workers, device, watch)


@app.command()
def evaluate(
    out: Annotated[Path, typer.Option(help="Folder of the finished zoo.")],
    work: Work = DEFAULT_WORK,
    seed: Seed = train_defaults.seed,
    scale: Scale = 1.0,
    learning_rate: LearningRate = train_defaults.learning_rate,
) -> None:
    """Export the trained networks as a zoo and measure what was exported on held-out rooms.

    Example: `python -m training evaluate --out build/mini`
    """
    with bars() as progress:
        bar = progress.add_task("evaluate", total=None, rate="")

        def report(done: int, of: int) -> None:
            progress.update(bar, completed=done, total=of)

        export.write_zoo(training_plan(seed, scale, learning_rate), work / "networks", work / "frames", out, report)


@app.command("sample")
def sample_(
    out: Annotated[Path, typer.Option(help="Folder of the bundled clips.")],
    work: Work = DEFAULT_WORK,
    phone_source: Annotated[
        Path, typer.Option(help="The phone clip of Debian's forensics-samples-files.")
    ] = sample.PHONE_SOURCE,
    catalogues: Catalogues = DEFAULT_CATALOGUE_FOLDER,
) -> None:
    """Make the bundled clips: a rendered walk-through with its ground truth, and a reduced phone clip.

    Example: `python -m training sample --out precompute/sample`
    """
    with bars() as progress:
        bar = progress.add_task("render walkthrough", total=sample.N_FRAMES, rate="")
        sample.make_walkthrough(
            out, work / "frames" / "furniture", catalogues, lambda n: progress.update(bar, completed=n)
        )
    sample.make_phone(phone_source, out)
    sample.write_readme(out)


def note_time(path: Path, seconds: float, workers: int) -> None:
    """Add to the time that rendering took so far, for the model card."""
    before = json.loads(path.read_text())["seconds"] if path.exists() else 0.0
    path.write_text(json.dumps({"seconds": before + seconds, "workers": workers}))


def training_plan(seed: int, scale: float, learning_rate: float) -> methods.TrainingPlan:
    """The defaults with every number of steps scaled, at least one step each."""
    default = methods.TrainingPlan()

    def scaled(steps: int) -> int:
        return max(1, round(steps * scale))

    return replace(
        default,
        seed=seed,
        learning_rate=learning_rate,
        rgb_steps=tuple(scaled(n) for n in default.rgb_steps),
        rgb_full_size_steps=scaled(default.rgb_full_size_steps),
        method_steps=scaled(default.method_steps),
        cross_steps=scaled(default.cross_steps),
        cross_full_size_steps=scaled(default.cross_full_size_steps),
    )


def last_line(path: Path) -> dict | None:
    """The newest record of a training log; None before the first."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 1000))
            lines = [line for line in file.read().split(b"\n") if line]
        return json.loads(lines[-1]) if lines else None
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def bars() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


if __name__ == "__main__":
    app()
