"""A depth picture as the triangles that the page draws: torn at jumps, with a layer behind them."""

# H x W pixels, V vertices (one a pixel of the grid), T triangles

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np

from analysis.codes import CODES_16_PER_8
from precompute.films.camera_path import Extent
from precompute.films.filling import UNKNOWN, Limits, fill_behind, tears

TOLERANCE = 0.04
"""Triangles are torn where their corners differ in depth by more than this share of the nearest."""
SETBACK = TOLERANCE / 2
"""Squares of single pixels lie this share of their distance farther away: behind the triangles of their own surface, and before what
they are torn from."""
MAX_GRID = 512
"""Vertices along the longer side; larger pictures are drawn from every 2nd, 3rd, ... pixel."""


@dataclass(frozen=True)
class DepthScale:
    """How codes mean depths, and what is known of a domain to place them in space. Codes are those of `stored_codes`, 0 to 255."""

    lo: float
    slope: float
    """Per code; on a logarithmic scale of the natural logarithm."""
    is_log: bool
    step: float
    """Between two stored codes: of 16 bits a fraction."""
    without: tuple[float, ...]
    """The codes of pixels without a place: of unknown depths, which is also that of depths beyond the range, and of sky."""

    @staticmethod
    def of(domain: Mapping[str, Any]) -> DepthScale:
        """Reads a manifest's Domain record. Raises ValueError where it is not a depth that has a place in space."""
        lo, hi = float(domain["lo"]), float(domain["hi"])
        is_log = domain["scale"] == "log"
        is_depth = domain["name"] == "depth" and domain["channels"] == 1
        is_range = np.isfinite(lo) and np.isfinite(hi) and 0 <= lo < hi and not (is_log and lo == 0)
        if not is_depth or not is_range:
            raise ValueError(f"'{domain['name']}' from {lo} to {hi} has no place in space; name a prediction of depth")
        step = 1 / CODES_16_PER_8 if domain.get("bits") == 16 else 1.0
        ends = [domain.get(name) for name in ("invalid", "sky")]
        without = tuple(float(np.floor(255 * float(end) + 0.5)) for end in ends if end is not None)
        return DepthScale(lo, (float(np.log(hi / lo)) if is_log else hi - lo) / 255, is_log, step, without)

    def floats(self, codes: np.ndarray) -> np.ndarray:
        """Codes as float64, UNKNOWN where there is no depth."""
        return np.where(np.isin(codes, self.without), UNKNOWN, codes.astype(np.float64))

    def depth(self, codes: np.ndarray) -> np.ndarray:
        """Depths of codes from `floats`, NaN where unknown."""
        depth = self.lo * np.exp(self.slope * codes) if self.is_log else self.lo + self.slope * codes
        return np.where(codes < 0, np.nan, depth)

    def limits(self, tolerance: float) -> Limits:
        """What corners of a triangle may differ by: the tolerance, and one step of the stored codes, which may be rounding."""
        if self.is_log:
            return Limits(1.0, float(np.log1p(tolerance)) / self.slope + self.step)
        return Limits(1 + tolerance, (tolerance * self.lo + self.slope * self.step) / self.slope)


@dataclass(frozen=True)
class Mesh:
    """Triangles with colours."""

    points: np.ndarray
    """(V, 3) x right, y down, z forward, in the unit of the depth; NaN at vertices of no triangle."""
    places: np.ndarray
    """(V, 2) where each has its colour, x and y in pixels of `rgb`."""
    corners: np.ndarray
    """(T, 3) vertices."""
    rgb: np.ndarray
    """(H, W, 3) uint8."""
    is_invented: np.ndarray
    """(H, W) bool, in the size of `rgb`."""
    is_seal: bool = False
    """Drawn only where nothing else is."""
    setback: float = 0.0
    """Hidden as if it were farther from the eye, by this share."""


