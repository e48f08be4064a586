"""Lists the networks that a plan trains: one job each, with its stages, its starting point and its readouts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from torch import nn

from consistency.domains import DOMAINS
from consistency.loss import UNSUPERVISED
from consistency.models import registry
from training.learning.plan import (
    GEONET_HEADS,
    METHODS,
    MULTITASK_HEADS,
    OTHERS,
    RENDERED_OTHERS,
    SEEDED,
    SINGLE_NETWORK_METHODS,
    TARGETS,
    StageSteps,
    TrainingPlan,
)


@dataclass(frozen=True)
class Stage:
    """A run of steps at one image size, with a cosine between two rates."""

    size_px: int | None
    """Side of the images; None for the rendered size."""
    batch: int
    """Images per step."""
    steps: int
    rate_from: float
    """Learning rate at the start."""
    rate_to: float
    """Learning rate at the end."""
    warm_up: int = 0
    """Steps over which the rate rises linearly at the start."""


@dataclass(frozen=True)
class TrainingJob:
    """A network to train."""

    name: str
    method: str
    """One of METHODS, `shared`, or `start`."""
    source: str
    targets: tuple[str, ...]
    """Target domains; several if the network has several heads."""
    architecture: str
    widths: tuple[int, ...]
    stages: tuple[Stage, ...]
    seed: int
    starts_from: tuple[str, ...] = ()
    """Names of the jobs whose networks this one continues."""
    readouts: tuple[str, ...] = ()
    """Names of the cross networks that read its prediction in the loss."""
    stream: str = ""
    """Name of its sequence of batches: jobs with equal stream and seed see the same frames."""

    @property
    def steps(self) -> int:
        """Steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the jobs that must be trained first."""
        return (*self.starts_from, *self.readouts)

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `registry.build`."""
        if self.architecture == "geo-net":
            return {"widths": list(self.widths)}
        channels: dict[str, int] = {target: DOMAINS[target].channels for target in self.targets}
        if self.architecture == "multi-head-unet":
            return {"in_channels": DOMAINS[self.source].channels, "heads": channels, "widths": list(self.widths)}
        return {
            "in_channels": DOMAINS[self.source].channels,
            "out_channels": channels[self.targets[0]],
            "widths": list(self.widths),
        }

    def new_network(self, norm: str) -> nn.Module:
        """Build the untrained network; `norm` is "batch" in training, "none" for what is exported."""
        return registry.build(self.architecture, **self.arguments, norm=norm)


class TrainingJobs:
    """All jobs of a plan, the most useful first, in case a run is stopped early."""

    def __init__(self, plan: TrainingPlan):
        self.plan = plan
        first, known = plan.seed, set(plan.domains)
        every = [
            *(start_job(plan, target) for target in TARGETS),
            *cross_jobs(plan),
            *fork_jobs(plan, SEEDED, first),
            *(shared_job(plan, "rgb", target, plan.rgb_widths, plan.shared) for target in RENDERED_OTHERS),
            *fork_jobs(plan, [m for m in SINGLE_NETWORK_METHODS if m not in SEEDED], first),
            geonet_job(plan),
            *([multitask_job(plan)] if len(known & {*MULTITASK_HEADS}) > 1 else []),
            *(job for seed in plan.extra_seeds for job in fork_jobs(plan, SEEDED, seed)),
        ]
        self.all = [of_known(job, known) for job in every if {job.source, *job.targets} <= known]

    @cached_property
    def by_name(self) -> dict[str, TrainingJob]:
        return {job.name: job for job in self.all}

    def shipped(self, seed: int) -> list[TrainingJob]:
        """The networks of the zoo of a seed: its own, and the shared ones of the first seed."""
        return [job for job in self.all if job.method == "shared" or (job.seed == seed and job.method in METHODS)]

    def matching(self, patterns: Iterable[str]) -> list[TrainingJob]:
        """Jobs whose names match one of the globs, and those that they need, in order; all jobs if there is no glob."""
        patterns = list(patterns)
        for pattern in patterns:
            if not any(fnmatchcase(job.name, pattern) for job in self.all):
                raise ValueError(
                    f"no network is called '{pattern}'; the names are {', '.join(self.by_name)}; * matches anything"
                )
        chosen = {job.name for job in self.all if not patterns or any(fnmatchcase(job.name, p) for p in patterns)}
        while True:
            needed = {name for chosen_name in chosen for name in self.by_name[chosen_name].needs}
            if needed <= chosen:
                return [job for job in self.all if job.name in chosen]
            chosen |= needed

    def fingerprint(self, job: TrainingJob, frames: str) -> str:
        """Identify what a checkpoint belongs to: the job, the jobs it builds on, and the listing of its frames. SHA-256."""
        plan = self.plan
        terms = [plan.share, plan.k, plan.choose, plan.cross_widths] if job.method in METHODS else []
        settings = [asdict(job), terms, frames]
        inherited = [self.fingerprint(self.by_name[name], frames) for name in job.needs]
        return hashlib.sha256(json.dumps([settings, inherited]).encode()).hexdigest()


def of_known(job: TrainingJob, known: set[str]) -> TrainingJob:
    """The job with those of its readouts that end in a known domain."""
    readouts = tuple(name for name in job.readouts if set(name.split(".")[0].split("-")) <= known)
    return job if readouts == job.readouts else replace(job, readouts=readouts)


