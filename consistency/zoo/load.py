"""How an edge becomes a network in memory, its weights checked against their digest."""

from __future__ import annotations

import hashlib

import torch
from torch import nn

from consistency.models import capabilities
from consistency.zoo import formats
from consistency.zoo.adapters import Adapted, Port
from consistency.zoo.records import Edge, ZooError


def load_network(edge: Edge, *, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The edge's network in eval mode, channels last, without gradients. Checks the weights' SHA-256 first.

    A network of several heads comes whole: it returns a dict, and the edge's output is the entry `edge.head`; between
    ports it gives the edge's output alone. Its input and output are float32 where the architecture says so
    (`networks.compute_in`), and a fixed filter is float32 throughout. Raises ZooError.
    """
    try:
        network = formats.read(edge.format, edge.architecture, edge.arguments, _weights(edge), edge.name)
    except formats.BadNetwork as error:
        raise ZooError(str(error)) from error
    outputs = getattr(network, "outputs", ())
    if len(outputs) > 1 and edge.head not in outputs:
        raise ZooError(f"edge {edge.name} needs `head`, one of its network's outputs: {', '.join(outputs)}")
    if edge.is_adapted:
        ports = edge.input_port or Port(), edge.output_port or Port()
        network = Adapted(network, edge.source_domain, edge.target_domain, *ports, head=edge.head)
    if edge.weights is not None and edge.format == "safetensors":
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        capabilities.compute_in(network, dtype)
    return network.to(device).eval().requires_grad_(False)


def _weights(edge: Edge) -> bytes | None:
    """The bytes of the edge's weights; None for a fixed filter. Raises ZooError."""
    if edge.weights is None:
        return None
    try:
        data = edge.weights.read_bytes()
    except OSError as error:
        raise ZooError(f"weights of {edge.name} cannot be read: {error}; fetch them again") from error
    found = hashlib.sha256(data).hexdigest()
    if found != edge.sha256:
        raise ZooError(
            f"weights of {edge.name} have SHA-256 {found[:12]}, the zoo says {edge.sha256[:12]}; fetch them again"
        )
    return data
