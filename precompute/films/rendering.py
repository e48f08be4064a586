"""Draws triangles with colours from a camera: a rasteriser with a depth buffer, in numpy."""

# T triangles, F fragments (a triangle at a pixel), H x W pixels of the frame

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from precompute.films.camera_path import Camera, Extent, frame_places
from precompute.films.surface import Mesh

NEAREST = 0.01
"""Nearer to the eye nothing is drawn, in units of the focus depth."""
_LARGE_PX = 256
"""Triangles whose box holds more pixels are drawn one by one: as a group, all would cost what the largest does."""


@dataclass(frozen=True)
class Drawn:
    """One frame."""

    rgb: np.ndarray
    """(H, W, 3) uint8, black where nothing is."""
    is_covered: np.ndarray
    """(H, W) bool."""
    is_invented: np.ndarray
    """(H, W) bool: seen there is what the picture does not show."""


def draw(meshes: Sequence[Mesh], camera: Camera, extent: Extent, focus: float, height: int, width: int) -> Drawn:
    """The frame that the camera sees; what is nearer hides what is farther."""
    drawn = Drawn(
        np.zeros((height, width, 3), np.uint8), np.zeros((height, width), bool), np.zeros((height, width), bool)
    )
    nearness = np.zeros(height * width)  # 1 / distance, which is linear over a triangle on the screen
    for mesh in meshes:
        places, distance = frame_places(camera, extent, mesh.points / focus)
        screen = places * [width, height]
        seen = _Screen(screen, 1 / (distance * (1 + mesh.setback)))
        corners = mesh.corners[(distance[mesh.corners] > NEAREST).all(1)]
        winner = np.full(height * width, -1)
        is_free = nearness == 0
        for triangles, pixels, near in _fragments(seen, corners, height, width):
            is_seen = near > nearness[pixels]
            if mesh.is_seal:
                is_seen &= is_free[pixels]
            np.maximum.at(nearness, pixels[is_seen], near[is_seen])
            is_seen &= near == nearness[pixels]
            winner[pixels[is_seen]] = triangles[is_seen]
        _colour(drawn, mesh, seen, corners, winner)
    return drawn


@dataclass(frozen=True)
class _Screen:
    """Where the vertices are seen."""

    at: np.ndarray
    """(V, 2) x, y in pixels of the frame."""
    nearness: np.ndarray
    """(V,) 1 / distance."""


def _fragments(
    seen: _Screen, corners: np.ndarray, height: int, width: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Triangles (F,), pixels (F,) whose centres lie in them, and the nearness (F,) there: group by group."""
    at = seen.at[corners]  # (T, 3, 2)
    # Of pixels whose centres may lie inside: first and one past the last.
    first = np.clip(np.ceil(at.min(1) - 0.5), 0, [width, height]).astype(int)
    sizes = np.clip(np.floor(at.max(1) + 0.5), 0, [width, height]).astype(int) - first
    count = sizes.prod(1)
    is_drawn = (sizes > 0).all(1)
    groups = [np.flatnonzero(is_drawn & (count > _LARGE_PX))[:, None]]
    small = np.flatnonzero(is_drawn & (count <= _LARGE_PX))
    keys = sizes[small, 0] * (_LARGE_PX + 1) + sizes[small, 1]
    order = np.argsort(keys, kind="stable")
    groups = [*groups[0], *np.split(small[order], np.flatnonzero(np.diff(keys[order])) + 1)]
    for group in groups:
        if not group.size:
            continue
        columns, rows = sizes[group[0]]
        dy, dx = np.divmod(np.arange(columns * rows), columns)
        x, y = first[group, 0][:, None] + dx, first[group, 1][:, None] + dy  # (T, columns * rows)
        shares = _shares(at[group], x + 0.5, y + 0.5)
        inside = np.minimum(np.minimum(shares[0], shares[1]), shares[2]) >= 0
        near = sum(share * seen.nearness[corners[group, c]][:, None] for c, share in enumerate(shares))
        triangles = np.broadcast_to(group[:, None], inside.shape)
        yield triangles[inside], (y * width + x)[inside], np.asarray(near)[inside]


def _shares(at: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Barycentric coordinates of x, y (T, N) in triangles at (T, 3, 2); NaN in one without an area."""
    (ax, ay), (bx, by), (cx, cy) = (at[:, c].T[..., None] for c in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        b = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area
        c = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area
    return 1 - b - c, b, c


def _colour(drawn: Drawn, mesh: Mesh, seen: _Screen, corners: np.ndarray, winner: np.ndarray) -> None:
    """Colours the pixels that triangles of this mesh have won."""
    pixels = np.flatnonzero(winner >= 0)
    if not pixels.size:
        return
    width = drawn.rgb.shape[1]
    own = corners[winner[pixels]]  # (F, 3)
    shares = _shares(seen.at[own], pixels[:, None] % width + 0.5, pixels[:, None] // width + 0.5)
    weights = np.concatenate(shares, 1) * seen.nearness[own]  # as seen in perspective
    weights /= weights.sum(1, keepdims=True)
    places = (weights[..., None] * mesh.places[own]).sum(1)  # (F, 2)
    drawn.rgb.reshape(-1, 3)[pixels] = _sampled(mesh.rgb, places)
    drawn.is_covered.reshape(-1)[pixels] = True
    nearest = np.clip(np.floor(places + 0.5).astype(int), 0, np.array(mesh.rgb.shape[1::-1]) - 1)
    drawn.is_invented.reshape(-1)[pixels] = mesh.is_invented[nearest[:, 1], nearest[:, 0]]


def _sampled(rgb: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Colours (F, 3) at places (F, 2) in pixels, interpolated, the edge's beyond it."""
    height, width = rgb.shape[:2]
    x, y = np.clip(places[:, 0], 0, width - 1), np.clip(places[:, 1], 0, height - 1)
    left, top = x.astype(int), y.astype(int)
    right, below = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    dx, dy = (x - left)[:, None], (y - top)[:, None]
    upper = (1 - dx) * rgb[top, left] + dx * rgb[top, right]
    lower = (1 - dx) * rgb[below, left] + dx * rgb[below, right]
    return ((1 - dy) * upper + dy * lower + 0.5).astype(np.uint8)
