"""Builds the shell of a room: floor, ceiling, walls with holes, the doorway between two rooms, the world outside."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from training.scenes.rooms.builder import Builder, up
from training.scenes.rooms.floor_plan import Rectangle, Region, Wall
from training.scenes.rooms.stock import FLOOR_KINDS, WALL_KINDS, Stock, surface
from training.scenes.textures import outdoors, random_colour

OUTDOORS_METRES = 40.0  # from the house to what surrounds it: beyond the sun's SUN_METRES


def surround(builder: Builder, rng: np.random.Generator, size: tuple[float, float, float]) -> None:
    """Surround the house (width, height, depth in metres) with a distant box that windows and open doors show."""
    material = builder.material(
        builder.texture(outdoors(rng)), np.full(3, rng.uniform(0.7, 1.0)), rng.uniform(0.5, 4.0), is_outdoors=True
    )
    builder.box(np.full(3, -OUTDOORS_METRES), np.array(size) + OUTDOORS_METRES, material)


def one_room(builder: Builder, rng: np.random.Generator, stock: Stock, floor: Rectangle, height: float) -> Region:
    """Build floor and ceiling and plan four walls, each possibly in a colour of its own."""
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
    """Build two rooms side by side along x, with an open doorway in the partition at x = `divide`, at z in `door`.

    `size` is width, height and depth; all in metres.
    """
    width, height, depth = size
    half = rng.uniform(0.05, 0.1)  # half the thickness of the partition
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
    """Lay a floor and a ceiling, each with a material of its own."""
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
    """The four walls around a floor, without materials."""
    x_axis, z_axis = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])
    width, depth = floor.x1 - floor.x0, floor.z1 - floor.z0
    return [
        Wall(np.array([floor.x0, 0, floor.z0]), x_axis, width, z_axis),
        Wall(np.array([floor.x0, 0, floor.z1]), x_axis, width, -z_axis),
        Wall(np.array([floor.x0, 0, floor.z0]), z_axis, depth, x_axis),
        Wall(np.array([floor.x1, 0, floor.z0]), z_axis, depth, -x_axis),
    ]


def paint_walls(builder: Builder, rng: np.random.Generator, stock: Stock, walls: list[Wall]) -> None:
    """Choose what covers each wall. The walls are built later, by raise_wall, when their holes are known."""
    shared = surface(builder, rng, stock, WALL_KINDS)
    repeat = rng.uniform(0.8, 2.5)
    for wall in walls:
        wall.material = shared if rng.random() < 0.75 else surface(builder, rng, stock, WALL_KINDS)
        wall.repeat_metres = repeat


def raise_wall(builder: Builder, wall: Wall, height: float) -> None:
    """Build a painted wall around its openings, without seams in its texture. `height` in metres."""
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


def cut(
    builder: Builder,
    wall: Wall,
    along: tuple[float, float],
    heights: tuple[float, float],
    thickness: float,
    material: int,
) -> None:
    """Cut a hole into a wall (start and end along it, bottom and top, in metres) and line its four sides."""
    corner = wall.origin + wall.along * along[0] + up(heights[0])
    s, y, outward = wall.along * (along[1] - along[0]), up(heights[1] - heights[0]), -thickness * wall.inward
    for start, edge in ((corner, s), (corner + y, s), (corner, y), (corner + s, y)):
        builder.quad(start, edge, outward, material)
    wall.openings.append((*along, *heights))


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
    """Add a box on a wall: start and end along it, bottom and top, from `start_depth` out to `depth`, in metres."""
    low = wall.origin + wall.along * along[0] + up(heights[0]) + wall.inward * start_depth
    high = wall.origin + wall.along * along[1] + up(heights[1]) + wall.inward * depth
    builder.box(low, high, material, repeat_metres)
