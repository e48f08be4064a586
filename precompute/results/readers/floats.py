"""Bare floats behind a short header: PFM, and Sintel's `.dpt` and `.flo`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from precompute.failures import SourceError
from precompute.results.readers.arrays import ArrayInfo, damaged, require_size, truncated

PFM_HEADER = re.compile(rb"(P[Ff])\s+(\d{1,9})\s+(\d{1,9})\s+([-+0-9.eE]{1,40})(?:\r\n|\n|\s)")
PFM_HEADER_BYTES = 200
SINTEL_MARK = b"PIEH"
"""The float 202021.25."""
SINTEL_HEADER_BYTES = 12


class PfmFile:
    """A PFM: the bottom row comes first, and the sign of the scale tells the order of bytes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            found = PFM_HEADER.match(file.read(PFM_HEADER_BYTES))
        try:
            scale = float(found[4]) if found else 0.0
        except ValueError:
            scale = 0.0
        if not found or not scale:
            raise damaged(path, "its PFM header cannot be read")
        width, height, channels = int(found[2]), int(found[3]), 3 if found[1] == b"PF" else 1
        self._start, self._dtype = found.end(), "<f4" if scale < 0 else ">f4"
        self._shape = (height, width) if channels == 1 else (height, width, channels)
        _require_whole(path, self._start, self._shape)

    def arrays(self) -> list[ArrayInfo]:
        return [ArrayInfo("", self._shape, "float32")]

    def read(self, name: str, index: int | None) -> np.ndarray:
        values = np.fromfile(self._path, self._dtype, int(np.prod(self._shape)), offset=self._start)
        return values.reshape(self._shape)[::-1].astype(np.float32)


class SintelFile:
    """A `.dpt`. A `.flo` begins alike, with two numbers per pixel, and is refused: optical flow is no domain of predictions."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            header = file.read(SINTEL_HEADER_BYTES)
        if len(header) < SINTEL_HEADER_BYTES:
            raise truncated(path, f"{len(header)} bytes")
        width, height = (int.from_bytes(header[at : at + 4], "little", signed=True) for at in (4, 8))
        if width < 1 or height < 1:
            raise damaged(path, f"its header states {width} x {height} pixels")
        self._shape = (height, width)
        if path.stat().st_size == SINTEL_HEADER_BYTES + 8 * width * height:
            raise SourceError(
                "unknown_format",
                f"{path.name}: optical flow (.flo), two numbers per pixel",
                "add depth or normals; Crosscheck computes the flow of a clip itself",
            )
        _require_whole(path, SINTEL_HEADER_BYTES, self._shape)

    def arrays(self) -> list[ArrayInfo]:
        return [ArrayInfo("", self._shape, "float32")]

    def read(self, name: str, index: int | None) -> np.ndarray:
        n_values = self._shape[0] * self._shape[1]
        values = np.fromfile(self._path, "<f4", n_values, offset=SINTEL_HEADER_BYTES)
        return values.reshape(self._shape).astype(np.float32)


def _require_whole(path: Path, start: int, shape: tuple[int, ...]) -> None:
    require_size(path, shape, 4)
    wanted, found = 4 * int(np.prod(shape)), path.stat().st_size - start
    if found < wanted:
        raise truncated(path, f"{found} bytes of values, its header states {wanted}")
