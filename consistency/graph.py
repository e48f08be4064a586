"""How is a set of paths computed? Every shared prefix once, and inputs of the same network in one batch.

With the configurations of the bundled zoo this runs 28 edges per frame, where computing each path from the image takes
102.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from consistency.zoo import Chain, Edge


class Graph:
    """A set of chains and their networks. N images, C channels, H x W pixels."""

    def __init__(self, chains: Iterable[Chain], load: Callable[[Edge], nn.Module]) -> None:
        """`load` gives the network of an edge in eval mode; it is called once for each distinct edge."""
        prefixes = {chain[:length] for chain in chains for length in range(1, len(chain) + 1)}
        self._steps: list[tuple[Edge, list[Chain]]] = []
        by_length: dict[tuple[int, Edge], list[Chain]] = {}
        for prefix in sorted(prefixes, key=lambda chain: (len(chain), [edge.name for edge in chain])):
            by_length.setdefault((len(prefix), prefix[-1]), []).append(prefix)
        self._steps = [(edge, group) for (_, edge), group in by_length.items()]
        self._networks = {edge: load(edge) for edge in dict.fromkeys(edge for edge, _ in self._steps)}

    @property
    def n_runs(self) -> int:
        """Network runs per frame."""
        return sum(len(group) for _, group in self._steps)

    @torch.inference_mode()
    def run(self, images: Tensor) -> dict[Chain, Tensor]:
        """The output of every chain and of its prefixes.

        `images`: RGB in [0, 1], float32, (N, 3, H, W), on the networks' device, H and W multiples of the zoo's
        `multiple`. The outputs are codes in [0, 1], (N, C, H, W), in the dtype of the network that made them.
        """
        outputs: dict[Chain, Tensor] = {(): images.contiguous(memory_format=torch.channels_last)}
        for edge, group in self._steps:
            network = self._networks[edge]
            inputs = [outputs[chain[:-1]] for chain in group]
            merged = network((torch.cat(inputs) if len(inputs) > 1 else inputs[0]).to(_dtype(network)))
            outputs.update(zip(group, merged.split(len(images)), strict=True))
        del outputs[()]
        return outputs


def _dtype(network: nn.Module) -> torch.dtype:
    """What the network computes in. Fixed filters have no weights and take the full precision of the image."""
    weight = next(network.parameters(), None)
    return torch.float32 if weight is None else weight.dtype
