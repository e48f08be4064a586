"""What do the rooms look like? Seeded layouts of walls, windows, furniture and lights, and the cameras in them.

World: metres, y up, floor at y = 0. The same (seed, split, index) gives the same room.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from consistency.domains import DEPTH_MIN_METRES
from training.scenes.furniture import CatalogueEntry, Furniture, Part, Split, file_digest, unit
from training.scenes.render import Camera, Light, Material, Scene, depth_probe, look_at
from training.scenes.textures import (
    KINDS,
    Picture,
    outdoors,
    picture_files,
    procedural,
    pyramid,
    random_colour,
    read_picture,
)

SPLIT_NUMBERS: dict[Split, int] = {"train": 0, "validation": 1, "test": 2}
FLOOR_KINDS = ("planks", "planks", "tiles", "wood", "checker", "fabric", "marble", "plaster")
WALL_KINDS = ("plaster", "plaster", "plaster", "stripes", "ornament", "bricks", "tiles", "fabric", "planks")
MOST_VIEW_ATTEMPTS = 60
LEAST_STANDING_METRES = 1.46  # people who sit or lie would float: nothing says on what
MOST_LIGHTS = 4  # each costs a ray per pixel
OUTDOORS_METRES = 40.0  # from the house to what surrounds it: far enough that the sun stands between
SUN_METRES = 25.0

Vector = np.ndarray | tuple[float, float, float]


@dataclass(frozen=True)
class Rectangle:
    """An axis-aligned rectangle on the floor, metres."""

    x0: float
    x1: float
    z0: float
    z1: float

    def overlaps(self, other: "Rectangle") -> bool:
        return self.x0 < other.x1 and other.x0 < self.x1 and self.z0 < other.z1 and other.z0 < self.z1

    def grown(self, margin: float) -> "Rectangle":
        return Rectangle(self.x0 - margin, self.x1 + margin, self.z0 - margin, self.z1 + margin)

    @property
    def area(self) -> float:
        return (self.x1 - self.x0) * (self.z1 - self.z0)


@dataclass
class Wall:
    """One straight face of a room, seen from inside."""

    origin: np.ndarray
    """(3,) its lower end."""
    along: np.ndarray
    """(3,) horizontal unit vector."""
    length: float
    inward: np.ndarray
    """(3,) unit vector into the room."""
    is_outer: bool = True
    material: int | None = None
    """What covers it; None for a wall that is built already."""
    repeat_metres: float = 1.0
    """Side of one repeat of its texture."""
    taken: list[tuple[float, float]] = field(default_factory=list)
    """Intervals along it that a door or window uses."""
    openings: list[tuple[float, float, float, float]] = field(default_factory=list)
    """Holes in it: from and to along it, from and to in height."""

    def free_interval(self, rng: np.random.Generator, width: float, margin: float = 0.15) -> float | None:
        """The start of a random free stretch of the width, or None after a few tries."""
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
    walls: list[Wall]
    taken: list[tuple[Rectangle, float]] = field(default_factory=list)
    """Footprints of what stands in it, with the height of each."""

    def is_free(self, rectangle: Rectangle) -> bool:
        f = self.floor
        inside = rectangle.x0 >= f.x0 and rectangle.x1 <= f.x1 and rectangle.z0 >= f.z0 and rectangle.z1 <= f.z1
        return inside and not any(rectangle.overlaps(other) for other, _ in self.taken)


class Builder:
    """Collects triangles, materials and lights, and assembles the Scene."""

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

    def texture(self, picture: Picture) -> int:
        self.pyramids.append(pyramid(picture))
        return len(self.pyramids) - 1

    def texture_file(self, path: Path) -> int:
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
        """`tint` is sRGB; returns the material's number."""
        linear = (1.0, 1.0, 1.0) if tint is None else tuple(float(c) ** 2.2 for c in tint)
        self.materials.append(Material(texture, linear, glow, gloss, is_outdoors))
        return len(self.materials) - 1

    def plain(self, colour: np.ndarray, gloss: float = 0.0, glow: float = 0.0) -> int:
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
        """A parallelogram; the texture repeats every `repeat_metres`, or is stretched once over it where None.

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
        """An axis-aligned box."""
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
        """A box that may be turned: from a corner along its three edges."""
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
        """A ball, an egg, a cushion: smooth, upright, radii along x, y, z."""
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
        """An upright (possibly tapering) cylinder with smooth sides and a flat top."""
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
        """A furniture part, turned about the vertical and moved."""
        c, s = np.cos(yaw), np.sin(yaw)
        turn = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])  # row vectors: v @ turn
        self.triangles(part.corners @ turn + position, part.normals @ turn, part.uvs, material)

    def scene(self, ambient: np.ndarray) -> Scene:
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


@dataclass(frozen=True)
class Stock:
    """What rooms of one split may be made from. Without furniture, rooms hold boxes and cylinders only."""

    split: Split
    entries: list[CatalogueEntry]
    furniture: Furniture | None
    files: list[Path]
    """Texture files for floors and walls, next to the procedural ones."""
    people: list[CatalogueEntry] = field(default_factory=list)

    @classmethod
    def of_split(cls, split: Split, furniture: Furniture) -> "Stock":
        people = [person for person in furniture.people if person.split == split]
        return cls(split, furniture.of_split(split), furniture, picture_files(split), people)

    @classmethod
    def of_boxes(cls, split: Split = "train") -> "Stock":
        return cls(split, [], None, [])

    def may_show(self, image_path: Path) -> bool:
        """Held-out rooms show no texture that a training model carries too."""
        if self.split == "train" or self.furniture is None:
            return True
        return file_digest(image_path) not in self.furniture.training_image_digests


@dataclass(frozen=True)
class Room:
    scene: Scene
    regions: list[Region]
    people: list[np.ndarray] = field(default_factory=list)
    """(3,) metres: where each person stands."""


def make_room(seed: int, index: int, stock: Stock) -> Room:
    """The room number `index` of the split: one region, or two with a doorway between them."""
    rng = np.random.default_rng([seed, SPLIT_NUMBERS[stock.split], index])
    builder = Builder()
    height = rng.uniform(2.3, 3.1)
    depth = rng.uniform(2.8, 7.0)
    if rng.random() < 0.35:
        width = rng.uniform(5.0, 10.0)
        divide = rng.uniform(0.35, 0.65) * width
        door_width = rng.uniform(0.8, 1.8)
        door_start = rng.uniform(0.2, depth - door_width - 0.2)
        door = (door_start, door_start + door_width)
        regions = two_rooms(builder, rng, stock, (width, height, depth), divide, door)
        if door_width < 1.2 and rng.random() < 0.6:
            hang_leaf_between(builder, rng, regions, divide, door)
    else:
        width = rng.uniform(2.8, 7.0)
        regions = [one_room(builder, rng, stock, Rectangle(0, width, 0, depth), height)]
    surround(builder, rng, (width, height, depth))
    people = []
    for region in regions:
        dress_walls(builder, rng, stock, region, opens=True)
        if not builder.lights or rng.random() < 0.75:
            light_room(builder, rng, region)
        furnish(builder, rng, stock, region)
        if rng.random() < 0.3:
            add_floor_lamp(builder, rng, region)
        people += add_people(builder, rng, stock, region)
        scatter(builder, rng, stock, region)
    if rng.random() < 0.4:
        add_sun(builder, rng, regions)
    if len(builder.lights) > MOST_LIGHTS:
        builder.lights = [builder.lights[i] for i in rng.permutation(len(builder.lights))[:MOST_LIGHTS]]
    ambient = rng.uniform(0.1, 0.6) * (0.75 + 0.25 * random_colour(rng))
    return Room(builder.scene(ambient), regions, people)


def surround(builder: Builder, rng: np.random.Generator, size: tuple[float, float, float]) -> None:
    """Put the house into a far box of outdoors, which windows and open doors show."""
    material = builder.material(
        builder.texture(outdoors(rng)), np.full(3, rng.uniform(0.7, 1.0)), rng.uniform(0.5, 4.0), is_outdoors=True
    )
    builder.box(np.full(3, -OUTDOORS_METRES), np.array(size) + OUTDOORS_METRES, material)


def add_sun(builder: Builder, rng: np.random.Generator, regions: list[Region]) -> None:
    """A hard light through a window, where there is one: bright patches with the shadows of its bars."""
    lit = [(wall, opening) for region in regions for wall in region.walls for opening in wall.openings]
    if not lit:
        return
    wall, (start, end, bottom, top) = lit[rng.integers(len(lit))]
    elevation, azimuth = rng.uniform(np.deg2rad(15), np.deg2rad(50)), rng.uniform(-1, 1)
    outward = np.cos(azimuth) * -wall.inward + np.sin(azimuth) * wall.along
    toward = np.cos(elevation) * outward + up(np.sin(elevation))
    middle = wall.origin + wall.along * (start + end) / 2 + up((bottom + top) / 2)
    warmth = np.array([1.0, 0.9, 0.75]) ** rng.uniform(0, 1.5)
    intensity = rng.uniform(1.5, 8.0) * SUN_METRES**2 * warmth
    builder.lights.append(Light(middle + SUN_METRES * toward, np.full(3, 0.12), intensity, None))


def surface(
    builder: Builder, rng: np.random.Generator, stock: Stock, kinds: tuple[str, ...], gloss: float = 0.0
) -> int:
    """A material of one of the kinds; one in five from a texture file where the stock has any."""
    if stock.files and rng.random() < 0.2:
        tint = 1 - rng.uniform(0, 0.6) * (1 - random_colour(rng))
        return builder.material(builder.texture_file(stock.files[rng.integers(len(stock.files))]), tint, gloss=gloss)
    return builder.material(builder.texture(procedural(str(rng.choice(kinds)), rng)), gloss=gloss)


def one_room(builder: Builder, rng: np.random.Generator, stock: Stock, floor: Rectangle, height: float) -> Region:
    """Floor, ceiling and four walls, each wall possibly in its own colour."""
    lay_floor_and_ceiling(builder, rng, stock, floor, height)
    walls = outer_walls(floor)
    paint_walls(builder, rng, stock, walls)
    return Region(floor, height, walls)


def two_rooms(
    builder: Builder,
    rng: np.random.Generator,
    stock: Stock,
    size: tuple[float, float, float],
    divide: float,
    door: tuple[float, float],
) -> list[Region]:
    """Two rooms side by side along x with an open doorway between them at z in `door`."""
    width, height, depth = size
    half = rng.uniform(0.05, 0.1)  # of the partition's thickness
    lintel = min(rng.uniform(2.0, 2.3), height - 0.1)
    frame = builder.plain(random_colour(rng, "wood") if rng.random() < 0.5 else np.full(3, rng.uniform(0.7, 1)), 0.1)
    regions = []
    for side, floor in ((1, Rectangle(0, divide - half, 0, depth)), (-1, Rectangle(divide + half, width, 0, depth))):
        # Floor and ceiling reach the middle of the doorway, so that no ray falls through under the lintel.
        reach = Rectangle(floor.x0, divide, 0, depth) if side == 1 else Rectangle(divide, floor.x1, 0, depth)
        lay_floor_and_ceiling(builder, rng, stock, reach, height)
        walls = [wall for wall in outer_walls(floor) if wall.inward[0] != -side]
        paint_walls(builder, rng, stock, walls)
        material = surface(builder, rng, stock, WALL_KINDS)
        x = divide - side * half
        upright, along = up(height), np.array([0, 0, 1.0])
        builder.quad((x, 0, 0), along * door[0], upright, material)
        builder.quad((x, 0, door[1]), along * (depth - door[1]), upright, material)
        builder.quad((x, lintel, door[0]), along * (door[1] - door[0]), (0, height - lintel, 0), material)
        trim_width, trim_depth = rng.uniform(0.05, 0.1), side * rng.uniform(0.01, 0.03)
        for a, b in ((door[0] - trim_width, door[0]), (door[1], door[1] + trim_width)):
            builder.box(np.array([x - trim_depth, 0, a]), np.array([x, lintel, b]), frame)
        top = (
            np.array([x - trim_depth, lintel, door[0] - trim_width]),
            np.array([x, lintel + trim_width, door[1] + trim_width]),
        )
        builder.box(*top, frame)
        partition = Wall(np.array([x, 0.0, 0.0]), along, depth, np.array([-side, 0.0, 0.0]), is_outer=False)
        partition.taken.append((door[0] - 0.2, door[1] + 0.2))
        keep_clear = Rectangle(x - 0.7, x + 0.7, door[0] - 0.1, door[1] + 0.1)
        regions.append(Region(floor, height, [*walls, partition], [(keep_clear, 0.0)]))
    across = np.array([2 * half, 0, 0])
    for z in door:
        builder.quad((divide - half, 0, z), across, (0, lintel, 0), frame)
    builder.quad((divide - half, lintel, door[0]), across, (0, 0, door[1] - door[0]), frame)
    return regions


def lay_floor_and_ceiling(
    builder: Builder, rng: np.random.Generator, stock: Stock, floor: Rectangle, height: float
) -> None:
    x, z = np.array([floor.x1 - floor.x0, 0, 0]), np.array([0, 0, floor.z1 - floor.z0])
    if rng.random() < 0.5:
        x_first, z_first = z, x  # planks run the other way
    else:
        x_first, z_first = x, z
    material = surface(builder, rng, stock, FLOOR_KINDS, gloss=rng.choice([0.0, 0.0, 0.2, 0.5]))
    builder.quad((floor.x0, 0, floor.z0), x_first, z_first, material, rng.uniform(0.8, 2.5))
    if rng.random() < 0.75:
        ceiling = builder.plain(np.full(3, rng.uniform(0.75, 1.0)) * (0.9 + 0.1 * random_colour(rng)))
    else:
        ceiling = surface(builder, rng, stock, ("plaster", "plaster", "tiles", "planks"))
    builder.quad((floor.x0, height, floor.z0), x, z, ceiling, rng.uniform(0.8, 2.5))


def outer_walls(floor: Rectangle) -> list[Wall]:
    x_axis, z_axis = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])
    width, depth = floor.x1 - floor.x0, floor.z1 - floor.z0
    return [
        Wall(np.array([floor.x0, 0, floor.z0]), x_axis, width, z_axis),
        Wall(np.array([floor.x0, 0, floor.z1]), x_axis, width, -z_axis),
        Wall(np.array([floor.x0, 0, floor.z0]), z_axis, depth, x_axis),
        Wall(np.array([floor.x1, 0, floor.z0]), z_axis, depth, -x_axis),
    ]


def paint_walls(builder: Builder, rng: np.random.Generator, stock: Stock, walls: list[Wall]) -> None:
    """Choose what covers each wall; it is raised when it is known which holes it has."""
    shared = surface(builder, rng, stock, WALL_KINDS)
    repeat = rng.uniform(0.8, 2.5)
    for wall in walls:
        wall.material = shared if rng.random() < 0.75 else surface(builder, rng, stock, WALL_KINDS)
        wall.repeat_metres = repeat


def raise_wall(builder: Builder, wall: Wall, height: float) -> None:
    """Build a painted wall around its openings, without seams in its texture."""
    if wall.material is None:
        return
    across = sorted({0.0, wall.length, *(s for opening in wall.openings for s in opening[:2])})
    upward = sorted({0.0, height, *(y for opening in wall.openings for y in opening[2:])})
    for s0, s1 in pairwise(across):
        for y0, y1 in pairwise(upward):
            s, y = (s0 + s1) / 2, (y0 + y1) / 2
            if any(a < s < b and low < y < high for a, b, low, high in wall.openings):
                continue
            corner = wall.origin + wall.along * s0 + up(y0)
            builder.quad(corner, wall.along * (s1 - s0), up(y1 - y0), wall.material, wall.repeat_metres, (s0, y0))


def dress_walls(builder: Builder, rng: np.random.Generator, stock: Stock, region: Region, opens: bool = False) -> None:
    """Raise the walls with windows, doors, pictures, shelves and skirting.

    `opens` cuts windows and open doors into the walls; without it windows are panes on the wall and doors are closed, as
    in the bundled walk-through.
    """
    outer = [wall for wall in region.walls if wall.is_outer]
    for number in rng.permutation(len(outer))[:2]:  # at most two: each is a light, and lights cost rays
        if rng.random() < 0.65:
            add_window(builder, rng, outer[number], region.height, opens)
    if rng.random() < 0.7:
        wall = outer[rng.integers(len(outer))]
        if opens and rng.random() < 0.5:
            add_open_door(builder, rng, stock, region, wall)
        else:
            add_door(builder, rng, wall)
    skirting = builder.plain(np.full(3, rng.uniform(0.5, 1.0)) if rng.random() < 0.6 else random_colour(rng, "wood"))
    skirting_height = rng.uniform(0.05, 0.14)
    has_skirting = rng.random() < 0.6
    for wall in region.walls:
        raise_wall(builder, wall, region.height)
        if has_skirting:
            edges = sorted([0.0, *[e for interval in wall.taken for e in interval if interval[0] >= 0], wall.length])
            for start, end in zip(edges[::2], edges[1::2], strict=False):
                panel(builder, wall, (start, end), (0.0, skirting_height), 0.015, skirting)
        for _ in range(rng.integers(0, 4)):
            add_picture(builder, rng, wall, region.height)
        if rng.random() < 0.2:
            add_shelf(builder, rng, wall)


def panel(
    builder: Builder,
    wall: Wall,
    along: tuple[float, float],
    heights: tuple[float, float],
    depth: float,
    material: int,
    repeat_metres: float | None = 1.0,
    start_depth: float = 0.0,
) -> None:
    """A box on a wall: from..to along it, from..to in height, standing out by `depth`."""
    low = wall.origin + wall.along * along[0] + up(heights[0]) + wall.inward * start_depth
    high = wall.origin + wall.along * along[1] + up(heights[1]) + wall.inward * depth
    builder.box(low, high, material, repeat_metres)


def add_window(builder: Builder, rng: np.random.Generator, wall: Wall, room_height: float, opens: bool = False) -> None:
    """A window with frame and bars, a light in front of it, and curtains beside half of them.

    It is a hole in the wall, or where it does not open a bright pane on it.
    """
    width = rng.uniform(0.6, min(2.4, max(0.7, wall.length - 0.6)))
    start = wall.free_interval(rng, width)
    if start is None:
        return
    end = start + width
    bottom = rng.uniform(0.02, 0.1) if rng.random() < 0.2 else rng.uniform(0.7, 1.1)
    top = min(rng.uniform(1.9, 2.3), room_height - 0.1)
    brightness = rng.uniform(0.8, 4.0)
    recess = 0.0
    if opens:
        recess = rng.uniform(0.05, 0.3)
        reveal = builder.plain(np.full(3, rng.uniform(0.6, 1.0)))
        cut(builder, wall, (start, end), (bottom, top), recess, reveal)
        if rng.random() < 0.6:
            panel(
                builder, wall, (start - 0.05, end + 0.05), (bottom - 0.03, bottom), rng.uniform(0.02, 0.2), reveal, 1.0
            )
    else:
        pane = builder.material(builder.texture(outside(rng)), glow=brightness)
        panel(builder, wall, (start, end), (bottom, top), 0.01, pane, None)
    frame = builder.plain(np.full(3, rng.uniform(0.6, 1.0)) if rng.random() < 0.7 else random_colour(rng, "wood"), 0.1)
    bar = rng.uniform(0.04, 0.08)
    out = rng.uniform(0.02, 0.06) - recess
    side = -bar if opens else bar  # the frame stands in the hole, or around the pane
    for a, b in ((start - side, start), (end, end + side)):
        panel(builder, wall, (a, b), (bottom - side, top + side), out, frame, start_depth=-recess)
    for a, b in ((bottom - side, bottom), (top, top + side)):
        panel(builder, wall, (start, end), (a, b), out, frame, start_depth=-recess)
    for i in range(1, int(rng.integers(1, 4))):
        middle = start + width * i / 3
        panel(builder, wall, (middle - bar / 2, middle + bar / 2), (bottom, top), out, frame, start_depth=-recess)
    if rng.random() < 0.5:
        add_curtains(builder, rng, wall, (start, end), top)
    centre = wall.origin + wall.along * (start + width / 2) + up((bottom + top) / 2) + wall.inward * 0.12
    extent = np.abs(wall.along) * width * 0.4 + np.array([0, (top - bottom) * 0.4, 0])
    colour = np.array([0.85, 0.93, 1.0]) ** rng.uniform(-1, 2)
    builder.lights.append(Light(centre, extent, brightness * rng.uniform(0.8, 2.5) * colour, wall.inward))
    wall.taken.append((start - 0.1, end + 0.1))


def cut(
    builder: Builder,
    wall: Wall,
    along: tuple[float, float],
    heights: tuple[float, float],
    thickness: float,
    material: int,
) -> None:
    """A hole in a wall: four faces of its thickness."""
    corner = wall.origin + wall.along * along[0] + up(heights[0])
    s, y, outward = wall.along * (along[1] - along[0]), up(heights[1] - heights[0]), -thickness * wall.inward
    for start, edge in ((corner, s), (corner + y, s), (corner, y), (corner + s, y)):
        builder.quad(start, edge, outward, material)
    wall.openings.append((*along, *heights))


def outside(rng: np.random.Generator) -> Picture:
    """What a window shows: a pale gradient with blurred shapes below."""
    picture = np.ones((256, 256, 3)) * np.linspace(1.0, 0.75, 256)[:, None, None]
    blobs = cv2.resize(rng.random((4, 6, 3)), (256, 110), interpolation=cv2.INTER_CUBIC)
    picture[146:] = 0.5 * picture[146:] + 0.5 * np.clip(0.35 * blobs + 0.65 * blobs.mean(axis=2, keepdims=True), 0, 1)
    return np.rint(255 * np.clip(cv2.GaussianBlur(picture, (0, 0), 6), 0, 1)).astype(np.uint8)


def add_curtains(
    builder: Builder, rng: np.random.Generator, wall: Wall, along: tuple[float, float], top: float
) -> None:
    """Two sheets in sine folds, from above the window to below it or to the floor."""
    texture = builder.texture(procedural(str(rng.choice(["fabric", "stripes", "ornament", "plaster"])), rng))
    material = builder.material(texture)
    lower = 0.03 if rng.random() < 0.6 else rng.uniform(0.5, 0.8)
    sheet = rng.uniform(0.2, 0.5)
    fold, amplitude = rng.uniform(0.08, 0.16), rng.uniform(0.015, 0.035)
    for start, end in (
        (along[0] - sheet * 0.7, along[0] + sheet * 0.3),
        (along[1] - sheet * 0.3, along[1] + sheet * 0.7),
    ):
        s = np.linspace(max(start, 0.02), min(end, wall.length - 0.02), 40)
        out = 0.1 + amplitude * np.sin(2 * np.pi * s / fold)
        slope = amplitude * 2 * np.pi / fold * np.cos(2 * np.pi * s / fold)
        foot = wall.origin + s[:, None] * wall.along + out[:, None] * wall.inward + up(lower)
        head = foot + up(top + 0.12 - lower)
        normal = unit(wall.inward - slope[:, None] * wall.along)
        uv_foot = np.stack([s, np.zeros_like(s)], 1)
        uv_head = np.stack([s, np.full_like(s, top - lower)], 1)
        for first, second, third in ((0, 1, 3), (0, 3, 2)):
            points = [foot[:-1], foot[1:], head[:-1], head[1:]]
            uvs = [uv_foot[:-1], uv_foot[1:], uv_head[:-1], uv_head[1:]]
            normals = [normal[:-1], normal[1:], normal[:-1], normal[1:]]
            pick = (first, second, third)
            corners, corner_normals, corner_uvs = (
                np.stack([values[i] for i in pick], axis=1) for values in (points, normals, uvs)
            )
            builder.triangles(corners, corner_normals, corner_uvs, material)


def add_door(builder: Builder, rng: np.random.Generator, wall: Wall) -> None:
    """A closed door: leaf, frame and handle."""
    width = rng.uniform(0.7, 0.95)
    start = wall.free_interval(rng, width)
    if start is None:
        return
    end, top = start + width, rng.uniform(1.95, 2.1)
    is_painted = rng.random() < 0.5
    texture = builder.white if is_painted else builder.texture(procedural("wood", rng))
    leaf = builder.material(texture, np.full(3, rng.uniform(0.6, 1.0)) if is_painted else None, gloss=0.15)
    panel(builder, wall, (start, end), (0, top), 0.02, leaf)
    frame = leaf if rng.random() < 0.5 else builder.plain(np.full(3, rng.uniform(0.6, 1.0)))
    for a, b in ((start - 0.08, start), (end, end + 0.08)):
        panel(builder, wall, (a, b), (0, top + 0.08), 0.045, frame)
    panel(builder, wall, (start, end), (top, top + 0.08), 0.045, frame)
    handle = builder.plain(np.full(3, rng.uniform(0.2, 0.8)), gloss=1.0)
    panel(builder, wall, (end - 0.17, end - 0.05), (1.02, 1.05), 0.08, handle, start_depth=0.05)
    wall.taken.append((start - 0.1, end + 0.1))


def add_open_door(builder: Builder, rng: np.random.Generator, stock: Stock, region: Region, wall: Wall) -> None:
    """A door ajar or open, with a passage behind it that ends in a wall or outdoors."""
    width = rng.uniform(0.75, 1.0)
    start = wall.free_interval(rng, width)
    if start is None:
        return
    end, top = start + width, min(rng.uniform(1.95, 2.15), region.height - 0.1)
    trim = builder.plain(np.full(3, rng.uniform(0.6, 1.0)) if rng.random() < 0.6 else random_colour(rng, "wood"), 0.1)
    cut(builder, wall, (start, end), (0, top), 0.12, trim)
    for a, b in ((start - 0.08, start), (end, end + 0.08)):
        panel(builder, wall, (a, b), (0, top + 0.08), 0.03, trim)
    panel(builder, wall, (start, end), (top, top + 0.08), 0.03, trim)
    wall.taken.append((start - 0.1, end + 0.1))

    # The passage is as wide as the door, so that it meets nothing else behind the wall.
    length, height = rng.uniform(1.0, 3.0), top
    corner = wall.origin + wall.along * start - 0.12 * wall.inward
    across, onward, upright = wall.along * width, -length * wall.inward, up(height)
    builder.quad(corner, across, onward, surface(builder, rng, stock, FLOOR_KINDS))
    builder.quad(corner + upright, across, onward, builder.plain(np.full(3, rng.uniform(0.7, 1.0))))
    side = surface(builder, rng, stock, WALL_KINDS)
    builder.quad(corner, onward, upright, side)
    builder.quad(corner + across, onward, upright, side)
    if rng.random() < 0.75:
        builder.quad(corner + onward, across, upright, side)
    if rng.random() < 0.5:
        position = corner + across / 2 + onward / 2 + up(height - 0.15)
        builder.lights.append(Light(position, np.full(3, 0.08), rng.uniform(0.3, 2.0) * np.ones(3), None))

    inward = wall.inward if rng.random() < 0.6 else -wall.inward
    depth = 0.0 if inward @ wall.inward > 0 else -0.12
    hinge, toward = (start, wall.along) if rng.random() < 0.5 else (end, -wall.along)
    position = wall.origin + wall.along * hinge + depth * wall.inward
    most = np.deg2rad(115 if depth == 0 else 80)
    angle = rng.uniform(0.1, 0.7) if rng.random() < 0.5 else rng.uniform(0.7, most)
    add_leaf(builder, rng, position, toward * width, inward, angle, top)
    if depth == 0:
        keep_clear(region, position, width)


def hang_leaf_between(
    builder: Builder, rng: np.random.Generator, regions: list[Region], divide: float, door: tuple[float, float]
) -> None:
    """A leaf in the doorway between two rooms: closed, ajar or open."""
    lintel = 1.98  # below every lintel of two_rooms
    width = door[1] - door[0]
    hinge, toward = (door[0], 1.0) if rng.random() < 0.5 else (door[1], -1.0)
    side = rng.choice([-1.0, 1.0])
    position = np.array([divide, 0.0, hinge])
    angle = float(rng.choice([0.0, rng.uniform(0.1, 0.7), rng.uniform(0.7, 2.0)], p=[0.2, 0.4, 0.4]))
    add_leaf(builder, rng, position, np.array([0, 0, toward * width]), np.array([side, 0, 0]), angle, lintel)
    for region in regions:
        keep_clear(region, position, width)


def add_leaf(
    builder: Builder,
    rng: np.random.Generator,
    hinge: np.ndarray,
    closed: np.ndarray,
    swing: np.ndarray,
    angle: float,
    height: float,
) -> None:
    """A door's leaf with handles: from its hinge along `closed` (metres), turned by `angle` toward the unit vector `swing`."""
    width = float(np.linalg.norm(closed)) - 0.01
    outward = unit(closed)
    along = np.cos(angle) * outward + np.sin(angle) * swing
    across = np.sin(angle) * -outward + np.cos(angle) * swing
    is_painted = rng.random() < 0.6
    texture = builder.white if is_painted else builder.texture(procedural("wood", rng))
    leaf = builder.material(texture, np.full(3, rng.uniform(0.6, 1.0)) if is_painted else None, gloss=0.15)
    builder.block(hinge + up(0.008), along * width, up(height - 0.015), across * 0.04, leaf, None)
    if rng.random() < 0.4:  # panels in relief
        for low, high in ((0.15, 0.45), (0.52, 0.92)):
            corner = hinge + along * 0.13 + up(low * height) - across * 0.012
            builder.block(corner, along * (width - 0.26), up((high - low) * height), across * 0.064, leaf, None)
    handle = builder.plain(np.full(3, rng.uniform(0.2, 0.8)), gloss=1.0)
    builder.block(
        hinge + along * (width - 0.17) + up(1.02) - across * 0.05, along * 0.12, up(0.025), across * 0.14, handle
    )


