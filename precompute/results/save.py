"""Writes stored values in the field's formats: 16-bit PNG with a stated scale, NPY, NPZ, EXR and PFM, one map per frame."""

# N frames, H x W pixels

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.lib import format as npy

from cache.records import Track
from cache.store import Store
from precompute.failures import SourceError
from precompute.results.meaning.formats import metres_of
from precompute.results.truth import Truth, column

SaveFormat = Literal["png16", "npy", "npz", "exr", "pfm"]
SAVE_FORMATS: tuple[SaveFormat, ...] = ("png16", "npy", "npz", "exr", "pfm")
SIDECAR = "values.json"
"""States what the numbers mean, beside them."""
PNG_UNIT = "m/256"
"""As KITTI's: up to 256 m in steps of 4 mm."""
FULL = 65535


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
    relative = track.head.constants.get("results", {}).get("relative")
    if how == "png16" and track.head.domain.get("unit") != "m" and track.head.domain["channels"] == 1:
        raise SourceError(
            "no_unit", "16-bit PNG states depth in metres; these values have no unit", "use npy, npz or exr"
        )
    if how == "png16" and track.head.domain["channels"] == 3 and track.head.domain.get("meaning") != "direction":
        raise SourceError(
            "unknown_format",
            f"16-bit PNG states depth and normals, not {track.head.domain['name']}",
            "use npy, npz or exr",
        )
    if how == "pfm" and track.head.domain["channels"] == 3:
        raise SourceError("unknown_format", "PFM is written for one channel", "use npy, npz, exr or png16")
    try:
        metres = metres_of(unit)
    except ValueError as error:
        raise SourceError("no_unit", str(error), "choose another --unit") from None
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise SourceError("unreadable", f"{folder} is not empty", "name a new folder with --to")
    values = _values(store, track, frames, progress)
    name = str(track.head.domain["name"])
    if how == "npz":
        written = [_npz(folder / f"{name}.npz", name, values, len(frames), track)]
    else:
        written = []
        try:
            for at, one in zip(frames, values, strict=True):
                written.append(_one(folder, at, one, how, metres))
        except SourceError:
            for path in written:  # the folder can be named again
                path.unlink(missing_ok=True)
            raise
    sidecar = folder / SIDECAR
    stated = _stated(track, frames, how, unit, relative, column(store, track, "pts_seconds"))
    sidecar.write_text(json.dumps(stated, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return [*written, sidecar]


def _values(store: Store, track: Track, frames: range, progress: Callable[[int, int], None]) -> Iterator[np.ndarray]:
    """Values of the source where it was relative, else of the domain; NaN where unknown: float32 (H, W) or (H, W, 3)."""
    stored = Truth(store, track)
    results = track.head.constants.get("results", {})
    for done, at in enumerate(frames, 1):
        values = stored.values(at)
        if track.head.domain.get("meaning") == "direction":
            lengths = np.linalg.norm(values, axis=-1, keepdims=True)
            values = values / np.where(lengths > 0, lengths, 1)
        if results.get("relative") in ("affine", "inverse"):
            linear = 1 / values if results["relative"] == "inverse" else values
            values = np.where(np.isposinf(values), values, (linear - results["offset"]) / results["factor"])
        yield values.astype(np.float32)
        progress(done, len(frames))


def _one(folder: Path, at: int, values: np.ndarray, how: SaveFormat, metres: float) -> Path:
    path = folder / f"frame_{at:06d}.{'png' if how == 'png16' else how}"
    if how == "npy":
        np.save(path, values, allow_pickle=False)
    elif how == "pfm":
        rows = np.where(np.isnan(values), np.inf, values)[::-1].astype("<f4")
        path.write_bytes(f"Pf\n{values.shape[1]} {values.shape[0]}\n-1.0\n".encode() + rows.tobytes())
    elif how == "exr":
        _exr(path, values)
    else:
        if values.ndim == 3:
            counts = np.where(np.isfinite(values), (values + 1) / 2 * FULL, 0)[..., ::-1]
        else:
            is_known = np.isfinite(values)
            n_beyond = int((values[is_known] > (FULL + 0.5) * metres).sum())
            if n_beyond:
                raise SourceError(
                    "no_unit",
                    f"frame {at}: {n_beyond} pixels are farther than {FULL * metres:.4g} m, the most that 16 bits state in that unit",
                    "choose a coarser --unit, such as m/256 or cm, or save npy, npz or exr",
                )
            counts = np.where(is_known, np.clip(values / metres, 1, FULL), 0)
        if not cv2.imwrite(str(path), counts.round().astype(np.uint16)):
            raise OSError(0, "the PNG cannot be written", str(path))
    return path


def _exr(path: Path, values: np.ndarray) -> None:
    try:
        import OpenEXR
    except ImportError:
        raise SourceError("unknown_format", "the package OpenEXR is not installed", "pip install OpenEXR") from None
    names = "Z" if values.ndim == 2 else "XYZ"
    planes = {
        name: np.ascontiguousarray(values if values.ndim == 2 else values[..., k]) for k, name in enumerate(names)
    }
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, planes) as file:
        file.write(str(path))


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


def _stated(
    track: Track, frames: range, how: SaveFormat, unit: str, relative: str | None, pts_seconds: np.ndarray
) -> dict[str, Any]:
    head, domain = track.head, track.head.domain
    is_normal = domain.get("meaning") == "direction"
    found: dict[str, Any] = {
        "clip": head.clip.title,
        "clip_key": head.clip.key,
        "configuration": head.configuration,
        "domain": domain["name"],
        "format": how,
        "first_frame": frames.start,
        "n_frames": len(frames),
        "pts_seconds": [round(float(pts_seconds[at]), 6) for at in frames],
    }
    if is_normal:
        found["axes"] = "x right, y down, z forward; normals towards the camera (--axes opencv)"
        found["values"] = "v / 65535 * 2 - 1" if how == "png16" else "unit vectors"
    elif relative:
        found["values"] = f"relative depth ({relative})"
    elif how == "png16":
        found["values"] = f"counts of {unit}"
    else:
        found["values"] = domain.get("unit") or "no unit"
    found["unknown"] = {"png16": "0", "pfm": "inf"}.get(how, "NaN")
    found["precision"] = f"values were stored in {domain.get('bits', 8)} bits" + (
        "" if is_normal else f", in steps of {_step(domain)}"
    )
    return found


def _step(domain: Any) -> str:
    levels = (1 << domain.get("bits", 8)) - 1
    if domain.get("scale") == "log":
        return f"{100 * ((domain['hi'] / domain['lo']) ** (1 / levels) - 1):.2g} %"
    return f"{(domain['hi'] - domain['lo']) / levels:.3g} {domain.get('unit') or ''}".strip()
