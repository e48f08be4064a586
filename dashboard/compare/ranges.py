"""The values that a clip uses of a domain: the display range of depth and of others that fill little of their scale."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any

import numpy as np

from cache.pack import BadPack
from cache.records import StoreError, Track
from cache.store import Store

SAMPLED_FRAMES = 32
"""Evenly spaced over a track: 2 million pixels of it, and 60 ms."""
SHARES = (0.02, 0.98)
"""The quantiles of the values at which the range begins and ends."""
WIDE = 0.5
"""A linear domain keeps its full range unless the clip uses less than this share of it."""
LEAST_CODES = 32
"""The narrowest range: an eighth of the codes, so that the noise of an empty wall is not stretched to all colours."""
MAX_KEPT = 512
"""Histograms in memory, 2 kB each."""


class Ranges:
    """Histograms of stored codes, made once per track: packs never change, so their hashes name the counts for good.

    A growing track counts with its first pack alone, and with all of it once complete: its colours change once, at the
    end, rather than with every pack.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()  # sessions are threads
        self._kept: dict[tuple[str, ...], np.ndarray] = {}

    def of(self, tracks: Iterable[Track]) -> dict[str, tuple[float, float]]:
        """Domain -> lowest and highest value shown, over all `tracks` of that domain; domains shown in full are left out."""
        parts: dict[str, list[tuple[Mapping[str, Any], np.ndarray]]] = {}
        for track in {track.head.key: track for track in tracks}.values():
            domain = track.head.domain
            name = str(domain.get("name") or "")
            is_scalar = domain.get("channels") == 1 and domain.get("meaning") == "scalar"
            if not name or not is_scalar or track.head.kind == "energy":
                continue
            parts.setdefault(name, []).append((domain, self._histogram(track)))
        found = {name: shown_range(*_together(some)) for name, some in parts.items()}
        return {name: ends for name, ends in found.items() if ends is not None}

    def _histogram(self, track: Track) -> np.ndarray:
        """How many of the sampled pixels have each code, (256,); zeros where the frames cannot be read."""
        packs = track.packs if track.is_complete else track.packs[:1]
        known = tuple(pack.sha256 for pack in packs)
        with self._lock:
            if known in self._kept:
                return self._kept[known]
        n_frames = sum(pack.n_frames for pack in packs)
        frames = np.unique(np.linspace(0, n_frames - 1, min(SAMPLED_FRAMES, n_frames)).round().astype(int))
        counts = np.zeros(256, np.int64)
        try:
            for frame in frames:
                counts += _codes(self._store.image(track, int(frame)))
        except (StoreError, BadPack, ValueError, OSError, IndexError):
            return np.zeros(256, np.int64)  # the pane itself reports what cannot be read
        invalid = track.head.domain.get("invalid")
        if track.head.kind == "truth" and isinstance(invalid, (int, float)) and 0 <= invalid <= 1:
            counts[round(255 * invalid)] = 0
        if track.head.domain.get("bits") == 16:  # whose ends are no values
            counts[[0, 255]] = 0
        with self._lock:
            while len(self._kept) >= MAX_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[known] = counts
        return counts


def _together(parts: list[tuple[Mapping[str, Any], np.ndarray]]) -> tuple[Mapping[str, Any], np.ndarray]:
    """The counts of tracks of one domain, (256,), over a range that holds those of all: a far depth has one of its own."""
    ranges = [(float(domain["lo"]), float(domain["hi"]), domain.get("scale")) for domain, _ in parts]
    domain = parts[0][0]
    if len(set(ranges)) == 1:
        return domain, np.sum([counts for _, counts in parts], axis=0)
    lo, hi = min(lo for lo, _, _ in ranges), max(hi for _, hi, _ in ranges)
    is_log = lo > 0 and all(scale == "log" for _, _, scale in ranges)
    total, codes = np.zeros(256, np.int64), np.arange(256) / 255
    for (own_lo, own_hi, scale), (_, counts) in zip(ranges, parts, strict=True):
        values = own_lo * (own_hi / own_lo) ** codes if scale == "log" else own_lo + (own_hi - own_lo) * codes
        shares = np.log(values / lo) / np.log(hi / lo) if is_log else (values - lo) / (hi - lo)
        np.add.at(total, (shares * 255).round().astype(int), counts)
    return {**domain, "lo": lo, "hi": hi, "scale": "log" if is_log else "linear"}, total


def shown_range(domain: Mapping[str, Any], counts: np.ndarray) -> tuple[float, float] | None:
    """The 2nd and 98th percentile as values of the domain, from counts of its codes (256,); None: show all of it."""
    total = int(counts.sum())
    lo, hi, is_log = float(domain["lo"]), float(domain["hi"]), domain.get("scale") == "log"
    if total == 0 or not lo < hi or (is_log and lo <= 0):
        return None
    shares = np.cumsum(counts) / total
    low, high = (float(np.searchsorted(shares, share)) for share in SHARES)
    if not is_log and high - low >= WIDE * 255:
        return None
    if (missing := LEAST_CODES - (high - low)) > 0:
        low = min(max(low - missing / 2, 0.0), 255.0 - LEAST_CODES)
        high = low + LEAST_CODES
    if low <= 0 and high >= 255:
        return None
    low_value, high_value = (
        lo * (hi / lo) ** (code / 255) if is_log else lo + (hi - lo) * code / 255 for code in (low, high)
    )
    return float(f"{low_value:.3g}"), float(f"{high_value:.3g}")


def _codes(image: bytes) -> np.ndarray:
    """Counts of the codes of a coded image, (256,); those of 16 bits are counted by their high byte."""
    from PIL import Image  # comes with streamlit

    with Image.open(io.BytesIO(image)) as opened:
        return np.asarray(opened.getchannel(0).histogram()[:256], np.int64)
