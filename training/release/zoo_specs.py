"""Names the zoos that are exported: which part of the trained networks each holds, and how large it may be."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from consistency.domains import DOMAINS
from training.learning.jobs import TrainingJob, TrainingJobs
from training.learning.plan import METHODS, SEEDED, TARGETS, TrainingPlan


@dataclass(frozen=True)
class ZooSpec:
    """A zoo to export: a part of the trained networks."""

    name: str
    version: str
    domains: tuple[str, ...]
    methods: tuple[str, ...]
    largest_megabytes: float
    """Limit on the size of all weights files together."""
    licence: str = "MIT"
    description: str = "small U-Nets, trained by the Crosscheck project on rendered rooms"

    def within(self, domains: Collection[str]) -> ZooSpec:
        """The same zoo without the domains that nothing was trained for."""
        return replace(self, domains=tuple(name for name in self.domains if name in domains))

    def jobs(self, jobs: TrainingJobs, seed: int) -> list[TrainingJob]:
        """The jobs of this zoo's networks, method by method, then the shared ones."""
        order = (*self.methods, "shared")
        chosen = [
            job for job in jobs.shipped(seed) if job.method in order and {job.source, *job.targets} <= set(self.domains)
        ]
        return sorted(chosen, key=lambda job: order.index(job.method))


LAB = ZooSpec("lab", "2", tuple(DOMAINS), METHODS, 25.0)
MINI = ZooSpec("mini", "3", ("rgb", *TARGETS, "edge2d"), (*SEEDED, "multitask"), 12.0)
SEED = ZooSpec("lab-seed", "1", tuple(DOMAINS), SEEDED, 25.0)
LARGEST_OWN_MEGABYTES = 1000.0


def own_spec(data: str, plan: TrainingPlan) -> ZooSpec:
    """A zoo of all that a plan trains on the data of that name."""
    name = re.sub(r"[^a-z0-9]+", "-", data.lower()).strip("-")[:32] or "own"
    trained = {job.method for job in TrainingJobs(plan).all}
    methods = tuple(method for method in METHODS if method in trained)
    return ZooSpec(
        name, "1", plan.domains, methods, LARGEST_OWN_MEGABYTES, "not stated", f"small U-Nets, trained on {data[:60]}"
    )
