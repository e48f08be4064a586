"""Furnishes a room: a rug, models and blocks on the floor, small things on top of them, cupboards on the walls."""

from __future__ import annotations

import numpy as np

from training.scenes.furniture import CatalogueEntry
from training.scenes.rooms.builder import Builder, up
from training.scenes.rooms.floor_plan import Rectangle, Region, blocks_window, footprint_of
from training.scenes.rooms.stock import Stock, surface
from training.scenes.textures import KINDS, random_colour


def furnish(builder: Builder, rng: np.random.Generator, stock: Stock, region: Region) -> None:
    """Add a rug, then furniture until a random share of the floor is covered, then things that hang on walls."""
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
    """Whether a model is furniture that stands on the floor and fits the room."""
    width, height, depth = entry.size_metres
    return (
        entry.elevation_metres is None
        and max(width, depth) < 3.0
        and 0.3 < height < min(2.4, region.height - 0.05)
        and max(width, depth) > 0.3
    )


def is_small(entry: CatalogueEntry) -> bool:
    """Whether a model fits on a table or lies about on the floor."""
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
    """Place a model against a wall or freely, with small things on top; returns its area in m², 0 where nothing fits."""
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


def add_model(
    builder: Builder, rng: np.random.Generator, stock: Stock, entry: CatalogueEntry, yaw: float, position: np.ndarray
) -> bool:
    """Add a model, often recoloured: a fifth of the untextured materials are near-white, and variety teaches shape.

    Returns False where nothing of the model is usable.
    """
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
    """Add a plain box or cylinder (crate, pouffe, cupboard, column); returns its area in m², 0 where it does not fit."""
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
    """Hang a model with an elevation (cupboard, lamp, basin) on a wall."""
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
