"""Runs the networks of a path graph on a batch of frames."""

# N frames, C channels, H x W pixels

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from consistency.cuda_graph import CapturedGraph
from consistency.domains import DOMAINS, Domain
from consistency.metrics import Truth, recoded, valid_pixels
from consistency.path_graph import Graph
from consistency.planes import planar
from consistency.zoo.load import load_network
from consistency.zoo.records import Chain, Edge
from precompute.jobs.batches import FrameBatch
from precompute.jobs.disagreements import Disagreements

RESIDENT_SHARE = 0.5
"""Share of a GPU's free memory that networks may fill. If they need more, they stay on the host and visit the GPU."""


@dataclass(frozen=True)
class Predictions:
    """What the networks made of a batch."""

    frames: FrameBatch
    outputs: Mapping[Chain, Tensor]
    """Codes in [0, 1], (N, C, H, W), on the device."""
    true_codes: Mapping[str, Tensor]
    """Domain -> the frames' ground truth on the device, float32 in [0, 1], (N, C, H, W)."""
    of_truth: Mapping[Chain, Tensor] = field(default_factory=dict)
    """Chain that begins with a domain of `true_codes` -> what its networks make of the ground truth, as `outputs`."""
    clean_codes: Mapping[str, Tensor] = field(default_factory=dict)
    """Key of a track of the clip without the shift -> its codes of these frames, as `true_codes`."""

    _shared: dict[Any, Any] = field(default_factory=dict, init=False)

    def __getitem__(self, frames: slice) -> Predictions:
        """Those of some of the frames."""

        def cut(codes: Mapping[Any, Tensor]) -> dict[Any, Tensor]:
            return {name: values[frames] for name, values in codes.items()}

        parts = (cut(codes) for codes in (self.outputs, self.true_codes, self.of_truth, self.clean_codes))
        return Predictions(self.frames[frames], *parts)

    @cached_property
    def disagreements(self) -> Disagreements:
        """How far the outputs are apart."""
        return Disagreements(self.planar)

    def planar(self, chain: Chain) -> Tensor:
        """The output of a chain, float32, channel after channel in memory. What is returned must not be changed."""
        return self._once(chain, lambda: planar(self.outputs[chain]))

    def truth(self, domain: Domain) -> Truth:
        """The ground truth of a domain, for errors against it: as codes of the bundled domain, whose range a zoo may not share."""

        def made() -> Truth:
            own, codes = DOMAINS.get(domain.name, domain), self.true_codes[domain.name]
            return Truth(domain, recoded(codes, own, domain), valid_pixels(own, codes))

        return self._once(domain, made)

    def planar_of_truth(self, chain: Chain) -> Tensor:
        """What networks make of the ground truth, as `planar`."""
        return self._once(("truth", chain), lambda: planar(self.of_truth[chain]))

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._shared:
            self._shared[key] = make()
        return self._shared[key]


@dataclass(frozen=True)
class Precision:
    """The dtype that networks compute in. Scores and energies are always float32."""

    dtype: torch.dtype
    exact: frozenset[str] = frozenset()
    """Digests of networks that compute in float32 nevertheless, since `dtype` puts their outputs beyond the bound."""

    def of(self, edge: Edge) -> torch.dtype:
        return torch.float32 if edge.network_digest in self.exact else self.dtype


