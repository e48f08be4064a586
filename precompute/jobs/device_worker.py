"""The devices of a job, each with a thread that runs the networks and scores their outputs."""

from __future__ import annotations

import ctypes
import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from itertools import cycle
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
    """One device, and the thread that uses it."""

    def __init__(
        self,
        graph: Graph,
        device: torch.device,
        size_multiple: int,
        batch_size: int,
        events: Events = UNHEARD,
        truth_graphs: Mapping[str, Graph] | None = None,
    ) -> None:
        """`size_multiple`: the networks' input sizes are multiples of this many pixels. `events` receives BatchHalved.
        `truth_graphs`: as `predict`."""
        self.graph, self.device, self.size_multiple = graph, device, size_multiple
        self._truth_graphs = truth_graphs or {}
        self.batch_size, self._events = batch_size, events
        if device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # most batches have one size: searching for its fastest kernels pays
        else:
            keep_memory()
        self._runner = self._new_runner()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="device")

    def submit(self, frames: FrameBatch, work: Work) -> Future[list[Scored]]:
        """Do the work in the device's thread."""
        return self._thread.submit(self.run, frames, work)

    def close(self) -> None:
        """End the thread; batches that it has not begun are dropped."""
        self._thread.shutdown(cancel_futures=True)

    def run(self, frames: FrameBatch, work: Work) -> list[Scored]:
        """Do the work on all frames, in as many parts as fit the device's memory.

        Raises ZooError, and torch.OutOfMemoryError if a single frame does not fit.
        """
        scored: list[Scored] = []
        first = 0
        while first < len(frames):
            part = self._try(frames[first : first + self.batch_size], work)
            if part is None:
                self._halve()
                continue
            scored.append(part)
            first += len(part.frames)
        return scored

    def predict(self, frames: FrameBatch) -> Predictions:
        """Run the networks. For use within the work."""
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

    def _try(self, frames: FrameBatch, work: Work) -> Scored | None:
        """None if the device's memory is full. Returning drops what the failed run held, so that it can be freed."""
        is_cuda = self.device.type == "cuda"
        try:
            with torch.inference_mode(), torch.cuda.device(self.device) if is_cuda else nullcontext():
                chunks = work(self, frames)
                if not is_cuda:
                    return Scored(frames, chunks, lambda: None)
                copied = torch.cuda.Event()
                copied.record()
                return Scored(frames, chunks, copied.synchronize)
        except torch.OutOfMemoryError:
            if self.batch_size == 1:
                raise
            return None

    def _halve(self) -> None:
        self._runner = self._new_runner()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.batch_size //= 2
        log.info("%s: out of memory; trying again with batches of %d", self.device, self.batch_size)
        self._events.emit(BatchHalved(self.batch_size))

    def _new_runner(self) -> Graph | CapturedGraph:
        return CapturedGraph(self.graph) if self.device.type == "cuda" and self.graph.can_be_recorded else self.graph


Work = Callable[[DeviceWorker, FrameBatch], Mapping[str, TrackChunk]]
"""What a device does with a batch: key of a track -> what it gains, brought to the host. Done again with fewer frames if
the device's memory is full."""


def keep_memory() -> None:
    """Let this process keep the memory that it frees for its next batch.

    By default glibc returns every tensor of some MB to the system and requests it again, page by page: on two cores that
    was 15 to 20 % of a UNet(5) in bfloat16. Other C libraries are left as they are.
    """
    with suppress(OSError, AttributeError, TypeError):
        for setting, value in GLIBC_KEEPS:
            ctypes.CDLL(None).mallopt(setting, value)


def in_order(batches: Iterable[FrameBatch], workers: Sequence[DeviceWorker], work: Work) -> Generator[Scored]:
    """The batches in their order, spread over the workers; a few are always in progress."""
    waiting: deque[Future[list[Scored]]] = deque()
    for frames, worker in zip(batches, cycle(workers), strict=False):
        waiting.append(worker.submit(frames, work))
        if len(waiting) >= BATCHES_PER_WORKER * len(workers):
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()
