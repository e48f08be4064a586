"""Reads arrays from untrusted files through a guarded child process."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from precompute.failures import SourceError
from precompute.results.readers.arrays import MAX_FRAME_BYTES, NUMBERS, ArrayInfo
from precompute.sandbox import Child, Ended, Silent

READER = "precompute.results.reader_process"
STALL_SECONDS = 90.0
"""Longest wait for a message: the child's processor time for one frame ends before."""


class Reader:
    """A child that reads files; after a crash the next call starts another one. Leaving the context ends it."""

    def __init__(self) -> None:
        self._child: Child | None = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def look(self, path: Path) -> list[ArrayInfo]:
        """The arrays of a file, from headers alone. Raises SourceError."""
        message = self._ask({"task": "look", "path": str(path.absolute())}, path)
        try:
            return [_info(row) for row in message["arrays"]]
        except (KeyError, TypeError, ValueError):
            raise self._crash(path) from None

    def frame(self, path: Path, name: str, index: int | None) -> np.ndarray:
        """One array of a file, or entry `index` of its first axis, as stored. Raises SourceError."""
        request = {"task": "read", "path": str(path.absolute()), "name": name, "index": index}
        message = self._ask(request, path)
        try:
            dtype = np.dtype(str(message["dtype"]))
            shape = tuple(int(side) for side in message["shape"])
            n_bytes = dtype.itemsize * int(np.prod(shape, dtype=np.float64))
            if dtype.kind not in NUMBERS or min(shape, default=1) < 0 or n_bytes > MAX_FRAME_BYTES:
                raise ValueError
            values = np.empty(shape, dtype)
            if values.size and self._child is not None:
                self._child.receive_into(values.reshape(-1).view(np.uint8).data)
        except (KeyError, TypeError, ValueError, Ended):
            raise self._crash(path) from None
        except Silent:
            raise self._stalled(path) from None
        return values

    def _ask(self, request: Mapping[str, Any], path: Path) -> dict[str, Any]:
        if self._child is None:
            self._child = Child(READER, silence_seconds=STALL_SECONDS)
        self._child.ask(request)
        try:
            return self._child.receive() or {}
        except Silent:
            raise self._stalled(path) from None
        except Ended:
            raise self._crash(path) from None

    def _crash(self, path: Path) -> SourceError:
        status = None
        with suppress(OSError):
            status = self._child.exit_status() if self._child else None
        self._end()
        how = f" by signal {-status}" if status and status < 0 else ""
        return SourceError("damaged", f"{path.name}: the process that read it ended{how}", "copy or export it again")

    def _stalled(self, path: Path) -> SourceError:
        self._end()
        return SourceError(
            "stalled", f"{path.name}: nothing was read for {STALL_SECONDS:.0f} s", "copy or export it again"
        )

    def _end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


def _info(row: Mapping[str, Any]) -> ArrayInfo:
    texts = {str(key): str(text) for key, text in dict(row["texts"]).items()}
    shape = tuple(int(side) for side in row["shape"])
    return ArrayInfo(str(row["name"]), shape, str(row["dtype"]), texts, bool(row["is_lossy"]))
