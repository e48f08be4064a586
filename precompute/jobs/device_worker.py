"""The devices of a job, each with a thread that runs the networks. Their outputs are scored there, on CPUs by one thread per core."""

from __future__ import annotations

import ctypes
import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from itertools import cycle
from threading import Barrier
from typing import Literal

import torch

from consistency.cuda_graph import CapturedGraph
from consistency.path_graph import Graph
from precompute.jobs.batches import FrameBatch
from precompute.jobs.events import UNHEARD, BatchHalved, Events
from precompute.jobs.output.tracks import TrackChunk
from precompute.jobs.predict import Predictions, predict

BATCHES_PER_WORKER = 2
"""Batches handed to a device before the result of the first is awaited, so that the device never idles between two."""

LEAST_SCORED_TOGETHER = 2
"""Frames that one thread scores at a time on a CPU: one by one they take a third more processor time."""

START_SECONDS = 60.0
"""Longest wait for the threads that score to start."""

GLIBC_KEEPS = ((-4, 0), (-1, 2**30), (-2, 2**28))
"""Settings of mallopt: no memory from mmap; give memory back only above 1 GiB; request 256 MiB at a time."""

log = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "cuda"]


def choose_device(name: Device) -> torch.device:
    """`auto` is CUDA if there is a usable GPU, else the CPU. Raises ValueError if `cuda` is not available."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: torch finds no CUDA GPU; use --device cpu, or install a CUDA build of torch")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def all_devices(device: torch.device) -> list[torch.device]:
    """Every GPU for a plain `cuda`, else the device itself."""
    if device.type == "cuda" and device.index is None:
        return [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    return [device]


@dataclass(frozen=True)
class Scored:
    """What every track gains from some consecutive frames."""

    frames: FrameBatch
    chunks: Mapping[str, TrackChunk]
    """Key of a track -> what it gains, in host memory once `wait` has returned."""
    wait: Callable[[], None]


class DeviceWorker:
    """One device, and the threads that use it."""

    def __init__(
        self,
        graph: Graph,
        device: torch.device,
        size_multiple: int,
        batch_size: int,
        events: Events = UNHEARD,
        truth_graphs: Mapping[str, Graph] | None = None,
        n_scorers: int | None = None,
    ) -> None:
        """`size_multiple`: the networks' input sizes are multiples of this many pixels. `events` receives BatchHalved.
        `truth_graphs`: as `predict`. `n_scorers`: threads that score on a CPU; None: as many as torch has."""
        self.graph, self.device, self.size_multiple = graph, device, size_multiple
        self._truth_graphs = truth_graphs or {}
        self.batch_size, self._events = batch_size, events
        if device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # most batches have one size: searching for its fastest kernels pays
        else:
            keep_memory()
        self._runner = self._new_runner()
        self._n_scorers = (n_scorers or torch.get_num_threads()) if device.type == "cpu" else 1
        self._scorers = _threads_of_one_core(self._n_scorers) if self._n_scorers > 1 else None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="device")

    def submit(self, frames: FrameBatch, score: Score) -> Future[list[Scored]]:
        """Predict and score in the device's thread."""
        return self._thread.submit(self.run, frames, score)

    def close(self) -> None:
        """End the threads; batches that they have not begun are dropped."""
        self._thread.shutdown(cancel_futures=True)
        if self._scorers is not None:
            self._scorers.shutdown()

    def run(self, frames: FrameBatch, score: Score) -> list[Scored]:
        """Predict and score all frames, in as many parts as fit the device's memory, and occupy its cores.

        Raises ZooError, and torch.OutOfMemoryError if a single frame does not fit.
        """
        scored: list[Scored] = []
        first = 0
        while first < len(frames):
            part = frames[first : first + self.batch_size]
            found = self._try(part, score)
            if found is None:
                self._halve()
                continue
            scored += found
            first += len(part)
        return scored

    def predict(self, frames: FrameBatch) -> Predictions:
        """Run the networks."""
        if self.device.type != "cuda":
            return predict(self.graph, frames, self.device, self.size_multiple, truth_graphs=self._truth_graphs)
        given = (frames, self.device, self.size_multiple, self.batch_size, self._truth_graphs)
        try:
            return predict(self._runner, *given)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:
            # Some networks cannot be recorded and do not declare it, such as one that reads a number from the GPU. If
            # that is not the reason, the same error comes again.
            log.info("%s: the networks cannot be recorded as one CUDA graph; running them step by step", self.device)
            self._runner = self.graph
            return predict(self.graph, *given)

    def _try(self, frames: FrameBatch, score: Score) -> list[Scored] | None:
        """None if the device's memory is full. Returning drops what the failed run held, so that it can be freed."""
        is_cuda = self.device.type == "cuda"
        try:
            with torch.inference_mode(), torch.cuda.device(self.device) if is_cuda else nullcontext():
                predictions = self.predict(frames)
                if not is_cuda:
                    return self._score_on_cores(predictions, score)
                chunks = score(predictions)
                copied = torch.cuda.Event()
                copied.record()
                return [Scored(frames, chunks, copied.synchronize)]
        except torch.OutOfMemoryError:
            if self.batch_size == 1:
                raise
            return None

    def _score_on_cores(self, predictions: Predictions, score: Score) -> list[Scored]:
        """Each core scores some of the frames: what it works on is too small for torch's own threads, which would wait for each
        other at every step."""

        def scored(part: Predictions) -> Scored:
            with torch.inference_mode():  # in each thread
                return Scored(part.frames, score(part), lambda: None)

        n_frames = len(predictions.frames)
        n_together = max(LEAST_SCORED_TOGETHER, -(-n_frames // self._n_scorers))
        if self._scorers is None or n_frames <= n_together:
            return [scored(predictions)]
        parts = [predictions[first : first + n_together] for first in range(0, n_frames, n_together)]
        return list(self._scorers.map(scored, parts))

    def _halve(self) -> None:
        self._runner = self._new_runner()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.batch_size //= 2
        log.info("%s: out of memory; trying again with batches of %d", self.device, self.batch_size)
        self._events.emit(BatchHalved(self.batch_size))

    def _new_runner(self) -> Graph | CapturedGraph:
        return CapturedGraph(self.graph) if self.device.type == "cuda" and self.graph.can_be_recorded else self.graph


Score = Callable[[Predictions], Mapping[str, TrackChunk]]
"""What is made of the predictions of some frames: key of a track -> what it gains, brought to the host. Called in several threads,
and again with fewer frames if the device's memory is full."""


def _threads_of_one_core(n: int) -> ThreadPoolExecutor:
    """Threads in which torch starts no others."""
    n_threads, have_started = torch.get_num_threads(), Barrier(n, timeout=START_SECONDS)

    def start() -> None:
        torch.get_num_threads()  # the first call of a thread sets its number to that of all, whatever was set before
        torch.set_num_threads(1)

    pool = ThreadPoolExecutor(n, "score", start)
    list(pool.map(lambda _: have_started.wait(), range(n)))
    torch.set_num_threads(n_threads)  # of this thread and of new ones; those of the pool keep theirs
    return pool


def keep_memory() -> None:
    """Let this process keep the memory that it frees for its next batch.

    By default glibc returns every tensor of some MB to the system and requests it again, page by page: on two cores that
    was 15 to 20 % of a UNet(5) in bfloat16. Other C libraries are left as they are.
    """
    with suppress(OSError, AttributeError, TypeError):
        for setting, value in GLIBC_KEEPS:
            ctypes.CDLL(None).mallopt(setting, value)


def in_order(
    batches: Iterable[FrameBatch],
    workers: Sequence[DeviceWorker],
    score: Score,
    is_needed: Callable[[FrameBatch], bool] = lambda frames: True,
) -> Generator[Scored]:
    """The batches in their order, spread over the workers; a few are always in progress. Those not needed come without chunks."""
    waiting: deque[Future[list[Scored]]] = deque()
    for frames, worker in zip(batches, cycle(workers), strict=False):
        if is_needed(frames):
            waiting.append(worker.submit(frames, score))
        else:
            waiting.append(Future())
            waiting[-1].set_result([Scored(frames, {}, lambda: None)])
        if len(waiting) >= BATCHES_PER_WORKER * len(workers):
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()
