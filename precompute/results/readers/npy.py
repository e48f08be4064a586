"""NumPy's files: `.npy` entry by entry, and the arrays of `.npz`, which are inflated frame by frame."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.lib import format as npy

from precompute.failures import SourceError
from precompute.results.readers.arrays import (
    MAX_ARRAYS,
    MAX_FRAME_BYTES,
    ArrayInfo,
    damaged,
    require_numbers,
    require_size,
    truncated,
)

MAX_HEADER_BYTES = 10_000
"""numpy's own bound: longer headers are slow to parse."""
SKIPPED_BYTES = 1 << 20
"""Inflated at a time on the way to a frame."""

Header = tuple[tuple[int, ...], bool, np.dtype]
"""Shape, whether in Fortran order, type."""


def read_header(path: Path, file: IO[bytes]) -> Header:
    """The header of an npy file, whose data follow. Raises SourceError."""
    try:
        version = npy.read_magic(file)
        if version == (1, 0):
            shape, fortran, dtype = npy.read_array_header_1_0(file, max_header_size=MAX_HEADER_BYTES)
        elif version == (2, 0):
            shape, fortran, dtype = npy.read_array_header_2_0(file, max_header_size=MAX_HEADER_BYTES)
        else:  # 3.0 differs by names of fields, which no array of numbers has
            raise damaged(path, f"an .npy header of version {'.'.join(map(str, version))}")
    except (ValueError, TypeError, EOFError, SyntaxError, RecursionError) as error:
        raise damaged(path, f"its .npy header cannot be read ({error})") from None
    if any(type(side) is not int or side < 0 for side in shape) or len(shape) > 8:
        raise damaged(path, f"its .npy header states a shape of {shape}")
    return cast("Header", (shape, fortran, dtype))


class NpyFile:
    """An `.npy` file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            self._shape, self._is_fortran, self._dtype = read_header(path, file)
            self._start = file.tell()
        require_numbers(path, "", self._dtype)
        n_bytes = self._dtype.itemsize * math.prod(self._shape)
        found = path.stat().st_size - self._start
        if found < n_bytes:
            raise truncated(path, f"{found} bytes of values, its header states {n_bytes}")

    def arrays(self) -> list[ArrayInfo]:
        return [ArrayInfo("", self._shape, self._dtype.name)]

    def read(self, name: str, index: int | None) -> np.ndarray:
        shape = self._shape if index is None else self._shape[1:]
        require_size(self._path, shape, self._dtype.itemsize)
        if index is not None and not 0 <= index < self._shape[0]:
            raise damaged(self._path, f"no entry {index} of {self._shape[0]}")
        if self._is_fortran:  # an entry is scattered over the file; a map of it needs address space for all
            values = np.memmap(self._path, self._dtype, "r", self._start, self._shape, "F")
            return np.array(values if index is None else values[index])
        n_values = math.prod(shape)
        start = self._start + (index or 0) * n_values * self._dtype.itemsize
        values = np.fromfile(self._path, self._dtype, n_values, offset=start)
        if values.size < n_values:
            raise truncated(self._path, f"{values.size} values of an entry, its header states {n_values}")
        return values.reshape(shape)


class NpzFile:
    """An `.npz` file. Frames are best read in order: an array is inflated from its beginning."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
            raise truncated(path, f"the list of its arrays is missing or damaged ({error})") from None
        self._headers: dict[str, Header] = {}
        for member in self._zip.infolist()[:MAX_ARRAYS]:
            if member.filename.endswith(".npy"):
                with self._open(member.filename) as file:
                    self._headers[member.filename.removesuffix(".npy")] = read_header(path, file)
        self._stream: IO[bytes] | None = None
        self._at: tuple[str, int] = ("", 0)
        """The array that the stream inflates, and the entry that comes next."""

    def arrays(self) -> list[ArrayInfo]:
        return [ArrayInfo(name, shape, dtype.name) for name, (shape, _, dtype) in self._headers.items()]

    def read(self, name: str, index: int | None) -> np.ndarray:
        shape, fortran, dtype = self._headers[name]
        require_numbers(self._path, name, dtype)
        if index is None or fortran:
            if fortran and math.prod(shape) * dtype.itemsize > MAX_FRAME_BYTES:
                raise SourceError(
                    "too_large",
                    f"{self._path.name}: array {name!r} is stored column by column, so that all of it would have to be loaded",
                    "save np.ascontiguousarray(...) of it",
                )
            require_size(self._path, shape if index is None else shape[1:], dtype.itemsize)
            with self._open(f"{name}.npy") as file:
                read_header(self._path, file)
                values = self._values(file, shape, dtype, "F" if fortran else "C")
            return values if index is None else values[index]
        require_size(self._path, shape[1:], dtype.itemsize)
        if self._stream is None or self._at[0] != name or self._at[1] > index:
            if self._stream is not None:
                self._stream.close()
            self._stream = self._open(f"{name}.npy")
            read_header(self._path, self._stream)
            self._at = (name, 0)
        to_skip = (index - self._at[1]) * math.prod(shape[1:]) * dtype.itemsize
        while to_skip > 0:
            skipped = len(self._read(self._stream, min(to_skip, SKIPPED_BYTES)))
            if not skipped:
                raise truncated(self._path, f"array {name!r} ends before entry {index}")
            to_skip -= skipped
        values = self._values(self._stream, shape[1:], dtype, "C")
        self._at = (name, index + 1)
        return values

    def _open(self, member: str) -> IO[bytes]:
        try:
            return self._zip.open(member)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, ValueError) as error:
            raise damaged(self._path, f"array {member!r} cannot be opened ({error})") from None

    def _read(self, file: IO[bytes], n_bytes: int) -> bytes:
        import zlib

        try:
            return file.read(n_bytes)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            raise damaged(self._path, f"an array cannot be inflated ({error})") from None

    def _values(self, file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype, order: str) -> np.ndarray:
        n_bytes = math.prod(shape) * dtype.itemsize
        data = self._read(file, n_bytes)
        if len(data) < n_bytes:
            raise truncated(self._path, f"{len(data)} bytes of an entry, its header states {n_bytes}")
        return np.frombuffer(data, dtype).reshape(shape, order="F" if order == "F" else "C")
