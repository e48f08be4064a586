"""Trains many networks in parallel processes, each as soon as what it needs is trained."""

from __future__ import annotations

import json
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event
from pathlib import Path

import cv2
import torch
import torch.multiprocessing  # teaches multiprocessing to pass tensors between processes, a GPU's too

from training.learning.batches import ResidentFrames
from training.learning.checkpoints import keep_to_frames, keep_to_plan
from training.learning.jobs import TrainingJob, TrainingJobs
from training.learning.loop import Watch, Workshop, train
from training.learning.mixed_precision import keep_precise
from training.learning.plan import TrainingPlan
from training.scenes.frames import Frames

GLIBC_KEEPS_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**32),  # bytes
    "MALLOC_TRIM_THRESHOLD_": str(2**33),
    "MALLOC_TOP_PAD_": str(2**28),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
"""Environment of worker processes on Linux. By default glibc returns every tensor of a few MB to the system and requests it
again, page by page, in the next step: on two cores this took 10 to 20 % of a step at 128 px and 25 % at 256 px."""


class TrainingFailed(RuntimeError):
    """A job failed; the message names the job and the next step."""


def train_all(
    plan: TrainingPlan,
    data_folder: Path,
    folder: Path,
    workers: int,
    device: str = "cpu",
    only: Sequence[str] = (),
    watch: Watch = lambda: None,
) -> None:
    """Train every matching job, `workers` at a time with one thread each; `watch` is called about once a second.

    Two single-threaded processes finish more steps than one process with two threads, and one process leaves a GPU mostly
    idle, because the layers are small. A job starts when the jobs that it needs are done. A failing job stops the others at
    their next step, each with a checkpoint. Raises TrainingFailed.
    """
    names = keep_to_frames(data_folder, folder)
    keep_to_plan(plan, folder)
    jobs = TrainingJobs(plan)
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
        os.environ.setdefault(name, value)  # workers read it at their start
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


def run_in_order(jobs: list[TrainingJob], pool: ProcessPoolExecutor, workers: int, watch: Watch) -> None:
    """Submit jobs to the pool in order, each as soon as the jobs that it needs are done."""
    chosen = {job.name for job in jobs}
    done: set[str] = set()
    left = list(jobs)
    running: dict[Future[None], TrainingJob] = {}
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
                    f"a process died while training one of {names}, perhaps because it ran out of memory. Run the same command "
                    "again with fewer --workers: it resumes from the last checkpoints"
                ) from error
            except Exception as error:
                raise failure(job, error) from error
            done.add(job.name)
        watch()


def failure(job: TrainingJob, error: Exception) -> TrainingFailed:
    """The error that names a failed job and its cause."""
    return TrainingFailed(
        f"training {job.name} failed: {error}. The other jobs were stopped with a checkpoint. Fix the cause and run the same "
        "command again"
    )


_here: tuple[Workshop, Event] | None = None  # set in worker processes, which receive it once and not with every job


def start_worker(
    jobs: TrainingJobs,
    resident: ResidentFrames | None,
    data_folder: Path,
    names: list[str],
    folder: Path,
    device: str,
    stop: Event,
) -> None:
    """Prepare a worker process: one thread, its frames, and an end when the run ends."""
    global _here  # noqa: PLW0603
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process is interrupted too, and asks for checkpoints
    threading.Thread(target=leave_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    keep_precise()
    frames = resident or Frames(data_folder, "train", names)
    _here = Workshop(jobs, frames, json.dumps(names), folder, device), stop


def leave_with_parent() -> None:
    """End this process with its parent, so that a killed run leaves no process that writes to its folder."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is a worker"
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def train_here(job: TrainingJob) -> None:
    """Train a job in a worker process."""
    assert _here is not None, "start_worker comes first"
    workshop, stop = _here
    train(job, workshop, is_stopped=stop.is_set)
