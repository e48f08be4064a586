"""Renders rooms, trains the networks, exports and evaluates them, and makes the bundled clips."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer

from consistency.domains import DOMAINS
from consistency.zoo.read import load_zoo
from training.evaluation import real_images
from training.evaluation.evaluate import Evaluation
from training.learning.batches import FILTERS
from training.learning.checkpoints import plan_of
from training.learning.jobs import TrainingJobs
from training.learning.parallel import train_all
from training.learning.plan import PRESETS, Choice, TrainingPlan
from training.own_data.reading import Conventions
from training.own_data.shards import prepare
from training.progress import bars, errors_named, follow_logs, follow_rooms, follow_total
from training.release import bundled_clips
from training.release.export import write_zoos
from training.release.provenance import about_seeds, steps_text
from training.release.zoo_specs import LAB, MINI, own_spec
from training.scenes.frames import data_name, known_domains
from training.scenes.furniture import DEFAULT_CATALOGUE_FOLDER
from training.scenes.render_shards import RenderPlan, render_all

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode="markdown")

WorkFolder = Annotated[
    Path,
    typer.Option(help="Folder of rendered frames and checkpoints (about 12 GB). Interrupted runs resume from it."),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes that run at a time. Default: one per core, 8 on a GPU.")
]
RenderSeed = Annotated[int, typer.Option("--seed", help="Seed of rooms and cameras.")]
TrainingSeed = Annotated[int | None, typer.Option("--seed", help="First seed of batches and weights.")]
Rooms = Annotated[int, typer.Option(min=1, help="Number of training rooms.")]
Views = Annotated[int, typer.Option(min=1, help="Frames per training room.")]
Catalogues = Annotated[Path, typer.Option(help="Folder of the .sh3f furniture catalogues.")]
PlanName = Annotated[
    str, typer.Option("--plan", help="Plan of sizes and steps: auto, cpu or gpu; auto selects by device.")
]
LearningRate = Annotated[float | None, typer.Option(help="Highest learning rate.")]
Scale = Annotated[
    float, typer.Option(min=0.0001, help="Factor on every number of steps: 0.01 tries the whole command quickly.")
]
NTerms = Annotated[int, typer.Option("--k", min=1, help="Constraints of `consistency` in each step.")]
Choose = Annotated[str, typer.Option(help="How the constraints of a step are chosen: turn, random or win-rate.")]
DeviceName = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
LabFolder = Annotated[Path, typer.Option(help="Folder of the zoo with every domain and method.")]
MiniFolder = Annotated[Path, typer.Option(help="Folder of the small zoo, a subset of the same networks.")]
DocsFolder = Annotated[Path, typer.Option(help="Folder for results.md and its pictures.")]
DataFolder = Annotated[
    Path | None,
    typer.Option(
        help="Folder of your own pictures and ground truth, instead of rendered rooms: see training/README.md."
    ),
]
DepthPerMetre = Annotated[
    float, typer.Option(help="Counts of your depth pictures per metre: 512 in Taskonomy, 1000 for millimetres.")
]
NormalAxes = Annotated[
    str, typer.Option(help="What the channels of your normals are: x (right), y (down), z (forward), with signs.")
]
FieldOfView = Annotated[float, typer.Option(help="Field of view of your pictures' shorter side, in degrees.")]
SplitsFile = Annotated[
    Path | None,
    typer.Option(
        help="CSV with the columns id, train, val, test, as Taskonomy's. Default: a tenth each for val and test."
    ),
]
RealFolder = Annotated[
    Path | None, typer.Option(help="Folder of real pictures and clips. Default: WORK/real if it exists.")
]

DEFAULT_WORK = Path("build/training")
DEFAULT_LAB, DEFAULT_MINI = Path("consistency/zoos/lab"), Path("consistency/zoos/mini")
DEFAULT_DOCS = Path("docs")
GPU_WORKERS = 8  # one process leaves most of a GPU idle, as the layers are small
NETWORKS, FRAMES, SEEDS, REAL = "networks", "frames", "seeds", "real"
"""Folders within the work folder."""
RENDER_DEFAULTS = RenderPlan()
OWN = Conventions()


@app.command()
def make(
    lab: LabFolder = DEFAULT_LAB,
    mini: MiniFolder = DEFAULT_MINI,
    docs: DocsFolder = DEFAULT_DOCS,
    work: WorkFolder = DEFAULT_WORK,
    workers: Workers = None,
    device: DeviceName = "auto",
    plan: PlanName = "auto",
    scale: Scale = 1.0,
    rooms: Rooms = RENDER_DEFAULTS.train_rooms,
    views: Views = RENDER_DEFAULTS.train_views,
    catalogues: Catalogues = DEFAULT_CATALOGUE_FOLDER,
) -> None:
    """Run everything: render, train, export both zoos, evaluate. An interrupted run resumes where it left off.

    Example: `python -m training make`

    The whole chain in minutes, with useless networks: `python -m training make --work build/try --lab build/try/lab --mini
    build/try/mini --docs build/try --rooms 40 --scale 0.002`
    """
    render(work=work, workers=workers, rooms=rooms, views=views, catalogues=catalogues)
    train(work=work, workers=workers, device=device, plan=plan, scale=scale)
    measured = export_zoos(lab, mini, work, device)
    evaluate_zoos(lab, mini, docs, work, None, device, measured)


@app.command()
def render(
    work: WorkFolder = DEFAULT_WORK,
    workers: Workers = None,
    seed: RenderSeed = RENDER_DEFAULTS.seed,
    rooms: Rooms = RENDER_DEFAULTS.train_rooms,
    views: Views = RENDER_DEFAULTS.train_views,
    catalogues: Catalogues = DEFAULT_CATALOGUE_FOLDER,
) -> None:
    """Render training, validation and test rooms. Existing shards are not rendered again.

    Example: `python -m training render --rooms 100`
    """
    plan = RenderPlan(seed=seed, train_rooms=rooms, train_views=views)
    n_workers = workers or os.cpu_count() or 1
    started = time.monotonic()
    with bars() as progress:
        try:
            render_all(plan, work / FRAMES, n_workers, catalogues, follow_rooms(progress, plan.n_rooms))
        finally:
            add_render_time(work / FRAMES / "render.json", time.monotonic() - started, n_workers)


@app.command()
def train(
    work: WorkFolder = DEFAULT_WORK,
    workers: Workers = None,
    device: DeviceName = "auto",
    plan: PlanName = "auto",
    scale: Scale = 1.0,
    seed: TrainingSeed = None,
    learning_rate: LearningRate = None,
    k: NTerms = 1,
    choose: Choose = "turn",
    data: DataFolder = None,
    depth_per_metre: DepthPerMetre = OWN.per_metre,
    normal_axes: NormalAxes = OWN.normal_axes,
    field_of_view: FieldOfView = OWN.field_of_view_degrees,
    splits: SplitsFile = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Train the networks with matching names and those they need; may be repeated."),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="List the networks, their steps and images, and exit.")] = False,
) -> None:
    """Train the networks on the rendered rooms, or on your own data. Each resumes from its last checkpoint, on the frames it started with.

    Examples:

    `python -m training train --list` shows what would be trained

    `python -m training train --scale 0.01` tries everything quickly

    `python -m training train --only 'rgb-normal.*'` trains the methods of one target, and what they start from

    `python -m training train --plan gpu --workers 12` runs the long plan, with many processes on one GPU

    `python -m training train --k 2 --choose win-rate` gives `consistency` two constraints per step, chosen by how often they win

    `python -m training train --data ~/kitchen --depth-per-metre 1000 --work build/kitchen` trains on your own pictures
    """
    if data is not None:
        conventions = own_conventions(depth_per_metre, normal_axes, field_of_view)
        prepare_data(data, work, conventions, splits, workers)
    with errors_named():
        device = chosen_device(device)
        chosen = chosen_plan(plan, device, scale, seed, learning_rate, k, choose)
        chosen = replace(chosen, domains=trained_domains(known_domains(work / FRAMES)))
        jobs = TrainingJobs(chosen).matching(only or [])
    if show:
        for job in jobs:
            typer.echo(f"{job.name:36} {steps_text(job.stages)}")
        return
    n_workers = workers or (GPU_WORKERS if device == "cuda" else os.cpu_count() or 1)
    with bars() as progress:
        watch = follow_logs(progress, jobs, work / NETWORKS)
        train_all(chosen, work / FRAMES, work / NETWORKS, n_workers, device, only or [], watch)


@app.command()
def export(
    lab: LabFolder = DEFAULT_LAB,
    mini: MiniFolder = DEFAULT_MINI,
    work: WorkFolder = DEFAULT_WORK,
    device: DeviceName = "auto",
) -> None:
    """Write the trained networks as zoos with model cards, and a zoo of each further seed to WORK/seeds.

    Networks of your own data become one zoo, in WORK/zoo.

    Examples:

    `python -m training export --lab build/lab --mini build/mini`

    `python -m training export --work build/kitchen`
    """
    export_zoos(lab, mini, work, device)


@app.command()
def evaluate(
    lab: LabFolder = DEFAULT_LAB,
    mini: MiniFolder = DEFAULT_MINI,
    docs: DocsFolder = DEFAULT_DOCS,
    work: WorkFolder = DEFAULT_WORK,
    real: RealFolder = None,
    device: DeviceName = "auto",
    data: DataFolder = None,
    zoo: Annotated[
        list[str] | None, typer.Option(help="With --data: name or folder of a zoo; may be repeated. Default: lab.")
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="With --data: use all of it, where no network was trained on it.")
    ] = False,
    depth_per_metre: DepthPerMetre = OWN.per_metre,
    normal_axes: NormalAxes = OWN.normal_axes,
    field_of_view: FieldOfView = OWN.field_of_view_degrees,
    splits: SplitsFile = None,
    workers: Workers = None,
) -> None:
    """Evaluate the exported zoos on held-out rooms and real pictures, or any zoos on your own data.

    Writes docs/results.md with its pictures, and what `measures` writes. With --data: WORK/results.md.

    Examples:

    `python -m training evaluate`

    `python -m training evaluate --data ~/taskonomy --zoo lab --zoo xtc --whole --work build/taskonomy`
    """
    if data is not None:
        conventions = own_conventions(depth_per_metre, normal_axes, field_of_view)
        prepare_data(data, work, conventions, splits, workers, whole)
        evaluate_own(data, work, zoo or [LAB.name], chosen_device(device))
        return
    evaluate_zoos(lab, mini, docs, work, real, device, {})


@app.command()
def measures(
    zoo: Annotated[
        list[Path] | None, typer.Option(help="Folder of a zoo; may be repeated. Default: the bundled zoos.")
    ] = None,
    docs: DocsFolder = DEFAULT_DOCS,
    work: WorkFolder = DEFAULT_WORK,
    real: RealFolder = None,
    device: DeviceName = "auto",
    shifts: Annotated[bool, typer.Option(help="Whether to judge under shifts of the pictures, too.")] = True,
) -> None:
    """Fit what a zoo says of its errors on validation rooms: weights of energies, merges, expected errors.

    Judges them on test rooms, and writes them into zoo.toml and docs/results.md. Needs rendered rooms, no checkpoints. What the
    networks show of each frame is kept in WORK/observations, so that an interrupted run resumes.

    Example: `python -m training measures --zoo consistency/zoos/mini`
    """
    measure_zoos(zoo or [DEFAULT_LAB, DEFAULT_MINI], docs, work, real, device, shifts)


@app.command()
def material(
    out: Annotated[Path, typer.Option(help="Folder for the real pictures and clips.")] = DEFAULT_WORK / REAL,
) -> None:
    """Download the real pictures and clips that `evaluate` uses. Packages that cannot be downloaded are listed.

    Example: `python -m training material`
    """
    with errors_named():
        missing = real_images.fetch(out)
    for name in missing:
        typer.echo(f"not downloaded: {name}", err=True)


@app.command()
def sample(
    out: Annotated[Path, typer.Option(help="Folder for the bundled clips.")],
    work: WorkFolder = DEFAULT_WORK,
    phone_source: Annotated[
        Path, typer.Option(help="The phone clip of Debian's forensics-samples-files.")
    ] = bundled_clips.PHONE_SOURCE,
    catalogues: Catalogues = DEFAULT_CATALOGUE_FOLDER,
) -> None:
    """Make the bundled clips: a rendered walk-through with its ground truth, and a reduced phone clip.

    Example: `python -m training sample --out precompute/sample`
    """
    with bars() as progress:
        report = follow_total(progress, "render walkthrough")
        bundled_clips.make_walkthrough(out, work / FRAMES / "furniture", catalogues, report)
        bundled_clips.make_phone(phone_source, out)
        bundled_clips.write_readme(out)


def own_conventions(per_metre: float, normal_axes: str, field_of_view_degrees: float) -> Conventions:
    """What the options say of one's own files."""
    with errors_named():
        return Conventions(per_metre, normal_axes, field_of_view_degrees)


