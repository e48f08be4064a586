"""Loads the network of an edge, after checking its weights against their digest."""

from __future__ import annotations

import hashlib

import torch
from torch import nn

from consistency.models import capabilities
from consistency.zoo.explained import BadNetwork
from consistency.zoo.networks import external_data, formats
from consistency.zoo.networks.adapters import Adapted, InputSpec, OutputSpec
from consistency.zoo.networks.foreign import Foreign
from consistency.zoo.records import Edge, ZooError


def load_network(edge: Edge, *, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The edge's network in eval mode, channels last, without gradients. Checks the weights' SHA-256 first.

    A network with several heads returns all of them in a dict, where `edge.head` is the edge's output; between adapters
    it returns the edge's output only. Some architectures keep input and output in float32 (`capabilities.compute_in`),
    and fixed filters compute in float32 throughout. Raises ZooError.
    """
    try:
        weights = _weights(edge)
        beside = _weights_beside(edge, weights) if edge.format == "onnx" and weights is not None else {}
        file = formats.NetworkFile(
            edge.name, edge.architecture, edge.arguments, weights, beside, edge.head, edge.heads, device
        )
        network = formats.read(edge.format, file)
    except BadNetwork as error:
        raise ZooError(error.found, error.next_step) from error
    if edge.is_adapted:
        specs = edge.input_spec or InputSpec(), edge.output_spec or OutputSpec()
        network = Adapted(network, edge.source_domain, edge.target_domain, *specs, head=edge.head, name=edge.name)
    if edge.weights is not None and edge.format == "safetensors":
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        capabilities.compute_in(network, getattr(torch, edge.dtype) if edge.dtype else dtype)
    elif edge.dtype:
        foreign = _foreign(network)
        if foreign.module is None and edge.dtype != "float32":
            raise ZooError(
                f"edge {edge.name}: dtype is '{edge.dtype}', but its program names devices and computes as it was saved",
                "remove dtype, or save the network without devices",
            )
        foreign.set_dtype(getattr(torch, edge.dtype))
    return network.to(device).eval().requires_grad_(False)


def _foreign(network: nn.Module) -> Foreign:
    inner = network.network if isinstance(network, Adapted) else network
    assert isinstance(inner, Foreign)  # as of every format but our own
    return inner


def _weights(edge: Edge) -> bytes | None:
    """The bytes of the edge's weights; None for a fixed filter. Raises ZooError."""
    if edge.weights is None:
        return None
    try:
        data = edge.weights.read_bytes()
    except OSError as error:
        raise ZooError(f"weights of {edge.name} cannot be read: {error}", "download them again") from error
    _require_digest(edge, data, edge.sha256)
    return data


def _weights_beside(edge: Edge, graph: bytes) -> dict[str, bytes]:
    """Location -> bytes of the files beside an ONNX file. Raises ZooError and BadNetwork."""
    assert edge.weights is not None
    found = external_data.locations(graph, edge.name)
    contents = {file: external_data.read_beside(edge.weights, file, edge.name) for file in set(found.values())}
    if unknown := sorted(set(contents) - set(edge.data)):
        raise ZooError(
            f"weights of {edge.name} are in {', '.join(unknown)} too, of which no digest is recorded",
            f"record it: python -m precompute zoo check {edge.weights.parent} --record",
        )
    for file, content in contents.items():
        _require_digest(edge, content, edge.data[file], f" in {file}")
    return {location: contents[file] for location, file in found.items()}


def _require_digest(edge: Edge, data: bytes, sha256: str, where: str = "") -> None:
    """Raise ZooError unless the bytes have that digest."""
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ZooError(
            f"weights of {edge.name}{where} have SHA-256 {found[:12]}, but the zoo states {sha256[:12]}",
            "download them again, or if you changed them: python -m precompute zoo check FOLDER --record",
        )
