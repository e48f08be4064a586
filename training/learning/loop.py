"""How do networks get trained? The loop that can be killed and resumed at any step, and the processes that run it."""

import io
import json
import math
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import cv2
import torch
import torch.multiprocessing  # teaches multiprocessing to hand over tensors, a GPU's too
from torch import Tensor, nn

from cache.files import replace_file
from consistency.models.small_unet import fold_batch_norm
from training.learning.batches import FILTERS, Batch, ResidentFrames, degrade, draw_batch, number_of
from training.learning.methods import Learner, new_learner, place
from training.learning.plan import Job, Jobs, Plan
from training.scenes.data import Frames

CHECKPOINT_SECONDS = 60.0
LOG_EVERY_STEPS = 25
LARGEST_GRADIENT_NORM = 1.0
LISTING = "frames.json"
PLAN = "plan.json"
GLIBC_KEEPS_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**32),  # bytes
    "MALLOC_TRIM_THRESHOLD_": str(2**33),
    "MALLOC_TOP_PAD_": str(2**28),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
"""For worker processes on Linux. By default glibc gives every tensor of some MB back to the system and fetches it anew, page by
page, in the next step: on two cores that was 10 to 20 % of a step at 128 px and 25 % at 256 px."""

Watch = Callable[[], None]


class TrainingDiverged(RuntimeError):
    """A loss is not finite."""


class TrainingFailed(RuntimeError):
    """A job failed; the message names it and the next step."""


@dataclass
class Workshop:
    """What every job of a run is given."""

    jobs: Jobs
    frames: Frames | ResidentFrames
    frames_name: str
    """Names the listing of shards; part of every checkpoint's fingerprint."""
    folder: Path
    """Of checkpoints and logs."""
    device: str = "cpu"

    @property
    def plan(self) -> Plan:
        return self.jobs.plan


# Many jobs


def train_all(
    plan: Plan,
    data_folder: Path,
    folder: Path,
    workers: int,
    device: str = "cpu",
    only: Sequence[str] = (),
    watch: Watch = lambda: None,
) -> None:
    """Train every job that matches, `workers` at a time with one thread each; `watch` is called about once a second.

    Two single-threaded processes finish more steps than one process with two threads, and a GPU is far from busy with one:
    the layers are small. A job starts when what it needs is done. One that fails stops the others at their next step, each
    with a checkpoint.
    """
    names = keep_to_frames(data_folder, folder)
    keep_to_plan(plan, folder)
    jobs = Jobs(plan)
    chosen = jobs.matching(only)
    frames = Frames(data_folder, "train", names)
    resident = ResidentFrames.load(frames, device).share() if device != "cpu" else None
    if workers == 1:
        keep_precise()
        workshop = Workshop(jobs, resident or frames, json.dumps(names), folder, device)
        for job in chosen:
            try:
                train(job, workshop, watch=watch)
            except Exception as error:
                raise failure(job, error) from error
            watch()
        return
    for name, value in GLIBC_KEEPS_MEMORY.items():
        os.environ.setdefault(name, value)  # workers read it when they start
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    start = (jobs, resident, data_folder, names, folder, device, stop)
    with ProcessPoolExecutor(workers, context, start_worker, start) as pool:
        try:
            run_in_order(chosen, pool, workers, watch)
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    watch()


def run_in_order(jobs: list[Job], pool: ProcessPoolExecutor, workers: int, watch: Watch) -> None:
    """Hand jobs to the pool, the first whose needs are done first."""
    chosen = {job.name for job in jobs}
    done: set[str] = set()
    left = list(jobs)
    running: dict[Future[None], Job] = {}
    while left or running:
        ready = [job for job in left if done >= chosen.intersection(job.needs)]
        for job in ready[: workers - len(running)]:
            left.remove(job)
            running[pool.submit(train_here, job)] = job
        finished, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
        for future in finished:
            job = running.pop(future)
            try:
                future.result()
            except BrokenProcessPool as error:
                names = ", ".join(each.name for each in (job, *running.values()))
                raise TrainingFailed(
                    f"a process died while it trained one of {names}, perhaps for want of memory; start the same command "
                    "again, with fewer --workers: it goes on from the last checkpoints"
                ) from error
            except Exception as error:
                raise failure(job, error) from error
            done.add(job.name)
        watch()


def failure(job: Job, error: Exception) -> TrainingFailed:
    return TrainingFailed(
        f"training {job.name} failed: {error}. The other jobs were stopped with their checkpoints; when the cause is mended, "
        "start the same command again"
    )


_here: tuple[Workshop, Event] | None = None  # of a worker process, which gets them once and not with every job


