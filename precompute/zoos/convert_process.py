"""The child process that converts checkpoints to safetensors: `python -m precompute.zoos.convert_process READ WRITE`.

Checkpoints are pickles, which can be programs. The child unpickles tensors and plain containers only (`weights_only`),
under limits of memory, time and file size; names and shapes must be those of the architecture.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Mapping
from typing import Any

from precompute.sandbox import Parent, limit, limit_cpu

MEMORY_BYTES = 16 << 30
"""Address space of the child: torch's libraries alone take some 5 GB of it, a large checkpoint with its optimizer 2."""

MAX_SECONDS = 600
"""Longest conversion of one checkpoint, seconds of the clock and of the processor."""

PREFIX = "parallel_apply.module."
"""The prefix of every name in X-TC's checkpoints that were trained on several GPUs."""

SHOWN_NAMES = 3
"""Most missing or surplus names in a message."""


class BadCheckpoint(ValueError):
    """Not the expected checkpoint; the message is the reason."""


def main(arguments: list[str]) -> None:
    """For each request, convert its checkpoint and answer with the `problem`; empty if there is none."""
    parent = Parent(arguments)
    for request in parent.requests():
        limit({resource.RLIMIT_AS: MEMORY_BYTES})
        limit({resource.RLIMIT_FSIZE: request["max_bytes"]}, is_final=False)  # the next network may be larger
        limit_cpu(MAX_SECONDS)
        try:
            write(request)
            problem = ""
        except (BadCheckpoint, OSError) as error:
            problem = str(error)
        except MemoryError:
            problem = "needs more memory than a checkpoint of this network; it is damaged, or another one"
        parent.send({"problem": problem})


def write(request: Mapping[str, Any]) -> None:
    """Write the checkpoint's weights as float32 safetensors. Raises BadCheckpoint and OSError."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    from consistency.models import registry

    with torch.device("meta"):
        expected = {
            name: tensor.shape
            for name, tensor in registry.build(request["architecture"], **request["arguments"]).state_dict().items()
        }
    state = plain_names(state_dict(load(request["checkpoint"])))
    problem = difference(expected, {name: tensor.shape for name, tensor in state.items()})
    if problem:
        raise BadCheckpoint(f"not a network of {request['architecture']} {request['arguments']}: {problem}")
    converted = {name: tensor.to(torch.float32).contiguous().clone() for name, tensor in state.items()}
    for name, tensor in converted.items():
        if not torch.isfinite(tensor).all():
            raise BadCheckpoint(f"{name} contains values that are not finite")
    try:
        save_file(converted, request["output"])
    except SafetensorError as error:
        raise OSError(str(error)) from error


def load(checkpoint: str) -> Any:
    """The content of a checkpoint. Raises BadCheckpoint for anything but tensors, numbers, texts and containers."""
    import torch
    from safetensors.torch import load_file

    try:
        if checkpoint.endswith(".safetensors"):
            return load_file(checkpoint)
        return torch.load(checkpoint, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # damaged files fail in any way, and torch refuses what could run
        reason = str(error).strip().partition("\n")[0]
        raise BadCheckpoint(
            f"damaged, or contains more than tensors ({type(error).__name__}: {reason}); not read"
        ) from error


def state_dict(loaded: Any) -> dict[str, Any]:
    """The tensors by name, of a plain state dict or of one beside an optimizer's. Raises BadCheckpoint."""
    import torch

    if isinstance(loaded, Mapping) and isinstance(loaded.get("state_dict"), Mapping):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, Mapping) or not loaded:
        raise BadCheckpoint("contains no state dict")
    for name, tensor in loaded.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
            raise BadCheckpoint(f"contains no state dict: {name!r} is not a tensor of floating-point numbers")
    return dict(loaded)


def plain_names(state: dict[str, Any]) -> dict[str, Any]:
    """The same tensors without `parallel_apply.module.` before every name."""
    if not all(name.startswith(PREFIX) for name in state):
        return state
    return {name.removeprefix(PREFIX): tensor for name, tensor in state.items()}


def difference(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """What is wrong with the names and shapes; empty if nothing is."""
    missing, surplus = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    wrong = [name for name in sorted(expected.keys() & found.keys()) if expected[name] != found[name]]
    parts = []
    for names, what in ((missing, "lacks"), (surplus, "has besides")):
        if names:
            rest = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
            parts.append(f"{what} {', '.join(names[:SHOWN_NAMES])}{rest}")
    if wrong:
        name = wrong[0]
        parts.append(f"{name} is {tuple(found[name])}, expected {tuple(expected[name])} ({len(wrong)} such)")
    return "; ".join(parts)


if __name__ == "__main__":
    main(sys.argv[1:])
