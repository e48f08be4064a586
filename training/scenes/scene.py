"""A scene as triangles, materials and lights, and the camera that looks at it.

T triangles, M materials, K textures. World: metres, y up. Camera frame: x right, y down, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from training.scenes.furniture import unit
from training.scenes.textures import LEVEL_SIDES, TEXELS


@dataclass(frozen=True)
class Light:
    """A small area light."""

    position: np.ndarray
    """(3,) metres."""
    extent: np.ndarray
    """(3,) metres: half-sizes of the box from which each shadow ray picks its point."""
    intensity: np.ndarray
    """(3,) linear RGB; irradiance is intensity / distance^2."""
    facing: np.ndarray | None = None
    """(3,) unit vector for a light that shines to one side (a window), or None."""


@dataclass(frozen=True)
class Material:
    texture: int
    """Row of Scene.pyramids."""
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Factor on the texture's linear colour."""
    glow: float = 0.0
    """Emitted radiance as a factor of the texture's colour."""
    gloss: float = 0.0
    """Strength of the highlight of each light."""
    is_outdoors: bool = False
    """What lies behind a window: shown by the ray's direction, as if far away, and without ground truth."""


@dataclass
class Scene:
    """Triangles with materials and lights; closed, so that every ray hits."""

    corners: np.ndarray
    """(T, 3, 3) float32, metres."""
    normals: np.ndarray
    """(T, 3, 3) float32, unit vectors at the corners, either side."""
    uvs: np.ndarray
    """(T, 3, 2) float32, in texture repeats."""
    material_of: np.ndarray
    """(T,) int32."""
    materials: list[Material]
    pyramids: np.ndarray
    """(K, TEXELS, 3) uint8."""
    lights: list[Light]
    ambient: np.ndarray
    """(3,) linear RGB."""
    embree: EmbreeScene = field(init=False)
    texel_density: np.ndarray = field(init=False)
    """(T,) float32, texels of the finest level per metre."""

    def __post_init__(self) -> None:
        if self.pyramids.shape[1:] != (TEXELS, 3):
            raise ValueError(f"pyramids have shape {self.pyramids.shape}, expected (K, {TEXELS}, 3)")
        self.embree = EmbreeScene()
        TriangleMesh(self.embree, np.ascontiguousarray(self.corners, dtype=np.float32))
        area = np.linalg.norm(np.cross(*spans(self.corners)), axis=1)
        (ux, uy), (vx, vy) = (span.T for span in spans(self.uvs))
        uv_area = np.abs(ux * vy - uy * vx)
        self.texel_density = (LEVEL_SIDES[0] * np.sqrt(uv_area / np.maximum(area, 1e-12))).astype(np.float32)
        self.tints = np.array([m.tint for m in self.materials], np.float32)
        self.glows = np.array([m.glow for m in self.materials], np.float32)
        self.glosses = np.array([m.gloss for m in self.materials], np.float32)
        self.texture_of = np.array([m.texture for m in self.materials], np.int64)
        self.are_outdoors = np.array([m.is_outdoors for m in self.materials], bool)


@dataclass(frozen=True)
class Camera:
    position: np.ndarray
    """(3,) metres."""
    rotation: np.ndarray
    """(3, 3): columns are the camera's x (right), y (down) and z (forward) axes in the world."""
    field_of_view: float
    """Radians, the same across and down: images are square."""
    exposure: float | None = None
    """Factor on radiance; None exposes each frame by itself."""
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    flash: float = 0.0
    """Intensity of a light at the camera, which casts no shadow that it sees."""


def look_at(position: np.ndarray, target: np.ndarray, roll: float = 0.0) -> np.ndarray:
    """The rotation of a camera at `position` that sees `target` in its centre; roll in radians."""
    forward = unit(np.asarray(target, float) - position)
    right = unit(np.cross(forward, [0.0, 1.0, 0.0]))
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)
    return np.stack([c * right + s * down, c * down - s * right, forward], axis=1)


def spans(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two edge vectors from the first corner of each triangle."""
    return corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