def keep_clear(region: Region, hinge: np.ndarray, width: float) -> None:
    """Neither furniture nor a camera where a leaf swings."""
    x, z = float(hinge[0]), float(hinge[2])
    region.taken.append((Rectangle(x - width, x + width, z - width, z + width), 2.0))


def add_picture(builder: Builder, rng: np.random.Generator, wall: Wall, room_height: float) -> None:
    """A framed flat picture: to the normals it is wall, whatever it shows."""
    width, height = rng.uniform(0.2, 1.1), rng.uniform(0.2, 0.9)
    start = wall.free_interval(rng, width)
    if start is None:
        return
    bottom = min(rng.uniform(1.1, 1.6), room_height - height - 0.1)
    thickness = rng.uniform(0.012, 0.04)
    frame = builder.plain(random_colour(rng), gloss=0.2)
    panel(builder, wall, (start, start + width), (bottom, bottom + height), thickness, frame)
    border = rng.uniform(0.0, 0.06)
    if stock_picture := rng.random() < 0.5:
        picture = procedural(str(rng.choice(list(KINDS))), rng)
    else:
        picture = np.rint(
            255 * np.clip(cv2.resize(rng.random((7, 7, 3)), (256, 256), interpolation=cv2.INTER_CUBIC), 0, 1)
        )
    material = builder.material(builder.texture(picture.astype(np.uint8)), gloss=0.0 if stock_picture else 0.3)
    inner = (start + border, start + width - border)
    panel(
        builder, wall, inner, (bottom + border, bottom + height - border), thickness + 0.004, material, None, thickness
    )


