"""Tracks which floor and wall space of a room is taken: rectangles on the floor, walls and regions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Rectangle:
    """An axis-aligned rectangle on the floor, metres."""

    x0: float
    x1: float
    z0: float
    z1: float

    def overlaps(self, other: Rectangle) -> bool:
        return self.x0 < other.x1 and other.x0 < self.x1 and self.z0 < other.z1 and other.z0 < self.z1

    def grown(self, margin: float) -> Rectangle:
        return Rectangle(self.x0 - margin, self.x1 + margin, self.z0 - margin, self.z1 + margin)

    @property
    def area(self) -> float:
        return (self.x1 - self.x0) * (self.z1 - self.z0)


@dataclass
class Wall:
    """A straight wall of a room, seen from inside."""

    origin: np.ndarray
    """(3,) metres: one of its lower corners."""
    along: np.ndarray
    """(3,) horizontal unit vector."""
    length: float
    """Metres."""
    inward: np.ndarray
    """(3,) unit vector into the room."""
    is_outer: bool = True
    """False for the partition between two rooms."""
    material: int | None = None
    """Number of the material that covers it; None for a wall that is built already."""
    repeat_metres: float = 1.0
    """Side of one repeat of the texture."""
    taken: list[tuple[float, float]] = field(default_factory=list)
    """Intervals along the wall, in metres, that doors and windows use."""
    openings: list[tuple[float, float, float, float]] = field(default_factory=list)
    """Holes in the wall, in metres: start and end along the wall, bottom and top."""

    def free_interval(self, rng: np.random.Generator, width: float, margin: float = 0.15) -> float | None:
        """Draw the start of a free stretch of the given width (metres); None after a few attempts."""
        for _ in range(6):
            if self.length < width + 2 * margin:
                return None
            start = rng.uniform(margin, self.length - width - margin)
            if all(start + width + margin < a or start - margin > b for a, b in self.taken):
                return float(start)
        return None


@dataclass
class Region:
    """One room of a building."""

    floor: Rectangle
    height: float
    """Metres."""
    walls: list[Wall]
    taken: list[tuple[Rectangle, float]] = field(default_factory=list)
    """Footprints of what stands in the room, with the height of each in metres."""

    def is_free(self, rectangle: Rectangle) -> bool:
        f = self.floor
        inside = rectangle.x0 >= f.x0 and rectangle.x1 <= f.x1 and rectangle.z0 >= f.z0 and rectangle.z1 <= f.z1
        return inside and not any(rectangle.overlaps(other) for other, _ in self.taken)


def free_spot(rng: np.random.Generator, region: Region, radius: float) -> np.ndarray | None:
    """Draw a point on the floor, (3,), with nothing within the radius (metres); None after a few attempts."""
    f = region.floor
    for _ in range(12):
        x, z = rng.uniform(f.x0 + radius, f.x1 - radius), rng.uniform(f.z0 + radius, f.z1 - radius)
        if region.is_free(Rectangle(x - radius, x + radius, z - radius, z + radius)):
            return np.array([x, 0.0, z])
    return None


def take(region: Region, spot: np.ndarray, radius: float, height: float) -> None:
    """Mark the floor within the radius of a spot (3,) as taken up to a height, in metres."""
    x, z = float(spot[0]), float(spot[2])
    region.taken.append((Rectangle(x - radius, x + radius, z - radius, z + radius), height))


def keep_clear(region: Region, hinge: np.ndarray, width: float) -> None:
    """Keep furniture and cameras away from where the leaf of a door swings."""
    x, z = float(hinge[0]), float(hinge[2])
    region.taken.append((Rectangle(x - width, x + width, z - width, z + width), 2.0))


def footprint_of(width: float, depth: float, yaw: float, position: np.ndarray) -> Rectangle:
    """The bounding rectangle on the floor of a model of this size (metres), rotated by `yaw` (radians)."""
    c, s = abs(np.cos(yaw)), abs(np.sin(yaw))
    half_x, half_z = (width * c + depth * s) / 2, (width * s + depth * c) / 2
    x, z = float(position[0]), float(position[2])
    return Rectangle(x - half_x, x + half_x, z - half_z, z + half_z)


def blocks_window(region: Region, footprint: Rectangle, height: float) -> bool:
    """Whether furniture is tall enough to block a window or door (`taken` of each wall) that it stands in front of."""
    if height < 1.2:
        return False
    for wall in region.walls:
        for a, b in wall.taken:
            ends = np.stack([wall.origin + wall.along * a, wall.origin + wall.along * b + wall.inward * 0.3])
            low, high = ends.min(axis=0), ends.max(axis=0)
            if footprint.overlaps(Rectangle(low[0], high[0], low[2], high[2])):
                return True
    return False
