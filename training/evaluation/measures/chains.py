"""Finds the chains of a zoo to measure, loads their networks and prepares frames for them.

N frames, C channels, H x W pixels. Networks are in eval mode, in float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from consistency.path_graph import Graph
from consistency.zoo.load import load_network
from consistency.zoo.records import IMAGE, SHARED, Chain, Edge, Zoo, ZooError
from training.learning.batches import to_tensor
from training.learning.plan import TARGETS
from training.scenes.frames import CHANNELS, Frames

BASELINE = "baseline"
BATCH = 4
"""Frames at a time: a zoo of all methods keeps about 200 images per frame in memory."""
Pair = tuple[str, str]
"""A target and a method."""


def direct_chains(zoo: Zoo) -> dict[Pair, Chain]:
    """The chain rgb-target of every method that predicts the target itself."""
    return {
        (target, method): zoo.chain(method, f"{IMAGE}-{target}")
        for method in zoo.methods
        for target in TARGETS
        if target in zoo.targets(method)
    }


def energy_chains(zoo: Zoo) -> dict[Pair, list[Chain]]:
    """The direct chain, then the indirect ones in the order of the constants, for every energy of the zoo.

    A method that lacks one of the paths has no energy: with fewer paths it would be on another scale.
    """
    found = {}
    for (target, method), direct in direct_chains(zoo).items():
        if target in zoo.energies:
            indirect = [chain_of(zoo, method, path) for path in zoo.energies[target].paths]
            chains = [chain for chain in indirect if chain]
            if len(chains) == len(indirect):
                found[target, method] = [direct, *chains]
    return found


def readouts_of_predictions(zoo: Zoo) -> dict[tuple[str, str], Chain]:
    """(method, `depth-normal`) -> the chain rgb-depth-normal."""
    return {
        (method, f"{target}-{last}"): chain
        for target, method in direct_chains(zoo)
        for last in zoo.domains
        if last not in (IMAGE, target) and (chain := chain_of(zoo, method, f"{IMAGE}-{target}-{last}"))
    }


def energy_paths(zoo: Zoo, target: str) -> list[str]:
    """rgb-y-target for every other domain y from which the baseline reaches the target, in the zoo's order."""
    paths = [f"{IMAGE}-{middle}-{target}" for middle in zoo.domains if middle not in (IMAGE, target)]
    return [path for path in paths if chain_of(zoo, BASELINE, path)]


def chain_of(zoo: Zoo, method: str, path: str) -> Chain | None:
    """The chain of a path; None where the zoo lacks one of its edges."""
    try:
        return zoo.chain(method, path)
    except ZooError:
        return None


def methods_of(zoo: Zoo, target: str) -> list[str]:
    """The methods that predict the target themselves, in the order of the zoo."""
    return [method for method in zoo.methods if target in zoo.targets(method)]


def new_graph(chains: list[Chain], device: str) -> Graph:
    """A graph of the chains, with its networks loaded."""
    return Graph(chains, lambda edge: load(edge, device))


def load(edge: Edge, device: str) -> nn.Module:
    """Load the network of an edge, in float32."""
    return load_network(edge, device=torch.device(device), dtype=torch.float32)


def cross_networks(zoo: Zoo, device: str, domains: Iterable[str] = CHANNELS) -> dict[str, nn.Module]:
    """The shared networks between domains that are filtered or of `domains`, those with truth, by name such as `depth-normal`."""
    filtered = fixed_filters(zoo, device)
    known = {*domains, *filtered} - {IMAGE}
    return {
        f"{edge.source}-{edge.target}": load(edge, device)
        for edge in zoo.edges
        if edge.method == SHARED and {edge.source, edge.target} <= known
    }


def fixed_filters(zoo: Zoo, device: str) -> dict[str, nn.Module]:
    """The fixed filters of the image, which are their own truth, by domain."""
    return {edge.target: load(edge, device) for edge in zoo.edges if edge.source == IMAGE and edge.weights is None}


@torch.inference_mode()
def run(network: nn.Module, source: Tensor) -> Tensor:
    """Images of one domain -> images of another: (N, C, H, W) -> (N, C, H, W)."""
    return network(source)


def end(path: str) -> str:
    """The last domain of a path."""
    return path.rsplit("-", 1)[1]


def batches(n_frames: int, every: int = 1) -> Iterator[np.ndarray]:
    """Numbers of every `every`-th frame, BATCH at a time."""
    chosen = np.arange(0, n_frames, every)
    for start in range(0, len(chosen), BATCH):
        yield chosen[start : start + BATCH]


def picture(batch: np.ndarray, domain: str, device: str) -> Tensor:
    """One domain of stored frames as codes, (N, C, H, W) float32."""
    return to_tensor(batch[..., CHANNELS[domain]], device)


def valid_pixels(batch: np.ndarray, device: str = "cpu") -> Tensor:
    """The valid pixels of stored frames: (N, H, W) bool."""
    return torch.from_numpy(batch[..., CHANNELS["valid"]][..., 0] > 0).to(device)


def open_frames(folder: Path) -> tuple[Frames, Frames, Frames]:
    """Training, validation and test frames."""
    return Frames(folder, "train"), Frames(folder, "validation"), Frames(folder, "test")