def meshes_of(codes: np.ndarray, rgb: np.ndarray, scale: DepthScale, extent: Extent) -> tuple[Mesh, ...]:
    """The surface; where it is torn, the pixels of its near sides as squares, so that what is thin stays whole, the layer behind
    it, and a seal of what all leave open, such as between single torn pixels.

    codes: (H, W) from `stored_codes`; rgb: uint8 (h, w, 3), the picture in any size; extent: of the whole picture.
    """
    stride = max(1, -(-max(codes.shape) // MAX_GRID))
    own = scale.floats(codes)[::stride, ::stride]
    limits = scale.limits(TOLERANCE)
    corners = _triangles(*own.shape)
    values = own.reshape(-1)[corners]
    least, most = values.min(1), values.max(1)
    is_torn = (least >= 0) & limits.torn(least, most)
    edges = [_drawn_at(n, stride, side) for n, side in zip(own.shape, codes.shape, strict=True)]
    # A pixel of the depth has its colour at the same share of the picture, whatever the size of either.
    ratios = [side / whole for side, whole in zip(rgb.shape, codes.shape, strict=False)]
    places = _grid([(at + 0.5) * ratio - 0.5 for at, ratio in zip(edges, ratios, strict=True)])
    is_real = np.zeros(rgb.shape[:2], bool)
    points = _points(own, edges, codes.shape, scale, extent)
    surface = Mesh(points, places, corners[(least >= 0) & ~is_torn], rgb, is_real)
    if not is_torn.any():
        return (surface,)
    squares = _squares(own, stride, codes.shape, (ratios[0], ratios[1]), rgb, limits, scale, extent)
    layer = fill_behind(own, _in_size(rgb, own.shape), limits)
    is_whole = layer.codes.reshape(-1)[corners].min(1) >= 0
    own_edges = [_drawn_at(n, 1, n) for n in own.shape]
    behind = _points(layer.codes, [at * stride for at in own_edges], codes.shape, scale, extent)
    filling = Mesh(behind, _grid(own_edges), corners[is_whole], layer.rgb, layer.is_invented)
    return surface, squares, filling, Mesh(points, places, corners[is_torn], rgb, ~is_real, is_seal=True)


def _squares(
    codes: np.ndarray,
    stride: int,
    whole: tuple[int, ...],
    ratios: tuple[float, float],
    rgb: np.ndarray,
    limits: Limits,
    scale: DepthScale,
    extent: Extent,
) -> Mesh:
    """Each pixel on the near side of a tear as a square of one depth and colour."""
    rows, columns = np.nonzero(tears(codes, limits)[0] >= 0)
    depth = scale.depth(codes[rows, columns])
    x, y = columns * float(stride), rows * float(stride)
    half = stride / 2
    corners = []
    for across, down in ((-half, -half), (half, -half), (-half, half), (half, half)):
        rays = [(at + 0.5) / side - 0.5 for at, side in ((x + across, whole[1]), (y + down, whole[0]))]
        corners.append(np.stack([rays[0] * extent.width * depth, rays[1] * extent.height * depth, depth], 1))
    places = np.stack([(x + 0.5) * ratios[1] - 0.5, (y + 0.5) * ratios[0] - 0.5], 1)
    first = 4 * np.arange(len(rows))[:, None]
    triangles = np.concatenate([first + np.array([2, 1, 0]), first + np.array([1, 2, 3])])
    is_real = np.zeros(rgb.shape[:2], bool)
    points = np.stack(corners, 1).reshape(-1, 3)
    return Mesh(points, places.repeat(4, 0), triangles, rgb, is_real, setback=SETBACK)


def _drawn_at(count: int, stride: int, side: int) -> np.ndarray:
    """Where vertices of a row are drawn, pixels: the outermost at the edges of the picture, as pixels have an extent."""
    at = np.arange(count) * float(stride)
    at[-1] = side - 0.5
    at[0] = -0.5
    return at


def _grid(axes: list[np.ndarray]) -> np.ndarray:
    """(V, 2) x and y of all vertices, from those of the rows and of the columns."""
    y, x = np.meshgrid(*axes, indexing="ij")
    return np.stack([x, y], 2).reshape(-1, 2)


def _points(
    codes: np.ndarray, axes: list[np.ndarray], whole: tuple[int, ...], scale: DepthScale, extent: Extent
) -> np.ndarray:
    """(V, 3) of codes that lie at those pixels of a picture of the size `whole`."""
    depth = scale.depth(codes)
    y, x = ((at + 0.5) / side - 0.5 for at, side in zip(axes, whole, strict=True))
    rays = np.broadcast_arrays(x * extent.width * depth, y[:, None] * extent.height * depth, depth)
    return np.stack(rays, 2).reshape(-1, 3)


@cache
def _triangles(rows: int, columns: int) -> np.ndarray:
    """(T, 3) two of each cell: top left, then bottom right."""
    at = np.arange(rows * columns).reshape(rows, columns)
    here, right, below, across = at[:-1, :-1], at[:-1, 1:], at[1:, :-1], at[1:, 1:]
    return np.stack([np.stack([below, right, here], 2), np.stack([right, below, across], 2)], 2).reshape(-1, 3)


def _in_size(rgb: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    return rgb if rgb.shape[:2] == size else cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_AREA)
