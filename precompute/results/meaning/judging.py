"""Judges maps before anything is stored: pictures instead of numbers, distances along rays instead of z, mirrored normals."""

# H x W pixels

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

from cache.records import Clip
from consistency.domains import DEPTH_MAX_METRES, DEPTH_MIN_METRES
from precompute.failures import SourceError
from precompute.results.meaning.colours import map_of
from precompute.results.meaning.formats import AXES, Axes
from precompute.results.meaning.values import Conversion, rays_to_z

COMPARED_PIXELS = 20_000
RAY_BOUNDS = (0.6, 1.4)
"""The slope of log(depth / truth) over log(ray / z) is 0 for z and 1 for distances along rays. Networks err by less than half of it."""
LEAST_CORRELATION = 0.5
AXES_MARGIN_DEGREES = 10.0
"""By how much other axes must fit better before the stated ones are refused."""
ADVICE = "give the numbers themselves (.npy, 16-bit PNG, EXR), or accept that only the order within a frame survives: --picture {map}"


@dataclass
class Findings:
    """What is known of all maps once they were read."""

    lowest: float = np.inf
    highest: float = -np.inf
    n_values: int = 0
    n_unknown: int = 0
    n_sky: int = 0
    n_near: int = 0
    """Closer than depths are stored by default."""
    n_far: int = 0
    """Farther than depths are stored by default."""
    n_frames: int = 0
    n_spanning: int = 0
    """Frames whose numbers span a round range exactly, such as 0 to 1."""
    notes: list[str] = field(default_factory=list)

    def add(self, raw: np.ndarray, values: np.ndarray) -> None:
        """Count one map: the numbers as stored, (K, C), and depth (H, W) or normals (H, W, 3)."""
        self.n_frames += 1
        first = values if values.ndim == 2 else values[..., 0]
        known = first[np.isfinite(first)]
        self.n_values += first.size
        self.n_sky += int(np.isinf(first).sum())
        self.n_unknown += first.size - len(known) - int(np.isinf(first).sum())
        if len(known):
            self.lowest, self.highest = min(self.lowest, float(known.min())), max(self.highest, float(known.max()))
            self.n_near += int((known < DEPTH_MIN_METRES).sum())
            self.n_far += int((known > DEPTH_MAX_METRES).sum())
        lowest, highest = (float(raw.min()), float(raw.max())) if raw.size else (0.0, 0.0)
        full = 1.0 if raw.dtype.kind == "f" else float(np.iinfo(raw.dtype).max)
        self.n_spanning += lowest == 0 and highest == full


def refuse_picture(name: str, raw: np.ndarray, conversion: Conversion, *, is_unit_stated: bool, is_lossy: bool) -> None:
    """Raise SourceError for a picture of depth, (h, w, C), where numbers are wanted."""
    if conversion.format.domain == "normal":
        if is_lossy:
            raise SourceError(
                "picture_of_depth",
                f"{name}: its coding changes values (JPEG, or video in YCbCr), which turns normals by degrees",
                "give .npy, PNG, EXR, or a lossless video",
            )
        return
    if conversion.picture is not None:
        if raw.dtype.kind != "u":
            raise SourceError("picture_of_depth", f"{name}: {raw.dtype}, not a picture", "leave out --picture")
        return
    if raw.shape[-1] >= 2:
        found = map_of(raw) if raw.dtype == np.uint8 else None
        drawn = f"drawn with the colour map '{found}'" if found and found != "grey" else "of colours"
        what = f"a picture of depth {drawn}" if found != "grey" else "a grey picture of three channels"
        raise SourceError(
            "picture_of_depth",
            f"{name}: {what}, {raw.shape[-1]} channels where depth has one",
            ADVICE.format(map=found or "MAP"),
        )
    if raw.dtype == np.uint8 and not is_unit_stated:
        raise SourceError(
            "picture_of_depth",
            f"{name}: 8-bit grey, most likely a picture stretched between its nearest and farthest pixel",
            ADVICE.format(map="grey") + "; if its counts have a unit, state it with --unit",
        )


def refuse_kind(name: str, raw: np.ndarray, conversion: Conversion) -> None:
    """Raise SourceError for floats where the format has integers, and for integers where it has floats."""
    wanted, has_integers = conversion.format.integers, raw.dtype.kind != "f"
    if conversion.picture is None and wanted is not None and wanted != has_integers:
        words = "integers, not floats" if wanted else "floats, not integers"
        raise SourceError(
            "unknown_format",
            f"{name}: its numbers are {raw.dtype}, the format {conversion.format.name} has {words}",
            "choose another --format, or leave it out and state --unit or --axes",
        )


