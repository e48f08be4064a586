"""Where do the rendered frames live? Shards of uint8 frames on disk, written once, read as memory maps.

A shard is `<split>-<number>.npy`, (N, H, W, 14) uint8: the channels of CHANNELS, codes round(255 v), and beside it
`<split>-<number>.fov.npy`, (N,) float32: the field of view of each frame in degrees, the same across and down.
"""

import errno
import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

from training.scenes.furniture import DEFAULT_CATALOGUE_FOLDER, Furniture, Split
from training.scenes.render import render
from training.scenes.rooms import Stock, make_room, random_camera

CHANNELS = {
    "rgb": slice(0, 3),
    "normal": slice(3, 6),
    "depth": slice(6, 7),
    "reshading": slice(7, 8),
    "curvature": slice(8, 11),
    "edge3d": slice(11, 12),
    "keypoint3d": slice(12, 13),
    "valid": slice(13, 14),
}
"""Where each image lies in a frame; `valid` is 255 where the geometry is known, and 0 elsewhere (windows)."""
N_CHANNELS = 14
ROOMS_PER_SHARD = 20
ROOMS_VERSION = 2  # counted up with what rooms look like or frames hold: frames of two versions are not mixed


@dataclass(frozen=True)
class RenderPlan:
    """What is rendered; the defaults are what the bundled weights are trained on."""

    seed: int = 1
    version: int = ROOMS_VERSION
    size_px: int = 256
    train_rooms: int = 1600
    train_views: int = 6
    validation_rooms: int = 80
    test_rooms: int = 160
    held_out_views: int = 3
    furniture: bool = True
    """False renders boxes and cylinders only, so that tests need no packages."""

    def rooms_and_views(self, split: Split) -> tuple[int, int]:
        if split == "train":
            return self.train_rooms, self.train_views
        return (self.validation_rooms if split == "validation" else self.test_rooms), self.held_out_views


@dataclass(frozen=True)
class ShardTask:
    """One shard to render."""

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
    """All shards of the plan, the small held-out splits first."""
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
    """Render every shard that is not there yet; `report` hears frames and rooms of each finished shard."""
    folder.mkdir(parents=True, exist_ok=True)
    keep_to_plan(plan, folder / "plan.json")
    furniture_folder = folder / "furniture"
    if plan.furniture:
        Furniture(furniture_folder, catalogue_folder)  # unpacks once, before the workers start
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
        raise ValueError(f"{path.parent} holds frames of another plan ({differing}); choose another --work folder")
    path.write_text(json.dumps(wanted))


def render_numbered(task: ShardTask) -> tuple[ShardTask, int]:
    return task, render_shard(task)


def render_shard(task: ShardTask) -> int:
    """Render one shard and put it in place in one step, so that a kill leaves a whole shard or none. Returns its frames."""
    stock = (
        stock_of(task.split, task.furniture_folder, task.catalogue_folder)
        if task.plan.furniture
        else Stock.of_boxes(task.split)
    )
    frames, fields_of_view = zip(
        *(view for index in task.rooms for view in render_room(task.plan, index, stock)), strict=True
    )
    # The frames come last: where they are, the shard is whole.
    put_array(companion(task.path), np.array(fields_of_view, np.float32))
    put_array(task.path, np.stack(frames))
    return len(frames)


def companion(shard: Path) -> Path:
    """The file with the fields of view of a shard's frames."""
    return shard.with_suffix(".fov.npy")


def put_array(path: Path, array: np.ndarray) -> None:
    """Write an array in one step; a full disk leaves nothing of it behind and is said so."""
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with unfinished.open("wb") as file:
            np.save(file, array)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OSError(
            error.errno,
            f"the disk is full: {path.name} needs {array.nbytes / 1e6:.0f} MB; free space and run the same command again "
            "(finished shards are kept), or choose another --work folder or fewer --rooms",
            str(path),
        ) from error


@cache
def stock_of(split: Split, furniture_folder: Path, catalogue_folder: Path) -> Stock:
    """Loaded once per worker process."""
    return Stock.of_split(split, Furniture(furniture_folder, catalogue_folder))


def render_room(plan: RenderPlan, index: int, stock: Stock) -> Iterator[tuple[np.ndarray, float]]:
    """The views of one room, each (H, W, 14) uint8 with its field of view in degrees; fewer where no camera finds one."""
    room = make_room(plan.seed, index, stock)
    _, n_views = plan.rooms_and_views(stock.split)
    for view in range(n_views):
        rng = np.random.default_rng([plan.seed, index, view, 1 + ("train", "validation", "test").index(stock.split)])
        camera = random_camera(room, rng)
        if camera is not None:
            frame = render(room.scene, camera, plan.size_px, rng)
            image = np.concatenate([getattr(frame, name) for name in CHANNELS], axis=2)
            yield image, float(np.rad2deg(camera.field_of_view))


class Frames:
    """All frames of a split, (N, H, W, 14) uint8, read when asked for."""

    def __init__(self, folder: Path, split: Split, names: Sequence[str] | None = None):
        """`names`: the shards' file names, for a set of frames that does not change while more are rendered; None takes all."""
        if names is None:
            names = sorted(path.name for path in folder.glob(f"{split}-[0-9][0-9][0-9][0-9].npy"))
        self.names = list(names)
        paths = [folder / name for name in self.names]
        if not paths:
            raise FileNotFoundError(f"no rendered {split} frames in {folder}; render first: python -m training render")
        self.shards = [np.load(path, mmap_mode="r") for path in paths]
        if self.shards[0].shape[-1] != N_CHANNELS:
            raise ValueError(
                f"{paths[0]} holds {self.shards[0].shape[-1]} channels, expected {N_CHANNELS}: it was rendered by another "
                "version; choose another --work folder and render again: python -m training render"
            )
        self.starts = np.cumsum([0, *[len(shard) for shard in self.shards]])
        self._fields_of_view = np.concatenate([np.load(companion(path)) for path in paths])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        """(B, H, W, 14) uint8 of the frames with these numbers."""
        shard_of = np.searchsorted(self.starts, indices, side="right") - 1
        return np.stack([self.shards[s][i - self.starts[s]] for s, i in zip(shard_of, indices, strict=True)])

    def field_of_view(self, indices: np.ndarray) -> np.ndarray:
        """(B,) float32, degrees across and down, of the frames with these numbers."""
        return self._fields_of_view[indices]


def data_digest(folder: Path) -> str:
    """SHA-256 over the plan and the names and digests of all shards with their companions: names the data in the model card."""
    total = hashlib.sha256()
    for path in [folder / "plan.json", *sorted(folder.glob("*-[0-9][0-9][0-9][0-9]*.npy"))]:
        with path.open("rb") as file:
            total.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()
