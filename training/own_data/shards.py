"""Prepares a folder of pictures and ground truth: stores its frames as shards beside their plan. An interrupted run resumes."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from cache.files import replace_file
from training.own_data.geometry import check_axes, frame_of, known_domains
from training.own_data.items import DataError, Found, Item, find_items
from training.own_data.reading import Conventions, read_item
from training.own_data.splits import split_by_file, split_by_hash
from training.scenes.frames import PLAN, companion, put_array
from training.scenes.furniture import Split

FRAMES_PER_SHARD = 120
SIZE_PX = 256
CHECKED_ITEMS = 8
"""Items whose normals are compared with their depth before anything is stored."""


@dataclass(frozen=True)
class Prepared:
    """What was found and stored."""

    n_frames: dict[Split, int]
    domains: tuple[str, ...]
    """Known in every frame, rgb included."""
    remarks: tuple[str, ...]
    """Sentences on what was left out."""


@dataclass(frozen=True)
class _Task:
    path: Path
    items: tuple[Item, ...]
    conventions: Conventions


def prepare(
    data: Path,
    folder: Path,
    conventions: Conventions,
    splits_file: Path | None = None,
    is_whole: bool = False,
    workers: int = 1,
    report: Callable[[int, int], None] = lambda done, of: None,
) -> Prepared:
    """Store the frames of `data` in `folder`; `report` gets the number of frames stored and of all.

    `is_whole`: every item is for testing, for data that no network was trained on. Raises DataError.
    """
    found = find_items(data)
    splits, remarks = _splits(found, splits_file, is_whole)
    domains = known_domains(found.domains)
    plan = {
        "data": data.name,
        "domains": list(domains),
        "size_px": SIZE_PX,
        "conventions": asdict(conventions),
        "files": _digest(data, splits),
    }
    _keep_to_plan(plan, folder)
    some = found.items[:: max(1, len(found.items) // CHECKED_ITEMS)][:CHECKED_ITEMS]
    check_axes([read_item(item, conventions, SIZE_PX) for item in some], conventions.normal_axes)
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / PLAN, json.dumps(plan).encode())
    tasks = [
        _Task(
            folder / f"{split}-{start // FRAMES_PER_SHARD:04d}.npy",
            tuple(items[start : start + FRAMES_PER_SHARD]),
            conventions,
        )
        for split, items in splits.items()
        for start in range(0, len(items), FRAMES_PER_SHARD)
    ]
    total = sum(len(items) for items in splits.values())
    missing = [task for task in tasks if not task.path.exists()]
    done = total - sum(len(task.items) for task in missing)
    report(done, total)
    for n_frames in _run(missing, workers):
        done += n_frames
        report(done, total)
    return Prepared({split: len(items) for split, items in splits.items()}, domains, (*found.remarks, *remarks))


def _splits(found: Found, splits_file: Path | None, is_whole: bool) -> tuple[dict[Split, list[Item]], tuple[str, ...]]:
    if is_whole:
        return {"test": list(found.items)}, ()
    if splits_file is not None:
        return split_by_file(found.items, splits_file)
    return split_by_hash(found.items), ()


def _run(tasks: Sequence[_Task], workers: int):
    """The number of frames of each task, as it is done."""
    if workers == 1 or len(tasks) < 2:
        yield from map(_store, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(min(workers, len(tasks))) as pool:
        yield from pool.imap_unordered(_store, tasks)


def _store(task: _Task) -> int:
    """Store a shard, whole or not at all."""
    readings = [read_item(item, task.conventions, SIZE_PX) for item in task.items]
    # The frames are written last: where they exist, the shard is complete.
    put_array(companion(task.path), np.array([reading.field_of_view_degrees for reading in readings], np.float32))
    put_array(task.path, np.stack([frame_of(reading) for reading in readings]))
    return len(readings)


def _digest(data: Path, splits: dict[Split, list[Item]]) -> str:
    """SHA-256 over what is in each split, and over names, sizes and times of the files."""
    total = hashlib.sha256()
    for split, items in splits.items():
        for item in items:
            for domain, path in item.files.items():
                facts = path.stat()
                total.update(
                    f"{split} {path.relative_to(data)} {domain} {facts.st_size} {facts.st_mtime_ns}\n".encode()
                )
    return total.hexdigest()


def _keep_to_plan(plan: dict, folder: Path) -> None:
    """Refuse to mix the frames of two folders, or of two states of one."""
    path = folder / PLAN
    if not path.exists():
        return
    before = json.loads(path.read_text())
    changed = [key for key in plan if before.get(key) != plan[key]]
    if changed:
        raise DataError(
            f"{folder} holds frames of other data (different: {', '.join(changed)}); choose another --work folder, or remove it"
        )
