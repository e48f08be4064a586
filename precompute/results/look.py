"""Looks into files of values: their arrays with shapes, types and ranges, and what they remind of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from precompute.failures import SourceError
from precompute.results.maps import files_of
from precompute.results.meaning.colours import map_of
from precompute.results.readers.arrays import MAX_FRAME_BYTES, ArrayInfo
from precompute.results.reading import Reader

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
"""Files of one map: their third axis is that of channels."""
VIDEOS = (".mkv", ".mp4", ".mov", ".avi", ".webm", ".m4v")
"""Files that are read frame by frame alone."""


@dataclass(frozen=True)
class Looked:
    """One array, and the range of the entries that were looked at."""

    info: ArrayInfo
    lowest: float = math.nan
    highest: float = math.nan
    n_bad: int = 0
    """Values that are NaN or infinite."""
    remark: str = ""


def look_at(path: Path, n_entries: int) -> tuple[tuple[Path, ...], list[Looked]]:
    """The files at a path, and the arrays of the first one. Raises SourceError."""
    try:
        files, _ = files_of(path)
    except SourceError as error:
        if error.code != "missing_frames":
            raise
        files = tuple(sorted(entry for entry in path.iterdir() if entry.is_file()))
    with Reader() as reader:
        return files, [_looked(reader, files[0], info, n_entries) for info in reader.look(files[0])]


def _looked(reader: Reader, path: Path, info: ArrayInfo, n_entries: int) -> Looked:
    n_bytes = math.prod(info.shape) * 8
    entries: list[int | None] = [None]
    is_picture = path.suffix.lower() in PICTURES and len(info.shape) == 3
    is_video = path.suffix.lower() in VIDEOS
    if is_video or (len(info.shape) >= 3 and not is_picture and n_bytes > MAX_FRAME_BYTES // 8):
        entries = [*sorted({0, (info.shape[0] - 1) // 2, info.shape[0] - 1})[:n_entries]]
    lowest, highest, n_bad, remark = math.inf, -math.inf, 0, ""
    try:
        for entry in entries:
            values = reader.frame(path, info.name, entry)
            finite = values[np.isfinite(values)]
            n_bad += values.size - finite.size
            if finite.size:
                lowest, highest = min(lowest, float(finite.min())), max(highest, float(finite.max()))
            if values.dtype == np.uint8 and values.ndim == 3 and values.shape[-1] in (3, 4):
                found = map_of(values)
                remark = f"colours of '{found}'" if found else ""
    except SourceError as error:
        return Looked(info, remark=error.found)
    if None not in entries and info.shape[:1] != (len(entries),):
        remark = f"{remark}; " * bool(remark) + f"range of entries {', '.join(map(str, entries))}"
    if info.is_lossy:
        remark = f"{remark}; " * bool(remark) + "lossy coding"
    if info.texts:
        remark = f"{remark}; " * bool(remark) + ", ".join(f"{key} {text}" for key, text in info.texts.items())
    return Looked(info, lowest, highest, n_bad, remark)


def described(row: Looked) -> tuple[str, ...]:
    """The cells of a table: name, shape, type, lowest, highest, values that are not finite, remark."""
    shape = " x ".join(map(str, row.info.shape)) or "one value"
    numbers = [f"{value:.6g}" if math.isfinite(value) else "" for value in (row.lowest, row.highest)]
    return (row.info.name or "(its array)", shape, row.info.dtype, *numbers, str(row.n_bad or ""), row.remark)
