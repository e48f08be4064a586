"""What a network can do beyond a forward pass: the dtypes it computes in and accepts, and CUDA graphs."""

from __future__ import annotations

import torch
from torch import nn


def compute_in(network: nn.Module, dtype: torch.dtype) -> None:
    """Set the network's compute dtype, except for the layers it keeps in float32 itself."""
    own = getattr(network, "compute_in", None)
    if own is not None:
        own(dtype)
    else:
        network.to(dtype)


def input_dtype(network: nn.Module) -> torch.dtype:
    """The dtype of the network's input: its own `input_dtype`, else that of its weights. Fixed filters have no weights
    and use the full precision of the image."""
    own = getattr(network, "input_dtype", None)
    if own is not None:
        return own
    weight = next(network.parameters(), None)
    return torch.float32 if weight is None else weight.dtype


def can_be_recorded(network: nn.Module) -> bool:
    """Whether a CUDA graph can record the network: not if any part says that it may compute elsewhere."""
    return all(getattr(part, "can_be_recorded", True) for part in network.modules())
