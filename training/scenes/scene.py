"""Describes a scene: triangles, materials and lights, and the camera that looks at it.

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
    """(3,) metres: half the size of the box in which each shadow ray draws its target."""
    intensity: np.ndarray
    """(3,) linear RGB; irradiance is intensity / distance^2."""
    facing: np.ndarray | None = None
    """(3,) unit vector for a light that shines to one side (a window); None for all sides."""


@dataclass(frozen=True)
class Material:
    """How a surface looks."""

    texture: int
    """Row of Scene.pyramids."""
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Factor on the texture's linear colour."""
    glow: float = 0.0
    """Emitted radiance as a factor of the texture's colour."""
    gloss: float = 0.0
    """Strength of the highlight of each light."""
    is_outdoors: bool = False
    """True for what lies behind a window: drawn by the direction of the ray, as if far away, without ground truth."""


@dataclass
class Scene:
    """Triangles with materials and lights. It must be closed, so that every ray hits something."""

    corners: np.ndarray
    """(T, 3, 3) float32, metres."""
    normals: np.ndarray
    """(T, 3, 3) float32, unit vectors at the corners, toward either side."""
    uvs: np.ndarray
    """(T, 3, 2) float32, in texture repeats."""
    material_of: np.ndarray
    """(T,) int32, indices into `materials`."""
    materials: list[Material]
    pyramids: np.ndarray
    """(K, TEXELS, 3) uint8, sRGB: each texture at every size."""
    lights: list[Light]
    ambient: np.ndarray
    """(3,) linear RGB, light from all sides."""
    embree: EmbreeScene = field(init=False)
    """The triangles, ready for ray casting."""
    texel_density: np.ndarray = field(init=False)
    """(T,) float32, texels per metre of the largest texture size."""

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
    """A pinhole camera with a square image."""

    position: np.ndarray
    """(3,) metres."""
    rotation: np.ndarray
    """(3, 3): columns are the camera's x (right), y (down) and z (forward) axes in the world."""
    field_of_view: float
    """Radians, the same horizontally and vertically."""
    exposure: float | None = None
    """Factor on radiance; None exposes each frame automatically."""
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Factors on red, green and blue."""
    flash: float = 0.0
    """Intensity of a light at the camera, whose shadows the camera cannot see."""


def look_at(position: np.ndarray, target: np.ndarray, roll: float = 0.0) -> np.ndarray:
    """The rotation (3, 3) of a camera at `position` with `target` in the centre of its image; roll in radians."""
    forward = unit(np.asarray(target, float) - position)
    right = unit(np.cross(forward, [0.0, 1.0, 0.0]))
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)
    return np.stack([c * right + s * down, c * down - s * right, forward], axis=1)


def spans(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two edge vectors from the first corner of each triangle: (T, 3, C) -> two (T, C)."""
    return corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
