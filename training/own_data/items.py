"""Finds the items of a folder: the picture of a view, and what is known of it in each domain.

Two layouts are read, also mixed, as the folder named after a domain may be anywhere in the path:

- plain: `rgb/0001.png`, `depth/0001.png`, ...;
- Taskonomy's: `BUILDING/depth_zbuffer/point_0_view_1_domain_depth_zbuffer.png`, or the domain first.

The other folders of the path are the item's group: the views of a building belong in one split.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from consistency.domains import DOMAINS

IMAGE = "rgb"
READ = ("rgb", "normal", "depth", "reshading")
"""Domains whose pictures are read; the other ones are computed from depth, as the renderer does."""
MASK, CAMERA = "mask_valid", "point_info"
"""Taskonomy's names: non-zero where the geometry is known; JSON with `field_of_view_rads`."""
FOLDERS = {name: name for name in (*READ, MASK, CAMERA)} | {DOMAINS[name].alias: name for name in READ}
REFUSED = {
    "depth_euclidean": "it is the distance along the ray, not z: use depth_zbuffer",
}
SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".npy", ".json"}
MOST_LACKING = 0.5
"""A domain that a larger share of the items lacks was not meant to be there."""
_DOMAIN_SUFFIX = re.compile(r"_domain_[a-z0-9_]+$")


class DataError(ValueError):
    """What a folder has, what was expected, and what to do."""


@dataclass(frozen=True)
class Item:
    """One view."""

    name: str
    """Unique in the folder: the group's folders and the file's name without domain and suffix."""
    group: str
    """What must stay in one split; the name itself where there are no further folders."""
    files: Mapping[str, Path]
    """By domain, and for MASK and CAMERA: the file."""


@dataclass(frozen=True)
class Found:
    """The complete items of a folder."""

    items: tuple[Item, ...]
    """Sorted by name."""
    domains: tuple[str, ...]
    """What every item has, of READ."""
    remarks: tuple[str, ...]
    """Sentences on what was left out."""


def find_items(folder: Path) -> Found:
    """All items of a folder. Raises DataError where it has none, or where files contradict each other."""
    if not folder.is_dir():
        raise DataError(
            f"{folder} is not a folder. --data expects a folder that contains {IMAGE}/ and, for example, depth/ or normal/"
        )
    files = _files_by_item(folder)
    with_image = {name: found for name, found in files.items() if IMAGE in found[1]}
    if not with_image:
        raise DataError(
            f"{folder} has no pictures in a folder named {IMAGE}; it has {_listed(sorted(p.name for p in folder.iterdir()))}. "
            f"Expected: {IMAGE}/NAME.png beside depth/NAME.png or normal/NAME.png, or Taskonomy's folders"
        )
    counts = {name: sum(name in found for _, found in with_image.values()) for name in FOLDERS.values()}
    remarks = []
    for name, count in counts.items():
        if 0 < count < (1 - MOST_LACKING) * len(with_image):
            raise DataError(
                f"{folder} has {name} for {count} of {len(with_image)} pictures: complete the folder, or take it out"
            )
    needed = tuple(name for name in (*READ, MASK, CAMERA) if counts[name])
    if not set(needed) - {IMAGE, MASK, CAMERA}:
        raise DataError(
            f"{folder} has pictures but no ground truth: expected a folder {', '.join(READ[1:])} beside {IMAGE}"
        )
    items = []
    for name, (group, found) in sorted(with_image.items()):
        if all(domain in found for domain in needed):
            items.append(Item(name, group, {domain: found[domain] for domain in needed}))
    for domain in needed:
        if lacking := len(with_image) - counts[domain]:
            remarks.append(f"{lacking} of {len(with_image)} pictures left out: no {domain}")
    if not items:
        raise DataError(f"{folder}: no picture has all of {', '.join(needed)}; are the files named alike?")
    return Found(tuple(items), tuple(name for name in READ if counts[name]), tuple(remarks))


def _files_by_item(folder: Path) -> dict[str, tuple[str, dict[str, Path]]]:
    """By item: its group and its files by domain."""
    files: dict[str, tuple[str, dict[str, Path]]] = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        named = [part for part in parts[:-1] if part in FOLDERS]
        for part in parts[:-1]:
            if part in REFUSED:
                raise DataError(f"{folder}: {part} cannot be read: {REFUSED[part]}")
        if not named or path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        rest = [part for part in parts[:-1] if part not in FOLDERS]
        stem = _DOMAIN_SUFFIX.sub("", path.stem)
        name = "/".join([*rest, stem])
        domain = FOLDERS[named[-1]]
        _, found = files.setdefault(name, ("/".join(rest) or name, {}))
        if domain in found:
            raise DataError(f"{name} has two files of {domain}: {found[domain]} and {path}; keep one")
        found[domain] = path
    return files


def _listed(names: list[str], most: int = 6) -> str:
    if not names:
        return "nothing"
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
