"""Runs the networks of a path graph on a batch of frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from consistency.cuda_graph import CapturedGraph
from consistency.path_graph import Graph
from consistency.zoo.load import load_network
from consistency.zoo.records import Edge, ZooError
from precompute.jobs.batches import Batch, TrackChunk
from precompute.jobs.tracks import TrackSpec

RESIDENT_SHARE = 0.5
"""Of a GPU's free memory, what networks may fill; where they need more, they stay on the host and visit."""


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


def require_finite(products: Mapping[str, TrackChunk], names: Mapping[str, str]) -> None:
    """Raises ZooError where a network gave NaN or infinity: stored, they would look like a picture."""
    for key, product in products.items():
        if product.is_finite is not None and not bool(product.is_finite):
            raise ZooError(f"{names[key]} gives values that are not finite; check its weights, or another --device")


def make_graph(
    specs: Sequence[TrackSpec], device: torch.device, precision: Precision, networks: Networks | None = None
) -> Graph:
    """The networks that those recipes need, on the device where its memory holds them."""
    networks = networks or Networks()
    chains = [chain for spec in specs for chain in spec.chains]
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
