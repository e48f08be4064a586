"""Measures everything that docs/results.md reports: test rooms, seeds, shifts and real pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from analysis.statistics import roc_auc, spearman
from consistency.zoo.records import Zoo
from precompute.media.shifts.graded import LADDERS, STRONG
from training.evaluation import real_images
from training.evaluation.comparison_sheets import ShownImage, predict, shown_pictures, shown_walk
from training.evaluation.energies import PictureEnergies
from training.evaluation.errors import Errors, metres
from training.evaluation.evaluate import Evaluation, evaluate, evaluate_seed, n_evaluated
from training.evaluation.measures.chains import BASELINE, Pair, open_frames
from training.evaluation.real_images import RealPicture
from training.evaluation.real_items import GROUPS
from training.scenes.frames import Frames

CONSISTENCY = "consistency"
COMPARED = (BASELINE, CONSISTENCY)
"""Methods whose energies are measured under shifts and on real pictures."""
LADDER_FRAMES = 48  # test frames at each level: 20 levels in all
STRONG_FRAMES = 96  # test frames under each strong shift
HELD_OUT = "held-out rooms"
ALL = "mean of the targets"
EnergiesByPair = dict[Pair, np.ndarray]


@dataclass(frozen=True)
class ResultFigures:
    """Everything that docs/results.md reports."""

    zoo: Zoo
    rooms: Evaluation
    seeds: list[dict[Pair, Errors]]
    """By seed; that of the zoo itself is first."""
    ladders: dict[str, list[tuple[float, dict[Pair, float]]]]
    """By shift: (level, mean energies); the first is that of unshifted frames, at level NaN."""
    strong: dict[str, EnergiesByPair]
    """By strong shift: energies of the shifted test frames."""
    real: dict[str, EnergiesByPair]
    """By group of real pictures: their energies."""
    pictures: list[RealPicture]
    real_depth: dict[tuple[str, str], Errors]
    """(picture, method): errors on pictures with measured depth."""
    shown_rooms: list[ShownImage]
    shown_real: list[ShownImage]

    @property
    def reported(self) -> str:
        """The method whose energies are reported where there is space for one."""
        return CONSISTENCY if CONSISTENCY in self.zoo.methods else self.zoo.methods[0]

    @property
    def compared(self) -> list[str]:
        """The methods of COMPARED that the zoo has."""
        return [method for method in COMPARED if method in self.zoo.methods] or list(self.zoo.methods[:1])

    def seed_values(self, target: str, method: str, figure: str) -> list[float]:
        """A figure of each seed that has this method and target."""
        found = [errors[target, method].figures() for errors in self.seeds if (target, method) in errors]
        return [figures[figure] for figures in found if np.isfinite(figures.get(figure, np.nan))]

    def paired(self, target: str, figure: str) -> tuple[list[float], list[float]]:
        """A figure of consistency and of baseline, of each seed that has both."""
        both = [errors for errors in self.seeds if {(target, m) for m in COMPARED} <= set(errors)]
        values = [[errors[target, method].figures()[figure] for errors in both] for method in (CONSISTENCY, BASELINE)]
        return values[0], values[1]


def measure(
    zoo: Zoo,
    seed_zoos: list[Zoo],
    frames_folder: Path,
    real: Path | None,
    report: Callable[[int, int], None],
    seed: int,
    device: str,
    rooms: Evaluation | None = None,
) -> ResultFigures:
    """Measure everything, in one pass over each set of frames. `rooms` is the evaluation on the test rooms, if it exists already."""
    train, _, test = open_frames(frames_folder)
    tried = real_images.pictures(real)
    ladder_frames, strong_frames = some_frames(test, LADDER_FRAMES), some_frames(test, STRONG_FRAMES)
    n_ladder = 1 + sum(len(ladder.levels) for ladder in LADDERS)
    total = (0 if rooms else n_evaluated(test)) + len(seed_zoos) * len(test) + n_ladder * len(ladder_frames)
    total += len(STRONG) * len(strong_frames) + len(tried)
    done = 0

    def count(n_frames: int) -> None:
        nonlocal done
        done += n_frames
        report(done, total)

    rooms = rooms or evaluate(zoo, test, train, seed, count, device)
    seeds = [rooms.errors, *(evaluate_seed(other, test, count, device) for other in seed_zoos)]
    energies = PictureEnergies(zoo, COMPARED, device)
    unshifted = {pair: float(found.mean()) for pair, found in energies.of(ladder_frames, count).items()}
    ladders = {}
    for ladder in LADDERS:
        ladders[ladder.name] = [(float("nan"), unshifted)]
        for level in ladder.levels:
            shifted = np.stack([ladder.change(image, level) for image in ladder_frames])
            found = energies.of(shifted, count)
            ladders[ladder.name].append((level, {pair: float(values.mean()) for pair, values in found.items()}))
    strong = {
        name: energies.of(np.stack([change(image) for image in strong_frames]), count)
        for name, change in STRONG.items()
    }
    of_groups = group_energies(energies, tried, count)
    walk, shown = shown_walk(), shown_pictures(tried)
    with_depth = [ShownImage(picture.item.name, picture.rgb) for picture in tried if picture.depth_metres is not None]
    energy_method = CONSISTENCY if CONSISTENCY in zoo.methods else BASELINE
    predict(zoo, [*walk, *shown, *with_depth], energy_method, device)
    return ResultFigures(
        zoo=zoo,
        rooms=rooms,
        seeds=seeds,
        ladders=ladders,
        strong=strong,
        real=of_groups,
        pictures=tried,
        real_depth=depth_errors(with_depth, {picture.item.name: picture for picture in tried}),
        shown_rooms=walk,
        shown_real=shown,
    )


def group_energies(
    energies: PictureEnergies, tried: Sequence[RealPicture], count: Callable[[int], None]
) -> dict[str, EnergiesByPair]:
    """By group of real pictures: their energies."""
    groups = {group: [picture.rgb for picture in tried if picture.item.group == group] for group in GROUPS}
    return {group: energies.of(np.stack(images), count) for group, images in groups.items() if images}


def some_frames(test: Frames, n: int) -> np.ndarray:
    """At most n test frames, evenly spread over the rooms: RGB uint8 (N, H, W, 3)."""
    chosen = np.unique(np.linspace(0, len(test) - 1, n).astype(int))
    return test[chosen][..., :3]


def depth_errors(images: Sequence[ShownImage], known: Mapping[str, RealPicture]) -> dict[tuple[str, str], Errors]:
    """Errors on pictures with measured depth."""
    found = {}
    for shown in images:
        true_metres = known[shown.name].depth_metres
        assert true_metres is not None
        valid = torch.from_numpy(np.isfinite(true_metres))[None]
        span = metres(torch.tensor([0.0, 1.0]))
        true = torch.from_numpy(np.nan_to_num(true_metres, nan=1.0))
        codes = (torch.log(true / span[0]) / torch.log(span[1] / span[0]))[None, None]
        for (target, method), prediction in shown.predictions.items():
            if target == "depth":
                errors = Errors("depth")
                errors.add(torch.from_numpy(prediction).permute(2, 0, 1)[None].float() / 255, codes, valid)
                found[shown.name, method] = errors
    return found


def energy_sets(figures: ResultFigures) -> dict[str, EnergiesByPair]:
    """Energies of the held-out rooms, then of everything compared with them; over all pixels, as for a video."""
    held_out = {pair: found.whole for pair, found in figures.rooms.energies.items()}
    return {HELD_OUT: held_out, **figures.real, **figures.strong}


def auc(figures: ResultFigures, target: str, method: str, name: str) -> float:
    """ROC-AUC of the energy between a set and the held-out rooms; target ALL uses the mean energy of the targets."""
    sets = energy_sets(figures)
    wanted = [(target, method)] if target != ALL else [pair for pair in sets[HELD_OUT] if pair[1] == method]
    if not wanted or name not in sets or any(pair not in sets[name] or pair not in sets[HELD_OUT] for pair in wanted):
        return float("nan")
    inside, outside = (np.mean([found[pair] for pair in wanted], axis=0) for found in (sets[HELD_OUT], sets[name]))
    return roc_auc(inside, outside)


def ladder_spearman(figures: ResultFigures, ladder: str, target: str, method: str) -> float:
    """Spearman's ρ between the number of the level, with 0 for no shift, and the mean energy."""
    energies = [found.get((target, method), np.nan) for _, found in figures.ladders[ladder]]
    return spearman(np.arange(len(energies), dtype=float), np.array(energies))
