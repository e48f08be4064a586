"""Assigns items to training, validation and test: by a file, or by a hash of their groups, the same on every machine."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from training.own_data.items import DataError, Item
from training.scenes.furniture import Split

SPLITS: tuple[Split, ...] = get_args(Split)
HELD_OUT_SHARE = 0.1
"""Share of the groups for validation, and for test."""
TASKONOMY_NAMES = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
"""Column -> split."""


def split_by_hash(items: Sequence[Item]) -> dict[Split, list[Item]]:
    """A tenth of the groups each, at least one, for validation and test. Raises DataError for fewer than three items."""
    groups = {item.group for item in items}
    # The views of a single building can only be parted one by one.
    key = (lambda item: item.group) if len(groups) >= len(SPLITS) else (lambda item: item.name)
    names = sorted({key(item) for item in items}, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    if len(names) < len(SPLITS):
        raise DataError(
            f"{len(items)} picture{'s' * (len(items) != 1)} with ground truth: training needs at least {len(SPLITS)}, one each "
            "to train, validate and test"
        )
    n_held_out = max(1, round(HELD_OUT_SHARE * len(names)))
    test, validation = set(names[:n_held_out]), set(names[n_held_out : 2 * n_held_out])
    split_of = {name: "test" if name in test else "validation" if name in validation else "train" for name in names}
    return {split: [item for item in items if split_of[key(item)] == split] for split in SPLITS}


def split_by_file(items: Sequence[Item], path: Path) -> tuple[dict[Split, list[Item]], tuple[str, ...]]:
    """By a table as Taskonomy's: a CSV with the columns id, train, val and test, and 1 in one of them.

    An id is a group (a building) or an item. Returns the splits, and a remark on items that are in none. Raises DataError.
    """
    chosen = _read_table(path)
    names = {item.name for item in items} | {item.group for item in items}
    if not names & set(chosen):
        raise DataError(
            f"{path}: none of its {len(chosen)} ids is in the data; the first is '{min(chosen, default='')}', the data has "
            f"'{items[0].group}'"
        )
    split_of = {item.name: chosen.get(item.name, chosen.get(item.group)) for item in items}
    splits: dict[Split, list[Item]] = {split: [i for i in items if split_of[i.name] == split] for split in SPLITS}
    if empty := [split for split in SPLITS if not splits[split]]:
        raise DataError(f"{path} leaves {' and '.join(empty)} without a picture; each split needs at least one")
    n_left_out = sum(split is None for split in split_of.values())
    return splits, (f"{n_left_out} of {len(items)} pictures left out: {path.name} does not name them",) * (
        n_left_out > 0
    )


def _read_table(path: Path) -> dict[str, Split]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}") from error
    columns = set(rows[0]) if rows else set()
    if "id" not in columns or not columns & set(TASKONOMY_NAMES):
        raise DataError(
            f"{path} has the columns {', '.join(sorted(map(str, columns))) or 'none'}; expected id, train, val, test"
        )
    found: dict[str, Split] = {}
    for number, row in enumerate(rows, start=2):
        marked = {TASKONOMY_NAMES[name] for name in TASKONOMY_NAMES if (row.get(name) or "").strip() == "1"}
        if len(marked) > 1:
            raise DataError(
                f"{path}, line {number}: {row['id']} is in {' and '.join(sorted(marked))}; expected one of them"
            )
        for split in SPLITS:
            if split in marked:
                found[row["id"]] = split
    return found
