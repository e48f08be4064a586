"""How does a checkpoint of somebody else become safetensors? In a child process (`python -m precompute.zoos.convert_process`).

Checkpoints are pickles, which can be programs. The child unpickles tensors and plain containers only (`weights_only`),
under limits of memory, time and file size; names and shapes must be those of the architecture.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Timer
from typing import Any

from consistency.zoo.records import Edge, ZooError
from precompute.text import one_line

MEMORY_BYTES = 16 << 30
"""Address space of the child: torch's libraries alone take some 5 GB of it, a large checkpoint with its optimizer 2."""
MAX_SECONDS = 600
PREFIX = "parallel_apply.module."
"""What X-TC's training put before every name when it ran on several GPUs."""
SHOWN_NAMES = 3
"""Of those that are missing or too many."""


class Converter:
    """One child that converts checkpoints, one after the other; one that dies over a checkpoint is replaced."""

    def __init__(self) -> None:
        self._child: subprocess.Popen | None = None

    def __enter__(self) -> Converter:
        return self

    def __exit__(self, *raised: object) -> None:
        self._end()

    def convert(self, checkpoint: Path, edge: Edge, output: Path, *, n_bytes: int) -> None:
        """Write the checkpoint of the edge's network as safetensors. `n_bytes`: what the network takes in float32.

        Raises ZooError where it is no checkpoint of that network, and OSError where the disk is full; then nothing is written.
        """
        request = {
            "checkpoint": str(checkpoint),
            "output": str(output),
            "architecture": edge.architecture,
            "arguments": dict(edge.arguments),
            "max_bytes": n_bytes + (1 << 20),
        }
        problem = self._ask(request)
        if problem or not output.is_file():
            output.unlink(missing_ok=True)
            if os.strerror(errno.ENOSPC) in problem:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(output.parent))
            raise ZooError(f"{checkpoint.name}: {one_line(problem)[:500] or 'gave nothing'}")

    def _ask(self, request: dict[str, Any]) -> str:
        """What is wrong with the checkpoint; empty where nothing is."""
        child = self._child = self._child or _start()
        assert child.stdin is not None and child.stdout is not None
        too_slow = Timer(MAX_SECONDS, child.kill)
        too_slow.start()
        try:
            child.stdin.write(json.dumps(request).encode() + b"\n")
            child.stdin.flush()
            return json.loads(child.stdout.readline())["problem"]
        except (OSError, ValueError):  # it is gone
            self._end()
            return "cannot be read within the limits of memory and time; it is damaged, or too large"
        finally:
            too_slow.cancel()

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
        self._child = None


def _start() -> subprocess.Popen:
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "precompute.zoos.convert_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))},
    )


# --- the child: everything below runs in `python -m precompute.zoos.convert_process` ---


def main() -> None:
    """Requests as lines of JSON on the standard input; for each a line that says what is wrong with its checkpoint."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever else prints does not reach the parent
    for line in sys.stdin:
        request = json.loads(line)
        limit(request["max_bytes"])
        try:
            write(request)
            problem = ""
        except (BadCheckpoint, OSError) as error:
            problem = str(error)
        except MemoryError:
            problem = "needs more memory than a checkpoint of this network; it is damaged, or another"
        answers.write(json.dumps({"problem": problem}) + "\n")


class BadCheckpoint(ValueError):
    """Not what was expected, with the reason."""


def limit(max_bytes: int) -> None:
    """The kernel's limits: of the file that is written, of memory and of time, counted from now."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + MAX_SECONDS
    limits = {resource.RLIMIT_FSIZE: max_bytes, resource.RLIMIT_CPU: seconds}
    if sys.platform == "linux":  # elsewhere it is not known, or counts what is never used
        limits[resource.RLIMIT_AS] = MEMORY_BYTES
    for which, value in limits.items():
        _, hard = resource.getrlimit(which)
        resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def write(request: Mapping[str, Any]) -> None:
    """Raises BadCheckpoint and OSError."""
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
        raise BadCheckpoint(f"is no network of {request['architecture']} {request['arguments']}: {problem}")
    converted = {name: tensor.to(torch.float32).contiguous().clone() for name, tensor in state.items()}
    for name, tensor in converted.items():
        if not torch.isfinite(tensor).all():
            raise BadCheckpoint(f"{name} holds values that are not finite")
    try:
        save_file(converted, request["output"])
    except SafetensorError as error:
        raise OSError(str(error)) from error


def load(checkpoint: str) -> Any:
    """What a checkpoint holds. Raises BadCheckpoint where it is anything but tensors, numbers, texts and containers."""
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
            f"is damaged, or holds more than tensors ({type(error).__name__}: {reason}); not read"
        ) from error


def state_dict(loaded: Any) -> dict[str, Any]:
    """The tensors by name: those of a plain state dict, or of one that lies beside an optimizer's."""
    import torch

    if isinstance(loaded, Mapping) and isinstance(loaded.get("state_dict"), Mapping):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, Mapping) or not loaded:
        raise BadCheckpoint("holds no state dict")
    for name, tensor in loaded.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
            raise BadCheckpoint(f"holds no state dict: {name!r} is no tensor of numbers")
    return dict(loaded)


def plain_names(state: dict[str, Any]) -> dict[str, Any]:
    """The same without `parallel_apply.module.` before every name."""
    if not all(name.startswith(PREFIX) for name in state):
        return state
    return {name.removeprefix(PREFIX): tensor for name, tensor in state.items()}


def difference(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """What is wrong with the names and shapes; empty where nothing is."""
    missing, more = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    wrong = [name for name in sorted(expected.keys() & found.keys()) if expected[name] != found[name]]
    parts = []
    for names, what in ((missing, "lacks"), (more, "has besides")):
        if names:
            rest = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
            parts.append(f"{what} {', '.join(names[:SHOWN_NAMES])}{rest}")
    if wrong:
        name = wrong[0]
        parts.append(f"{name} is {tuple(found[name])}, expected {tuple(expected[name])} ({len(wrong)} such)")
    return "; ".join(parts)


if __name__ == "__main__":
    main()
