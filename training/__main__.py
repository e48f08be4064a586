"""The command line: render rooms, train the networks, export and evaluate them, and make the bundled clips."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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

from consistency.zoo.read import load_zoo
from consistency.zoo.records import ZooError
from training.evaluation import real_images
from training.evaluation.evaluate import Evaluation
from training.learning.checkpoints import plan_of
from training.learning.jobs import Job, Jobs
from training.learning.loop import Watch
from training.learning.parallel import train_all
from training.learning.plan import PRESETS, Choice, Plan
from training.release import bundled_clips, export
from training.scenes.furniture import DEFAULT_CATALOGUE_FOLDER
from training.scenes.render_shards import RenderPlan, render_all

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode="markdown")

Work = Annotated[
    Path,
    typer.Option(help="Folder for rendered frames and checkpoints (about 12 GB); kept, so that a killed run goes on."),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes at a time; default: one per core, 8 on a GPU.")]
RenderSeed = Annotated[int, typer.Option("--seed", help="Seed of rooms and cameras.")]
Seed = Annotated[int | None, typer.Option("--seed", help="First seed of batches and weights.")]
Rooms = Annotated[int, typer.Option(min=1, help="Training rooms.")]
Views = Annotated[int, typer.Option(min=1, help="Frames per training room.")]
Catalogues = Annotated[Path, typer.Option(help="Folder of the .sh3f furniture catalogues.")]
PlanName = Annotated[str, typer.Option("--plan", help="auto, cpu or gpu: sizes and steps; auto goes by the device.")]
LearningRate = Annotated[float | None, typer.Option(help="Highest learning rate.")]
Scale = Annotated[
    float, typer.Option(min=0.0001, help="Factor on every number of steps: 0.01 tries the whole command quickly.")
]
Terms = Annotated[int, typer.Option("--k", min=1, help="Constraints of `consistency` in each step.")]
Choose = Annotated[str, typer.Option(help="Which k: turn, random or win-rate.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Lab = Annotated[Path, typer.Option(help="Folder of the zoo with every domain and method.")]
Mini = Annotated[Path, typer.Option(help="Folder of the small zoo, a part of the same networks.")]
Docs = Annotated[Path, typer.Option(help="Folder that gets results.md and its pictures.")]
Real = Annotated[
    Path | None, typer.Option(help="Folder of real pictures and clips; default: WORK/real where it is there.")
]

DEFAULT_WORK = Path("build/training")
DEFAULT_LAB, DEFAULT_MINI = Path("consistency/zoos/lab"), Path("consistency/zoos/mini")
DEFAULT_DOCS = Path("docs")
GPU_WORKERS = 8
NETWORKS, FRAMES, SEEDS, REAL = "networks", "frames", "seeds", "real"
render_defaults = RenderPlan()


@app.command()
def make(
    lab: Lab = DEFAULT_LAB,
    mini: Mini = DEFAULT_MINI,
    docs: Docs = DEFAULT_DOCS,
    work: Work = DEFAULT_WORK,
    workers: Workers = None,
    device: Device = "auto",
    plan: PlanName = "auto",
    scale: Scale = 1.0,
    rooms: Rooms = render_defaults.train_rooms,
    views: Views = render_defaults.train_views,
    catalogues: Catalogues = DEFAULT_CATALOGUE_FOLDER,
) -> None:
    """Everything: render, train, export both zoos, evaluate. Stopped and started again, it goes on where it was.

    Example: `python -m training make`

    The whole chain in minutes, worth nothing: `python -m training make --work build/try --lab build/try/lab --mini
    build/try/mini --docs build/try --rooms 40 --scale 0.002`
    """
    render(work=work, workers=workers, rooms=rooms, views=views, catalogues=catalogues)
    train(work=work, workers=workers, device=device, plan=plan, scale=scale)
    measured = write_zoos(lab, mini, work, device)
    write_results(lab, docs, work, None, device, measured[export.LAB.name])


@app.command()
def render(
    work: Work = DEFAULT_WORK,
    workers: Workers = None,
    seed: RenderSeed = render_defaults.seed,
    rooms: Rooms = render_defaults.train_rooms,
    views: Views = render_defaults.train_views,
    catalogues: Catalogues = DEFAULT_CATALOGUE_FOLDER,
) -> None:
    """Render training, validation and test rooms; shards that are there are kept.

    Example: `python -m training render --rooms 100`
    """
    plan = RenderPlan(seed=seed, train_rooms=rooms, train_views=views)
    n_rooms = plan.train_rooms + plan.validation_rooms + plan.test_rooms
    n_workers = workers or os.cpu_count() or 1
    started = time.monotonic()
    with errors_named(), bars() as progress:
        bar = progress.add_task("render rooms", total=n_rooms, rate="")
        n_frames = 0

        def report(frames: int, rooms: int) -> None:
            nonlocal n_frames
            n_frames += frames
            rate = n_frames / (time.monotonic() - started)
            progress.update(bar, advance=rooms, rate=f"{rate:.1f} frames/s")

        try:
            render_all(plan, work / FRAMES, n_workers, catalogues, report)
        finally:
            note_time(work / FRAMES / "render.json", time.monotonic() - started, n_workers)


@app.command()
def train(
    work: Work = DEFAULT_WORK,
    workers: Workers = None,
    device: Device = "auto",
    plan: PlanName = "auto",
    scale: Scale = 1.0,
    seed: Seed = None,
    learning_rate: LearningRate = None,
    k: Terms = 1,
    choose: Choose = "turn",
    only: Annotated[
        list[str] | None,
        typer.Option(help="Train the networks whose names match, and what they need; may be repeated."),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="List the networks, their steps and images, and stop.")] = False,
) -> None:
    """Train the networks on the rendered rooms; each goes on from its last checkpoint, on the frames it began with.

    Examples:

    `python -m training train --list` shows what would be trained

    `python -m training train --scale 0.01` tries everything quickly

    `python -m training train --only 'rgb-normal.*'` trains the methods of one target, and what they start from

    `python -m training train --plan gpu --workers 12` is the long plan, many processes on one GPU

    `python -m training train --k 2 --choose win-rate` gives `consistency` two constraints a step, chosen by how often they win
    """
    with errors_named():
        device = chosen_device(device)
        chosen = chosen_plan(plan, device, scale, seed, learning_rate, k, choose)
        jobs = Jobs(chosen).matching(only or [])
        if show:
            for job in jobs:
                typer.echo(f"{job.name:36} {export.steps_text(job.stages)}")
            return
        n_workers = workers or (GPU_WORKERS if device == "cuda" else os.cpu_count() or 1)
        with bars() as progress:
            watch = follow_logs(progress, jobs, work / NETWORKS)
            train_all(chosen, work / FRAMES, work / NETWORKS, n_workers, device, only or [], watch)


@app.command("export")
def export_(
    lab: Lab = DEFAULT_LAB,
    mini: Mini = DEFAULT_MINI,
    work: Work = DEFAULT_WORK,
    device: Device = "auto",
) -> None:
    """Write the trained networks as zoos with their model cards, and a zoo of each further seed into WORK/seeds.

    Example: `python -m training export --lab build/lab --mini build/mini`
    """
    write_zoos(lab, mini, work, device)


@app.command()
def evaluate(
    lab: Lab = DEFAULT_LAB,
    docs: Docs = DEFAULT_DOCS,
    work: Work = DEFAULT_WORK,
    real: Real = None,
    device: Device = "auto",
) -> None:
    """Measure the exported zoo on held-out rooms and real pictures, and write docs/results.md with its pictures.

    Example: `python -m training evaluate`
    """
    write_results(lab, docs, work, real, device)


@app.command("material")
def material_(
    out: Annotated[Path, typer.Option(help="Folder of the real pictures and clips.")] = DEFAULT_WORK / REAL,
) -> None:
    """Fetch the real pictures and clips that `evaluate` looks at; what cannot be had is named.

    Example: `python -m training material`
    """
    with errors_named():
        missing = real_images.fetch(out)
    for name in missing:
        typer.echo(f"not fetched: {name}", err=True)


@app.command("sample")
def sample_(
    out: Annotated[Path, typer.Option(help="Folder of the bundled clips.")],
    work: Work = DEFAULT_WORK,
    phone_source: Annotated[
        Path, typer.Option(help="The phone clip of Debian's forensics-samples-files.")
    ] = bundled_clips.PHONE_SOURCE,
    catalogues: Catalogues = DEFAULT_CATALOGUE_FOLDER,
) -> None:
    """Make the bundled clips: a rendered walk-through with its ground truth, and a reduced phone clip.

    Example: `python -m training sample --out precompute/sample`
    """
    with errors_named(), bars() as progress:
        bar = progress.add_task("render walkthrough", total=bundled_clips.N_FRAMES, rate="")
        bundled_clips.make_walkthrough(
            out, work / FRAMES / "furniture", catalogues, lambda n: progress.update(bar, completed=n)
        )
        bundled_clips.make_phone(phone_source, out)
        bundled_clips.write_readme(out)


def write_zoos(lab: Path, mini: Path, work: Path, device: str) -> dict[str, Evaluation]:
    """The zoos, and what was measured for their cards."""
    with errors_named(), bars() as progress:
        bar = progress.add_task("export", total=None, rate="")
        return export.write_zoos(
            plan_of(work / NETWORKS),
            work / NETWORKS,
            work / FRAMES,
            [(export.LAB, lab), (export.MINI, mini)],
            work / SEEDS,
            lambda done, of: progress.update(bar, completed=done, total=of),
            chosen_device(device),
        )


def write_results(
    lab: Path, docs: Path, work: Path, real: Path | None, device: str, rooms: Evaluation | None = None
) -> None:
    """docs/results.md; `rooms`: what has been measured on the test rooms already."""
    from training.evaluation import results  # draws with matplotlib, which nothing else here needs

    real = real or (work / REAL if (work / REAL).is_dir() else None)
    with errors_named(), bars() as progress:
        bar = progress.add_task("evaluate", total=None, rate="")
        plan = plan_of(work / NETWORKS)
        seeds = [load_zoo(str(path.parent)) for path in sorted((work / SEEDS).glob("*/zoo.toml"))]
        results.write_results(
            load_zoo(str(lab)),
            seeds,
            work / FRAMES,
            real,
            docs,
            lambda done, of: progress.update(bar, completed=done, total=of),
            plan.seed,
            chosen_device(device),
            export.about_seeds(plan),
            rooms,
        )


@contextmanager
def errors_named() -> Iterator[None]:
    """What went wrong and what to do, without a traceback; the exit code is 1."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, ZooError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


