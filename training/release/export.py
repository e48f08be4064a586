"""Exports trained networks as zoos: fp16 weights with BatchNorm folded, `zoo.toml` and the model card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from cache.files import folder_written_whole
from consistency.zoo.read import load_zoo
from training.evaluation.energies import MeasuredConstants, energy_constants
from training.evaluation.evaluate import Evaluation, evaluate, n_reports
from training.evaluation.measures.chains import open_frames
from training.learning.batches import FILTERS
from training.learning.checkpoints import trained_network
from training.learning.jobs import TrainingJob, TrainingJobs
from training.learning.plan import METHODS_IN_WORDS, TrainingPlan
from training.release.model_card import model_card
from training.release.provenance import provenance
from training.release.zoo_specs import SEED, ZooSpec
from training.scenes.frames import Frames

SMALLEST_SIGMA = (
    1e-6  # for untrained zoos, whose terms may all be equal; in trained zoos sigma is about 1000 times larger
)
MEGABYTE = 1_000_000


def write_zoos(
    plan: TrainingPlan,
    networks: Path,
    frames: Path,
    outs: Sequence[tuple[ZooSpec, Path]],
    seeds: Path,
    report: Callable[[int, int], None] = lambda done, of: None,
    device: str = "cpu",
) -> dict[str, Evaluation]:
    """Write each zoo with its card, and a zoo of every further seed to `seeds`/<n>. The written files are what is evaluated.

    Returns the evaluations, by name of the zoo.
    """
    measured = {}
    jobs = TrainingJobs(plan)
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
            link = None if facts["own_data"] else "docs/results.md"
            card = model_card(zoo, evaluation, facts, results_link=link)
            (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    for seed in plan.extra_seeds:
        with folder_written_whole(seeds / str(seed)) as folder:
            write_zoo(folder, SEED.within(plan.domains), jobs, seed, networks, validation, count, device)
    return measured


def write_zoo(
    folder: Path,
    spec: ZooSpec,
    jobs: TrainingJobs,
    seed: int,
    networks: Path,
    validation: Frames,
    count: Callable[[int], None],
    device: str,
) -> None:
    """Write weights, then zoo.toml with the energy constants that these weights have."""
    chosen = spec.jobs(jobs, seed)
    digests = {job.name: write_weights(trained_network(networks, job), folder / weights_name(job)) for job in chosen}
    megabytes = sum(path.stat().st_size for path in folder.glob("*.safetensors")) / MEGABYTE
    if megabytes > spec.largest_megabytes:
        raise ValueError(
            f"the weights of {spec.name} have {megabytes:.2f} MB, the limit is {spec.largest_megabytes:g} MB; "
            "make the networks narrower in training/learning/plan.py"
        )
    write_toml(folder, zoo_toml(spec, chosen, digests, {}))
    constants = energy_constants(load_zoo(str(folder)), validation, count, device)
    write_toml(folder, zoo_toml(spec, chosen, digests, constants))


def weights_name(job: TrainingJob) -> str:
    """Name of the weights file of a job, without its seed."""
    return ".".join(part for part in job.name.split(".") if not part.startswith("seed")) + ".safetensors"


def write_weights(network: nn.Module, path: Path) -> str:
    """Write fp16 safetensors; returns the SHA-256 of the file."""
    data = weights_bytes(network)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def weights_bytes(network: nn.Module) -> bytes:
    """The weights of a network as fp16 safetensors."""
    return save({name: value.half().contiguous() for name, value in network.state_dict().items()})


def write_toml(folder: Path, text: str) -> None:
    """Write the zoo.toml of a folder."""
    (folder / "zoo.toml").write_text(text, encoding="utf-8")


def zoo_toml(
    spec: ZooSpec, jobs: list[TrainingJob], digests: dict[str, str], constants: dict[str, MeasuredConstants]
) -> str:
    """The text of zoo.toml: edges and energy constants. Empty `constants` are left out."""
    lines = [
        "# Made by `python -m training make`; MODEL_CARD.md says how, and how good it is.",
        f'name = "{spec.name}"',
        f'version = "{spec.version}"',
        f'licence = "{spec.licence}"',
        f"multiple = {2 ** max(len(job.widths) for job in jobs)}",
        f"domains = {json.dumps(spec.domains)}",
        f'fallback = "{spec.methods[0]}"',
        f"description = {json.dumps(spec.description)}",
        "",
        "[training]",
        *(f"{method} = {json.dumps(METHODS_IN_WORDS[method])}" for method in spec.methods),
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
    """A number, string, list or dict as TOML, on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)