def add_shelf(builder: Builder, rng: np.random.Generator, wall: Wall) -> None:
    """A board with a row of books."""
    width = rng.uniform(0.5, 1.4)
    start = wall.free_interval(rng, width)
    if start is None:
        return
    y = rng.uniform(1.1, 1.8)
    depth = rng.uniform(0.15, 0.3)
    board = builder.material(builder.texture(procedural("wood", rng)))
    panel(builder, wall, (start, start + width), (y, y + 0.025), depth, board)
    s = start + rng.uniform(0, 0.3)
    while s < start + width - 0.06:
        thickness = rng.uniform(0.015, 0.06)
        if rng.random() < 0.8:
            heights = (y + 0.025, y + rng.uniform(0.16, 0.3))
            panel(
                builder,
                wall,
                (s, s + thickness),
                heights,
                depth * rng.uniform(0.6, 0.95),
                builder.plain(random_colour(rng)),
            )
        s += thickness


def light_room(builder: Builder, rng: np.random.Generator, region: Region) -> None:
    """One ceiling light, and a second one in a large room; warm to neutral."""
    f = region.floor
    for _ in range(2 if f.area > 22 and rng.random() < 0.6 else 1):
        x = rng.uniform(0.3, 0.7) * (f.x1 - f.x0) + f.x0
        z = rng.uniform(0.3, 0.7) * (f.z1 - f.z0) + f.z0
        drop = rng.uniform(0.12, 0.6) if rng.random() < 0.5 else 0.12
        y = region.height - drop
        warmth = np.array([1.0, 0.87, 0.7]) ** rng.uniform(0, 1.3)
        extent = np.array([1.0, 0.1, 1.0]) * rng.uniform(0.05, 0.4)
        builder.lights.append(Light(np.array([x, y, z]), extent, rng.uniform(0.6, 3.5) * warmth, None))
        lamp = builder.plain(warmth, glow=rng.uniform(1.0, 3.0))
        if drop > 0.15:
            builder.cylinder(np.array([x, y + 0.06, z]), rng.uniform(0.1, 0.25), 0.05, lamp, taper=0.5)
            builder.cylinder(np.array([x, y + 0.11, z]), 0.012, drop - 0.11, builder.plain(np.full(3, 0.2)))
        else:
            builder.cylinder(np.array([x, region.height - 0.05, z]), rng.uniform(0.1, 0.3), 0.05, lamp)


