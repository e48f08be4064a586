"""OpenEXR files by the `OpenEXR` package: the wheels of OpenCV are built without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from precompute.failures import SourceError
from precompute.results.readers.arrays import ArrayInfo, damaged, require_size, truncated

VECTORS = (("X", "Y", "Z"), ("x", "y", "z"), ("R", "G", "B"), ("r", "g", "b"))
"""Channels that are one array of three."""


KIND = "float"
"""16 or 32 bits: the header alone does not tell which."""


class ExrFile:
    """The channels of an EXR file, each an array; X, Y, Z and R, G, B are one array of three as well, named `XYZ` and `RGB`."""

    def __init__(self, path: Path) -> None:
        try:
            import OpenEXR
        except ImportError:
            raise SourceError(
                "unknown_format", f"{path.name}: the package OpenEXR is not installed", "pip install OpenEXR"
            ) from None
        self._path, self._library = path, OpenEXR
        OpenEXR.set_global_thread_count(0)  # no threads: their stacks count as memory
        try:
            with OpenEXR.File(str(path), header_only=True) as file:
                header = dict(file.header())
                names = [str(channel.name) for channel in header["channels"]]
        except Exception as error:  # the library raises anything on a damaged file
            raise damaged(path, f"its EXR header cannot be read ({error})") from None
        corners = np.asarray(header["dataWindow"], np.int64)
        shown = np.asarray(header.get("displayWindow", header["dataWindow"]), np.int64)
        width, height = (corners[1] - corners[0] + 1).tolist()
        if (corners != shown).any():
            raise SourceError(
                "wrong_shape",
                f"{path.name}: its values cover {width} x {height} pixels of another picture (data and display windows differ)",
                "export the whole picture",
            )
        self._shape = (height, width)
        # All channels are read at once, as the file stores them together.
        require_size(path, (height, width, len(names)), 4)
        self._names = names
        self._vectors = dict(self._found_vectors(names))
        self._values: dict[str, Any] | None = None

    def arrays(self) -> list[ArrayInfo]:
        single = [ArrayInfo(name, self._shape, KIND) for name in self._names]
        three = [ArrayInfo(name, (*self._shape, 3), KIND) for name in self._vectors]
        return [*three, *single]

    def read(self, name: str, index: int | None) -> np.ndarray:
        if self._values is None:
            try:
                with self._library.File(str(self._path), separate_channels=True) as file:
                    self._values = {key: np.array(channel.pixels) for key, channel in file.channels().items()}
            except MemoryError:
                raise
            except Exception as error:
                raise truncated(self._path, f"its pixels cannot be read ({error})") from None
        parts = [self._values[part] for part in self._vectors.get(name, (name,))]
        if any(part.shape != self._shape for part in parts):
            raise SourceError(
                "wrong_shape", f"{self._path.name}: channel {name!r} is subsampled", "export whole channels"
            )
        return parts[0] if len(parts) == 1 else np.stack(parts, axis=-1)

    @staticmethod
    def _found_vectors(names: list[str]) -> list[tuple[str, tuple[str, ...]]]:
        found = []
        for layer in dict.fromkeys(name.rpartition(".")[0] for name in names):
            prefix = f"{layer}." if layer else ""
            for letters in VECTORS:
                parts = tuple(prefix + letter for letter in letters)
                if all(part in names for part in parts):
                    found.append((prefix + "".join(letters), parts))
        return found
