"""Collects the triangles, materials and lights of a scene: quads, boxes, balls, cylinders and furniture parts.

n triangles of one call. World: metres, y up. Corners and normals are (n, 3, 3), texture coordinates (n, 3, 2), in repeats.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.scenes.furniture import Part, unit
from training.scenes.scene import Light, Material, Scene
from training.scenes.textures import TexturePicture, pyramid, read_picture

Vector = np.ndarray | tuple[float, float, float]


class Builder:
    """Collects triangles, materials and lights, and assembles the Scene. Textures and materials are referred to by number."""

    def __init__(self) -> None:
        self.corners: list[np.ndarray] = []
        self.normals: list[np.ndarray] = []
        self.uvs: list[np.ndarray] = []
        self.material_of: list[np.ndarray] = []
        self.materials: list[Material] = []
        self.pyramids: list[np.ndarray] = []
        self.lights: list[Light] = []
        self.white = self.texture(np.full((1, 1, 3), 255, np.uint8))
        self._texture_of_file: dict[Path, int] = {}

    def texture(self, picture: TexturePicture) -> int:
        """Add a texture; returns its number."""
        self.pyramids.append(pyramid(picture))
        return len(self.pyramids) - 1

    def texture_file(self, path: Path) -> int:
        """Add the texture of an image file once; returns its number."""
        if path not in self._texture_of_file:
            self._texture_of_file[path] = self.texture(read_picture(path))
        return self._texture_of_file[path]

    def material(
        self,
        texture: int,
        tint: np.ndarray | None = None,
        glow: float = 0.0,
        gloss: float = 0.0,
        is_outdoors: bool = False,
    ) -> int:
        """Add a material; returns its number. `tint` is sRGB, (3,) in [0, 1]."""
        linear = (1.0, 1.0, 1.0) if tint is None else tuple(float(c) ** 2.2 for c in tint)
        self.materials.append(Material(texture, linear, glow, gloss, is_outdoors))
        return len(self.materials) - 1

    def plain(self, colour: np.ndarray, gloss: float = 0.0, glow: float = 0.0) -> int:
        """Add an untextured material of an sRGB colour, (3,) in [0, 1]; returns its number."""
        return self.material(self.white, np.maximum(colour, 0.02), glow, gloss)

    def triangles(self, corners: np.ndarray, normals: np.ndarray, uvs: np.ndarray, material: int) -> None:
        self.corners.append(corners.astype(np.float32))
        self.normals.append(normals.astype(np.float32))
        self.uvs.append(uvs.astype(np.float32))
        self.material_of.append(np.full(len(corners), material, np.int32))

    def quad(
        self,
        corner: Vector,
        u: Vector,
        v: Vector,
        material: int,
        repeat_metres: float | None = 1.0,
        start_metres: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Add a parallelogram. Its texture repeats every `repeat_metres`; None stretches the texture over it once.

        `start_metres` is where in the texture it starts, so that a wall made from several has no seams.
        """
        origin, first, second = (np.asarray(value, float) for value in (corner, u, v))
        points = np.stack([origin, origin + first, origin + first + second, origin + second])
        uv = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
        if repeat_metres is not None:
            uv *= np.array([np.linalg.norm(first), np.linalg.norm(second)])
            uv = (uv + start_metres) / repeat_metres
        normal = np.broadcast_to(unit(np.cross(first, second)), (2, 3, 3))
        order = np.array([[0, 1, 2], [0, 2, 3]])
        self.triangles(points[order], normal, uv[order], material)

    def box(self, low: np.ndarray, high: np.ndarray, material: int, repeat_metres: float | None = 1.0) -> None:
        """Add an axis-aligned box between two opposite corners."""
        low, high = np.minimum(low, high), np.maximum(low, high)
        x, y, z = np.diag(high - low)
        self.block(low, x, y, z, material, repeat_metres)

    def block(
        self,
        corner: np.ndarray,
        x: np.ndarray,
        y: np.ndarray,
        z: np.ndarray,
        material: int,
        repeat_metres: float | None = 1.0,
    ) -> None:
        """Add a box at any angle: a corner and its three edges."""
        for start, u, v in (
            (corner, x, y),
            (corner + z, x, y),
            (corner, z, y),
            (corner + x, z, y),
            (corner, x, z),
            (corner + y, x, z),
        ):
            self.quad(start, u, v, material, repeat_metres)

    def ellipsoid(self, centre: np.ndarray, radii: Vector, material: int) -> None:
        """Add a smooth, upright ellipsoid (ball, egg, cushion) with radii along x, y, z."""
        rows, columns = 12, 20
        latitude = np.linspace(-np.pi / 2, np.pi / 2, rows + 1)[:, None]
        longitude = np.linspace(0, 2 * np.pi, columns + 1)[None]
        ball = np.stack(
            np.broadcast_arrays(
                np.cos(latitude) * np.cos(longitude), np.sin(latitude), np.cos(latitude) * np.sin(longitude)
            ),
            axis=2,
        )
        points, normals = centre + ball * np.asarray(radii), unit(ball / np.asarray(radii))
        uvs = np.stack(np.broadcast_arrays(longitude / np.pi, latitude / np.pi), axis=2)
        for triangle in (((0, 0), (0, 1), (1, 1)), ((0, 0), (1, 1), (1, 0))):
            corners, corner_normals, corner_uvs = (
                np.stack([grid[a : a + rows, b : b + columns].reshape(-1, grid.shape[2]) for a, b in triangle], axis=1)
                for grid in (points, normals, uvs)
            )
            self.triangles(corners, corner_normals, corner_uvs, material)

    def cylinder(self, base: np.ndarray, radius: float, height: float, material: int, taper: float = 1.0) -> None:
        """Add an upright cylinder with smooth sides and a flat top; the top's radius is `taper` times the base's."""
        n = 20
        angle = np.linspace(0, 2 * np.pi, n + 1)
        ring = np.stack([np.cos(angle), np.zeros(n + 1), np.sin(angle)], axis=1)
        lower, upper = base + radius * ring, base + radius * taper * ring + up(height)
        around = np.linspace(0, 2, n + 1)
        uv_low, uv_high = np.stack([around, np.zeros(n + 1)], 1), np.stack([around, np.ones(n + 1)], 1)
        a, b = np.arange(n), np.arange(1, n + 1)
        for first, second, third in (((lower, a), (lower, b), (upper, b)), ((lower, a), (upper, b), (upper, a))):
            corners = np.stack([points[i] for points, i in (first, second, third)], axis=1)
            normals = np.stack([ring[i] for _, i in (first, second, third)], axis=1)
            uvs = np.stack([(uv_low if p is lower else uv_high)[i] for p, i in (first, second, third)], axis=1)
            self.triangles(corners, normals, uvs, material)
        top = np.broadcast_to(base + up(height), (n, 3))
        corners = np.stack([upper[a], upper[b], top], axis=1)
        self.triangles(corners, np.broadcast_to([0.0, 1, 0], (n, 3, 3)), corners[..., [0, 2]], material)

    def part(self, part: Part, yaw: float, position: np.ndarray, material: int) -> None:
        """Add a furniture part, rotated about the vertical by `yaw` (radians) and moved."""
        c, s = np.cos(yaw), np.sin(yaw)
        turn = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])  # row vectors: v @ turn
        self.triangles(part.corners @ turn + position, part.normals @ turn, part.uvs, material)

    def scene(self, ambient: np.ndarray) -> Scene:
        """Assemble the scene; `ambient` is linear RGB, (3,)."""
        return Scene(
            corners=np.concatenate(self.corners),
            normals=np.concatenate(self.normals),
            uvs=np.concatenate(self.uvs),
            material_of=np.concatenate(self.material_of),
            materials=self.materials,
            pyramids=np.stack(self.pyramids),
            lights=self.lights,
            ambient=ambient,
        )


def up(height: float) -> np.ndarray:
    """A vertical offset in metres, (3,)."""
    return np.array([0.0, height, 0.0])