def free_spot(rng: np.random.Generator, region: Region, radius: float) -> np.ndarray | None:
    """(3,) a point of the floor with nothing within the radius, or None after a few tries."""
    f = region.floor
    for _ in range(12):
        x, z = rng.uniform(f.x0 + radius, f.x1 - radius), rng.uniform(f.z0 + radius, f.z1 - radius)
        if region.is_free(Rectangle(x - radius, x + radius, z - radius, z + radius)):
            return np.array([x, 0.0, z])
    return None


def take(region: Region, spot: np.ndarray, radius: float, height: float) -> None:
    x, z = float(spot[0]), float(spot[2])
    region.taken.append((Rectangle(x - radius, x + radius, z - radius, z + radius), height))


def add_floor_lamp(builder: Builder, rng: np.random.Generator, region: Region) -> None:
    """A shade on a pole, lit in most rooms."""
    spot = free_spot(rng, region, 0.2)
    if spot is None:
        return
    height, radius = rng.uniform(1.2, 1.8), rng.uniform(0.12, 0.22)
    warmth = np.array([1.0, 0.85, 0.65]) ** rng.uniform(0, 1.3)
    is_lit = rng.random() < 0.7
    pole = builder.plain(np.full(3, rng.uniform(0.1, 0.8)), gloss=0.5)
    builder.cylinder(spot, radius * 0.8, 0.03, pole)
    builder.cylinder(spot, 0.012, height, pole)
    shade = builder.plain(warmth if is_lit else random_colour(rng), glow=rng.uniform(0.5, 2.0) if is_lit else 0.0)
    builder.cylinder(spot + up(height - 0.25), radius, 0.25, shade, taper=rng.uniform(0.5, 1.0))
    if is_lit:
        builder.lights.append(Light(spot + up(height + 0.08), np.full(3, 0.08), rng.uniform(0.3, 1.5) * warmth, None))
    take(region, spot, 0.2, height)


