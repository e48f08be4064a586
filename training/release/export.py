"""What is shipped? Weights in fp16 with BatchNorm folded, zoo.toml, and the model card, as whole folders."""

import hashlib
import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from cache.files import folder_written_whole
from consistency.domains import DOMAINS
from consistency.zoo.read import load_zoo
from training.evaluation.evaluate import Constants, Evaluation, energy_constants, evaluate, n_reports, open_frames
from training.learning.batches import FILTERS
from training.learning.loop import trained_network
from training.learning.plan import METHOD_SETTINGS, METHODS, SEEDED, TARGETS, Job, Jobs, Plan, Stage
from training.release.model_card import model_card
from training.scenes.data import Frames, RenderPlan, data_digest

SMALLEST_SIGMA = 1e-6  # of an untrained zoo, whose terms may all be alike; trained ones are some 1000 times larger
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class ZooSpec:
    """Which part of what was trained makes a zoo."""

    name: str
    version: str
    domains: tuple[str, ...]
    methods: tuple[str, ...]
    largest_megabytes: float
    """Of all weights files; a network less or narrower ones where it is more."""

    def jobs(self, jobs: Jobs, seed: int) -> list[Job]:
        """The networks of this zoo, method by method, then the shared ones."""
        order = (*self.methods, "shared")
        chosen = [
            job for job in jobs.shipped(seed) if job.method in order and {job.source, *job.targets} <= set(self.domains)
        ]
        return sorted(chosen, key=lambda job: order.index(job.method))


LAB = ZooSpec("lab", "2", tuple(DOMAINS), METHODS, 25.0)
MINI = ZooSpec("mini", "2", ("rgb", *TARGETS, "edge2d"), SEEDED, 10.0)
SEED = ZooSpec("lab-seed", "1", tuple(DOMAINS), SEEDED, 25.0)