def judge(findings: Findings, conversion: Conversion) -> None:
    """Raise SourceError for what only all maps together show; adds notes to the findings."""
    if conversion.format.domain == "depth":
        if 1 < findings.n_frames == findings.n_spanning and conversion.picture is None:
            findings.notes.append(
                "each frame spans its whole range exactly, as pictures stretched between their ends do: the scale may differ from "
                "frame to frame"
            )
        if conversion.picture:
            findings.notes.append(
                f"inverted from pictures of depth ({conversion.picture}): only the order within a frame is reliable"
            )
        if not findings.highest > findings.lowest:
            raise SourceError(
                "wrong_shape",
                f"all {findings.n_frames} maps hold one value ({findings.highest:g})"
                if np.isfinite(findings.highest)
                else f"none of {findings.n_frames} maps has a known value",
                "check --key, --unknown and the files",
            )
    for n, what in ((findings.n_unknown, "unknown"), (findings.n_sky, "sky")):
        if n:
            findings.notes.append(f"{_percent(n / findings.n_values)} of the pixels {what}")


def refuse_rays(depth: np.ndarray, truth: np.ndarray, clip: Clip, field_of_view_degrees: float, *, name: str) -> None:
    """Raise SourceError if depths, (N, H, W) with NaN where unknown, relate to the true ones as distances along rays to z.

    Raised as well for depths that were converted from rays and were z before.
    """
    focal_px = min(clip.height, clip.width) / 2 / np.tan(np.radians(field_of_view_degrees) / 2)
    lengths = np.broadcast_to(-np.log(rays_to_z(clip.height, clip.width, focal_px)), depth.shape)
    known = np.isfinite(depth) & np.isfinite(truth) & (depth > 0) & (truth > 0)
    x, y = lengths[known], np.log(depth[known] / truth[known])
    step = max(1, len(x) // COMPARED_PIXELS)
    x, y = x[::step], y[::step]
    if len(x) < 100:
        return
    slope, correlation = robust_slope(x, y)
    if correlation < LEAST_CORRELATION or not RAY_BOUNDS[0] < abs(slope) < RAY_BOUNDS[1]:
        return
    is_ray = slope > 0
    found = "distances along the ray" if is_ray else "depth along z already, converted as if it were along the ray"
    raise SourceError(
        "wrong_projection",
        f"{name}: towards the corners depth {'grows' if is_ray else 'shrinks'} against the stored truth by the length of the ray "
        f"(slope {slope:.2f} of {'1' if is_ray else '-1'}): {found}",
        f"pass --projection {'ray --field-of-view DEGREES' if is_ray else 'z'}, or state the one you gave to insist on it",
    )


def robust_slope(x: np.ndarray, y: np.ndarray, n_bins: int = 12) -> tuple[float, float]:
    """The slope of the medians of y in bins of x, and their correlation with it."""
    edges = np.quantile(x, np.linspace(0, 1, n_bins + 1))
    at = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, n_bins - 1)
    filled = [k for k in range(n_bins) if (at == k).sum() >= 5]
    if len(filled) < 4:
        return 0.0, 0.0
    centres = np.array([np.median(x[at == k]) for k in filled])
    medians = np.array([np.median(y[at == k]) for k in filled])
    if np.ptp(centres) == 0 or np.ptp(medians) < 1e-6:
        return 0.0, 0.0
    return float(np.polyfit(centres, medians, 1)[0]), float(abs(np.corrcoef(centres, medians)[0, 1]))


def refuse_axes(normals: np.ndarray, truth: np.ndarray, *, name: str, axes: Axes = AXES["opencv"]) -> None:
    """Raise SourceError if other signs or another order of axes bring normals, (N, H, W, 3) with NaN where unknown, clearly nearer
    to the true ones. `axes`: as which those of the file were read; the advice names axes of the file as well."""
    known = np.isfinite(normals[..., 0]) & np.isfinite(truth[..., 0])
    ours, theirs = normals[known], truth[known]
    step = max(1, len(ours) // COMPARED_PIXELS)
    ours, theirs = ours[::step], theirs[::step]
    if len(ours) < 100:
        return
    products = ours.T @ theirs / len(ours)  # mean of each axis times each true axis
    scores = {}
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            scores[order, signs] = sum(signs[k] * products[order[k], k] for k in range(3))
    stated = scores[(0, 1, 2), (1, 1, 1)]
    (order, signs), best = max(scores.items(), key=lambda item: item[1])
    angle, best_angle = (float(np.degrees(np.arccos(np.clip(score, -1, 1)))) for score in (stated, best))
    if angle - best_angle < AXES_MARGIN_DEGREES:
        return
    stated_signs = [-1 if axis[0] == "-" else 1 for axis in axes]
    spelled = ",".join(
        ("-" if sign * stated_signs[k] < 0 else "") + axes[k][-1] for k, sign in zip(order, signs, strict=True)
    )
    raise SourceError(
        "wrong_axes",
        f"{name}: as stated, the normals are about {angle:.0f}° from the stored truth; with their axes read as {spelled} it would be "
        f"{best_angle:.0f}°",
        "choose the right --format or --axes (opencv, opengl, outward, or three signed axes of the file)",
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%" if share >= 0.001 else "less than 0.1\N{NO-BREAK SPACE}%"