def prepare_data(
    data: Path, work: Path, conventions: Conventions, splits: Path | None, workers: int | None, whole: bool = False
) -> None:
    """Store one's own frames in the work folder, and say what was found and left out."""
    with bars() as progress:
        n_workers = workers or os.cpu_count() or 1
        report = follow_total(progress, f"prepare {data.name}")
        found = prepare(data, work / FRAMES, conventions, splits, whole, n_workers, report)
    counts = ", ".join(f"{count} {split}" for split, count in found.n_frames.items())
    typer.echo(f"{data}: {counts} frames; domains: {', '.join(found.domains)}", err=True)
    for remark in found.remarks:
        typer.echo(remark, err=True)


def evaluate_own(data: Path, work: Path, zoos: Sequence[str], device: str) -> None:
    """Write WORK/results.md."""
    from training.evaluation.own_data import evaluate_data

    with bars() as progress:
        loaded = [load_zoo(name) for name in zoos]
        text = evaluate_data(loaded, work / FRAMES, data.name, follow_total(progress, "evaluate"), device)
        (work / "results.md").write_text(text, encoding="utf-8")
    typer.echo(str(work / "results.md"))


def trained_domains(known: Collection[str]) -> tuple[str, ...]:
    """The domains that networks are trained for: those with truth, and those that are fixed filters of the image."""
    return tuple(name for name in DOMAINS if name in known or name in FILTERS)


