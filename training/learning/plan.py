"""Sets what is trained and for how long: sizes, steps and rates, the presets, and what sets the methods apart."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, NamedTuple

from consistency.domains import DOMAINS

Choice = Literal["turn", "random", "win-rate"]
TARGETS = ("normal", "depth", "reshading")
"""Domains that every method learns to predict."""
OTHERS = tuple(name for name in DOMAINS if name not in ("rgb", *TARGETS))
RENDERED_OTHERS = ("curvature", "edge3d", "keypoint3d")
"""The other domains that need a network from the image: edge2d and keypoint2d are fixed filters of it."""
MULTITASK_HEADS = TARGETS
GEONET_HEADS = ("normal", "depth")
SEEDED = ("baseline", "consistency")
"""Methods that are trained with every seed."""
RANDOM_FEATURES = 8  # output channels of the frozen random network
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
        "loss": "L1 + the same with only edge2d and keypoint2d",
        "starts from": "rgb-Y",
        "trained along": "",
        "frozen": "2 cross networks of Y",
    },
    "multitask": {
        "loss": "L1 of each head, summed; one trunk, a decoder for each target",
        "starts from": "random weights, with as many images as rgb-Y and fork together",
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
"""What sets the methods apart, as text; everything else is equal. Second terms are weighted by `TrainingPlan.share`."""
METHODS = tuple(METHOD_SETTINGS)
METHODS_IN_WORDS: dict[str, str] = {
    "baseline": "each target alone, L1 loss",
    "consistency": "same start, and readouts of the prediction must match readouts of the ground truth",
    "consistency-unsupervised": "as consistency, but only readouts that need no labels (edges and keypoints by fixed filters)",
    "multitask": "one network for all targets, with a shared trunk",
    "perceptual-random": "same start, and the prediction must match the ground truth through a random network",
    "cycle": "same start, and the image must be restored from the prediction",
    "geonet": "normals and depth together, joined by fixed geometry",
    "pix2pix": "same start, with an adversarial loss",
}
"""The same for people who choose between them: zoo.toml states it, and the dashboard shows it."""
SINGLE_NETWORK_METHODS = tuple(name for name in METHODS if name not in ("multitask", "geonet"))


class StageSteps(NamedTuple):
    """Numbers of steps of a kind of network, at three image sizes in turn."""

    tiny: int
    """Steps at `TrainingPlan.tiny_px`: a quarter of the pixels in half the time, to learn what is coarse."""
    small: int
    """Steps at `TrainingPlan.small_px`."""
    full: int
    """Steps at the rendered size, which is the size at run time."""


@dataclass(frozen=True)
class TrainingPlan:
    """Sizes, steps and rates, the same for every method; the defaults are for two CPU cores."""

    name: str = "cpu"
    seed: int = 1
    extra_seeds: tuple[int, ...] = (2, 3)
    """Further seeds of the methods in SEEDED. Each repeats only the forks, from the first seed's starts, which take the longest."""
    tiny_px: int = 64
    small_px: int = 128
    small_batch: int = 16
    """Images per step, for tiny images too."""
    full_batch: int = 8
    """Images per step at the rendered size."""
    rgb_widths: tuple[int, ...] = (16, 32, 48, 56, 64)
    cross_widths: tuple[int, ...] = (12, 16, 24, 24, 24)
    start: StageSteps = field(default=StageSteps(2500, 6000, 1100))
    """Steps of rgb-Y for each target Y, which all methods except multitask continue."""
    fork: int = 650
    """Full-size steps of the copy that each method continues."""
    shared: StageSteps = field(default=StageSteps(1000, 1800, 350))
    """Steps of the networks rgb-curvature, rgb-edge3d and rgb-keypoint3d."""
    cross: StageSteps = field(default=StageSteps(800, 1050, 200))
    """Steps of each cross network."""
    rate: float = 2e-3
    """Highest learning rate."""
    share: float = 1.0
    """Gradient norm of all second terms together, as a share of that of the direct L1 term."""
    k: int = 1
    """Second terms in each step."""
    choose: Choice = "turn"
    """How the k terms are chosen: in turn, at random, or those that are most often larger than the direct term."""
    domains: tuple[str, ...] = tuple(DOMAINS)
    """Domains of the frames: no network is trained from or to another one."""
    scale: float = 1.0
    """Factor already applied to every number of steps, for the model card."""

    def record(self) -> dict[str, Any]:
        """The plan as plain JSON values. Folders from before there were other domains than all state none."""
        record = asdict(self)
        if self.domains == tuple(DOMAINS):
            del record["domains"]
        return record

    @classmethod
    def of(cls, record: dict[str, Any]) -> TrainingPlan:
        """The plan of a `record`, which may have been through JSON."""
        steps = {name: StageSteps(*record[name]) for name in ("start", "shared", "cross")}
        names = [name for name in ("extra_seeds", "rgb_widths", "cross_widths", "domains") if name in record]
        tuples = {name: tuple(record[name]) for name in names}
        return cls(**{**record, **steps, **tuples})

    def scaled(self, factor: float) -> TrainingPlan:
        """Multiply every number of steps by `factor`; none that was positive becomes 0."""

        def times(steps: StageSteps) -> StageSteps:
            return StageSteps(*(max(1, round(n * factor)) if n else 0 for n in steps))

        changed = {name: times(getattr(self, name)) for name in ("start", "shared", "cross")}
        return replace(self, **changed, fork=max(1, round(self.fork * factor)), scale=self.scale * factor)


PRESETS = {
    "cpu": TrainingPlan(),
    # About six times the images; larger batches, because 16 small images leave a GPU mostly idle.
    "gpu": TrainingPlan(
        name="gpu",
        small_batch=64,
        full_batch=32,
        start=StageSteps(3000, 8000, 5000),
        fork=2000,
        shared=StageSteps(1000, 3000, 2000),
        cross=StageSteps(500, 1500, 600),
    ),
}
