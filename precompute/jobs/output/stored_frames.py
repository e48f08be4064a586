"""Reads single frames and numbers of a stored track, pack by pack."""

# H x W pixels

from __future__ import annotations

from pathlib import Path

import numpy as np

from analysis.codes import stored_codes
from cache.pack import read_column, read_images
from cache.records import Pack, Track
from cache.store import Store
from precompute.jobs.output.encode import decode_image


class StoredFrames:
    """The frames of a track, read pack by pack."""

    def __init__(self, store: Store, track: Track) -> None:
        self._store, self._track = store, track
        self._pack: Pack | None = None
        self._images: list[bytes] = []
        self._columns: dict[str, np.ndarray] = {}

    def image(self, at: int) -> np.ndarray:
        """Codes, uint8 (H, W) or (H, W, 3); of 16 bits float32 (H, W), on the same scale of 0 to 255."""
        path, index = self._find(at)
        self._images = self._images or read_images(path)
        codes = np.ascontiguousarray(decode_image(self._images[index]))
        return stored_codes(codes, self._track.head.domain)

    def row(self, name: str, at: int) -> np.ndarray:
        """A frame's value of a column."""
        path, index = self._find(at)
        if name not in self._columns:
            self._columns[name] = read_column(path, name)
        return self._columns[name][index]

    def _find(self, at: int) -> tuple[Path, int]:
        """The pack that holds the frame, and its place there. Raises IndexError and StoreError."""
        if self._pack is None or not 0 <= at - self._pack.start < self._pack.n_frames:
            pack = next((pack for pack in self._track.packs if 0 <= at - pack.start < pack.n_frames), None)
            if pack is None:
                raise IndexError(f"{self._track.head.configuration} has {self._track.n_frames} frames, not frame {at}")
            self._pack, self._images, self._columns = pack, [], {}
        return self._store.pack_path(self._track.head.key, self._pack.sha256), at - self._pack.start
