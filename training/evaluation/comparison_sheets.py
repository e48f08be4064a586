"""Shows images side by side with what every method predicts for them.

Rendered rooms are shown from the bundled walk-through only, whose models are CC0. The licences of the models in the held-out
rooms allow measuring them, not showing them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from consistency.domains import get_domain
from consistency.energy import standardise
from consistency.zoo.records import Zoo
from precompute.media.decoder import frames
from precompute.media.sampling import Sampling
from precompute.media.sources import SAMPLES
from training.evaluation.energies import maps_of
from training.evaluation.figures import coloured, coloured_energy, sheet
from training.evaluation.measures.chains import BATCH, Pair, direct_chains, energy_chains, new_graph
from training.evaluation.real_images import RealPicture
from training.evaluation.real_items import SIZE_PX
from training.learning.batches import to_tensor
from training.learning.plan import TARGETS

WALK_FRAMES = (20, 80, 160, 220)
"""Frames of the walk-through: both rooms, the doorway, and furniture near the camera."""


@dataclass(frozen=True)
class SheetCrop:
    """A square of a shown image with a thin object."""

    what: str
    name: str
    """Name of the shown image."""
    left: int
    top: int
    side: int
    """Pixels of 256, as `left` and `top`."""


CROPS = (
    SheetCrop("stool", "frame 220", 84, 140, 96),
    SheetCrop("lamp", "frame 160", 120, 0, 80),
    SheetCrop("sofa's arm", "frame 20", 140, 100, 80),
    SheetCrop("toy robot", "bookcase", 110, 60, 80),
    SheetCrop("spoon", "coffee", 110, 110, 80),
    SheetCrop("bottle", "laid table", 100, 90, 80),
)


@dataclass
class ShownImage:
    """An image with its truth, predictions and energies."""

    name: str
    rgb: np.ndarray
    """uint8 (SIZE_PX, SIZE_PX, 3)."""
    truth: dict[str, np.ndarray] = field(default_factory=dict)
    """By target: codes, uint8 (H, W, C); empty where the truth is unknown."""
    predictions: dict[Pair, np.ndarray] = field(default_factory=dict)
    """Codes, uint8 (H, W, C)."""
    energy: dict[Pair, np.ndarray] = field(default_factory=dict)
    """Energy per pixel, float32 (H, W), in sigma."""


def shown_walk() -> list[ShownImage]:
    """The chosen frames of the walk-through, with their truth."""
    chosen = [ShownImage(f"frame {number}", image) for number, image in walk_frames("walkthrough.mp4", None)]
    for target in TARGETS:
        channels = get_domain(target).channels
        for shown, (_, codes) in zip(chosen, walk_frames(f"walkthrough.{target}.mkv", channels), strict=True):
            shown.truth[target] = codes
    return chosen


def walk_frames(file: str, channels: int | None) -> list[tuple[int, np.ndarray]]:
    sampling = Sampling(size=SIZE_PX)
    decoded = frames(SAMPLES / file, sampling, channels=channels)  # pyright: ignore[reportArgumentType]
    return [(frame.index, frame.rgb) for frame in decoded if frame.index in WALK_FRAMES]


def shown_pictures(pictures: Sequence[RealPicture]) -> list[ShownImage]:
    """The first frame of everything that may be shown."""
    return [
        ShownImage(picture.item.name, picture.rgb)
        for picture in pictures
        if picture.item.is_shown and not picture.number
    ]


def predict(zoo: Zoo, images: Sequence[ShownImage], energy_method: str, device: str = "cpu") -> None:
    """Add to the images the predictions of every method, and the energy maps of one."""
    direct = direct_chains(zoo)
    indirect = {pair: chains for pair, chains in energy_chains(zoo).items() if pair[1] == energy_method}
    graph = new_graph([*direct.values(), *(chain for chains in indirect.values() for chain in chains)], device)
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        outputs = graph.run(to_tensor(np.stack([shown.rgb for shown in batch]), device))
        for pair, chain in direct.items():
            codes = to_codes(outputs[chain])
            for shown, image in zip(batch, codes, strict=True):
                shown.predictions[pair] = image
        for pair, chains in indirect.items():
            constants = zoo.energies[pair[0]]
            energy = standardise(maps_of(outputs, chains), constants.mu, constants.sigma).cpu().numpy()
            for shown, image in zip(batch, energy, strict=True):
                shown.energy[pair] = image


def to_codes(images: torch.Tensor) -> np.ndarray:
    """(N, C, H, W) in [0, 1] -> uint8 (N, H, W, C)."""
    return (images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def target_sheet(
    images: Sequence[ShownImage], target: str, methods: Sequence[str], energy_method: str, path: Path
) -> None:
    """Write a sheet with a row per image: the image, the truth where it is known, each method, and the energy map."""
    has_truth = any(target in shown.truth for shown in images)
    has_energy = any((target, energy_method) in shown.energy for shown in images)
    columns = ["image", *(["truth"] if has_truth else []), *methods, *(["energy"] if has_energy else [])]
    rows = {}
    for shown in images:
        row: list[np.ndarray | None] = [shown.rgb]
        if has_truth:
            row.append(coloured(target, shown.truth[target]))
        row += [coloured(target, shown.predictions[target, method]) for method in methods]
        if has_energy:
            row.append(coloured_energy(shown.energy[target, energy_method]))
        rows[shown.name] = row
    sheet(columns, rows, path)


def thin_sheet(images: Sequence[ShownImage], target: str, methods: Sequence[str], path: Path) -> bool:
    """Write a sheet of crops with thin objects; False if none of their images is shown."""
    by_name = {shown.name: shown for shown in images}
    crops = [crop for crop in CROPS if crop.name in by_name]
    rows = {}
    for crop in crops:
        shown = by_name[crop.name]
        truth = coloured(target, shown.truth[target]) if target in shown.truth else None
        whole = [shown.rgb, truth, *(coloured(target, shown.predictions[target, method]) for method in methods)]
        rows[crop.what] = [None if image is None else cut(image, crop) for image in whole]
    if rows:
        sheet(["image", "truth", *methods], rows, path)
    return bool(rows)


def cut(image: np.ndarray, crop: SheetCrop) -> np.ndarray:
    """The crop of an image (H, W, C)."""
    return image[crop.top : crop.top + crop.side, crop.left : crop.left + crop.side]
