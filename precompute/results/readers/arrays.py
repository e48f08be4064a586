"""What every reader gives: the arrays of a file by name, their shapes before anything large is read, and one frame at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from precompute.failures import SourceError

MAX_FRAME_BYTES = 400_000_000
"""Largest frame: 50 million pixels of 64 bits. A header of a few bytes can claim billions."""
MAX_SIDE = 16384
MAX_ARRAYS = 200
"""Most arrays of a file that are listed."""
NUMBERS = "fiub"
"""Kinds of numpy types that are numbers."""


@dataclass(frozen=True)
class ArrayInfo:
    """One array of a file, as its header states it."""

    name: str
    """Key of an npz or HDF5 file, channel of an EXR file; empty where a file has one array."""
    shape: tuple[int, ...]
    dtype: str
    """Such as `float32`."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Texts of a PNG that decide its values."""
    is_lossy: bool = False
    """Whether the coding does not keep values."""


class ArrayFile(Protocol):
    """A file whose arrays can be read frame by frame. Its methods raise SourceError, and may raise anything on a damaged file."""

    def arrays(self) -> list[ArrayInfo]:
        """The arrays, from headers alone."""
        ...

    def read(self, name: str, index: int | None) -> np.ndarray:
        """One array, or entry `index` of its first axis."""
        ...


def truncated(path: Path, what: str) -> SourceError:
    return SourceError("truncated", f"{path.name}: {what}", "copy or export it again")


def damaged(path: Path, what: str) -> SourceError:
    return SourceError("damaged", f"{path.name}: {what}", "copy or export it again")


def require_numbers(path: Path, name: str, dtype: np.dtype) -> None:
    """Raise SourceError for arrays of objects, which would have to be unpickled, and of other things that are not numbers."""
    if dtype.kind not in NUMBERS or dtype.hasobject or dtype.names:
        what = "pickled objects, which are never read" if dtype.hasobject else f"{dtype}, not numbers"
        raise SourceError(
            "wrong_shape",
            f"{path.name}: {f'array {name!r}' if name else 'its array'} holds {what}",
            "save plain numbers",
        )


def require_size(path: Path, shape: tuple[int, ...], itemsize: int) -> None:
    """Raise SourceError for more bytes than a frame may have, or sides that no frame has."""
    n_bytes = itemsize
    for side in shape:
        n_bytes *= int(side)
    if n_bytes > MAX_FRAME_BYTES or (len(shape) >= 2 and min(max(shape[-3:]), max(shape[:2])) > MAX_SIDE):
        raise SourceError(
            "too_large",
            f"{path.name}: a frame of {' x '.join(map(str, shape))} values ({n_bytes / 1e6:.0f} MB), the limit is "
            f"{MAX_FRAME_BYTES / 1e6:.0f} MB and {MAX_SIDE} pixels a side",
            "scale it down, or save one frame per file",
        )
    if any(side < 1 for side in shape):
        raise SourceError("wrong_shape", f"{path.name}: an array of shape {shape} is empty", "export it again")
