"""Writes stored values in the field's formats: 16-bit PNG with a stated scale, NPY, NPZ, EXR and PFM, one map per frame."""

# N frames, H x W pixels

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from analysis.saved_maps import (
    SIDECAR,
    CannotSave,
    SaveFormat,
    map_bytes,
    map_name,
    require_format,
    saved_values,
    stated,
)
from cache.records import Track
from cache.store import Store
from precompute.failures import SourceError
from precompute.results.meaning.formats import metres_of
from precompute.results.truth import Truth, column

PNG_UNIT = "m/256"
"""As KITTI's: up to 256 m in steps of 4 mm."""


def save_results(
    store: Store,
    track: Track,
    folder: Path,
    how: SaveFormat,
    *,
    frames: range | None = None,
    unit: str = PNG_UNIT,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:
    """Write the values of a track's frames into a folder, which must be new or empty; returns the files.

    Unknown pixels are NaN, in 16-bit PNG 0. `unit`: of a count of a 16-bit PNG of depth. Raises SourceError, StoreError and OSError.
    """
    frames = range(track.n_frames) if frames is None else frames
    if not frames or frames.start < 0 or frames.stop > track.n_frames:
        raise SourceError(
            "missing_frames",
            f"frames {frames.start} to {frames.stop - 1}; the track has {track.n_frames}",
            "change --frames",
        )
    written: list[Path] = []
    try:
        require_format(track.head, how)
        metres = metres_of(unit)
    except CannotSave as error:
        raise SourceError(error.code, error.found, error.next_step) from None
    except ValueError as error:
        raise SourceError("no_unit", str(error), "choose another --unit") from None
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise SourceError("unreadable", f"{folder} is not empty", "name a new folder with --to")
    values = _values(store, track, frames, progress)
    name = str(track.head.domain["name"])
    if how == "npz":
        written.append(_npz(folder / f"{name}.npz", name, values, len(frames), track))
    else:
        try:
            for at, one in zip(frames, values, strict=True):
                path = folder / map_name(at, how)
                path.write_bytes(map_bytes(at, one, how, metres))
                written.append(path)
        except CannotSave as error:
            for path in written:  # the folder can be named again
                path.unlink(missing_ok=True)
            raise SourceError(error.code, error.found, error.next_step) from None
    sidecar = folder / SIDECAR
    times = column(store, track, "pts_seconds")
    meaning = stated(track.head, frames, how, unit, times[frames.start : frames.stop].tolist())
    sidecar.write_text(json.dumps(meaning, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return [*written, sidecar]


def _values(store: Store, track: Track, frames: range, progress: Callable[[int, int], None]) -> Iterator[np.ndarray]:
    """As `saved_values`."""
    kept = Truth(store, track)
    for done, at in enumerate(frames, 1):
        yield saved_values(kept.codes(at), track.head)
        progress(done, len(frames))


def _npz(path: Path, name: str, values: Iterator[np.ndarray], n_frames: int, track: Track) -> Path:
    """Frame by frame: memory stays that of one."""
    clip, channels = track.head.clip, int(track.head.domain["channels"])
    shape = (n_frames, clip.height, clip.width) + ((3,) if channels == 3 else ())
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open(f"{name}.npy", "w", force_zip64=True) as member,
    ):
        npy.write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for one in values:
            member.write(one.astype("<f4").tobytes())
    return path