def start_worker(
    jobs: Jobs,
    resident: ResidentFrames | None,
    data_folder: Path,
    names: list[str],
    folder: Path,
    device: str,
    stop: Event,
) -> None:
    global _here  # noqa: PLW0603
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process is interrupted too, and has checkpoints written
    threading.Thread(target=leave_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    keep_precise()
    frames = resident or Frames(data_folder, "train", names)
    _here = Workshop(jobs, frames, json.dumps(names), folder, device), stop


def keep_precise() -> None:
    """First convolutions take derivatives of images: TF32, a GPU's default, holds a depth code to 0.0005 alone."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True  # batches of a job have two or three sizes


def leave_with_parent() -> None:
    """A killed run leaves no process behind that writes to its folder."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is a worker"
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def train_here(job: Job) -> None:
    assert _here is not None, "start_worker comes first"
    workshop, stop = _here
    train(job, workshop, is_stopped=stop.is_set)


def keep_to_frames(data_folder: Path, folder: Path) -> list[str]:
    """The training shards of this run: those that were there when it first began, whatever was rendered since."""
    listing = folder / LISTING
    if not listing.exists():
        replace_file(listing, json.dumps(Frames(data_folder, "train").names).encode())
    return json.loads(listing.read_text())


def keep_to_plan(plan: Plan, folder: Path) -> None:
    """Refuse to mix the networks of two plans in one folder."""
    path, wanted = folder / PLAN, json.dumps(plan.record())
    if path.exists() and (found := path.read_text()) != wanted:
        before, now = json.loads(found), json.loads(wanted)
        changed = ", ".join(f"{key} {before.get(key)} -> {now[key]}" for key in now if before.get(key) != now[key])
        raise ValueError(
            f"{folder} holds networks of another plan ({changed}); remove it, or choose another --work folder"
        )
    replace_file(path, wanted.encode())


def plan_of(folder: Path) -> Plan:
    """The plan that the networks of a folder were trained by."""
    path = folder / PLAN
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there; train first: python -m training train")
    return Plan.of(json.loads(path.read_text()))


# One job


def train(
    job: Job,
    workshop: Workshop,
    is_stopped: Callable[[], bool] = lambda: False,
    stop_after: int | None = None,
    watch: Watch = lambda: None,
) -> None:
    """Train one network, from its last checkpoint if there is one; a finished job returns at once.

    Every step draws its batch from (seed, stream, step) alone, so that a resumed run sees what an uninterrupted one would
    have. `stop_after` ends early after that many steps of this call, with a checkpoint.
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
                f"remove {checkpoint.path.name} and train with a lower --learning-rate"
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


def make_learner(job: Job, workshop: Workshop) -> Learner:
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


def draw(job: Job, workshop: Workshop, step: int) -> Batch:
    """The batch of a step; what a cross network reads is made to look predicted, unless a fixed filter makes it."""
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
    return Batch(images, batch.valid, batch.field_of_view)


def schedule(job: Job, step: int) -> tuple[Any, float]:
    """Stage and learning rate of a step."""
    for stage in job.stages:
        if step < stage.steps:
            cosine = (1 + math.cos(math.pi * step / stage.steps)) / 2
            rate = stage.rate_to + (stage.rate_from - stage.rate_to) * cosine
            return stage, rate * min(1.0, (step + 1) / (stage.warm_up + 1))
        step -= stage.steps
    raise ValueError(f"step {step} lies {step} steps beyond the end of {job.name}")


def set_rates(learner: Learner, rate: float) -> None:
    """The network's follow the schedule; what is trained along keeps its own."""
    for name in learner.network_optimizers:
        for group in learner.optimizers[name].param_groups:
            group["lr"] = rate


# What training leaves


def finished_state(folder: Path, name: str) -> dict[str, Tensor]:
    """The weights of a job's network."""
    path = folder / f"{name}.pt"
    if not path.exists():
        raise FileNotFoundError(f"{path.name} is not there; train it first: python -m training train --only {name}")
    return torch.load(path, weights_only=True, map_location="cpu")["learner"]["modules"]["network"]


def trained_network(folder: Path, job: Job) -> nn.Module:
    """The job's network in eval mode, BatchNorm folded."""
    network = job.new_network(norm="batch")
    network.load_state_dict(finished_state(folder, job.name))
    return fold_batch_norm(network.eval())


class Checkpoint:
    """Everything of one job in one file, replaced in one step."""

    def __init__(self, path: Path, belongs_to: str):
        self.path, self.belongs_to = path, belongs_to

    def load(self) -> dict[str, Any] | None:
        """`learner` and `step`; None where there is no checkpoint."""
        if not self.path.exists():
            return None
        state: dict[str, Any] = torch.load(self.path, weights_only=True, map_location="cpu")
        if state["belongs_to"] != self.belongs_to:
            raise ValueError(
                f"{self.path} was made with another plan or other frames; remove it, or train in another --work folder"
            )
        return state

    def save(self, learner: Learner, step: int) -> None:
        state = {"learner": learner.state(), "step": step, "belongs_to": self.belongs_to}
        buffer = io.BytesIO()  # torch hides what the system says of a file that cannot be written
        torch.save(state, buffer)
        replace_file(self.path, buffer.getvalue())


class Log:
    """One JSON line every few steps: what the progress bars and the model card read."""

    def __init__(self, path: Path, job: Job):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.job = path, job
        self.losses: list[float] = []
        self.n_images = 0
        self.since = time.monotonic()

    def step(self, step: int, loss: float, stage: Any, rate: float) -> None:
        self.losses.append(loss)
        self.n_images += stage.batch
        if len(self.losses) < LOG_EVERY_STEPS and step < self.job.steps:
            return
        seconds = time.monotonic() - self.since
        line = {
            "step": step,
            "of": self.job.steps,
            "l1": round(sum(self.losses) / len(self.losses), 6),
            "seconds": round(seconds, 3),
            "images_per_second": round(self.n_images / seconds, 1),
            "size_px": stage.size_px,
            "rate": rate,
        }
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self.losses, self.n_images, self.since = [], 0, time.monotonic()