def add_people(builder: Builder, rng: np.random.Generator, stock: Stock, region: Region) -> list[np.ndarray]:
    """In a third of the rooms one or two people who stand about; returns where, (3,) metres each."""
    spots = []
    for _ in range(int(rng.integers(1, 3)) if rng.random() < 0.33 else 0):
        spot = free_spot(rng, region, 0.3)
        if spot is None:
            continue
        standing = [person for person in stock.people if person.size_metres[1] > LEAST_STANDING_METRES]
        if standing and rng.random() < 0.8:
            add_model(builder, rng, stock, standing[rng.integers(len(standing))], rng.uniform(0, 2 * np.pi), spot)
        else:
            add_figure(builder, rng, spot)
        take(region, spot, 0.3, 1.9)
        spots.append(spot)
    return spots


def add_figure(builder: Builder, rng: np.random.Generator, spot: np.ndarray) -> None:
    """A person in outline, for where there is no model: legs, trunk and head."""
    height = rng.uniform(1.5, 1.9)
    clothes, trousers = (surface_of_colour(builder, rng) for _ in range(2))
    skin = builder.plain(np.array([0.9, 0.7, 0.58]) * rng.uniform(0.35, 1.0))
    for x in (-0.09, 0.09):
        builder.ellipsoid(spot + np.array([x, 0.27 * height, 0]), (0.08, 0.27 * height, 0.09), trousers)
    builder.ellipsoid(spot + up(0.65 * height), (0.21, 0.2 * height, 0.13), clothes)
    builder.ellipsoid(spot + up(0.92 * height), (0.08, 0.08 * height, 0.1), skin)


