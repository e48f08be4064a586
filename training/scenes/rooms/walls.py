"""Dresses the walls of a room: openings, skirting, pictures and shelves."""

from __future__ import annotations

import cv2
import numpy as np

from training.scenes.rooms.builder import Builder
from training.scenes.rooms.floor_plan import Region, Wall
from training.scenes.rooms.openings import add_door, add_open_door, add_window
from training.scenes.rooms.shell import panel, raise_wall
from training.scenes.rooms.stock import Stock
from training.scenes.textures import KINDS, procedural, random_colour


def dress_walls(builder: Builder, rng: np.random.Generator, stock: Stock, region: Region, opens: bool = False) -> None:
    """Build the walls with windows, doors, pictures, shelves and skirting.

    `opens` cuts windows and open doors into the walls. Without it, windows are panes on the wall and doors are closed, as in
    the bundled walk-through.
    """
    outer = [wall for wall in region.walls if wall.is_outer]
    for number in rng.permutation(len(outer))[:2]:  # at most two: each window is a light, and lights cost rays
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


def add_picture(builder: Builder, rng: np.random.Generator, wall: Wall, room_height: float) -> None:
    """Add a framed flat picture: its normals are those of the wall, whatever it shows."""
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
    """Add a board with a row of books."""
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