def seed_name(plan: TrainingPlan, name: str, seed: int) -> str:
    """The name of a job, with its seed unless it is the first."""
    return name if seed == plan.seed else f"{name}.seed{seed}"


def start_job(plan: TrainingPlan, target: str) -> TrainingJob:
    """The network rgb-Y that the methods continue. It ends at a rate that is still high, as the forks resume from there."""
    stages = (
        *reduced_stages(plan, plan.start, rate_to=0.4 * plan.rate),
        Stage(None, plan.full_batch, plan.start.full, 0.5 * plan.rate, 0.35 * plan.rate),
    )
    return TrainingJob(
        name=f"rgb-{target}",
        method="start",
        source="rgb",
        targets=(target,),
        architecture="small-unet",
        widths=plan.rgb_widths,
        stages=stages,
        seed=plan.seed,
        stream=f"rgb-{target}",
    )


def from_nothing(plan: TrainingPlan, steps: StageSteps) -> tuple[Stage, ...]:
    """Stages of a network that starts from random weights and is finished at the end."""
    return (
        *reduced_stages(plan, steps, rate_to=0.3 * plan.rate),
        Stage(None, plan.full_batch, steps.full, 0.5 * plan.rate, 0.0),
    )


def reduced_stages(plan: TrainingPlan, steps: StageSteps, rate_to: float) -> tuple[Stage, Stage]:
    """Stages on tiny and small images. In one run, starting with tiny images lowered the normals' L1 at 128 px from 0.104 to
    0.096, for about 15 % more time."""
    between = 0.9 * plan.rate if steps.tiny else plan.rate
    return (
        Stage(plan.tiny_px, plan.small_batch, steps.tiny, plan.rate, between, warm_up=100),
        Stage(plan.small_px, plan.small_batch, steps.small, between, rate_to, warm_up=0 if steps.tiny else 100),
    )


def cross_jobs(plan: TrainingPlan) -> list[TrainingJob]:
    """Networks from each target to every other domain except the image, and back to the targets; those of mini first."""
    pairs = [(source, target) for source in TARGETS for target in (*TARGETS, *OTHERS) if source != target]
    pairs += [(source, target) for source in OTHERS for target in TARGETS]
    pairs.sort(key=lambda pair: not {*TARGETS, "edge2d"}.issuperset(pair))
    return [shared_job(plan, source, target, plan.cross_widths, plan.cross) for source, target in pairs]


def shared_job(plan: TrainingPlan, source: str, target: str, widths: tuple[int, ...], steps: StageSteps) -> TrainingJob:
    """A network that all methods share."""
    return TrainingJob(
        name=f"{source}-{target}.shared",
        method="shared",
        source=source,
        targets=(target,),
        architecture="small-unet",
        widths=widths,
        stages=from_nothing(plan, steps),
        seed=plan.seed,
        stream=f"{source}-{target}",
    )


def fork_stages(plan: TrainingPlan) -> tuple[Stage, ...]:
    """Stages of every method that continues a start."""
    return (Stage(None, plan.full_batch, plan.fork, 0.4 * plan.rate, 0.0, warm_up=50),)


def fork_jobs(plan: TrainingPlan, methods: Iterable[str], seed: int) -> list[TrainingJob]:
    """A copy of each start, continued by each method."""
    constraints = {
        "consistency": lambda target: [z for z in (*TARGETS, *OTHERS) if z != target],
        "consistency-unsupervised": lambda target: list(UNSUPERVISED),
    }
    return [
        TrainingJob(
            name=seed_name(plan, f"rgb-{target}.{method}", seed),
            method=method,
            source="rgb",
            targets=(target,),
            architecture="small-unet",
            widths=plan.rgb_widths,
            stages=fork_stages(plan),
            seed=seed,
            starts_from=(f"rgb-{target}",),
            readouts=tuple(f"{target}-{z}.shared" for z in constraints.get(method, lambda _: [])(target)),
            stream=f"rgb-{target} fork",
        )
        for method in methods
        for target in TARGETS
    ]


def geonet_job(plan: TrainingPlan) -> TrainingJob:
    """GeoNet, which joins the starts of normals and depth."""
    return TrainingJob(
        name="rgb.geonet",
        method="geonet",
        source="rgb",
        targets=GEONET_HEADS,
        architecture="geo-net",
        widths=plan.rgb_widths,
        stages=fork_stages(plan),
        seed=plan.seed,
        starts_from=tuple(f"rgb-{target}" for target in GEONET_HEADS),
        stream="rgb geonet",
    )


def multitask_job(plan: TrainingPlan) -> TrainingJob:
    """One network with a head per target, which sees as many images of each size as a start and a fork together."""
    steps = plan.start._replace(full=plan.start.full + plan.fork)
    return TrainingJob(
        name="rgb.multitask",
        method="multitask",
        source="rgb",
        targets=tuple(target for target in MULTITASK_HEADS if target in plan.domains),
        architecture="multi-head-unet",
        widths=plan.rgb_widths,
        stages=from_nothing(plan, steps),
        seed=plan.seed,
        stream="rgb multitask",
    )
