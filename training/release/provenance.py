"""Collects what a model card reports about the origin of the weights: data, settings, hours and machine."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from training.learning.jobs import Stage, TrainingJob, TrainingJobs
from training.learning.plan import METHOD_SETTINGS, SEEDED, TrainingPlan
from training.own_data.reading import Conventions
from training.release.zoo_specs import ZooSpec
from training.scenes.frames import Frames, data_digest, data_name
from training.scenes.render_shards import RenderPlan


def provenance(
    jobs: TrainingJobs, spec: ZooSpec, networks: Path, frames: Path, splits: dict[str, Frames]
) -> dict[str, Any]:
    """The facts of a model card: data, settings, hours and machine. `networks`/facts.json replaces those that it has."""
    plan = jobs.plan
    shipped = spec.jobs(jobs, plan.seed)
    used = jobs.matching([job.name for job in shipped])
    size_px = splits["training"].shards[0].shape[1]
    counts = ", ".join(f"{len(split)} {name}" for name, split in splits.items())
    trained_on = Frames(frames, "train", json.loads((networks / "frames.json").read_text()))
    hours = sum(line["seconds"] for job in used for line in training_log(networks, job.name)) / 3600
    rendering = json.loads((frames / "render.json").read_text()) if (frames / "render.json").exists() else None
    facts = {
        "own_data": data_name(frames),
        "commands": commands(plan, json.loads((frames / "plan.json").read_text())),
        "data": f"{counts} frames of {size_px} x {size_px} pixels; the networks saw {len(trained_on)} of the training frames",
        "data_digest": data_digest(frames),
        "render": f"{rendering['seconds'] / 3600:.2f} hours with {rendering['workers']} processes" if rendering else "",
        "training": f"{hours:.2f} process-hours, {machine()}",
        "settings": settings_table(jobs, spec),
        "notes": notes(plan),
    }
    elsewhere = networks / "facts.json"  # describes networks from another machine, with other frames
    return facts | (json.loads(elsewhere.read_text()) if elsewhere.exists() else {})


def commands(plan: TrainingPlan, stored: dict[str, Any]) -> list[str]:
    """The commands that reproduce the zoos; `stored` is the plan of the frames: a RenderPlan, or that of one's own data."""
    if "data" in stored:
        return own_commands(plan, stored)
    rendered, usual = stored, RenderPlan()
    options = [f"--plan {plan.name}"]
    if plan.scale != 1:
        options.append(f"--scale {plan.scale:g}")
    if rendered["train_rooms"] != usual.train_rooms:
        options.append(f"--rooms {rendered['train_rooms']}")
    if rendered["train_views"] != usual.train_views:
        options.append(f"--views {rendered['train_views']}")
    return [
        "apt-get install sweethome3d-furniture",
        "pip install -r requirements.txt && pip install --no-deps -r requirements/training.txt",
        " ".join(["python -m training make", *options]),
    ]


def own_commands(plan: TrainingPlan, stored: dict[str, Any]) -> list[str]:
    """The same for networks of one's own data."""
    usual, found = Conventions(), stored["conventions"]
    options = [f"--data {stored['data']}", f"--plan {plan.name}"]
    if plan.scale != 1:
        options.append(f"--scale {plan.scale:g}")
    for option, name in (
        ("depth-per-metre", "per_metre"),
        ("normal-axes", "normal_axes"),
        ("field-of-view", "field_of_view_degrees"),
    ):
        if found[name] != getattr(usual, name):
            options.append(f"--{option}={found[name]}")
    return [" ".join(["python -m training train", *options]), "python -m training export"]


def settings_table(jobs: TrainingJobs, spec: ZooSpec) -> list[dict[str, str]]:
    """A row per kind of network, with equal keys: what sets the kinds apart, and how long each was trained."""
    start = next(job for job in jobs.all if job.method == "start")
    kinds: list[tuple[str, TrainingJob, dict[str, str]]] = [
        ("start rgb-Y", start, {"loss": "L1"}),
        *(
            (method, next(job for job in jobs.all if job.method == method), METHOD_SETTINGS[method])
            for method in spec.methods
        ),
    ]
    cross = next((job for job in jobs.all if job.method == "shared" and job.source != "rgb"), None)
    if cross is not None:
        kinds.append(("cross Y-Z", cross, {"loss": "L1, of truth made to look predicted"}))
    if "curvature" in spec.domains:
        kinds.append(("rgb to other domains", jobs.by_name["rgb-curvature.shared"], {"loss": "L1"}))
    columns = ("loss", "starts from", "trained along", "frozen")
    return [
        {
            "kind": kind,
            **{column: row.get(column, "") for column in columns},
            "steps": steps_text(job.stages),
            "widths": ", ".join(map(str, job.widths)),
        }
        for kind, job, row in kinds
    ]


def steps_text(stages: Sequence[Stage]) -> str:
    """Steps, images and rates of stages, in words."""
    return ", then ".join(
        f"{stage.steps} x {stage.batch} at {f'{stage.size_px} px' if stage.size_px else 'full size'}, "
        f"rate {stage.rate_from:.2g} to {stage.rate_to:.2g}"
        for stage in stages
        if stage.steps
    )


def about_seeds(plan: TrainingPlan) -> str:
    """A sentence on what differs between the seeds."""
    return (
        f"Seeds {', '.join(map(str, (plan.seed, *plan.extra_seeds)))} of {' and '.join(SEEDED)}: all continue the first seed's "
        "starts, so only the batches of the forks differ; cross networks are those of the first seed."
    )


def notes(plan: TrainingPlan) -> list[str]:
    """Sentences on how the networks of a plan were trained."""
    terms = "1 term" if plan.k == 1 else f"{plan.k} terms"
    return [
        f"Plan `{plan.name}`: Muon inside the networks and AdamW for the rest, a cosine between the rates, clipped gradients. First "
        "and last convolutions, geometry and parameters are in float32, the rest is in bfloat16.",
        "The gradient of each further term of a loss, at the prediction, is scaled to the length of L1's; together they are "
        f"{plan.share:g} times as long. {terms} per step, chosen by {plan.choose}. pix2pix has its own weights.",
        "All methods that start from rgb-Y take the same number of steps on the same batches at the same rates.",
        about_seeds(plan),
        "Pixels within 2 px of unknown geometry do not count in any loss.",
    ]


def training_log(networks: Path, name: str) -> list[dict]:
    """The records of a network's training log; none if there is no log."""
    path = networks / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def machine() -> str:
    """The machine in words, the GPU first."""
    gpu = f"{torch.cuda.get_device_name()}, " if torch.cuda.is_available() else ""
    return f"{gpu}{os.cpu_count()} cores, {platform.machine()}, {cpu_name()}; torch {torch.__version__}"


def cpu_name() -> str:
    """The name of the processor, where the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown processor"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown processor")
