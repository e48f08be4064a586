"""Loads the network of an edge, after checking its weights against their digest."""

from __future__ import annotations

import hashlib

import torch
from torch import nn

from consistency.models import capabilities
from consistency.zoo import formats
from consistency.zoo.adapters import Adapted, InputSpec, OutputSpec
from consistency.zoo.records import Edge, ZooError


def load_network(edge: Edge, *, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The edge's network in eval mode, channels last, without gradients. Checks the weights' SHA-256 first.

    A network with several heads returns all of them in a dict, where `edge.head` is the edge's output; between adapters
    it returns the edge's output only. Some architectures keep input and output in float32 (`capabilities.compute_in`),
    and fixed filters compute in float32 throughout. Raises ZooError.
    """
    try:
        network = formats.read(edge.format, edge.architecture, edge.arguments, _weights(edge), edge.name)
    except formats.BadNetwork as error:
        raise ZooError(error.found, error.next_step) from error
    outputs = getattr(network, "outputs", ())
    if len(outputs) > 1 and edge.head not in outputs:
        raise ZooError(
            f"edge {edge.name}: its network has several outputs", f"set `head` to one of {', '.join(outputs)}"
        )
    if edge.is_adapted:
        specs = edge.input_spec or InputSpec(), edge.output_spec or OutputSpec()
        network = Adapted(network, edge.source_domain, edge.target_domain, *specs, head=edge.head)
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
        raise ZooError(f"weights of {edge.name} cannot be read: {error}", "download them again") from error
    found = hashlib.sha256(data).hexdigest()
    if found != edge.sha256:
        raise ZooError(
            f"weights of {edge.name} have SHA-256 {found[:12]}, but the zoo states {edge.sha256[:12]}",
            "download them again",
        )
    return data