def surface_of_colour(builder: Builder, rng: np.random.Generator) -> int:
    return builder.plain(random_colour(rng), gloss=float(rng.choice([0.0, 0.1, 0.5])))


def scatter(builder: Builder, rng: np.random.Generator, stock: Stock, region: Region) -> None:
    """Small things on the floor: models, balls, boxes, cans, and papers, which are flat."""
    small = [entry for entry in stock.entries if is_small(entry)]
    for _ in range(rng.integers(2, 10) if rng.random() < 0.6 else 0):
        radius = rng.uniform(0.05, 0.2)
        spot = free_spot(rng, region, radius)
        if spot is None:
            continue
        take(region, spot, radius, 2 * radius)
        kind = rng.random()
        if small and kind < 0.45:
            add_model(builder, rng, stock, small[rng.integers(len(small))], rng.uniform(0, 2 * np.pi), spot)
        else:
            add_thing(builder, rng, stock, spot, radius)


def add_thing(builder: Builder, rng: np.random.Generator, stock: Stock, spot: np.ndarray, radius: float) -> None:
    """A ball, a can, a box or a sheet of about the radius on the spot (3,)."""
    kind = rng.choice(["ball", "can", "box", "sheet"])
    textured = rng.random() < 0.4
    material = surface(builder, rng, stock, tuple(KINDS), 0.1) if textured else surface_of_colour(builder, rng)
    if kind == "ball":
        radii = radius * np.array([1.0, rng.uniform(0.5, 1.3), 1.0])
        builder.ellipsoid(spot + up(radii[1]), radii, material)
    elif kind == "can":
        builder.cylinder(spot, radius * 0.6, radius * rng.uniform(0.5, 3), material, taper=rng.uniform(0.7, 1.3))
    else:
        angle = rng.uniform(0, 2 * np.pi)
        x = radius * np.array([np.cos(angle), 0, np.sin(angle)]) * rng.uniform(0.7, 1.3)
        z = radius * np.array([-np.sin(angle), 0, np.cos(angle)]) * rng.uniform(0.7, 1.3)
        thickness = 0.002 if kind == "sheet" else radius * rng.uniform(0.2, 1.5)
        builder.block(spot - x / 2 - z / 2, x, up(thickness), z, material, None)