class Networks:
    """Networks in memory, each loaded once for all clips of a job, or of a worker that trims them."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[str, torch.device, torch.dtype, torch.device | None], nn.Module] = {}

    def load(
        self, edge: Edge, device: torch.device, dtype: torch.dtype, visited: torch.device | None = None
    ) -> nn.Module:
        """The network on `device`. One that visits another device is loaded for that device alone: two threads would
        disagree about where it is."""
        key = edge.run_digest, device, dtype, visited
        network = self._loaded.pop(key, None)
        self._loaded[key] = load_network(edge, device=device, dtype=dtype) if network is None else network
        return self._loaded[key]

    @property
    def bytes(self) -> int:
        """Memory of the weights of all loaded networks."""
        return sum(map(_bytes_of, self._loaded.values()))

    def trim(self, max_bytes: int) -> None:
        """Forget the networks that were asked for the longest ago, until the rest needs no more memory than that."""
        excess = self.bytes - max_bytes
        while excess > 0 and self._loaded:
            excess -= _bytes_of(self._loaded.pop(next(iter(self._loaded))))

    def has(self, edge: Edge, device: torch.device, dtype: torch.dtype) -> bool:
        """Whether it is loaded there to stay."""
        return (edge.run_digest, device, dtype, None) in self._loaded


@dataclass(frozen=True)
class Compute:
    """What a job computes on, and how."""

    device: torch.device
    """A plain `cuda` means every GPU."""
    precision: Precision
    batch_size: int
    """Frames per run of the networks."""
    networks: Networks = field(default_factory=Networks)
    """Networks that are loaded already, and where further ones are put."""


def predict(
    graph: Graph | CapturedGraph,
    frames: FrameBatch,
    device: torch.device,
    size_multiple: int,
    batch_size: int = 0,
    truth_graphs: Mapping[str, Graph] | None = None,
) -> Predictions:
    """Run the networks on frames padded to multiples of `size_multiple` pixels by repeating the border, and crop their outputs back.

    A batch of fewer than `batch_size` frames is filled with its last one: GPUs choose kernels again for every size.
    `truth_graphs`: domain -> networks that run on its ground truth.
    """
    images = to_codes(frames.rgb, device)
    if len(frames) < batch_size:
        images = images[torch.arange(batch_size, device=device).clamp(max=len(frames) - 1)]
    true_codes = {name: to_codes(codes, device) for name, codes in frames.truth.items()}
    of_truth: dict[Chain, Tensor] = {}
    for name, readouts in (truth_graphs or {}).items():
        of_truth |= _run(readouts, true_codes[name], size_multiple, len(frames))
    clean_codes = {key: to_codes(codes, device) for key, codes in frames.clean.items()}
    return Predictions(frames, _run(graph, images, size_multiple, len(frames)), true_codes, of_truth, clean_codes)


def _run(graph: Graph | CapturedGraph, images: Tensor, size_multiple: int, n_frames: int) -> dict[Chain, Tensor]:
    """The outputs for the first frames, of images padded for the networks and cropped back."""
    height, width = images.shape[-2:]
    padding = (0, -width % size_multiple, 0, -height % size_multiple)
    if any(padding):
        images = functional.pad(images, padding, mode="replicate")
    found = graph.run(images, frame=(height, width)) if any(padding) else graph.run(images)
    return {chain: output[:n_frames, :, :height, :width] for chain, output in found.items()}


def to_codes(levels: np.ndarray, device: torch.device) -> Tensor:
    """uint8 (N, H, W, C) -> float32 codes in [0, 1], (N, C, H, W), on the device; the bytes travel, not the floats."""
    host = torch.from_numpy(levels)
    if device.type == "cuda":
        host = host.pin_memory()
    return host.to(device, non_blocking=True).permute(0, 3, 1, 2).float() / 255


def make_graph(
    chains: Iterable[Chain],
    device: torch.device,
    precision: Precision,
    networks: Networks | None = None,
    *,
    keeps_going: bool = False,
) -> Graph:
    """The networks of the chains, on the device if its memory holds them. `keeps_going`: as `Graph`."""
    networks = networks or Networks()
    chains = list(chains)
    wanted = {edge.run_digest: edge for chain in chains for edge in chain}
    new = [edge for edge in wanted.values() if not networks.has(edge, device, precision.of(edge))]
    visits = device.type == "cuda" and weight_bytes(new, precision) > RESIDENT_SHARE * free_bytes(device)
    home, visited = (torch.device("cpu"), device) if visits else (device, None)

    def load(edge: Edge) -> nn.Module:
        return networks.load(edge, home, precision.of(edge), visited)

    return Graph(chains, load, visited=visited, keeps_going=keeps_going)


def _bytes_of(network: nn.Module) -> int:
    tensors = [*network.parameters(), *network.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def weight_bytes(edges: Iterable[Edge], precision: Precision) -> int:
    """Most memory that the networks of distinct edges need, bytes: weights take two or four bytes each in their files."""
    return sum(edge.weights.stat().st_size // 2 * precision.of(edge).itemsize for edge in edges if edge.weights)


def free_bytes(device: torch.device) -> int:
    """GPU memory that new tensors can use: what the driver reports as free, and what PyTorch holds of freed tensors."""
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + held


def dtype_name(dtype: torch.dtype) -> str:
    """Such as `bfloat16`."""
    return str(dtype).removeprefix("torch.")
