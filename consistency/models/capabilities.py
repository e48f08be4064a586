"""What a network can do beyond a plain forward pass: the dtypes it computes in and accepts."""

from __future__ import annotations

import torch
from torch import nn


def compute_in(network: nn.Module, dtype: torch.dtype) -> None:
    """Let a network compute in `dtype`, but for what it keeps in float32 itself."""
    own = getattr(network, "compute_in", None)
    if own is not None:
        own(dtype)
    else:
        network.to(dtype)


def input_dtype(network: nn.Module) -> torch.dtype:
    """What the network's input should be: what it says, else what it computes in. Fixed filters have no weights and take
    the full precision of the image."""
    own = getattr(network, "input_dtype", None)
    if own is not None:
        return own
    weight = next(network.parameters(), None)
    return torch.float32 if weight is None else weight.dtype
