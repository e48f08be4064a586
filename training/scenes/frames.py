"""Stores rendered frames as shards of uint8 arrays, written once and read as memory maps.

A shard is `<split>-<number>.npy`, (N, H, W, 14) uint8: the channels of CHANNELS, codes round(255 v), and beside it
`<split>-<number>.fov.npy`, (N,) float32: the field of view of each frame in degrees, the same across and down.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.scenes.furniture import Split

CHANNELS = {
    "rgb": slice(0, 3),
    "normal": slice(3, 6),
    "depth": slice(6, 7),
    "reshading": slice(7, 8),
    "curvature": slice(8, 11),
    "edge3d": slice(11, 12),
    "keypoint3d": slice(12, 13),
    "valid": slice(13, 14),
}
"""The channels of each image in a frame; `valid` is 255 where the geometry is known, else 0 (windows)."""
N_CHANNELS = 14
PLAN = "plan.json"
"""Beside the shards: what they are. `domains`, where it is stated, lists those that are known; rendered frames have all."""


class Frames:
    """All frames of a split, (N, H, W, 14) uint8, read on access."""

    def __init__(self, folder: Path, split: Split, names: Sequence[str] | None = None):
        """`names`: file names of the shards, which fix the set of frames while more are rendered; None uses all shards."""
        if names is None:
            names = sorted(path.name for path in folder.glob(f"{split}-[0-9][0-9][0-9][0-9].npy"))
        self.names = list(names)
        paths = [folder / name for name in self.names]
        if not paths:
            raise FileNotFoundError(f"no rendered {split} frames in {folder}; run: python -m training render")
        self.shards = [np.load(path, mmap_mode="r") for path in paths]
        if self.shards[0].shape[-1] != N_CHANNELS:
            raise ValueError(
                f"{paths[0]} has {self.shards[0].shape[-1]} channels, expected {N_CHANNELS}: it was rendered by another "
                "version. Choose another --work folder and run: python -m training render"
            )
        self.starts = np.cumsum([0, *[len(shard) for shard in self.shards]])
        self.domains = known_domains(folder)
        self._fields_of_view = np.concatenate([np.load(companion(path)) for path in paths])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        """(B, H, W, 14) uint8 of the frames with these numbers."""
        shard_of = np.searchsorted(self.starts, indices, side="right") - 1
        return np.stack([self.shards[s][i - self.starts[s]] for s, i in zip(shard_of, indices, strict=True)])

    def field_of_view(self, indices: np.ndarray) -> np.ndarray:
        """(B,) float32, degrees horizontally and vertically, of the frames with these numbers."""
        return self._fields_of_view[indices]


def _plan_of(folder: Path) -> dict[str, Any]:
    path = folder / PLAN
    return json.loads(path.read_text()) if path.exists() else {}


def data_name(folder: Path) -> str | None:
    """The name of the data that the frames of a folder were made from; None for rendered rooms."""
    return _plan_of(folder).get("data")


def known_domains(folder: Path) -> frozenset[str]:
    """The domains that the frames of a folder hold; the others are blank."""
    stated = _plan_of(folder).get("domains")
    return frozenset(CHANNELS) - {"valid"} if stated is None else frozenset(stated)


def companion(shard: Path) -> Path:
    """The file with the fields of view of a shard."""
    return shard.with_suffix(".fov.npy")


def put_array(path: Path, array: np.ndarray) -> None:
    """Write an array atomically. A full disk leaves no partial file and raises OSError with a suggested fix."""
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with unfinished.open("wb") as file:
            np.save(file, array)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OSError(
            error.errno,
            f"the disk is full: {path.name} needs {array.nbytes / 1e6:.0f} MB; free space and run the same command again "
            "(finished shards are kept), or use another --work folder or fewer --rooms",
            str(path),
        ) from error


def data_digest(folder: Path) -> str:
    """SHA-256 over the plan and over names and digests of all shards and companions. It identifies the data in a model card."""
    total = hashlib.sha256()
    for path in [folder / PLAN, *sorted(folder.glob("*-[0-9][0-9][0-9][0-9]*.npy"))]:
        with path.open("rb") as file:
            total.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()