def furnish(builder: Builder, rng: np.random.Generator, stock: Stock, region: Region) -> None:
    """A rug, then furniture until a drawn share of the floor is covered, then small things on top."""
    if rng.random() < 0.5:
        add_rug(builder, rng, stock, region)
    standing = [e for e in stock.entries if stands(e, region)]
    hanging = [e for e in stock.entries if e.elevation_metres is not None and e.size_metres[2] < 0.7]
    small = [e for e in stock.entries if is_small(e)]
    share = rng.uniform(0.12, 0.5)
    covered = 0.0
    for _ in range(40):
        if covered > share * region.floor.area:
            break
        if standing and rng.random() < 0.85:
            covered += place(builder, rng, stock, region, standing[rng.integers(len(standing))], small)
        else:
            covered += place_block(builder, rng, stock, region)
    for _ in range(rng.integers(0, 4)):
        if hanging:
            hang(builder, rng, stock, region, hanging[rng.integers(len(hanging))])


def stands(entry: CatalogueEntry, region: Region) -> bool:
    width, height, depth = entry.size_metres
    return (
        entry.elevation_metres is None
        and max(width, depth) < 3.0
        and 0.3 < height < min(2.4, region.height - 0.05)
        and max(width, depth) > 0.3
    )


def is_small(entry: CatalogueEntry) -> bool:
    width, height, depth = entry.size_metres
    return entry.elevation_metres is None and 0.03 < height < 0.6 and 0.04 < max(width, depth) < 0.5


def add_rug(builder: Builder, rng: np.random.Generator, stock: Stock, region: Region) -> None:
    f = region.floor
    width, depth = rng.uniform(0.3, 0.7) * (f.x1 - f.x0), rng.uniform(0.3, 0.7) * (f.z1 - f.z0)
    x, z = rng.uniform(f.x0, f.x1 - width), rng.uniform(f.z0, f.z1 - depth)
    material = surface(builder, rng, stock, ("ornament", "fabric", "stripes", "plaster"))
    builder.box(np.array([x, 0, z]), np.array([x + width, rng.uniform(0.004, 0.02), z + depth]), material)


def place(
    builder: Builder,
    rng: np.random.Generator,
    stock: Stock,
    region: Region,
    entry: CatalogueEntry,
    small: list[CatalogueEntry],
) -> float:
    """Stand a model against a wall or freely; returns the floor area it covers, 0 where there was no room."""
    width, height, depth = entry.size_metres
    for _ in range(8):
        if rng.random() < 0.7 or height > 1.3:
            wall = region.walls[rng.integers(len(region.walls))]
            start = rng.uniform(0.02, max(0.03, wall.length - width - 0.02))
            back = rng.uniform(0.02, 0.08)
            yaw = np.arctan2(wall.inward[0], wall.inward[2])
            position = wall.origin + wall.along * (start + width / 2) + wall.inward * (back + depth / 2)
        else:
            f = region.floor
            yaw = rng.uniform(0, 2 * np.pi)
            position = np.array([rng.uniform(f.x0, f.x1), 0, rng.uniform(f.z0, f.z1)])
        footprint = footprint_of(width, depth, yaw, position)
        if region.is_free(footprint.grown(-0.01)) and not blocks_window(region, footprint, height):
            break
    else:
        return 0.0
    if not add_model(builder, rng, stock, entry, yaw, position):
        return 0.0
    region.taken.append((footprint, height))
    if entry.top_metres is not None and small:
        for _ in range(rng.integers(0, 5)):
            item = small[rng.integers(len(small))]
            if item.size_metres[1] + entry.top_metres > region.height - 0.1:
                continue
            c, s = np.cos(yaw), np.sin(yaw)
            a, b = rng.uniform(-0.3, 0.3) * width, rng.uniform(-0.3, 0.3) * depth
            offset = np.array([a * c + b * s, entry.top_metres, -a * s + b * c])
            add_model(builder, rng, stock, item, rng.uniform(0, 2 * np.pi), position + offset)
    return footprint.area


def blocks_window(region: Region, footprint: Rectangle, height: float) -> bool:
    """Tall furniture does not stand before windows and doors (which `taken` of each wall lists)."""
    if height < 1.2:
        return False
    for wall in region.walls:
        for a, b in wall.taken:
            ends = np.stack([wall.origin + wall.along * a, wall.origin + wall.along * b + wall.inward * 0.3])
            low, high = ends.min(axis=0), ends.max(axis=0)
            if footprint.overlaps(Rectangle(low[0], high[0], low[2], high[2])):
                return True
    return False


def footprint_of(width: float, depth: float, yaw: float, position: np.ndarray) -> Rectangle:
    c, s = abs(np.cos(yaw)), abs(np.sin(yaw))
    half_x, half_z = (width * c + depth * s) / 2, (width * s + depth * c) / 2
    x, z = float(position[0]), float(position[2])
    return Rectangle(x - half_x, x + half_x, z - half_z, z + half_z)


