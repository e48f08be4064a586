"""How do batches flow through the devices? One lane each: networks, scores, and the way back to host memory."""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from itertools import cycle

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from consistency.graph import CapturedGraph, Graph
from consistency.zoo import Edge, Zoo, ZooError, load_network
from precompute.recipes import Batch, Product, Recipe

BATCHES_IN_LANE = 2
"""Batches handed to a device before the first of them is asked back: it never waits for the next."""
RESIDENT_SHARE = 0.5
"""Of a GPU's free memory, what networks may fill; where they need more, they stay on the host and visit."""

GLIBC_KEEPS = ((-4, 0), (-1, 2**30), (-2, 2**28))
"""Of mallopt: no memory from mmap; give back only above 1 GiB; fetch 256 MiB at a time."""


@dataclass(frozen=True)
class Scored:
    """What every track gains from some consecutive frames."""

    batch: Batch
    products: Mapping[str, Product]
    """Key of a track -> what it gains, in host memory, once `wait` has returned."""
    wait: Callable[[], None]


@dataclass(frozen=True)
class Precision:
    """What the networks compute in. Scores and energies are float32 in any case."""

    dtype: torch.dtype
    exact: frozenset[str] = frozenset()
    """Digests of networks that compute in float32 all the same, as `dtype` would put their outputs beyond the bound."""

    def of(self, edge: Edge) -> torch.dtype:
        return torch.float32 if edge.network_digest in self.exact else self.dtype


class Networks:
    """Networks in memory, each loaded once for all clips of a job."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[str, torch.device, torch.dtype, torch.device | None], nn.Module] = {}

    def load(
        self, edge: Edge, device: torch.device, dtype: torch.dtype, visited: torch.device | None = None
    ) -> nn.Module:
        """On `device`. One that visits another device is that device's alone: where it is, two threads would not agree."""
        key = edge.network_digest, device, dtype, visited
        if key not in self._loaded:
            self._loaded[key] = load_network(edge, device=device, dtype=dtype)
        return self._loaded[key]

    def has(self, edge: Edge, device: torch.device, dtype: torch.dtype) -> bool:
        """Is it loaded already, to stay there?"""
        return (edge.network_digest, device, dtype, None) in self._loaded


class Lane:
    """One device. Batches go in; what their tracks gain comes out, computed in a thread of its own."""

    def __init__(
        self,
        graph: Graph,
        device: torch.device,
        zoo: Zoo,
        batch_size: int,
        recipes: Callable[[Batch], Sequence[Recipe]],
        say: Callable[[str], None] = lambda message: None,
    ) -> None:
        """`recipes` tells which tracks need a batch; `say` hears that batches have become smaller."""
        self.graph, self.device, self.multiple = graph, device, zoo.multiple
        self.batch_size, self.recipes, self._say = batch_size, recipes, say
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
            products = {recipe.head.key: recipe.make(batch).to_host() for recipe in self.recipes(frames)}
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


def in_order(batches: Iterable[Batch], lanes: Sequence[Lane]) -> Generator[Scored]:
    """The batches in their order, spread over the lanes; a few are always under way."""
    waiting: deque[Future[list[Scored]]] = deque()
    for batch, lane in zip(batches, cycle(lanes), strict=False):
        waiting.append(lane.submit(batch))
        if len(waiting) >= BATCHES_IN_LANE * len(lanes):
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()


def predict(
    graph: Graph | CapturedGraph, frames: Batch, device: torch.device, multiple: int, batch_size: int = 0
) -> Batch:
    """Run the networks on a batch, padded to their multiple by repeating the border and cropped back.

    A batch of fewer than `batch_size` frames is filled with its last one: GPUs choose kernels for each size anew.
    """
    n_frames = len(frames.rgb)
    images = to_codes(frames.rgb, device)
    if n_frames < batch_size:
        images = images[torch.arange(batch_size, device=device).clamp(max=n_frames - 1)]
    height, width = images.shape[-2:]
    padding = (0, -width % multiple, 0, -height % multiple)
    if any(padding):
        images = functional.pad(images, padding, mode="replicate")
    outputs = {chain: output[:n_frames, :, :height, :width] for chain, output in graph.run(images).items()}
    return replace(
        frames, outputs=outputs, true_codes={name: to_codes(codes, device) for name, codes in frames.truth.items()}
    )


def to_codes(levels: np.ndarray, device: torch.device) -> Tensor:
    """uint8 (N, H, W, C) -> float32 codes (N, C, H, W) on the device; what travels are the bytes."""
    host = torch.from_numpy(levels)
    if device.type == "cuda":
        host = host.pin_memory()
    return host.to(device, non_blocking=True).permute(0, 3, 1, 2).float() / 255


def require_finite(products: Mapping[str, Product], names: Mapping[str, str]) -> None:
    """Raises ZooError where a network gave NaN or infinity: stored, they would look like a picture."""
    for key, product in products.items():
        if product.is_finite is not None and not bool(product.is_finite):
            raise ZooError(f"{names[key]} gives values that are not finite; check its weights, or another --device")


def make_graph(
    recipes: Sequence[Recipe], device: torch.device, precision: Precision, networks: Networks | None = None
) -> Graph:
    """The networks that those recipes need, on the device where its memory holds them."""
    networks = networks or Networks()
    chains = [chain for recipe in recipes for chain in recipe.chains]
    wanted = {edge.network_digest: edge for chain in chains for edge in chain}
    new = [edge for edge in wanted.values() if not networks.has(edge, device, precision.of(edge))]
    visits = device.type == "cuda" and weight_bytes(new, precision) > RESIDENT_SHARE * free_bytes(device)
    home, visited = (torch.device("cpu"), device) if visits else (device, None)
    return Graph(chains, lambda edge: networks.load(edge, home, precision.of(edge), visited), visited=visited)


def weight_bytes(edges: Iterable[Edge], precision: Precision) -> int:
    """Memory that the networks of distinct edges need at most: weights in their files have two bytes or four."""
    return sum(edge.weights.stat().st_size // 2 * precision.of(edge).itemsize for edge in edges if edge.weights)


def free_bytes(device: torch.device) -> int:
    """Of a GPU's memory, what new tensors can have: what the driver calls free, and what PyTorch keeps of earlier ones."""
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + kept
