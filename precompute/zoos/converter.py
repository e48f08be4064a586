"""Converts the checkpoints of others to safetensors in a guarded child process."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from consistency.zoo.records import Edge, ZooError
from precompute.failures import SourceError
from precompute.sandbox import Child, Ended, Silent
from precompute.text import one_line
from precompute.zoos.convert_process import MAX_SECONDS

CONVERTER = "precompute.zoos.convert_process"

SPARE_BYTES = 1 << 20
"""Room for the header of a safetensors file."""


class Converter:
    """One child that converts checkpoints, one after the other; a child that dies over a checkpoint is replaced."""

    def __init__(self) -> None:
        self._child: Child | None = None

    def __enter__(self) -> Converter:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def convert(self, checkpoint: Path, edge: Edge, output: Path, *, n_bytes: int) -> None:
        """Write the checkpoint of the edge's network as safetensors. `n_bytes`: the size of the network in float32.

        Raises ZooError if it is not a checkpoint of that network, and OSError if the disk is full; then nothing is written.
        """
        request = {
            "checkpoint": str(checkpoint),
            "output": str(output),
            "architecture": edge.architecture,
            "arguments": dict(edge.arguments),
            "max_bytes": n_bytes + SPARE_BYTES,
        }
        problem = self._ask(request)
        if problem or not output.is_file():
            output.unlink(missing_ok=True)
            if os.strerror(errno.ENOSPC) in problem:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(output.parent))
            raise ZooError(f"{checkpoint.name}: {one_line(problem)[:500] or 'the conversion wrote nothing'}")

    def _ask(self, request: dict[str, Any]) -> str:
        """What is wrong with the checkpoint; empty if nothing is."""
        child = self._child = self._child or Child(CONVERTER, silence_seconds=MAX_SECONDS)
        child.ask(request)
        try:
            match child.receive():
                case {"problem": str(problem)}:
                    return problem
        except (Silent, Ended, SourceError):
            pass
        self._end()
        return "cannot be read within the limits of memory and time; it is damaged, or too large"

    def _end(self) -> None:
        if self._child is not None:
            self._child.end()
        self._child = None
