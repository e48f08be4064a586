"""Adds windows and doors to the walls of a room."""

from __future__ import annotations

import cv2
import numpy as np

from training.scenes.furniture import unit
from training.scenes.rooms.builder import Builder, up
from training.scenes.rooms.floor_plan import Region, Wall, keep_clear
from training.scenes.rooms.shell import cut, panel
from training.scenes.rooms.stock import FLOOR_KINDS, WALL_KINDS, Stock, surface
from training.scenes.scene import Light
from training.scenes.textures import TexturePicture, procedural, random_colour


def add_window(builder: Builder, rng: np.random.Generator, wall: Wall, room_height: float, opens: bool = False) -> None:
    """Add a window with frame and bars, a light in front of it, and curtains for half of the windows.

    With `opens` the window is a hole in the wall, otherwise a bright pane on it.
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
    side = -bar if opens else bar  # the frame is inside the hole, or around the pane
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


def outside(rng: np.random.Generator) -> TexturePicture:
    """Draw the view on a pane: a pale gradient with blurred shapes below."""
    picture = np.ones((256, 256, 3)) * np.linspace(1.0, 0.75, 256)[:, None, None]
    blobs = cv2.resize(rng.random((4, 6, 3)), (256, 110), interpolation=cv2.INTER_CUBIC)
    picture[146:] = 0.5 * picture[146:] + 0.5 * np.clip(0.35 * blobs + 0.65 * blobs.mean(axis=2, keepdims=True), 0, 1)
    return np.rint(255 * np.clip(cv2.GaussianBlur(picture, (0, 0), 6), 0, 1)).astype(np.uint8)


def add_curtains(
    builder: Builder, rng: np.random.Generator, wall: Wall, along: tuple[float, float], top: float
) -> None:
    """Add two sheets in sine folds, from above the window to below it or to the floor."""
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
    """Add a closed door: leaf, frame and handle."""
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
    """Add a door that is ajar or open, with a passage behind it that ends in a wall or outdoors."""
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

    # The passage is as wide as the door, so that it cannot intersect anything behind the wall.
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
    """Hang a leaf in the doorway between two rooms: closed, ajar or open."""
    lintel = 1.98  # metres, below every lintel of two_rooms
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
    """Add the leaf of a door with handles.

    It extends from `hinge` along `closed` (metres), turned by `angle` (radians) toward the unit vector `swing`.
    """
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