def add_model(
    builder: Builder, rng: np.random.Generator, stock: Stock, entry: CatalogueEntry, yaw: float, position: np.ndarray
) -> bool:
    """Add a model, often recoloured: a fifth of the untextured materials are near-white, and variety teaches shape."""
    assert stock.furniture is not None
    parts = stock.furniture.parts(entry)
    retints = rng.random() < 0.4
    for part in parts:
        gloss = float(rng.choice([0.0, 0.1, 0.5]))
        is_pale = min(part.colour) > 0.85 and part.image_path is None
        if part.image_path is not None and stock.may_show(part.image_path):
            tint = 1 - rng.uniform(0, 0.5) * (1 - random_colour(rng)) if retints else None
            material = builder.material(builder.texture_file(part.image_path), tint, gloss=gloss)
        elif part.image_path is not None or (is_pale and rng.random() < 0.4):
            material = surface(builder, rng, stock, ("wood", "fabric", "plaster", "stripes", "marble"), gloss)
        elif retints or (is_pale and rng.random() < 0.7):
            material = builder.plain(random_colour(rng, "wood" if rng.random() < 0.4 else "plaster"), gloss)
        else:
            material = builder.plain(np.array(part.colour), gloss)
        builder.part(part, yaw, position, material)
    return bool(parts)


def place_block(builder: Builder, rng: np.random.Generator, stock: Stock, region: Region) -> float:
    """A plain box or cylinder: crates, pouffes, cupboards, columns."""
    f = region.floor
    width, depth, height = rng.uniform(0.25, 1.0), rng.uniform(0.25, 0.8), rng.uniform(0.25, 1.9)
    x, z = rng.uniform(f.x0 + width / 2, f.x1 - width / 2), rng.uniform(f.z0 + depth / 2, f.z1 - depth / 2)
    footprint = Rectangle(x - width / 2, x + width / 2, z - depth / 2, z + depth / 2)
    if not region.is_free(footprint) or blocks_window(region, footprint, height):
        return 0.0
    material = surface(builder, rng, stock, tuple(KINDS), gloss=0.1)
    if rng.random() < 0.65:
        builder.box(np.array([footprint.x0, 0, footprint.z0]), np.array([footprint.x1, height, footprint.z1]), material)
    else:
        radius = min(width, depth) / 2
        builder.cylinder(np.array([x, 0, z]), radius, height, material, taper=rng.uniform(0.6, 1.2))
    region.taken.append((footprint, height))
    return footprint.area


def hang(builder: Builder, rng: np.random.Generator, stock: Stock, region: Region, entry: CatalogueEntry) -> None:
    """Put a model with an elevation (cupboard, lamp, basin) on a wall."""
    assert entry.elevation_metres is not None
    width, height, depth = entry.size_metres
    wall = region.walls[rng.integers(len(region.walls))]
    start = wall.free_interval(rng, width)
    if start is None or entry.elevation_metres + height > region.height - 0.02:
        return
    yaw = np.arctan2(wall.inward[0], wall.inward[2])
    position = wall.origin + wall.along * (start + width / 2) + wall.inward * (depth / 2 + 0.01)
    footprint = footprint_of(width, depth, yaw, position)
    if not region.is_free(footprint):
        return
    if add_model(builder, rng, stock, entry, yaw, position + up(entry.elevation_metres)):
        region.taken.append((footprint, entry.elevation_metres + height))


def up(height: float) -> np.ndarray:
    """(3,) a vertical offset in metres."""
    return np.array([0.0, height, 0.0])


def random_camera(room: Room, rng: np.random.Generator) -> Camera | None:
    """A view that shows something: not inside furniture, most of it beyond 90 cm and indoors.

    Most views are a person's, 0.9 to 1.9 m high, about level, 45 to 85 degrees wide; the others are anything from the floor
    to 2.2 m, from 30 to 100 degrees, up, down or tilted. Where there are people, many views have one nearby.
    """
    for _ in range(MOST_VIEW_ATTEMPTS):
        region = room.regions[rng.integers(len(room.regions))]
        f = region.floor.grown(-0.2)
        x, z = rng.uniform(f.x0, f.x1), rng.uniform(f.z0, f.z1)
        aims_freely = rng.random() < 0.2
        person = room.people[rng.integers(len(room.people))] if room.people and rng.random() < 0.3 else None
        if person is not None:
            angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.5)
            x, z = person[0] + distance * np.cos(angle), person[2] + distance * np.sin(angle)
        if not (f.x0 < x < f.x1 and f.z0 < z < f.z1):
            continue
        eye_height = rng.uniform(0.9, 1.9) if rng.random() < 0.7 else rng.uniform(0.15, 2.2)
        eye_height = min(eye_height, region.height - 0.15)
        spot = Rectangle(x - 0.12, x + 0.12, z - 0.12, z + 0.12)
        if any(spot.overlaps(other) and height > eye_height - 0.2 for other, height in region.taken):
            continue
        aim_region = room.regions[rng.integers(len(room.regions))]
        a = aim_region.floor
        highest = aim_region.height if aims_freely else 1.7
        target = np.array([rng.uniform(a.x0, a.x1), rng.uniform(0.0, highest), rng.uniform(a.z0, a.z1)])
        if person is not None:
            target[[0, 2]] = person[[0, 2]] + rng.uniform(-0.9, 0.9, 2)
        if np.hypot(target[0] - x, target[2] - z) < (0.4 if aims_freely or person is not None else 1.2):
            continue
        position = np.array([x, eye_height, z])
        roll = rng.uniform(-25, 25) if rng.random() < 0.12 else rng.normal(0, 2.5)
        field_of_view = rng.uniform(45, 85) if rng.random() < 0.7 else rng.uniform(30, 100)
        camera = Camera(
            position,
            look_at(position, target, roll=np.deg2rad(roll)),
            field_of_view=np.deg2rad(field_of_view),
            white_balance=tuple(1 + rng.uniform(-0.15, 0.15, 3)),
            flash=rng.uniform(0.2, 2.0) if rng.random() < 0.12 else 0.0,
        )
        depth = depth_probe(room.scene, camera)
        if (
            depth.min() > DEPTH_MIN_METRES
            and np.quantile(depth, 0.1) > 0.25
            and np.median(depth) > 0.9
            and np.isinf(depth).mean() < 0.35
        ):
            return camera
    return None
