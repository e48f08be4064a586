"""Computes a set of paths: every shared prefix once, and all inputs of a network in one batch.

With the configurations of the bundled zoo this runs 28 edges per frame; computing each path from the image would run
102.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from consistency.models import capabilities
from consistency.models.geonet import GeoNet
from consistency.zoo.explained import BadNetwork
from consistency.zoo.records import Chain, Edge


class Graph:
    """A set of chains and their networks. N images, C channels, H x W pixels."""

    def __init__(
        self,
        chains: Iterable[Chain],
        load: Callable[[Edge], nn.Module],
        *,
        visited: torch.device | None = None,
        keeps_going: bool = False,
    ) -> None:
        """`load` gives the network of an edge in eval mode; it is called once per distinct network.

        `visited`: for networks that together exceed the memory of this device; they are loaded on the host and moved to
        the device for their own steps only. `keeps_going`: a network that fails gives NaN instead, and `failures` has its
        error.
        """
        prefixes = {chain[:length] for chain in chains for length in range(1, len(chain) + 1)}
        groups: dict[tuple[int, str], list[Chain]] = {}
        for prefix in sorted(prefixes, key=lambda chain: (len(chain), [edge.name for edge in chain])):
            groups.setdefault((len(prefix), prefix[-1].network_digest), []).append(prefix)
        # Edges that are heads of one network share its run on each input: input -> the prefixes it leads to.
        self._steps: list[tuple[str, dict[Chain, list[Chain]]]] = []
        for (_, network), group in groups.items():
            by_input: dict[Chain, list[Chain]] = {}
            for prefix in group:
                by_input.setdefault(prefix[:-1], []).append(prefix)
            self._steps.append((network, by_input))
        self._networks: dict[str, nn.Module] = {}
        for (_, network), group in groups.items():
            if network not in self._networks:
                self._networks[network] = load(group[0][-1])
        self._visited = visited
        self._keeps_going = keeps_going
        self.failures: dict[str, BadNetwork] = {}
        """Digest of a network -> why it gave nothing but NaN."""

    @property
    def can_be_recorded(self) -> bool:
        """Whether a CUDA graph can record the networks: all stay on the device, and all compute there."""
        return self._visited is None and all(map(capabilities.can_be_recorded, self._networks.values()))

    @property
    def n_runs(self) -> int:
        """Network runs per frame."""
        return sum(len(by_input) for _, by_input in self._steps)

    @torch.inference_mode()
    def run(self, images: Tensor, field_of_view_degrees: Tensor | None = None) -> dict[Chain, Tensor]:
        """The output of every chain and of its prefixes.

        `images`: RGB in [0, 1], float32, (N, 3, H, W), on the networks' device; H and W multiples of the zoo's
        `size_multiple`. `field_of_view_degrees`: (N,), of the shorter sides, for networks that use it; by default they
        assume one. The outputs are codes in [0, 1], (N, C, H, W), in the dtype of the last network.
        """
        outputs: dict[Chain, Tensor] = {(): images.contiguous(memory_format=torch.channels_last)}
        for digest, by_input in self._steps:
            inputs = [outputs[source] for source in by_input]
            with visiting(self._networks[digest], self._visited) as network:
                batch = torch.cat(inputs) if len(inputs) > 1 else inputs[0]
                batch = batch.to(capabilities.input_dtype(network))
                if field_of_view_degrees is not None and isinstance(network, GeoNet):
                    merged = network(batch, field_of_view_degrees.repeat(len(inputs)))
                else:
                    merged = self._made(digest, network, batch, next(iter(by_input.values()))[0][-1])
            for index, prefixes in enumerate(by_input.values()):
                rows = slice(index * len(images), (index + 1) * len(images))
                outputs.update((prefix, _output(merged, prefix[-1])[rows]) for prefix in prefixes)
        del outputs[()]
        return outputs

    def _made(self, digest: str, network: nn.Module, batch: Tensor, edge: Edge) -> Tensor | Mapping[str, Tensor]:
        try:
            return network(batch)
        except BadNetwork as error:
            if not self._keeps_going:
                raise
            self.failures[digest] = error
            return batch.new_full((len(batch), edge.target_domain.channels, *batch.shape[-2:]), torch.nan)


@contextmanager
def visiting(network: nn.Module, device: torch.device | None) -> Iterator[nn.Module]:
    """The network, on `device` within the block; afterwards it is back where it was, without copying."""
    tensors = [*network.parameters(), *network.buffers()] if device is not None else []
    homes = [tensor.data for tensor in tensors]
    try:
        for tensor in tensors:
            tensor.data = tensor.data.to(device, non_blocking=True)
        yield network
    finally:
        for tensor, home in zip(tensors, homes, strict=True):
            tensor.data = home


def _output(made: Tensor | Mapping[str, Tensor], edge: Edge) -> Tensor:
    """The network's output, or the edge's head of it."""
    return made[edge.head] if isinstance(made, Mapping) else made