def write_zoos(
    plan: Plan,
    networks: Path,
    frames: Path,
    outs: Sequence[tuple[ZooSpec, Path]],
    seeds: Path,
    report: Callable[[int, int], None] = lambda done, of: None,
    device: str = "cpu",
) -> dict[str, Evaluation]:
    """Write each zoo with its card, and a zoo of every further seed, `seeds`/<n>. What is measured is what was written.

    Returns what was measured, by the names of the recipes.
    """
    measured = {}
    jobs = Jobs(plan)
    train, validation, test = open_frames(frames)
    total = len(outs) * n_reports(validation, test) + len(plan.extra_seeds) * len(validation)
    done = 0

    def count(n_frames: int) -> None:
        nonlocal done
        done += n_frames
        report(done, total)

    for spec, out in outs:
        with folder_written_whole(out) as folder:
            write_zoo(folder, spec, jobs, plan.seed, networks, validation, count, device)
            zoo = load_zoo(str(folder))
            evaluation = evaluate(zoo, test, train, plan.seed, count, device)
            facts = provenance(
                jobs, spec, networks, frames, {"training": train, "validation": validation, "test": test}
            )
            measured[spec.name] = evaluation
            card = model_card(zoo, evaluation, facts, results_link="docs/results.md")
            (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    for seed in plan.extra_seeds:
        with folder_written_whole(seeds / str(seed)) as folder:
            write_zoo(folder, SEED, jobs, seed, networks, validation, count, device)
    return measured


def write_zoo(
    folder: Path,
    spec: ZooSpec,
    jobs: Jobs,
    seed: int,
    networks: Path,
    validation: Frames,
    count: Callable[[int], None],
    device: str,
) -> None:
    """Weights, and zoo.toml with the constants that those very files give."""
    chosen = spec.jobs(jobs, seed)
    digests = {job.name: write_weights(trained_network(networks, job), folder / weights_name(job)) for job in chosen}
    megabytes = sum(path.stat().st_size for path in folder.glob("*.safetensors")) / MEGABYTE
    if megabytes > spec.largest_megabytes:
        raise ValueError(
            f"the weights of {spec.name} are {megabytes:.2f} MB, allowed are {spec.largest_megabytes:g}; "
            "narrow the networks in training/learning/plan.py"
        )
    write_toml(folder, zoo_toml(spec, chosen, digests, {}))
    constants = energy_constants(load_zoo(str(folder)), validation, count, device)
    write_toml(folder, zoo_toml(spec, chosen, digests, constants))


def weights_name(job: Job) -> str:
    """Another seed's file is called as the first's."""
    return ".".join(part for part in job.name.split(".") if not part.startswith("seed")) + ".safetensors"


def write_weights(network: nn.Module, path: Path) -> str:
    """fp16 safetensors; returns the SHA-256 of the file."""
    data = weights_bytes(network)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def weights_bytes(network: nn.Module) -> bytes:
    return save({name: value.half().contiguous() for name, value in network.state_dict().items()})


def write_toml(folder: Path, text: str) -> None:
    (folder / "zoo.toml").write_text(text, encoding="utf-8")


def zoo_toml(spec: ZooSpec, jobs: list[Job], digests: dict[str, str], constants: dict[str, Constants]) -> str:
    """The zoo's table of edges and energy constants."""
    lines = [
        "# Made by `python -m training make`; MODEL_CARD.md says how, and how good it is.",
        f'name = "{spec.name}"',
        f'version = "{spec.version}"',
        'licence = "MIT"',
        f"multiple = {2 ** max(len(job.widths) for job in jobs)}",
        f"domains = {json.dumps(spec.domains)}",
        f'fallback = "{spec.methods[0]}"',
    ]
    for domain, architecture in FILTERS.items():
        if domain in spec.domains:
            lines += edge_lines("rgb", domain, "shared", f'architecture = "{architecture}"')
    for job in jobs:
        network = [
            f'architecture = "{job.architecture}"',
            f"arguments = {toml_value(job.arguments)}",
            f'weights = "{weights_name(job)}"',
            f'sha256 = "{digests[job.name]}"',
        ]
        for target in job.targets:
            head = [f'head = "{target}"'] if len(job.targets) > 1 else []
            lines += edge_lines(job.source, target, job.method, *network, *head)
    if constants:
        lines += [
            "",
            "# Energy constants, measured with `baseline` on the validation rooms: mu is the mean of each path's term over the",
            "# frames, sigma its mean absolute deviation from mu.",
        ]
    for target, values in constants.items():
        lines += [
            "",
            f"[energy.{target}]",
            f"paths = {json.dumps(values.paths)}",
            f"mu = {json.dumps([round(value, 6) for value in values.mu])}",
            f"sigma = {json.dumps([max(round(value, 6), SMALLEST_SIGMA) for value in values.sigma])}",
        ]
    return "\n".join(lines) + "\n"


def edge_lines(source: str, target: str, method: str, *more: str) -> list[str]:
    return ["", "[[edge]]", f'source = "{source}"', f'target = "{target}"', f'method = "{method}"', *more]


def toml_value(value: Any) -> str:
    """Numbers, strings, lists, and tables on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


# Where the weights come from


def provenance(jobs: Jobs, spec: ZooSpec, networks: Path, frames: Path, splits: dict[str, Frames]) -> dict[str, Any]:
    """What the model card says of data, settings, hours and machine."""
    plan = jobs.plan
    shipped = spec.jobs(jobs, plan.seed)
    used = jobs.matching([job.name for job in shipped])
    size_px = splits["training"].shards[0].shape[1]
    counts = ", ".join(f"{len(split)} {name}" for name, split in splits.items())
    trained_on = Frames(frames, "train", json.loads((networks / "frames.json").read_text()))
    hours = sum(line["seconds"] for job in used for line in training_log(networks, job.name)) / 3600
    rendering = json.loads((frames / "render.json").read_text()) if (frames / "render.json").exists() else None
    facts = {
        "commands": commands(plan, json.loads((frames / "plan.json").read_text())),
        "data": f"{counts} frames of {size_px} x {size_px} pixels; the networks saw {len(trained_on)} of the training frames",
        "data_digest": data_digest(frames),
        "render": f"{rendering['seconds'] / 3600:.2f} hours with {rendering['workers']} processes" if rendering else "",
        "training": f"{hours:.2f} process-hours, {machine()}",
        "settings": settings_table(jobs, spec),
        "notes": notes(plan),
    }
    elsewhere = networks / "facts.json"  # of networks that came from another machine and its frames
    return facts | (json.loads(elsewhere.read_text()) if elsewhere.exists() else {})


def commands(plan: Plan, rendered: dict[str, Any]) -> list[str]:
    """What makes the same again; `rendered`: the RenderPlan as it was stored."""
    usual = RenderPlan()
    options = [f"--plan {plan.name}"]
    if plan.scale != 1:
        options.append(f"--scale {plan.scale:g}")
    if rendered["train_rooms"] != usual.train_rooms:
        options.append(f"--rooms {rendered['train_rooms']}")
    if rendered["train_views"] != usual.train_views:
        options.append(f"--views {rendered['train_views']}")
    return [
        "apt-get install sweethome3d-furniture",
        "pip install -r requirements.txt && pip install --no-deps -r training/requirements.txt",
        " ".join(["python -m training make", *options]),
    ]


def settings_table(jobs: Jobs, spec: ZooSpec) -> list[dict[str, str]]:
    """One row per kind of network, the same keys each: all that sets them apart, and how long each was trained."""
    start = next(job for job in jobs.all if job.method == "start")
    kinds: list[tuple[str, Job, dict[str, str]]] = [
        ("start rgb-Y", start, {"loss": "L1"}),
        *(
            (method, next(job for job in jobs.all if job.method == method), METHOD_SETTINGS[method])
            for method in spec.methods
        ),
        ("cross Y-Z", jobs.by_name["normal-depth.shared"], {"loss": "L1, of truth made to look predicted"}),
    ]
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
    return ", then ".join(
        f"{stage.steps} x {stage.batch} at {f'{stage.size_px} px' if stage.size_px else 'full size'}, "
        f"rate {stage.rate_from:.2g} to {stage.rate_to:.2g}"
        for stage in stages
        if stage.steps
    )


def about_seeds(plan: Plan) -> str:
    """What differs between the seeds, in a sentence."""
    return (
        f"Seeds {', '.join(map(str, (plan.seed, *plan.extra_seeds)))} of {' and '.join(SEEDED)}: all go on from the first seed's "
        "starts, so that only the batches of the forks differ; cross networks are those of the first seed."
    )


def notes(plan: Plan) -> list[str]:
    return [
        f"Plan `{plan.name}`: Muon inside the networks and AdamW for the rest, cosine between the rates, gradients clipped. First "
        "and last convolutions, geometry and parameters are in float32, the rest in bfloat16.",
        f"Further terms of a loss pull {plan.share:g} times as hard as L1 together, each made as long as L1's gradient at the "
        f"prediction first; {plan.k} of them in each step, chosen by {plan.choose}. pix2pix has its own weights.",
        "All methods that start from rgb-Y take the same number of steps on the same batches at the same rates.",
        about_seeds(plan),
        "Pixels within 2 px of unknown geometry count in no loss.",
    ]


def training_log(networks: Path, name: str) -> list[dict]:
    path = networks / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def machine() -> str:
    """In words, the GPU first."""
    gpu = f"{torch.cuda.get_device_name()}, " if torch.cuda.is_available() else ""
    return f"{gpu}{os.cpu_count()} cores, {platform.machine()}, {cpu_name()}; torch {torch.__version__}"


def cpu_name() -> str:
    """The processor's own name for itself, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown processor"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown processor")
