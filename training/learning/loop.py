"""Trains one network step by step; the loop can be killed and resumed at any step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from training.learning.augmentation import degrade
from training.learning.batches import FILTERS, ResidentFrames, TrainingBatch, draw_batch, number_of
from training.learning.checkpoints import Checkpoint, Log, finished_state, trained_network
from training.learning.jobs import Stage, TrainingJob, TrainingJobs
from training.learning.methods import Learner, new_learner
from training.learning.mixed_precision import place
from training.learning.plan import TrainingPlan
from training.scenes.frames import Frames

CHECKPOINT_SECONDS = 60.0  # the work that a kill loses
LARGEST_GRADIENT_NORM = 1.0  # longer gradients are clipped
Watch = Callable[[], None]


class TrainingDiverged(RuntimeError):
    """A loss or gradient is not finite."""


@dataclass
class Workshop:
    """What all jobs of a run share."""

    jobs: TrainingJobs
    frames: Frames | ResidentFrames
    frames_name: str
    """The listing of shards as JSON; part of every checkpoint's fingerprint."""
    folder: Path
    """Folder of checkpoints and logs."""
    device: str = "cpu"

    @property
    def plan(self) -> TrainingPlan:
        return self.jobs.plan


def train(
    job: TrainingJob,
    workshop: Workshop,
    is_stopped: Callable[[], bool] = lambda: False,
    stop_after: int | None = None,
    watch: Watch = lambda: None,
) -> None:
    """Train one network, from its last checkpoint if there is one. A finished job returns immediately.

    The batch of a step depends on (seed, stream, step) alone, so a resumed run sees the same batches as an uninterrupted one.
    `stop_after` ends the call after that many steps, with a checkpoint. Raises TrainingDiverged.
    """
    checkpoint = Checkpoint(workshop.folder / f"{job.name}.pt", workshop.jobs.fingerprint(job, workshop.frames_name))
    state = checkpoint.load()
    step = state["step"] if state else 0
    if step == job.steps:
        return
    learner = make_learner(job, workshop)
    if state:
        learner.load_state(state["learner"])
    log = Log(workshop.folder / f"{job.name}.jsonl", job)
    saved_at, last_step = time.monotonic(), min(job.steps, step + stop_after) if stop_after else job.steps
    while step < last_step and not is_stopped():
        stage, rate = schedule(job, step)
        set_rates(learner, rate)
        batch = draw(job, workshop, step)
        for optimizer in learner.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        loss = learner.take_gradients(batch, step)
        norm = nn.utils.clip_grad_norm_(learner.network.parameters(), LARGEST_GRADIENT_NORM)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            what = "loss" if not math.isfinite(loss) else "gradient"
            raise TrainingDiverged(
                f"the {what} of {job.name} is {loss if what == 'loss' else float(norm)} at step {step} (rate {rate:.2g}); "
                f"remove {checkpoint.path.name} and use a lower --learning-rate"
            )
        for optimizer in learner.optimizers.values():
            optimizer.step()
        step += 1
        log.step(step, loss, stage, rate)
        if time.monotonic() - saved_at > CHECKPOINT_SECONDS:
            checkpoint.save(learner, step)
            saved_at = time.monotonic()
            watch()
    checkpoint.save(learner, step)


def make_learner(job: TrainingJob, workshop: Workshop) -> Learner:
    """Build the learner of a job, with random weights or those of the jobs that it continues."""
    seed = number_of(f"{job.seed} {job.name}")
    torch.manual_seed(seed)
    network = job.new_network(norm="batch")
    starts = [finished_state(workshop.folder, name) for name in job.starts_from]
    if job.architecture == "geo-net":
        for target, start in zip(job.targets, starts, strict=True):
            network.get_submodule(f"{target}_network").load_state_dict(start)
    elif starts:
        network.load_state_dict(starts[0])

    def cross(name: str) -> nn.Module:
        return trained_network(workshop.folder, workshop.jobs.by_name[name])

    return new_learner(job, workshop.plan, place(network, workshop.device).train(), cross, seed)


def draw(job: TrainingJob, workshop: Workshop, step: int) -> TrainingBatch:
    """Draw the batch of a step. The input of a cross network is made to look predicted, unless it is a fixed filter's output."""
    stage, _ = schedule(job, step)
    batch = draw_batch(
        workshop.frames,
        (job.source, *job.targets),
        key=(job.seed, job.stream, step),
        batch=stage.batch,
        size_px=stage.size_px,
        device=workshop.device,
    )
    if job.source == "rgb" or job.source in FILTERS:
        return batch
    generator = torch.Generator(workshop.device).manual_seed(number_of(f"{job.seed} {job.stream} {step}"))
    images = {**batch.images, job.source: degrade(batch.images[job.source], generator)}
    return TrainingBatch(images, batch.valid, batch.field_of_view)


def schedule(job: TrainingJob, step: int) -> tuple[Stage, float]:
    """The stage and the learning rate of a step."""
    for stage in job.stages:
        if step < stage.steps:
            cosine = (1 + math.cos(math.pi * step / stage.steps)) / 2
            rate = stage.rate_to + (stage.rate_from - stage.rate_to) * cosine
            return stage, rate * min(1.0, (step + 1) / (stage.warm_up + 1))
        step -= stage.steps
    raise ValueError(f"{job.name} has ended {step} steps before this one")


def set_rates(learner: Learner, rate: float) -> None:
    """Set the learning rate of the network; networks that are trained along keep theirs."""
    for name in learner.network_optimizers:
        for group in learner.optimizers[name].param_groups:
            group["lr"] = rate
