"""Assembles a room from its parts. The same (seed, split, index) always gives the same room."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from training.scenes.furniture import Split
from training.scenes.rooms.builder import Builder
from training.scenes.rooms.clutter import add_people, scatter
from training.scenes.rooms.floor_plan import Rectangle, Region
from training.scenes.rooms.furnishing import furnish
from training.scenes.rooms.lighting import add_floor_lamp, add_sun, light_room
from training.scenes.rooms.openings import hang_leaf_between
from training.scenes.rooms.shell import one_room, surround, two_rooms
from training.scenes.rooms.stock import Stock
from training.scenes.rooms.walls import dress_walls
from training.scenes.scene import Scene
from training.scenes.textures import random_colour

SPLIT_NUMBERS: dict[Split, int] = {"train": 0, "validation": 1, "test": 2}
MOST_LIGHTS = 4  # each costs a shadow ray per pixel


@dataclass(frozen=True)
class Room:
    """A room to render: its scene, and what a camera must know of it."""

    scene: Scene
    regions: list[Region]
    people: list[np.ndarray] = field(default_factory=list)
    """Position of each person, (3,) metres."""


def make_room(seed: int, index: int, stock: Stock) -> Room:
    """Build room number `index` of the stock's split: one region, or two with a doorway between them."""
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
