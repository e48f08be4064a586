"""Renders every room of a plan into shards, with several processes. An interrupted run resumes by shard."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

from training.scenes.frames import CHANNELS, PLAN, companion, put_array
from training.scenes.furniture import DEFAULT_CATALOGUE_FOLDER, Furniture, Split
from training.scenes.render import render
from training.scenes.rooms.cameras import random_camera
from training.scenes.rooms.room import make_room
from training.scenes.rooms.stock import Stock

ROOMS_PER_SHARD = 20  # a shard of 120 frames has 110 MB: the work that an interruption loses
ROOMS_VERSION = 2  # increases when rooms or frames change: frames of two versions are not mixed


@dataclass(frozen=True)
class RenderPlan:
    """What is rendered. Its fields, as JSON, identify a folder of frames."""

    seed: int = 1
    version: int = ROOMS_VERSION
    size_px: int = 256
    train_rooms: int = 1600
    train_views: int = 6
    validation_rooms: int = 80
    test_rooms: int = 160
    held_out_views: int = 3
    furniture: bool = True
    """False renders only boxes and cylinders, so that tests need no packages."""

    @property
    def n_rooms(self) -> int:
        """Rooms of all splits together."""
        return self.train_rooms + self.validation_rooms + self.test_rooms

    def rooms_and_views(self, split: Split) -> tuple[int, int]:
        if split == "train":
            return self.train_rooms, self.train_views
        return (self.validation_rooms if split == "validation" else self.test_rooms), self.held_out_views


@dataclass(frozen=True)
class ShardTask:
    """A shard to render."""

    plan: RenderPlan
    split: Split
    number: int
    folder: Path
    furniture_folder: Path
    catalogue_folder: Path

    @property
    def path(self) -> Path:
        return self.folder / f"{self.split}-{self.number:04d}.npy"

    @property
    def rooms(self) -> range:
        n_rooms, _ = self.plan.rooms_and_views(self.split)
        start = self.number * ROOMS_PER_SHARD
        return range(start, min(start + ROOMS_PER_SHARD, n_rooms))


def shard_tasks(plan: RenderPlan, folder: Path, furniture_folder: Path, catalogue_folder: Path) -> list[ShardTask]:
    """All shards of a plan, the small held-out splits first."""
    splits: tuple[Split, ...] = ("validation", "test", "train")
    tasks = []
    for split in splits:
        n_shards = -(-plan.rooms_and_views(split)[0] // ROOMS_PER_SHARD)
        tasks += [
            ShardTask(plan, split, number, folder, furniture_folder, catalogue_folder) for number in range(n_shards)
        ]
    return tasks


def render_all(
    plan: RenderPlan,
    folder: Path,
    workers: int,
    catalogue_folder: Path = DEFAULT_CATALOGUE_FOLDER,
    report: Callable[[int, int], None] = lambda n_frames, n_rooms: None,
) -> None:
    """Render every shard that does not exist yet; `report` is called with the frames and rooms of each finished shard."""
    folder.mkdir(parents=True, exist_ok=True)
    keep_to_plan(plan, folder / PLAN)
    furniture_folder = folder / "furniture"
    if plan.furniture:
        Furniture(furniture_folder, catalogue_folder)  # unpacks before the workers start, which would race for it
    tasks = shard_tasks(plan, folder, furniture_folder, catalogue_folder)
    for task in tasks:
        if task.path.exists():
            report(len(np.load(task.path, mmap_mode="r")), len(task.rooms))
    missing = [task for task in tasks if not task.path.exists()]
    if workers == 1:
        for task in missing:
            report(render_shard(task), len(task.rooms))
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for task, n_frames in pool.imap(render_numbered, missing):
            report(n_frames, len(task.rooms))


def keep_to_plan(plan: RenderPlan, path: Path) -> None:
    """Refuse to mix the frames of two plans in one folder."""
    wanted = asdict(plan)
    if path.exists() and (found := json.loads(path.read_text())) != wanted:
        differing = ", ".join(
            f"{key} {found.get(key)} -> {wanted[key]}" for key in wanted if found.get(key) != wanted[key]
        )
        raise ValueError(f"{path.parent} contains frames of another plan ({differing}); choose another --work folder")
    path.write_text(json.dumps(wanted))


def render_numbered(task: ShardTask) -> tuple[ShardTask, int]:
    """Render a shard in a worker process; returns the task with its number of frames."""
    return task, render_shard(task)


def render_shard(task: ShardTask) -> int:
    """Render a shard and write it atomically, so that a kill leaves a whole shard or none. Returns its number of frames."""
    stock = (
        stock_of(task.split, task.furniture_folder, task.catalogue_folder)
        if task.plan.furniture
        else Stock.of_boxes(task.split)
    )
    frames, fields_of_view = zip(
        *(view for index in task.rooms for view in render_room(task.plan, index, stock)), strict=True
    )
    # The frames are written last: where they exist, the shard is complete.
    put_array(companion(task.path), np.array(fields_of_view, np.float32))
    put_array(task.path, np.stack(frames))
    return len(frames)


@cache
def stock_of(split: Split, furniture_folder: Path, catalogue_folder: Path) -> Stock:
    """The stock of a split, loaded once per worker process."""
    return Stock.of_split(split, Furniture(furniture_folder, catalogue_folder))


def render_room(plan: RenderPlan, index: int, stock: Stock) -> Iterator[tuple[np.ndarray, float]]:
    """The views of a room, each (H, W, 14) uint8 with its field of view in degrees; fewer where no view is found."""
    room = make_room(plan.seed, index, stock)
    _, n_views = plan.rooms_and_views(stock.split)
    for view in range(n_views):
        rng = np.random.default_rng([plan.seed, index, view, 1 + ("train", "validation", "test").index(stock.split)])
        camera = random_camera(room, rng)
        if camera is not None:
            frame = render(room.scene, camera, plan.size_px, rng)
            image = np.concatenate([getattr(frame, name) for name in CHANNELS], axis=2)
            yield image, float(np.rad2deg(camera.field_of_view))
