"""The maps at a path: the numbered files of a folder, or the entries of one file's array."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from precompute.failures import SourceError
from precompute.media.stills.numbered import LAST_NUMBER
from precompute.results.meaning.formats import Format
from precompute.results.meaning.layout import Layout, layout_of
from precompute.results.readers.arrays import ArrayInfo
from precompute.results.reading import Reader
from precompute.text import count, one_line

MAX_FILES = 1_000_000
ARRAYS_NAMED = 8
SUFFIXES = (
    ".npy", ".npz", ".png", ".exr", ".hdf5", ".h5", ".pfm", ".dpt", ".tif", ".tiff", ".jpg", ".jpeg", ".webp", ".bmp",
)  # fmt: skip


@dataclass(frozen=True)
class Maps:
    """Maps of one shape, in order."""

    files: tuple[Path, ...]
    """One for each map, or the one that holds all."""
    numbers: tuple[int, ...] | None
    """The last number in the name of each file; None for a stack and for files without numbers."""
    array: ArrayInfo
    """The array that is read of every file."""
    layout: Layout
    mask: str | None = None

    def __len__(self) -> int:
        return len(self.files) if self.layout.n_frames is None else self.layout.n_frames

    def raw(self, reader: Reader, place: int) -> tuple[np.ndarray, np.ndarray | None, Mapping[str, str]]:
        """One map as stored, (H, W, C), its mask, bool (H, W) or None, and the texts of its file. Raises SourceError."""
        is_stack = self.layout.n_frames is not None
        path = self.files[0] if is_stack else self.files[place]
        texts = reader.look(path)[0].texts if self.array.texts else {}
        values = reader.frame(path, self.array.name, place if is_stack else None)
        expected = self.array.shape[1:] if is_stack else self.array.shape
        if values.shape != tuple(expected):
            raise SourceError(
                "wrong_shape",
                f"{path.name}: an array of shape {values.shape}, the others have {tuple(expected)}",
                "save all maps alike",
            )
        return self.layout.as_map(values), self._mask(reader, path), texts

    def mask_file(self, path: Path) -> Path | None:
        """The file that holds the mask of a map; None if there is none."""
        if self.mask is None:
            return None
        beside = path.with_name(path.name.removesuffix(path.suffix) + self.mask)
        return beside if beside.is_file() else None

    def _mask(self, reader: Reader, path: Path) -> np.ndarray | None:
        beside = self.mask_file(path)
        if beside is None:
            return None
        found = reader.frame(beside, reader.look(beside)[0].name, None)
        if found.size != self.layout.height * self.layout.width:
            raise SourceError(
                "wrong_shape", f"{beside.name}: a mask of shape {found.shape}", "save one value per pixel"
            )
        return found.reshape(self.layout.height, self.layout.width) != 0


def find_maps(reader: Reader, path: Path, channels: int, wanted: Format, key: str | None) -> Maps:
    """The maps at a path. `key`: the array to read, where a file has several. Raises SourceError."""
    files, numbers = files_of(path, wanted)
    infos = reader.look(files[0])
    array = choose(files[0], infos, key or wanted.key, wanted, is_asked=key is not None)
    layout = layout_of(files[0].name, array.shape, channels, is_stack_allowed=len(files) == 1)
    return Maps(files, numbers, array, layout, wanted.mask)


def files_of(path: Path, wanted: Format | None = None) -> tuple[tuple[Path, ...], tuple[int, ...] | None]:
    """The files at a path in the order of their numbers, and these. Raises SourceError."""
    try:
        if path.is_file():
            return (path,), None
        if not path.is_dir():
            raise SourceError("not_found", f"{path}: no such file or folder", "check the path")
        entries = sorted(entry for entry in path.iterdir() if entry.name[0] != "." and entry.is_file())[:MAX_FILES]
    except OSError as error:
        raise SourceError("unreadable", f"{path}: cannot be read ({error.strerror})") from None
    suffixes = wanted.suffixes if wanted and wanted.suffixes else SUFFIXES
    files = [entry for entry in entries if entry.suffix.lower() in suffixes]
    if wanted and wanted.mask:
        files = [entry for entry in files if not entry.name.endswith(wanted.mask)]
    kinds = Counter(entry.suffix.lower() for entry in files)
    if not files:
        raise SourceError(
            "not_found",
            f"{one_line(str(path))}: {count(len(entries), 'file')}, none of them {', '.join(suffixes)}",
            "name the folder that holds the maps themselves",
        )
    if len(kinds) > 1:
        listed = ", ".join(f"{n} {suffix}" for suffix, n in kinds.most_common())
        raise SourceError(
            "wrong_shape",
            f"{one_line(str(path))}: files of several kinds ({listed})",
            "move one kind to a folder of its own",
        )
    found = [(LAST_NUMBER.search(file.stem), file) for file in files]
    if not all(match and match[1].isascii() for match, _ in found):
        return tuple(files), None
    numbered = sorted((int(match[1]), file) for match, file in found if match)
    twice = [number for number, n in Counter(number for number, _ in numbered).items() if n > 1]
    if twice:
        raise SourceError(
            "missing_frames",
            f"{one_line(str(path))}: {len(twice)} numbers occur more than once, such as {twice[0]}",
            "put each kind of map into a folder of its own",
        )
    return tuple(file for _, file in numbered), tuple(number for number, _ in numbered)


def choose(path: Path, infos: list[ArrayInfo], key: str | None, wanted: Format, *, is_asked: bool) -> ArrayInfo:
    """The array of that name (one of several, separated by |), or the only one. Raises SourceError `wrong_key`."""
    names = key.split("|") if key else []
    by_name = {info.name: info for info in infos}
    if found := next((by_name[name] for name in names if name in by_name), None):
        return found
    is_nameless = list(by_name) == [""]
    if names and not (is_nameless and not is_asked):
        raise SourceError(
            "wrong_key",
            f"{path.name}: no array {' or '.join(repr(name) for name in names)}; it holds {described(infos)}",
            "name one of them with --key",
        )
    if wanted.domain == "normal":
        three = [info for info in infos if 3 in info.shape]
        infos = three or infos
    if len(infos) == 1 or (wanted.domain == "normal" and infos and path.suffix.lower() == ".exr"):
        return infos[0]
    what = f"several arrays: {described(infos)}" if infos else "no array"
    raise SourceError("wrong_key", f"{path.name}: {what}", "name one of them with --key")


def described(infos: list[ArrayInfo]) -> str:
    """Such as `depths float32 (120, 480, 640), fps float64 ()`."""
    listed = [f"{info.name} {info.dtype} {info.shape}".strip() for info in infos[:ARRAYS_NAMED]]
    return ", ".join(listed) + (f" and {len(infos) - ARRAYS_NAMED} more" if len(infos) > ARRAYS_NAMED else "")
