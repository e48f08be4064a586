"""The camera path of a Ken Burns film, as docs/kenburns.md defines it: where the camera stands at a time from 0 to 1."""

# The same as dashboard/web/space/camera_path.mjs; tests check both against the same sampled cameras.

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Kind = Literal["auto", "zoom", "orbit", "dolly"]
Motion = Literal["once", "pingpong", "loop"]
Ease = Literal["smooth", "linear"]
KINDS, MOTIONS, EASES = get_args(Kind), get_args(Motion), get_args(Ease)

AUTOZOOM = 1.25
"""The end of an autozoom, as a zoom of the picture."""
ZOOM_LIMITS = (1.0, 4.0)
SAMPLES = 64
"""Samples of the depth that autozoom moves, and cells of its frame, each way."""
_POSITIONS = 16
"""Candidates for its end, each way."""
_OVERLAP = 0.25
"""Samples overlap by this much of a cell, so that a slope has no gaps."""
_LEAST_DISTANCE = 1e-9


@dataclass(frozen=True)
class Window:
    """A part of the picture."""

    u: float
    """Its centre, in shares of the picture's width."""
    v: float
    """Its centre, in shares of the picture's height."""
    zoom: float
    """Its sides are 1 / zoom of the picture's."""

    def inside(self) -> Window:
        """Moved and magnified no more than fits into the picture."""
        zoom = min(max(self.zoom, ZOOM_LIMITS[0]), ZOOM_LIMITS[1])
        half = 0.5 / zoom
        return Window(min(max(self.u, half), 1 - half), min(max(self.v, half), 1 - half), zoom)


WHOLE = Window(0.5, 0.5, 1.0)


@dataclass(frozen=True)
class Extent:
    """Size of the picture at depth 1: 2 tan of half its field of view, each way."""

    width: float
    height: float

    @staticmethod
    def of(width_px: int, height_px: int, degrees: float) -> Extent:
        """The extent of a picture whose shorter side has that field of view."""
        step = 2 * math.tan(math.radians(degrees) / 2) / min(width_px, height_px)
        return Extent(step * width_px, step * height_px)


@dataclass(frozen=True)
class Camera:
    """An eye in units of the focus depth (x right, y down, z forward), and what it shows at the focus depth."""

    eye: tuple[float, float, float]
    window: Window


@dataclass(frozen=True)
class CameraPath:
    """How the camera moves."""

    kind: Kind
    """`auto` is a zoom whose `end` autozoom has chosen; `orbit` and `dolly` keep the window `end`."""
    start: Window = WHOLE
    end: Window = Window(0.5, 0.5, AUTOZOOM)
    depth: float = 1.0
    """0: the eye stays, a flat zoom; 1: the lens stays."""
    motion: Motion = "once"
    ease: Ease = "smooth"

    def progress(self, time: float) -> float:
        """How far along its curve the camera is, 0 to 1."""
        if self.motion == "loop":
            return time if self.kind == "orbit" else (1 - math.cos(2 * math.pi * time)) / 2
        x = 1 - abs(1 - 2 * time) if self.motion == "pingpong" else time
        return x * x * (3 - 2 * x) if self.ease == "smooth" else x

    def time_of(self, frame: int, n_frames: int) -> float:
        """The time of a frame. A film that closes does not show its first frame twice."""
        return frame / max(n_frames - 1, 1) if self.motion == "once" else frame / n_frames

    def camera(self, time: float, extent: Extent) -> Camera:
        """The camera at a time from 0 to 1."""
        progress = self.progress(time)
        if self.kind == "orbit":
            reach = 0.5 * self.depth * (1 - 1 / self.end.zoom)
            angle = 2 * math.pi * progress
            eye = (reach * extent.width * math.cos(angle), reach * extent.height * math.sin(angle), 0.0)
            return Camera(eye, self.end)
        if self.kind == "dolly":
            return Camera(_eye_of(self.end, self.depth * progress, extent), self.end)
        window = _between(self.start, self.end, progress)
        return Camera(_eye_of(window, self.depth, extent), window)


