"""Finds camera views of a room that show something."""

from __future__ import annotations

import numpy as np

from consistency.domains import DEPTH_MIN_METRES
from training.scenes.render import depth_probe
from training.scenes.rooms.floor_plan import Rectangle
from training.scenes.rooms.room import Room
from training.scenes.scene import Camera, look_at

MOST_VIEW_ATTEMPTS = 60


def random_camera(room: Room, rng: np.random.Generator) -> Camera | None:
    """Draw a view that shows something: not inside furniture, mostly indoors and beyond 90 cm. None after many attempts.

    Most views are those of a person: 0.9 to 1.9 m high, about level, 45 to 85 degrees wide. The others range from the floor to
    2.2 m and from 30 to 100 degrees, and look up, down or tilted. In rooms with people, many views have one nearby.
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
