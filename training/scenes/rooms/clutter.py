"""Adds people and small things to the floor of a room."""

from __future__ import annotations

import numpy as np

from training.scenes.rooms.builder import Builder, up
from training.scenes.rooms.floor_plan import Region, free_spot, take
from training.scenes.rooms.furnishing import add_model, is_small
from training.scenes.rooms.stock import Stock, surface, surface_of_colour
from training.scenes.textures import KINDS

LEAST_STANDING_METRES = 1.46  # shorter models sit or lie, and would float: the catalogue does not say on what


def add_people(builder: Builder, rng: np.random.Generator, stock: Stock, region: Region) -> list[np.ndarray]:
    """Add one or two standing people to a third of the rooms; returns their positions, (3,) metres each."""
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
    """Add a rough figure of a person where there is no model: legs, trunk and head."""
    height = rng.uniform(1.5, 1.9)
    clothes, trousers = (surface_of_colour(builder, rng) for _ in range(2))
    skin = builder.plain(np.array([0.9, 0.7, 0.58]) * rng.uniform(0.35, 1.0))
    for x in (-0.09, 0.09):
        builder.ellipsoid(spot + np.array([x, 0.27 * height, 0]), (0.08, 0.27 * height, 0.09), trousers)
    builder.ellipsoid(spot + up(0.65 * height), (0.21, 0.2 * height, 0.13), clothes)
    builder.ellipsoid(spot + up(0.92 * height), (0.08, 0.08 * height, 0.1), skin)


def scatter(builder: Builder, rng: np.random.Generator, stock: Stock, region: Region) -> None:
    """Scatter small things on the floor: models, balls, boxes, cans and flat sheets of paper."""
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
    """Add a ball, a can, a box or a sheet of about the radius (metres) at `spot`, (3,)."""
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