def frame_places(camera: Camera, extent: Extent, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where points (..., 3), in units of the focus depth, are seen: places (..., 2) in shares of the frame, and distances
    (...) from the eye, forward. What lies behind the eye has NaN as its place."""
    eye, window = np.asarray(camera.eye), camera.window
    distance = points[..., 2] - eye[2]
    with np.errstate(divide="ignore", invalid="ignore"):
        along = np.where(distance > _LEAST_DISTANCE, (1 - eye[2]) / distance, np.nan)
    at = eye[:2] + (points[..., :2] - eye[:2]) * along[..., None]
    centre = np.array([window.u, window.v])
    return 0.5 + window.zoom * (0.5 + at / [extent.width, extent.height] - centre), distance


def autozoom(depths: np.ndarray, extent: Extent, depth: float = 1.0) -> tuple[Window, float]:
    """The end window of zoom AUTOZOOM that keeps most of the frame covered, and the share of cells that is covered.

    `depths`: (SAMPLES, SAMPLES) in units of the focus depth, NaN where unknown; from `samples_of`.
    """
    reach = (1 - 1 / AUTOZOOM) / 2
    best, best_rank = Window(0.5, 0.5, AUTOZOOM), (-1.0, 0.0)
    for j in range(_POSITIONS):
        for i in range(_POSITIONS):
            u, v = (0.5 + reach * (2 * k / (_POSITIONS - 1) - 1) for k in (i, j))
            window = Window(u, v, AUTOZOOM)
            covered = coverage(depths, Camera(_eye_of(window, depth, extent), window), extent)
            off = (2 * i - _POSITIONS + 1) ** 2 + (2 * j - _POSITIONS + 1) ** 2
            if (covered, -off) > best_rank:
                best, best_rank = window, (covered, -off)
    return best, best_rank[0]


def coverage(depths: np.ndarray, camera: Camera, extent: Extent) -> float:
    """The share of the frame's SAMPLES x SAMPLES cells on whose centre a sample falls."""
    n = SAMPLES
    z = depths.astype(np.float64)
    shares = (np.arange(n) + 0.5) / n - 0.5
    rays = np.stack(np.broadcast_arrays(shares * extent.width, shares[:, None] * extent.height), axis=2)
    places, distance = frame_places(camera, extent, np.concatenate([rays * z[..., None], z[..., None]], axis=2))
    known = (z > 0) & np.isfinite(places[..., 0])
    places, distance, z = places[known], distance[known], z[known]
    half = 0.5 * camera.window.zoom * (1 - camera.eye[2]) * z / distance + _OVERLAP
    first = np.clip(np.ceil(n * places - half[:, None] - 0.5), 0, n).astype(int)
    last = np.clip(np.floor(n * places + half[:, None] - 0.5), -1, n - 1).astype(int)
    is_seen = (first <= last).all(axis=1)
    first, last = first[is_seen], last[is_seen]
    # The rectangles as corners of a table whose running sums count what covers each cell.
    table = np.zeros((n + 1, n + 1), np.int64)
    for rows, columns, sign in (
        (first[:, 1], first[:, 0], 1),
        (last[:, 1] + 1, last[:, 0] + 1, 1),
        (first[:, 1], last[:, 0] + 1, -1),
        (last[:, 1] + 1, first[:, 0], -1),
    ):
        np.add.at(table, (rows, columns), sign)
    return float((table.cumsum(0).cumsum(1)[:n, :n] > 0).sum()) / (n * n)


def samples_of(depth: np.ndarray, focus: float) -> np.ndarray:
    """What autozoom reads of a depth picture (H, W), NaN where unknown: (SAMPLES, SAMPLES) in units of the focus depth."""
    height, width = depth.shape
    rows, columns = (((np.arange(SAMPLES) + 0.5) / SAMPLES * side).astype(int) for side in (height, width))
    return depth[rows][:, columns] / focus


def _between(start: Window, end: Window, progress: float) -> Window:
    """The window on the way: its edges move along straight lines."""
    u, v, side = (
        a + (b - a) * progress for a, b in ((start.u, end.u), (start.v, end.v), (1 / start.zoom, 1 / end.zoom))
    )
    return Window(u, v, 1 / side)


def _eye_of(window: Window, share: float, extent: Extent) -> tuple[float, float, float]:
    """From where the clip's own lens would see that window at the focus depth, or a share of the way there."""
    return (
        share * (window.u - 0.5) * extent.width,
        share * (window.v - 0.5) * extent.height,
        share * (1 - 1 / window.zoom),
    )
