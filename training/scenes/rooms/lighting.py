"""Lights a room: ceiling lights, floor lamps, sunlight through a window."""

from __future__ import annotations

import numpy as np

from training.scenes.rooms.builder import Builder, up
from training.scenes.rooms.floor_plan import Region, free_spot, take
from training.scenes.scene import Light
from training.scenes.textures import random_colour

SUN_METRES = 25.0  # from the window: nearer than the panorama, far enough for parallel shadows


def light_room(builder: Builder, rng: np.random.Generator, region: Region) -> None:
    """Add a ceiling light, and often a second one in a large room; warm to neutral."""
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


def add_floor_lamp(builder: Builder, rng: np.random.Generator, region: Region) -> None:
    """Add a shade on a pole, lit in most rooms."""
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


def add_sun(builder: Builder, rng: np.random.Generator, regions: list[Region]) -> None:
    """Add sunlight through a window, if there is one: bright patches with the shadows of its bars."""
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
