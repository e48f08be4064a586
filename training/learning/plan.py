"""Which networks are trained, by which method, from what, and for how long? The plan, its presets, and the jobs it makes."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Literal, NamedTuple

from torch import nn

from consistency.domains import DOMAINS
from consistency.models import registry

Choice = Literal["turn", "random", "win-rate"]

TARGETS = ("normal", "depth", "reshading")
"""Domains that every method learns to predict."""
OTHERS = tuple(name for name in DOMAINS if name not in ("rgb", *TARGETS))
RENDERED_OTHERS = ("curvature", "edge3d", "keypoint3d")
"""Those of the others that need a network: edge2d and keypoint2d are fixed filters of the image."""
UNSUPERVISED = ("edge2d", "keypoint2d")
"""What can be had of any image without labels."""
MULTITASK_HEADS = TARGETS
GEONET_HEADS = ("normal", "depth")
SEEDED = ("baseline", "consistency")
"""Methods that are trained with every seed."""
RANDOM_FEATURES = 8  # channels of the frozen random network
L1_PER_ADVERSARY = 100.0  # lambda of pix2pix (arXiv 1611.07004)
DISCRIMINATOR_WIDTHS = (24, 48, 96)

METHOD_SETTINGS: dict[str, dict[str, str]] = {
    "baseline": {"loss": "L1", "starts from": "rgb-Y", "trained along": "", "frozen": ""},
    "consistency": {
        "loss": "L1 + readouts of prediction against readouts of truth, all other domains",
        "starts from": "rgb-Y",
        "trained along": "",
        "frozen": "7 cross networks of Y",
    },
    "consistency-unsupervised": {
        "loss": "L1 + the same with edge2d and keypoint2d alone",
        "starts from": "rgb-Y",
        "trained along": "",
        "frozen": "2 cross networks of Y",
    },
    "multitask": {
        "loss": "L1 of each head, summed; one trunk, a decoder for each target",
        "starts from": "nothing, for the images of rgb-Y and fork together",
        "trained along": "",
        "frozen": "",
    },
    "perceptual-random": {
        "loss": f"L1 + the same through a network of random weights ({RANDOM_FEATURES} outputs)",
        "starts from": "rgb-Y",
        "trained along": "",
        "frozen": "a network of the cross networks' size, never trained",
    },
    "cycle": {
        "loss": "L1 + L1 of the image reconstructed from the prediction",
        "starts from": "rgb-Y",
        "trained along": "Y-rgb, of the cross networks' size",
        "frozen": "",
    },
    "geonet": {
        "loss": "L1 of both heads",
        "starts from": "rgb-normal and rgb-depth, joined by fixed geometry",
        "trained along": "",
        "frozen": "",
    },
    "pix2pix": {
        "loss": f"{L1_PER_ADVERSARY:g} L1 + adversary",
        "starts from": "rgb-Y",
        "trained along": f"patch discriminator of image and Y, widths {', '.join(map(str, DISCRIMINATOR_WIDTHS))}",
        "frozen": "",
    },
}
"""What sets the methods apart, one row of text each; everything else is alike. Second terms pull with `Plan.share`."""
METHODS = tuple(METHOD_SETTINGS)
SINGLE_NETWORK_METHODS = tuple(name for name in METHODS if name not in ("multitask", "geonet"))


class Steps(NamedTuple):
    """How long a kind of network is trained."""

    tiny: int
    """Steps at Plan.tiny_px: a quarter of the pixels, and half the time, to learn the coarse things."""
    small: int
    """Steps at Plan.small_px, afterwards."""
    full: int
    """Steps at the rendered size, which is the size at run time, afterwards."""


@dataclass(frozen=True)
class Plan:
    """Sizes, steps and rates, the same for every method; the defaults are for two CPU cores."""

    name: str = "cpu"
    seed: int = 1
    extra_seeds: tuple[int, ...] = (2, 3)
    """Of the methods in SEEDED: each repeats the forks alone, from the first seed's starts, which take the longest."""
    tiny_px: int = 64
    small_px: int = 128
    small_batch: int = 16
    """Of tiny images too."""
    full_batch: int = 8
    rgb_widths: tuple[int, ...] = (16, 32, 48, 56, 64)
    cross_widths: tuple[int, ...] = (12, 16, 24, 24, 24)
    start: Steps = field(default=Steps(2500, 6000, 1100))
    """Of rgb-Y for each target Y, which all methods but multitask continue."""
    fork: int = 650
    """Full-size steps of each method's copy."""
    shared: Steps = field(default=Steps(1000, 1800, 350))
    """Of the networks rgb-curvature, rgb-edge3d and rgb-keypoint3d."""
    cross: Steps = field(default=Steps(800, 1050, 200))
    """Of each cross network."""
    rate: float = 2e-3
    share: float = 1.0
    """Gradient magnitude of all second terms together, as a share of the direct L1 term's."""
    k: int = 1
    """Second terms in each step."""
    choose: Choice = "turn"
    """Which k: in turn, at random, or those that win most often against the direct term."""
    scale: float = 1.0
    """What every number of steps has been multiplied with already: for the model card."""

    def record(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Plan":
        """What `record` gave, also after a round through JSON."""
        steps = {name: Steps(*record[name]) for name in ("start", "shared", "cross")}
        tuples = {name: tuple(record[name]) for name in ("extra_seeds", "rgb_widths", "cross_widths")}
        return cls(**{**record, **steps, **tuples})

    def scaled(self, factor: float) -> "Plan":
        """Every number of steps times `factor`, at least one each where there was one."""

        def times(steps: Steps) -> Steps:
            return Steps(*(max(1, round(n * factor)) if n else 0 for n in steps))

        changed = {name: times(getattr(self, name)) for name in ("start", "shared", "cross")}
        return replace(self, **changed, fork=max(1, round(self.fork * factor)), scale=self.scale * factor)


PRESETS = {
    "cpu": Plan(),
    # Some six times the images; larger batches, as a GPU is far from busy with 16 small images.
    "gpu": Plan(
        name="gpu",
        small_batch=64,
        full_batch=32,
        start=Steps(3000, 8000, 5000),
        fork=2000,
        shared=Steps(1000, 3000, 2000),
        cross=Steps(500, 1500, 600),
    ),
}


@dataclass(frozen=True)
class Stage:
    """A run of steps at one image size, with a cosine between two rates."""

    size_px: int | None
    """None: the rendered size."""
    batch: int
    steps: int
    rate_from: float
    rate_to: float
    warm_up: int = 0


@dataclass(frozen=True)
class Job:
    """One network to train."""

    name: str
    method: str
    """One of METHODS, `shared`, or `start`."""
    source: str
    targets: tuple[str, ...]
    """Several where the network has several heads."""
    architecture: str
    widths: tuple[int, ...]
    stages: tuple[Stage, ...]
    seed: int
    starts_from: tuple[str, ...] = ()
    """Names of the jobs whose results this one continues."""
    readouts: tuple[str, ...] = ()
    """Names of the cross networks that judge it."""
    stream: str = ""
    """Names its sequence of batches: jobs of one stream and seed see the same frames."""

    @property
    def steps(self) -> int:
        return sum(stage.steps for stage in self.stages)

    @property
    def needs(self) -> tuple[str, ...]:
        return (*self.starts_from, *self.readouts)

    @property
    def arguments(self) -> dict[str, Any]:
        """What `networks.build` is given."""
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
        return registry.build(self.architecture, **self.arguments, norm=norm)


class Jobs:
    """All jobs of a plan, in the order in which they should be done: stopped early, the more useful ones are there."""

    def __init__(self, plan: Plan):
        self.plan = plan
        first = plan.seed
        self.all = [
            *(start_job(plan, target) for target in TARGETS),
            *cross_jobs(plan),
            *fork_jobs(plan, SEEDED, first),
            *(shared_job(plan, "rgb", target, plan.rgb_widths, plan.shared) for target in RENDERED_OTHERS),
            *fork_jobs(plan, [m for m in SINGLE_NETWORK_METHODS if m not in SEEDED], first),
            geonet_job(plan),
            multitask_job(plan),
            *(job for seed in plan.extra_seeds for job in fork_jobs(plan, SEEDED, seed)),
        ]

    @cached_property
    def by_name(self) -> dict[str, Job]:
        return {job.name: job for job in self.all}

    def shipped(self, seed: int) -> list[Job]:
        """The networks of a zoo: those of the seed, and for another than the first seed the shared ones too."""
        return [job for job in self.all if job.method == "shared" or (job.seed == seed and job.method in METHODS)]

    def matching(self, patterns: Iterable[str]) -> list[Job]:
        """Jobs whose names match a glob, with all that they need, in order. All jobs where there is no pattern."""
        patterns = list(patterns)
        for pattern in patterns:
            if not any(fnmatchcase(job.name, pattern) for job in self.all):
                raise ValueError(
                    f"no network is called '{pattern}'; the names are {', '.join(self.by_name)}; * stands for anything"
                )
        chosen = {job.name for job in self.all if not patterns or any(fnmatchcase(job.name, p) for p in patterns)}
        while True:
            needed = {name for chosen_name in chosen for name in self.by_name[chosen_name].needs}
            if needed <= chosen:
                return [job for job in self.all if job.name in chosen]
            chosen |= needed

    def fingerprint(self, job: Job, frames: str) -> str:
        """Names what a checkpoint belongs to: the job, all it builds upon, and the frames it is trained on."""
        plan = self.plan
        terms = [plan.share, plan.k, plan.choose, plan.cross_widths] if job.method in METHODS else []
        settings = [asdict(job), terms, frames]
        inherited = [self.fingerprint(self.by_name[name], frames) for name in job.needs]
        return hashlib.sha256(json.dumps([settings, inherited]).encode()).hexdigest()


def seed_name(plan: Plan, name: str, seed: int) -> str:
    return name if seed == plan.seed else f"{name}.seed{seed}"


def start_job(plan: Plan, target: str) -> Job:
    """Ends at a rate that is still high: the fork goes on from there."""
    stages = (
        *reduced_stages(plan, plan.start, rate_to=0.4 * plan.rate),
        Stage(None, plan.full_batch, plan.start.full, 0.5 * plan.rate, 0.35 * plan.rate),
    )
    return Job(
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


def from_nothing(plan: Plan, steps: Steps) -> tuple[Stage, ...]:
    return (
        *reduced_stages(plan, steps, rate_to=0.3 * plan.rate),
        Stage(None, plan.full_batch, steps.full, 0.5 * plan.rate, 0.0),
    )


def reduced_stages(plan: Plan, steps: Steps, rate_to: float) -> tuple[Stage, Stage]:
    """Reduced images first. In one run a start with tiny ones took the normals' L1 at 128 px from 0.104 to
    0.096, for some 15 % more time."""
    between = 0.9 * plan.rate if steps.tiny else plan.rate
    return (
        Stage(plan.tiny_px, plan.small_batch, steps.tiny, plan.rate, between, warm_up=100),
        Stage(plan.small_px, plan.small_batch, steps.small, between, rate_to, warm_up=0 if steps.tiny else 100),
    )


def cross_jobs(plan: Plan) -> list[Job]:
    """Each target to every other domain but the image, and every other domain to each target; mini's first."""
    pairs = [(source, target) for source in TARGETS for target in (*TARGETS, *OTHERS) if source != target]
    pairs += [(source, target) for source in OTHERS for target in TARGETS]
    pairs.sort(key=lambda pair: not {*TARGETS, "edge2d"}.issuperset(pair))
    return [shared_job(plan, source, target, plan.cross_widths, plan.cross) for source, target in pairs]


def shared_job(plan: Plan, source: str, target: str, widths: tuple[int, ...], steps: Steps) -> Job:
    """A network that serves every method."""
    return Job(
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


def fork_stages(plan: Plan) -> tuple[Stage, ...]:
    """Alike for every method that continues a start."""
    return (Stage(None, plan.full_batch, plan.fork, 0.4 * plan.rate, 0.0, warm_up=50),)


def fork_jobs(plan: Plan, methods: Iterable[str], seed: int) -> list[Job]:
    constraints = {
        "consistency": lambda target: [z for z in (*TARGETS, *OTHERS) if z != target],
        "consistency-unsupervised": lambda target: list(UNSUPERVISED),
    }
    return [
        Job(
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


def geonet_job(plan: Plan) -> Job:
    return Job(
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


def multitask_job(plan: Plan) -> Job:
    """As many images of each size as a start and a fork see together."""
    steps = plan.start._replace(full=plan.start.full + plan.fork)
    return Job(
        name="rgb.multitask",
        method="multitask",
        source="rgb",
        targets=MULTITASK_HEADS,
        architecture="multi-head-unet",
        widths=plan.rgb_widths,
        stages=from_nothing(plan, steps),
        seed=plan.seed,
        stream="rgb multitask",
    )
