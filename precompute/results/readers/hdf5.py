"""HDF5 files: the datasets that lie in the file itself; links to other files are not followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from precompute.failures import SourceError
from precompute.results.readers.arrays import MAX_ARRAYS, ArrayInfo, damaged, require_numbers, require_size


class Hdf5File:
    """The datasets of an HDF5 file by their paths, such as `dataset` and `scene/depth`."""

    def __init__(self, path: Path) -> None:
        try:
            import h5py
        except ImportError:
            raise SourceError(
                "unknown_format", f"{path.name}: the package h5py is not installed", "pip install h5py"
            ) from None
        self._path = path
        self._found: dict[str, Any] = {}

        def visit(name: str, item: Any) -> bool | None:
            if isinstance(item, h5py.Dataset) and item.shape is not None:
                self._found[name] = item
            return True if len(self._found) >= MAX_ARRAYS else None

        try:
            self._file = h5py.File(path, "r")
            self._file.visititems(visit)  # neither soft nor external links
            self._infos = [ArrayInfo(name, tuple(map(int, d.shape)), str(d.dtype)) for name, d in self._found.items()]
        except MemoryError:
            raise
        except Exception as error:  # the library raises anything on a damaged file
            raise damaged(path, f"it cannot be opened as HDF5 ({error})") from None

    def arrays(self) -> list[ArrayInfo]:
        return self._infos

    def read(self, name: str, index: int | None) -> np.ndarray:
        dataset = self._found[name]
        try:
            if dataset.is_virtual or dataset.external:
                raise SourceError(
                    "unreadable", f"{self._path.name}: dataset {name!r} lies in other files", "copy it into one file"
                )
            require_numbers(self._path, name, dataset.dtype)
            require_size(self._path, dataset.shape if index is None else dataset.shape[1:], dataset.dtype.itemsize)
            if dataset.chunks:  # a chunk is inflated as a whole
                require_size(self._path, (int(np.prod(dataset.chunks)),), dataset.dtype.itemsize)
            return np.asarray(dataset[()] if index is None else dataset[index])
        except (SourceError, MemoryError):
            raise
        except Exception as error:
            raise damaged(self._path, f"dataset {name!r} cannot be read ({error})") from None
