"""Names the zoos that are exported: which part of the trained networks each holds, and how large it may be."""

from __future__ import annotations

from dataclasses import dataclass

from consistency.domains import DOMAINS
from training.learning.jobs import TrainingJob, TrainingJobs
from training.learning.plan import METHODS, SEEDED, TARGETS


@dataclass(frozen=True)
class ZooSpec:
    """A zoo to export: a part of the trained networks."""

    name: str
    version: str
    domains: tuple[str, ...]
    methods: tuple[str, ...]
    largest_megabytes: float
    """Limit on the size of all weights files together."""

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
