"""How values become the codes of a track, and codes values: depth on the log scale of its domain, normals as everywhere."""

# N frames, H x W pixels, C channels

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from consistency.domains import DOMAINS, FAR_DEPTH, Domain
from precompute.results.meaning.formats import MEANINGS
from precompute.results.meaning.judging import Findings
from precompute.results.meaning.values import Conversion

RELATIVE_RANGE = (1.0, 3.0)
"""Where a depth without scale and shift is stored. Both are free, so any range says the same; one this narrow gives each step of
the values nearly the same share of the codes."""
BEYOND_SHARE = 0.001
"""More depths than this share beyond the range of 8 bits, and the track has 16."""
MARGIN = 1.02


@dataclass(frozen=True)
class Storage:
    """The domain of a track and how values map to it."""

    domain: Domain
    kind: str
    """`metric`, `scale`, `affine` or `inverse` for depth; `normal`; `confidence`."""
    factor: float = 1.0
    offset: float = 0.0
    """For relative depth: stored = offset + factor * value; for inverse depth that is 1 / stored."""

    def record(self) -> dict[str, Any]:
        """What the manifest states of it."""
        if self.kind not in ("affine", "inverse", "scale"):
            return {}
        return {"relative": self.kind, "factor": self.factor, "offset": self.offset}

    def physical(self, values: np.ndarray) -> np.ndarray:
        """Values of the source -> those of the domain. Infinity stays: sky is as far in 1/depth as in depth."""
        found = self.offset + self.factor * values if self.kind in ("affine", "inverse") else values
        return np.where(np.isposinf(values), values, 1 / found if self.kind == "inverse" else found)

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Depth (H, W) or normals (H, W, 3), NaN where unknown -> codes, float32 (H, W, C), the invalid one where unknown.

        Known values beyond the range get the codes of its ends.
        """
        domain = self.domain
        if self.kind == "normal":
            found = (values + 1) / 2
            return np.where(np.isfinite(values), found, 128 / 255).astype(np.float32)
        physical = self.physical(np.where(np.isfinite(values), values, np.nan))
        with np.errstate(invalid="ignore", divide="ignore"):
            is_log = domain.scale == "log"
            found = np.log(physical / domain.lo) / np.log(domain.hi / domain.lo) if is_log else physical - domain.lo
            found = found if is_log else found / (domain.hi - domain.lo)
        unknown = 1.0 if domain.invalid is None else domain.invalid
        found = np.where(np.isnan(found), unknown, np.clip(found, 0, 1))
        if domain.sky is not None:
            found = np.where(np.isposinf(values), domain.sky, found)
        return found[..., None].astype(np.float64)

    def levels(self, values: np.ndarray) -> np.ndarray:
        """The codes as they are stored: uint8 (H, W, C), or (H, W, 2), the high and the low bytes of 16 bits."""
        codes, domain = self.codes(values), self.domain
        levels = np.rint(codes * domain.levels).astype(np.int64)
        if domain.bits == 8:
            return levels.astype(np.uint8)
        # Only what is unknown or sky has an end code: no value is rounded to one.
        is_value = np.isfinite(values)[..., None]
        levels = np.where(is_value, levels.clip(1, domain.levels - 1), levels)
        return np.concatenate([levels >> 8, levels & 255], axis=-1).astype(np.uint8)


def storage_for(conversion: Conversion, findings: Findings, bits: int | None = None) -> Storage:
    """The storage of a track with those values. `bits` of depth, 8 or 16; None: 8 where they are enough."""
    if conversion.format.domain == "normal":
        return Storage(DOMAINS["normal"], "normal")
    is_beyond = findings.n_near + findings.n_far > BEYOND_SHARE * findings.n_values
    if bits is None:
        bits = 16 if conversion.meaning == "metric" and is_beyond else 8
    depth = FAR_DEPTH if bits == 16 else DOMAINS["depth"]
    lowest, highest = findings.lowest, findings.highest
    if conversion.meaning == "metric":
        return Storage(depth, "metric")
    title = depth.title
    if conversion.meaning == "scale":
        lo = max(lowest, highest / 10_000)
        return Storage(replace(depth, lo=float(lo / MARGIN), hi=float(highest * MARGIN), unit="", title=title), "scale")
    near, far = RELATIVE_RANGE
    relative = replace(depth, lo=near / MARGIN, hi=far * MARGIN, unit="", title=title)
    spread = highest - lowest
    if conversion.meaning == "affine":
        factor = (far - near) / spread
        return Storage(relative, "affine", factor, near - factor * lowest)
    factor = (1 / near - 1 / far) / spread
    return Storage(relative, "inverse", factor, 1 / far - factor * lowest)


def meaning_words(conversion: Conversion) -> str:
    """Such as `depth in metres`."""
    return "surface normals" if conversion.format.domain == "normal" else MEANINGS[conversion.meaning]
