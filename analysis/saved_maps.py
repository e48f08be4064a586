"""Stored values as maps in the field's formats: 16-bit PNG with a stated scale, NPY, EXR and PFM, and what their numbers mean."""

# H x W pixels

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from analysis.alignment import needed_by
from analysis.codes import domain_as_stated, meant_domain, stored_values
from cache.records import Explained, Head

SaveFormat = Literal["png16", "npy", "npz", "exr", "pfm"]
SAVE_FORMATS: tuple[SaveFormat, ...] = ("png16", "npy", "npz", "exr", "pfm")
SIDECAR = "values.json"
"""States what the numbers mean, beside them."""
FULL = 65535
UP_TO = {"scale": "a factor", "depth": "a factor and a shift", "inverse": "a factor and a shift of 1/depth"}
"""The alignment that a relative depth needs -> up to what its stored values are known."""
_PNG_FAST = 3
"""Level of compression: 9 takes ten times as long for 3 % less."""


class CannotSave(Explained):
    """Values that a format cannot state."""

    def __init__(self, code: str, found: str, next_step: str) -> None:
        super().__init__(found, next_step)
        self.code = code


def require_format(head: Head, how: SaveFormat) -> None:
    """Raises CannotSave where that format cannot state the values of a track."""
    domain = domain_as_stated(head)
    if how == "png16" and domain.get("unit") != "m" and domain["channels"] == 1:
        raise CannotSave(
            "no_unit", "16-bit PNG states depth in metres; these values have no unit", "use npy, npz or exr"
        )
    if how == "png16" and domain["channels"] == 3 and domain.get("meaning") != "direction":
        raise CannotSave(
            "unknown_format", f"16-bit PNG states depth and normals, not {domain['name']}", "use npy, npz or exr"
        )
    if how == "pfm" and domain["channels"] == 3:
        raise CannotSave("unknown_format", "PFM is written for one channel", "use npy, npz, exr or png16")


def saved_values(codes: np.ndarray, head: Head) -> np.ndarray:
    """Codes of a stored frame on the scale of 0 to 255 -> values of the source where it was relative, else of the domain.

    float32 (H, W) or (H, W, 3), NaN where unknown; directions have length 1.
    """
    values = stored_values(codes, meant_domain(head))
    results = head.constants.get("results", {})
    if head.domain.get("meaning") == "direction":
        lengths = np.linalg.norm(values, axis=-1, keepdims=True)
        values = values / np.where(lengths > 0, lengths, 1)
    if results.get("relative") in ("affine", "inverse"):
        linear = 1 / values if results["relative"] == "inverse" else values
        values = np.where(np.isposinf(values), values, (linear - results["offset"]) / results["factor"])
    return values.astype(np.float32)


def map_name(at: int, how: SaveFormat) -> str:
    """The file of frame `at`."""
    return f"frame_{at:06d}.{'png' if how == 'png16' else how}"


def map_bytes(at: int, values: np.ndarray, how: SaveFormat, metres: float) -> bytes:
    """One map as a file. `metres`: of one count of a 16-bit PNG of depth. Raises CannotSave."""
    if how == "png16":
        return _png16(_counts(at, values, metres))
    if how == "exr":
        return _exr(values)
    if how == "pfm":
        rows = np.where(np.isnan(values), np.inf, values)[::-1].astype("<f4")
        return f"Pf\n{values.shape[1]} {values.shape[0]}\n-1.0\n".encode() + rows.tobytes()
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


def _counts(at: int, values: np.ndarray, metres: float) -> np.ndarray:
    """Values as uint16, 0 where unknown."""
    is_known = np.isfinite(values)
    if values.ndim == 3:
        return np.where(is_known, (values + 1) / 2 * FULL, 0).round().astype(np.uint16)
    n_beyond = int((values[is_known] > (FULL + 0.5) * metres).sum())
    if n_beyond:
        raise CannotSave(
            "no_unit",
            f"frame {at}: {n_beyond} pixels are farther than {FULL * metres:.4g} m, the most that 16 bits state in that unit",
            "choose a coarser unit, such as m/256 or cm, or save npy, npz or exr",
        )
    return np.where(is_known, np.clip(values / metres, 1, FULL), 0).round().astype(np.uint16)


def _png16(counts: np.ndarray) -> bytes:
    """A PNG of 16 bits, grey or RGB: uint16 (H, W) or (H, W, 3). Each row is stored as its difference from the one above."""
    height, width = counts.shape[:2]
    rows = counts.astype(">u2").reshape(height, -1).view(np.uint8)
    lines = np.full((height, rows.shape[1] + 1), 2, np.uint8)  # filter 2: up
    lines[:, 1:] = rows
    lines[1:, 1:] -= rows[:-1]

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 16, 2 if counts.ndim == 3 else 0, 0, 0, 0)
    body = zlib.compress(lines.tobytes(), _PNG_FAST)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def _exr(values: np.ndarray) -> bytes:
    try:
        import OpenEXR
    except ImportError:
        raise CannotSave("unknown_format", "the package OpenEXR is not installed", "pip install OpenEXR") from None
    names = "Z" if values.ndim == 2 else "XYZ"
    planes = {
        name: np.ascontiguousarray(values if values.ndim == 2 else values[..., k]) for k, name in enumerate(names)
    }
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with TemporaryDirectory() as folder:  # it writes to files only
        path = Path(folder) / "map.exr"
        with OpenEXR.File(header, planes) as file:
            file.write(str(path))
        return path.read_bytes()


def stated(head: Head, frames: range, how: SaveFormat, unit: str, pts_seconds: Sequence[float]) -> dict[str, Any]:
    """What the numbers mean, for SIDECAR. `unit`: of a count of a 16-bit PNG of depth; `pts_seconds`: of those frames."""
    domain, relative = domain_as_stated(head), head.constants.get("results", {}).get("relative")
    needed = needed_by(head.constants)
    is_normal = domain.get("meaning") == "direction"
    found: dict[str, Any] = {
        "clip": head.clip.title,
        "clip_key": head.clip.key,
        "configuration": head.configuration,
        "domain": domain["name"],
        "format": how,
        "first_frame": frames.start,
        "n_frames": len(frames),
        "pts_seconds": [round(float(seconds), 6) for seconds in pts_seconds],
    }
    if is_normal:
        found["axes"] = "x right, y down, z forward; normals towards the camera (--axes opencv)"
        found["values"] = "v / 65535 * 2 - 1" if how == "png16" else "unit vectors"
    elif relative:
        found["values"] = f"relative depth ({relative})"
    elif needed != "none":
        found["values"] = f"relative depth, known up to {UP_TO[needed]}"
    elif how == "png16":
        found["values"] = f"counts of {unit}"
    else:
        found["values"] = domain.get("unit") or "no unit"
    found["unknown"] = {"png16": "0", "pfm": "inf"}.get(how, "NaN")
    found["precision"] = f"values were stored in {domain.get('bits', 8)} bits" + (
        "" if is_normal else f", in steps of {_step(domain)}"
    )
    return found


def _step(domain: Mapping[str, Any]) -> str:
    levels = (1 << domain.get("bits", 8)) - 1
    if domain.get("scale") == "log":
        return f"{100 * ((domain['hi'] / domain['lo']) ** (1 / levels) - 1):.2g} %"
    return f"{(domain['hi'] - domain['lo']) / levels:.3g} {domain.get('unit') or ''}".strip()