def note_time(path: Path, seconds: float, workers: int) -> None:
    """Add to the time that rendering took so far, for the model card."""
    before = json.loads(path.read_text())["seconds"] if path.exists() else 0.0
    path.write_text(json.dumps({"seconds": before + seconds, "workers": workers}))


def chosen_device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise ValueError(f"--device is '{name}'; give auto, cpu or cuda")
    return name


def chosen_plan(
    name: str, device: str, scale: float, seed: int | None, learning_rate: float | None, k: int, choose: str
) -> Plan:
    """A preset with what the command line changes."""
    name = {"cpu": "cpu", "cuda": "gpu"}[device] if name == "auto" else name
    if name not in PRESETS:
        raise ValueError(f"--plan is '{name}'; give auto, {' or '.join(PRESETS)}")
    choices: dict[str, Choice] = {"turn": "turn", "random": "random", "win-rate": "win-rate"}
    if choose not in choices:
        raise ValueError(f"--choose is '{choose}'; give {', '.join(choices)}")
    preset = PRESETS[name]
    plan = replace(preset if scale == 1.0 else preset.scaled(scale), k=k, choose=choices[choose])
    if learning_rate is not None:
        plan = replace(plan, rate=learning_rate)
    if seed is not None:
        plan = replace(plan, seed=seed, extra_seeds=tuple(seed + 1 + i for i in range(len(plan.extra_seeds))))
    return plan


def follow_logs(progress: Progress, jobs: Sequence[Job], folder: Path) -> Watch:
    """What brings the bars up to date: one for all steps, one for each network in training."""
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
