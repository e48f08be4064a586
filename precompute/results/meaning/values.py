"""From numbers in a file to depth in metres along z, and to normals in Crosscheck's axes, at the size of the clip."""

# H x W pixels of the clip, h x w those of the file, C channels

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np

from cache.records import Clip
from precompute.failures import SourceError
from precompute.results.meaning.colours import inverted
from precompute.results.meaning.formats import Axes, Format, Meaning, Projection

Fit = Literal["exact", "as-clip", "stretch"]
"""The maps have the clip's size; they cover the whole source frame and are cropped and scaled as the clip was; they cover the
clip's frame at another size."""
MOGE_STEPS = 65533
"""Steps of MoGe's logarithmic scale: counts 1 to 65534."""


@dataclass(frozen=True)
class Conversion:
    """What the numbers of a source mean."""

    format: Format
    meaning: Meaning
    metres: float | None
    """Metres of one count; None for depth without metres and for normals."""
    projection: Projection
    field_of_view_degrees: float | None
    """Field of view of the shorter side of the maps; needed for distances along rays."""
    axes: Axes
    unknown: tuple[str, ...]
    sky: tuple[str, ...]
    picture: str | None = None
    """The colour map of pictures of depth that are inverted: values from 0 to 1 whose scale differs from frame to frame."""
    fit: Fit = "exact"
    is_truth: bool = False
    is_unit_stated: bool = False
    """Whether the user stated the unit of a count; a named format may be meant by mistake."""

    def record(self) -> dict[str, Any]:
        """What the manifest states, and with it the key."""
        found: dict[str, Any] = {"format": self.format.name, "fit": self.fit}
        found |= {"unknown": list(self.unknown), "sky": list(self.sky)}
        if self.format.domain == "normal":
            return found | {"axes": ",".join(self.axes)}
        found |= {"meaning": self.meaning, "projection": self.projection}
        if self.metres is not None:
            found["metres_per_count"] = self.metres
        if self.projection == "ray":
            found["field_of_view_degrees"] = self.field_of_view_degrees
        return found | ({"picture": self.picture} if self.picture else {})

    def values(
        self, name: str, raw: np.ndarray, mask: np.ndarray | None, texts: Mapping[str, str], clip: Clip
    ) -> np.ndarray:
        """A map as stored, (h, w, C) -> depth, float32 (H, W), or unit normals, float32 (H, W, 3).

        NaN: unknown; infinity: sky. `mask`: where values are known, (h, w). Raises SourceError.
        """
        unknown = matches(raw, self.unknown)
        if mask is not None:
            unknown |= ~mask
        sky = matches(raw, self.sky) & ~unknown
        self._require_finite(name, raw, unknown | sky)
        found = self._normals(raw) if self.format.domain == "normal" else self._depth(name, raw, texts)[..., None]
        found[unknown | sky] = np.nan
        if self.format.domain == "depth":
            self._require_depth(name, found)
        fitted = _fitted(found, self.fit, clip, is_truth=self.is_truth, name=name)
        if sky.any():
            is_sky = _fitted(sky[..., None].astype(np.float32), self.fit, clip, is_truth=True, name=name)[..., 0] > 0.5
            fitted[is_sky & np.isnan(fitted[..., 0])] = np.inf
        return _unit(fitted) if self.format.domain == "normal" else fitted[..., 0]

    def numbers(self, raw: np.ndarray) -> np.ndarray:
        """The values of a map as stored that mean a number: (K, C)."""
        return raw[~matches(raw, (*self.unknown, *self.sky))]

    def _require_finite(self, name: str, raw: np.ndarray, excepted: np.ndarray) -> None:
        if raw.dtype.kind != "f":
            return
        for word, is_bad in (("NaN", np.isnan(raw)), ("infinite", np.isinf(raw))):
            n_bad = int((is_bad.any(axis=-1) & ~excepted).sum())
            if n_bad:
                flag = "nan" if word == "NaN" else "inf"
                raise SourceError(
                    "not_finite",
                    f"{name}: {n_bad} of {excepted.size} pixels are {word}",
                    f"if that means unknown or sky, say so: --unknown {flag} or --sky {flag}",
                )

    def _depth(self, name: str, raw: np.ndarray, texts: Mapping[str, str]) -> np.ndarray:
        """float32 (h, w), along z; metres or without unit."""
        if self.picture is not None:
            return inverted(raw, self.picture)
        counts = raw[..., 0].astype(np.float32)
        if self.format.log_chunks:
            near, far = _near_and_far(name, texts)
            values = near * (far / near) ** ((counts - 1) / MOGE_STEPS)
        else:
            values = counts * np.float32(1.0 if self.metres is None else self.metres)
        if self.projection == "ray":
            values = values * rays_to_z(*values.shape, self._focal_px(*values.shape))
        return values.astype(np.float32)

    def _focal_px(self, height: int, width: int) -> float:
        if self.field_of_view_degrees is not None:
            return min(height, width) / 2 / math.tan(math.radians(self.field_of_view_degrees) / 2)
        assert self.format.focal_widths is not None, "checked where the conversion is made"
        return self.format.focal_widths * width

    def _normals(self, raw: np.ndarray) -> np.ndarray:
        """Vectors in Crosscheck's axes, float32 (h, w, 3), not of unit length."""
        values = raw[..., :3].astype(np.float32)
        full = self.format.codes
        if raw.dtype.kind != "f" and (full is None or full <= 1):
            full = float(np.iinfo(raw.dtype).max)
        if full is not None:
            values = values * np.float32(2 / full) - 1
        signs = np.array([-1 if axis[0] == "-" else 1 for axis in self.axes], np.float32)
        return values[..., ["xyz".index(axis[-1]) for axis in self.axes]] * signs

    def _require_depth(self, name: str, found: np.ndarray) -> None:
        if self.meaning not in ("metric", "scale"):
            return
        n_bad = int((found <= 0).sum())
        if n_bad:
            raise SourceError(
                "not_positive",
                f"{name}: {n_bad} of {found.size} pixels have a depth of {float(np.nanmin(found)):g}{' m' if self.meaning == 'metric' else ''}",
                "if such a value means unknown, say so: --unknown 0; if the maps are stretched between their nearest and farthest pixel, they "
                "are relative: --unit affine or inverse",
            )


