"""Computes a network in bfloat16 where it does so at run time, with float32 parameters."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from consistency.models import capabilities


class Mixed:
    """A network that computes in bfloat16 where it does so at run time, while parameters and their updates are in float32.

    autocast would also round the images and the weights of the first convolution, and a wall in a depth image rises by less
    than bfloat16 resolves. BatchNorm stays in float32.
    """

    def __init__(self, network: nn.Module):
        self.network = copy.deepcopy(network)
        capabilities.compute_in(self.network, torch.bfloat16)
        self.pairs: list[tuple[nn.Parameter, nn.Parameter]] = []
        """(float32, bfloat16) of each rounded parameter; the others are shared with the network."""
        modules = dict(network.named_modules())
        for name, module in self.network.named_modules():
            own = modules[name]
            if isinstance(module, nn.BatchNorm2d):
                module._parameters, module._buffers = own._parameters, own._buffers
                continue
            for key, rounded in module._parameters.items():
                master = own._parameters[key]
                if rounded is None or master is None:
                    continue
                if rounded.dtype == torch.float32:
                    module._parameters[key] = master
                else:
                    self.pairs.append((master, rounded))

    def __call__(self, *inputs: Tensor) -> Any:
        with torch.no_grad():
            for master, rounded in self.pairs:
                rounded.copy_(master)
        return self.network(*inputs)

    def push_gradients(self) -> None:
        """Move the gradients of the rounded parameters to the float32 ones."""
        for master, rounded in self.pairs:
            if rounded.grad is not None:
                master.grad = rounded.grad.float()
                rounded.grad = None


def frozen(module: nn.Module, like: nn.Module) -> nn.Module:
    """Freeze a network on the device of another, in the precision of run time."""
    is_training = module.training
    capabilities.compute_in(module, torch.bfloat16)
    return place(module, device_of(like)).train(is_training).requires_grad_(False)


def place(network: nn.Module, device: torch.device | str) -> nn.Module:
    """Move a network to a device, channels last in memory."""
    return network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def device_of(network: nn.Module) -> torch.device:
    """The device of a network's parameters."""
    return next(network.parameters()).device


def keep_precise() -> None:
    """Turn off TF32, a GPU's default. First convolutions take derivatives of images, and TF32 resolves depth codes only to
    0.0005."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True  # batches of a job have two or three sizes
