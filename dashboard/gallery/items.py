"""The pictures and clips of the gallery, as the sidecars of the bundled set list them (precompute/sample/gallery)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "precompute" / "sample" / "gallery"
COMMAND = "python -m precompute run gallery"
CATEGORIES: Mapping[str, str] = {
    "painting": "Paintings",
    "old": "Old and black-and-white",
    "outdoor": "Outdoors",
    "still": "Still lifes",
    "room": "Rooms",
    "living": "People and animals",
    "clip": "Clips",
}
"""Category of a sidecar -> its title, in the order of the page."""
TEXTS = ("category", "title", "author", "licence", "attribution", "source", "package", "sha256")
"""What every sidecar states."""


@dataclass(frozen=True)
class Item:
    """One picture or clip. The project wrote every text of it."""

    name: str
    category: str
    """A key of CATEGORIES."""
    title: str
    author: str
    licence: str
    attribution: str
    source: str
    """Where it comes from: an address, or words."""
    package: str
    """Name and version of the package, and the file in it."""
    sha256: str
    """Digest of the bundled file's bytes: its clip in a store names the same."""
    is_own: bool
    """Whether its file lies in the gallery's folder; False: it is one of the bundled clips."""
    field_of_view_degrees: float | None
    """Field of view of the shorter side, which rendered clips state; None if it is unknown."""


@cache
def listed(folder: Path = FOLDER) -> tuple[Item, ...]:
    """Every item, by category and name; none where the folder is not installed."""
    found = [_read(path) for path in sorted(folder.glob("*.toml"))]
    order = list(CATEGORIES)
    return tuple(sorted(found, key=lambda item: (order.index(item.category), item.name)))


def _read(sidecar: Path) -> Item:
    fields = tomllib.loads(sidecar.read_text(encoding="utf-8"))
    texts = {name: str(fields[name]) for name in TEXTS}
    is_own = any(sidecar.with_suffix(suffix).is_file() for suffix in (".jpg", ".mp4"))
    degrees = fields.get("field_of_view_degrees")
    known = float(degrees) if degrees is not None else None
    return Item(name=sidecar.stem, is_own=is_own, field_of_view_degrees=known, **texts)


@cache
def own_digests() -> frozenset[str]:
    """Digests of the files that are in the gallery alone, which the other pages list last."""
    return frozenset(item.sha256 for item in listed() if item.is_own)