def export_zoos(lab: Path, mini: Path, work: Path, device: str) -> dict[str, Evaluation]:
    """Write the zoos; returns the evaluations of their cards, by name of the zoo."""
    with bars() as progress:
        plan = plan_of(work / NETWORKS)
        data = data_name(work / FRAMES)
        outs = [(LAB, lab), (MINI, mini)] if data is None else [(own_spec(data, plan), work / "zoo")]
        return write_zoos(
            plan,
            work / NETWORKS,
            work / FRAMES,
            outs,
            work / SEEDS,
            follow_total(progress, "export"),
            chosen_device(device),
        )


def evaluate_zoos(
    lab: Path, mini: Path, docs: Path, work: Path, real: Path | None, device: str, measured: Mapping[str, Evaluation]
) -> None:
    """Write docs/results.md, and the measures of both zoos. `measured`: evaluations on the test rooms that exist already."""
    from training.evaluation.results import write_results  # imports matplotlib, which no other command needs

    real = real_folder(real, work)
    device = chosen_device(device)
    with bars() as progress:
        plan = plan_of(work / NETWORKS)
        seeds = [load_zoo(str(path.parent)) for path in sorted((work / SEEDS).glob("*/zoo.toml"))]
        write_results(
            load_zoo(str(lab)),
            seeds,
            work / FRAMES,
            real,
            docs,
            follow_total(progress, "evaluate"),
            plan.seed,
            device,
            about_seeds(plan),
            measured.get(LAB.name),
        )
    measure_zoos([lab, mini], docs, work, real, device)


