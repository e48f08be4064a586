"""Computes a set of paths: every shared prefix once, and all inputs of a network in one batch.

With the configurations of the bundled zoo this runs 28 edges per frame; computing each path from the image would run
102.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from consistency.models import capabilities
from consistency.models.fused_ops import clipped
from consistency.models.geonet import GeoNet
from consistency.zoo.explained import BadNetwork
from consistency.zoo.networks.adapters import Adapted, InputSpec
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
            groups.setdefault((len(prefix), prefix[-1].run_digest), []).append(prefix)
        # Edges that are outputs of one network share its run on each input: input -> the prefixes it leads to.
        self._steps: list[dict[Chain, list[Chain]]] = []
        self._networks: dict[str, nn.Module] = {}
        for (_, run), group in groups.items():
            by_input: dict[Chain, list[Chain]] = {}
            for prefix in group:
                by_input.setdefault(prefix[:-1], []).append(prefix)
            self._steps.append(by_input)
            if run not in self._networks:
                self._networks[run] = load(group[0][-1])
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
        return sum(map(len, self._steps))

    @torch.inference_mode()
    def run(
        self,
        images: Tensor,
        field_of_view_degrees: Tensor | None = None,
        frame: tuple[int, int] | None = None,
    ) -> dict[Chain, Tensor]:
        """The output of every chain and of its prefixes.

        `images`: RGB in [0, 1], float32, (N, 3, H, W), on the networks' device; H and W multiples of the zoo's
        `size_multiple`. `field_of_view_degrees`: (N,), of the shorter sides, for networks that use it; by default they
        assume one. `frame`: the height and width without padding, if there is any. The outputs are codes in [0, 1], (N, C, H, W), in the dtype of the last network.
        """
        outputs: dict[Chain, Tensor] = {(): images.contiguous(memory_format=torch.channels_last)}
        numbers: dict[
            Chain, Tensor
        ] = {}  # of networks that pass them on: what they gave before it was clipped to codes
        for by_input in self._steps:
            edges = list(
                {prefix[-1].digest: prefix[-1] for prefixes in by_input.values() for prefix in prefixes}.values()
            )
            with visiting(self._networks[edges[0].run_digest], self._visited) as network:
                inputs = [_input(network, edges[0], outputs[source], numbers.get(source)) for source in by_input]
                batch = torch.cat(inputs) if len(inputs) > 1 else inputs[0]
                fields = None if field_of_view_degrees is None else field_of_view_degrees.repeat(len(inputs))
                made = self._made(network, batch, edges, images.shape[-2:], fields, frame)
            for index, prefixes in enumerate(by_input.values()):
                rows = slice(index * len(images), (index + 1) * len(images))
                for prefix in prefixes:
                    codes, own_numbers = made[prefix[-1].digest]
                    outputs[prefix] = codes[rows]
                    if own_numbers is not None:
                        numbers[prefix] = own_numbers[rows]
        del outputs[()]
        return outputs

    def _made(
        self,
        network: nn.Module,
        batch: Tensor,
        edges: Sequence[Edge],
        size: torch.Size,
        fields: Tensor | None,
        frame: tuple[int, int] | None,
    ) -> dict[str, tuple[Tensor, Tensor | None]]:
        """Digest of each edge -> its codes of that size, and the numbers that it passes on."""
        try:
            is_geometric = fields is not None and isinstance(network, GeoNet)
            made = network(batch, fields) if is_geometric else _numbers(network, batch)
            return {edge.digest: _output(network, edge, made, size, len(batch), frame) for edge in edges}
        except BadNetwork as error:
            if not self._keeps_going:
                raise
            self.failures.update((edge.network_digest, error) for edge in edges)
            shapes = {edge.digest: (len(batch), edge.target_domain.channels, *size) for edge in edges}
            return {digest: (batch.new_full(shape, torch.nan), None) for digest, shape in shapes.items()}


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


def _input(network: nn.Module, edge: Edge, codes: Tensor, numbers: Tensor | None) -> Tensor:
    """What the network of an edge reads: codes or, between adapters, numbers; those of the network before if both pass theirs on."""
    if edge.passes_numbers and numbers is not None:
        spec = edge.input_spec or InputSpec()
        given = spec.with_channels(numbers, edge.source_domain)
    else:
        given = codes.to(capabilities.input_dtype(network))
        if isinstance(network, Adapted):
            given = network.input_spec.to_numbers(given, edge.source_domain)
    return given.to(capabilities.input_dtype(network.network if isinstance(network, Adapted) else network))


def _numbers(network: nn.Module, batch: Tensor) -> Tensor | Mapping[str, Tensor]:
    """All that the network gives, before any adapter."""
    return network.network(batch) if isinstance(network, Adapted) else network(batch)


def _output(
    network: nn.Module,
    edge: Edge,
    made: Tensor | Mapping[str, Tensor],
    size: torch.Size,
    n_frames: int,
    frame: tuple[int, int] | None,
) -> tuple[Tensor, Tensor | None]:
    """The edge's codes, and the numbers that it passes on. Raises BadNetwork."""
    if isinstance(network, Adapted):
        adapted = network.for_output(edge)
        codes = adapted.codes(made, (size[0], size[1]), n_frames, frame)
        return codes, adapted.image(made, n_frames) if edge.passes_numbers else None
    own = made[edge.head] if isinstance(made, Mapping) else made
    return (clipped(own), own) if edge.passes_numbers else (own, None)
