"""How does a file become a network? By its format: our own weights, an ONNX graph, or a program of somebody else.

`safetensors` holds numbers for an architecture of `networks`; `onnx` holds a graph of standard operators. Neither can do
anything but compute. The formats of `CODE` can do whatever their maker likes, so a zoo with one runs only where the user
allows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import nn

from consistency import networks


class BadNetwork(ValueError):
    """A file that gives no network, with the reason and the next step."""


def read(form: str, architecture: str, arguments: Mapping[str, Any], data: bytes | None, name: str) -> nn.Module:
    """The network of an edge called `name` in float32. `data`: its weights file's bytes. Raises BadNetwork."""
    return FORMATS[form](architecture, arguments, data, name)


def _read_safetensors(architecture: str, arguments: Mapping[str, Any], data: bytes | None, name: str) -> nn.Module:
    try:
        network = networks.build(architecture, **arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadNetwork(f"edge {name} cannot be built: {error}; mend its lines in zoo.toml") from error
    if data is not None:
        try:
            network.load_state_dict({key: tensor.float() for key, tensor in load_safetensors(data).items()})
        except (RuntimeError, SafetensorError) as error:
            raise BadNetwork(f"weights of {name} do not fit {architecture}: {error}") from error
    return network


Reader = Callable[[str, Mapping[str, Any], bytes | None, str], nn.Module]
FORMATS: dict[str, Reader] = {"safetensors": _read_safetensors}
CODE: frozenset[str] = frozenset()
"""Formats whose files are programs."""