def measure_zoos(
    folders: Sequence[Path], docs: Path, work: Path, real: Path | None, device: str, shifts: bool = True
) -> None:
    """Fit and judge the measures of each zoo, and write them into its zoo.toml and docs/results.md."""
    from training.evaluation.measures.run import SHIFTS, measure, n_observed
    from training.evaluation.measures.sections import measures_text, write_section

    with bars() as progress, errors_named():
        for folder in folders:
            report, done, total = follow_total(progress, f"measures of {folder.name}"), 0, n_observed(work / FRAMES)

            def count(n_frames: int, report: Callable[[int, int], None] = report, total: int = total) -> None:
                nonlocal done
                done += n_frames
                report(done, max(total, done))

            found = measure(
                folder,
                work,
                work / FRAMES,
                real_folder(real, work),
                count,
                chosen_device(device),
                SHIFTS if shifts else {},
            )
            write_section(docs / "results.md", found.zoo.name, measures_text(found))


def real_folder(real: Path | None, work: Path) -> Path | None:
    """The folder of real pictures: the one that was named, else the one in the work folder if it exists."""
    return real or (work / REAL if (work / REAL).is_dir() else None)


def add_render_time(path: Path, seconds: float, workers: int) -> None:
    """Add to the time that rendering took so far, for the model card."""
    before = json.loads(path.read_text())["seconds"] if path.exists() else 0.0
    path.write_text(json.dumps({"seconds": before + seconds, "workers": workers}))


def chosen_device(name: str) -> str:
    """Resolve `auto` to cuda or cpu."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise ValueError(f"invalid --device '{name}': use auto, cpu or cuda")
    return name


def chosen_plan(
    name: str, device: str, scale: float, seed: int | None, learning_rate: float | None, k: int, choose: str
) -> TrainingPlan:
    """Apply the options of the command line to a preset."""
    name = {"cpu": "cpu", "cuda": "gpu"}[device] if name == "auto" else name
    if name not in PRESETS:
        raise ValueError(f"invalid --plan '{name}': use auto, {' or '.join(PRESETS)}")
    choices: dict[str, Choice] = {"turn": "turn", "random": "random", "win-rate": "win-rate"}
    if choose not in choices:
        raise ValueError(f"invalid --choose '{choose}': use {', '.join(choices)}")
    preset = PRESETS[name]
    plan = replace(preset if scale == 1.0 else preset.scaled(scale), k=k, choose=choices[choose])
    if learning_rate is not None:
        plan = replace(plan, rate=learning_rate)
    if seed is not None:
        plan = replace(plan, seed=seed, extra_seeds=tuple(seed + 1 + i for i in range(len(plan.extra_seeds))))
    return plan
