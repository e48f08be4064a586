"""Lists what the rooms of a split may be made from: furniture, people and surface materials."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from training.scenes.furniture import CatalogueEntry, Furniture, Split, file_digest
from training.scenes.rooms.builder import Builder
from training.scenes.textures import picture_files, procedural, random_colour

FLOOR_KINDS = ("planks", "planks", "tiles", "wood", "checker", "fabric", "marble", "plaster")
WALL_KINDS = ("plaster", "plaster", "plaster", "stripes", "ornament", "bricks", "tiles", "fabric", "planks")


@dataclass(frozen=True)
class Stock:
    """What the rooms of one split may be made from. Without furniture, rooms hold only boxes and cylinders."""

    split: Split
    entries: list[CatalogueEntry]
    """Furniture models of the split."""
    furniture: Furniture | None
    """Loads the models."""
    files: list[Path]
    """Texture files for floors and walls, in addition to procedural textures."""
    people: list[CatalogueEntry] = field(default_factory=list)
    """Models of people of the split."""

    @classmethod
    def of_split(cls, split: Split, furniture: Furniture) -> Stock:
        people = [person for person in furniture.people if person.split == split]
        return cls(split, furniture.of_split(split), furniture, picture_files(split), people)

    @classmethod
    def of_boxes(cls, split: Split = "train") -> Stock:
        return cls(split, [], None, [])

    def may_show(self, image_path: Path) -> bool:
        """Whether rooms may show this texture: held-out rooms may not show one that a training model uses too."""
        if self.split == "train" or self.furniture is None:
            return True
        return file_digest(image_path) not in self.furniture.training_image_digests


def surface(
    builder: Builder, rng: np.random.Generator, stock: Stock, kinds: tuple[str, ...], gloss: float = 0.0
) -> int:
    """Add a material of one of the kinds, or for one in five a texture file, if the stock has any; returns its number."""
    if stock.files and rng.random() < 0.2:
        tint = 1 - rng.uniform(0, 0.6) * (1 - random_colour(rng))
        return builder.material(builder.texture_file(stock.files[rng.integers(len(stock.files))]), tint, gloss=gloss)
    return builder.material(builder.texture(procedural(str(rng.choice(kinds)), rng)), gloss=gloss)


def surface_of_colour(builder: Builder, rng: np.random.Generator) -> int:
    """Add an untextured material of a random colour; returns its number."""
    return builder.plain(random_colour(rng), gloss=float(rng.choice([0.0, 0.1, 0.5])))
