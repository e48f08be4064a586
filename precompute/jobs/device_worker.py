"""How do batches flow through the devices? One lane each: networks, scores, and the way back to host memory."""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from itertools import cycle

import torch

from consistency.cuda_graph import CapturedGraph
from consistency.path_graph import Graph
from consistency.zoo.records import Zoo
from precompute.jobs.batches import Batch, TrackChunk
from precompute.jobs.predict import predict
from precompute.jobs.tracks import TrackSpec

BATCHES_IN_WORKER = 2
"""Batches handed to a device before the first of them is asked back: it never waits for the next."""

GLIBC_KEEPS = ((-4, 0), (-1, 2**30), (-2, 2**28))
"""Of mallopt: no memory from mmap; give back only above 1 GiB; fetch 256 MiB at a time."""


@dataclass(frozen=True)
class Scored:
    """What every track gains from some consecutive frames."""

    batch: Batch
    products: Mapping[str, TrackChunk]
    """Key of a track -> what it gains, in host memory, once `wait` has returned."""
    wait: Callable[[], None]


class DeviceWorker:
    """One device. Batches go in; what their tracks gain comes out, computed in a thread of its own."""

    def __init__(
        self,
        graph: Graph,
        device: torch.device,
        zoo: Zoo,
        batch_size: int,
        specs: Callable[[Batch], Sequence[TrackSpec]],
        say: Callable[[str], None] = lambda message: None,
    ) -> None:
        """`recipes` tells which tracks need a batch; `say` hears that batches have become smaller."""
        self.graph, self.device, self.multiple = graph, device, zoo.size_multiple
        self.batch_size, self.specs, self._say = batch_size, specs, say
        if device.type == "cuda":
            torch.backends.cudnn.benchmark = (
                True  # batches of one size are many: the fastest kernels are worth a search
            )
        else:
            keep_memory()
        self._runner = self._new_runner()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lane")

    def submit(self, frames: Batch) -> Future[list[Scored]]:
        return self._thread.submit(self.score, frames)

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    def score(self, frames: Batch) -> list[Scored]:
        """All frames, in as many runs as fit the device's memory. Raises ZooError and torch.OutOfMemoryError."""
        scored: list[Scored] = []
        first = 0
        while first < len(frames.rgb):
            made = self._try(frames[first : first + self.batch_size])
            if made is None:
                self._halve()
                continue
            scored.append(made)
            first += len(made.batch.rgb)
        return scored

    def _try(self, frames: Batch) -> Scored | None:
        """None where the device's memory is full. Returning drops what the failed run held, so that it can be freed."""
        try:
            return self._score(frames)
        except torch.OutOfMemoryError:
            if self.batch_size == 1:
                raise
            return None

    def _halve(self) -> None:
        self._runner = self._new_runner()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self._say(
            f"the GPU's memory is full at batches of {self.batch_size} frames: going on with {self.batch_size // 2}"
        )
        self.batch_size //= 2

    def _score(self, frames: Batch) -> Scored:
        is_cuda = self.device.type == "cuda"
        with torch.inference_mode(), torch.cuda.device(self.device) if is_cuda else nullcontext():
            batch = self._predict(frames)
            products = {spec.head.key: spec.make(batch).to_host() for spec in self.specs(frames)}
            if not is_cuda:
                return Scored(frames, products, lambda: None)
            copied = torch.cuda.Event()
            copied.record()
            return Scored(frames, products, copied.synchronize)

    def _new_runner(self) -> Graph | CapturedGraph:
        return CapturedGraph(self.graph) if self.device.type == "cuda" and self.graph.can_be_recorded else self.graph

    def _predict(self, frames: Batch) -> Batch:
        if self.device.type != "cuda":
            return predict(self.graph, frames, self.device, self.multiple)
        try:
            return predict(self._runner, frames, self.device, self.multiple, self.batch_size)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:
            # Networks may do what cannot be recorded without saying so, such as to ask the GPU for a number. If that is not
            # it, the same error comes again.
            self._runner = self.graph
            return predict(self.graph, frames, self.device, self.multiple, self.batch_size)


def keep_memory() -> None:
    """Let this process keep what it frees for its next batch.

    By default glibc gives every tensor of some MB back to the system and fetches it anew, page by page: on two cores that
    was 15 to 20 % of a UNet(5) in bfloat16. Elsewhere than on glibc nothing changes.
    """
    with suppress(OSError, AttributeError, TypeError):
        for setting, value in GLIBC_KEEPS:
            ctypes.CDLL(None).mallopt(setting, value)


def in_order(batches: Iterable[Batch], workers: Sequence[DeviceWorker]) -> Generator[Scored]:
    """The batches in their order, spread over the lanes; a few are always under way."""
    waiting: deque[Future[list[Scored]]] = deque()
    for batch, worker in zip(batches, cycle(workers), strict=False):
        waiting.append(worker.submit(batch))
        if len(waiting) >= BATCHES_IN_WORKER * len(workers):
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()