def rays_to_z(height: int, width: int, focal_px: float) -> np.ndarray:
    """By how much distances along rays shrink to depths along z: float32 (h, w)."""
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / focal_px
    y = (np.arange(height, dtype=np.float32) + 0.5 - height / 2) / focal_px
    return 1 / np.sqrt(1 + x[None] ** 2 + y[:, None] ** 2)


def matches(raw: np.ndarray, rules: tuple[str, ...]) -> np.ndarray:
    """Where a value means what a rule says: bool (h, w)."""
    found = np.zeros(raw.shape[:2], bool)
    for rule in rules:
        if rule == "nan":
            found |= np.isnan(raw).any(axis=-1) if raw.dtype.kind == "f" else False
        elif rule == "inf":
            found |= np.isinf(raw).any(axis=-1) if raw.dtype.kind == "f" else False
        elif rule.startswith(">"):
            limit = float(rule.removeprefix(">").removeprefix("="))
            found |= (raw >= limit if rule.startswith(">=") else raw > limit).any(axis=-1)
        else:
            values = np.array(rule.split(), np.float64)
            with np.errstate(over="ignore"):
                values = values.astype(raw.dtype) if raw.dtype.kind == "f" else values  # as the file rounded it
            colours = raw[..., :1] if raw.shape[-1] == 2 else raw[..., :3]  # without opacity
            found |= (colours == values).all(axis=-1)
    return found


def _near_and_far(name: str, texts: Mapping[str, str]) -> tuple[float, float]:
    try:
        near, far = float(texts["near"]), float(texts["far"])
    except (KeyError, ValueError):
        near = far = 0.0
    if not (math.isfinite(far) and 0 < near < far):
        raise SourceError(
            "wrong_key", f"{name}: the PNG lacks the texts 'near' and 'far' of MoGe", "choose another --format"
        )
    return near, far


def _fitted(values: np.ndarray, fit: Fit, clip: Clip, *, is_truth: bool, name: str) -> np.ndarray:
    """(h, w, C) -> (H, W, C). Truth keeps its values (nearest pixel); pixels that an unknown one reaches are unknown."""
    height, width = values.shape[:2]
    if (height, width) == (clip.height, clip.width):
        return values
    if fit == "exact":
        raise SourceError(
            "wrong_shape",
            f"{name}: {width} x {height} pixels, the clip's frames have {clip.width} x {clip.height}",
            "--fit as-clip: the maps cover the whole video frame, crop and scale them as the clip was; "
            "--fit stretch: they cover the clip's frames at another size",
        )
    if fit == "as-clip" and clip.sampling.get("crop", "centre") == "centre":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        values = values[top : top + side, left : left + side]
        height = width = side
    if is_truth:
        how = cv2.INTER_NEAREST_EXACT
    else:
        how = cv2.INTER_AREA if height >= clip.height and width >= clip.width else cv2.INTER_LINEAR
    found = cv2.resize(np.ascontiguousarray(values), (clip.width, clip.height), interpolation=how)
    return found if found.ndim == 3 else found[..., None]


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of unit length; one of length zero is unknown."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(lengths > 1e-6, vectors / lengths, np.nan).astype(np.float32)
