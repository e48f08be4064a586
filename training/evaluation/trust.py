"""Measures how far the energies of a zoo can be trusted, and writes it into its zoo.toml.

N frames.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from analysis.statistics import roc_auc
from cache.files import write_whole
from consistency.zoo.read import load_zoo
from consistency.zoo.records import Trust, Zoo
from training.evaluation import real_images
from training.evaluation.chains import Pair, open_frames
from training.evaluation.energies import PictureEnergies
from training.evaluation.evaluate import Evaluation, evaluate, n_evaluated
from training.evaluation.measure import COMPARED, group_energies
from training.scenes.frames import Frames

PERCENTILE = 97.5
PICTURES_AT_A_TIME = 32
HEADING = "# How far each energy can be trusted, measured by `python -m training evaluate`."


def evaluate_trust(
    folder: Path,
    rooms: Evaluation | None,
    frames: Path,
    real: Path | None,
    report: Callable[[int, int], None],
    seed: int,
    device: str = "cpu",
) -> None:
    """Measure the zoo of the folder and write the figures into its zoo.toml. `rooms`: its evaluation, if it exists."""
    zoo = load_zoo(str(folder))
    train, validation, test = open_frames(frames)
    tried = real_images.pictures(real)
    total = (0 if rooms else n_evaluated(test)) + len(validation) + len(tried)
    done = 0

    def count(n_frames: int) -> None:
        nonlocal done
        done += n_frames
        report(done, total)

    rooms = rooms or evaluate(zoo, test, train, seed, count, device)
    outside = group_energies(PictureEnergies(zoo, COMPARED, device), tried, count)
    write_trust(folder, measure_trust(zoo, rooms, outside, validation, count, device))


def measure_trust(
    zoo: Zoo,
    rooms: Evaluation,
    real: Mapping[str, Mapping[Pair, np.ndarray]],
    validation: Frames,
    report: Callable[[int], None],
    device: str = "cpu",
) -> dict[Pair, Trust]:
    """Target and method -> figures, for every energy of the zoo whose figures are known.

    `real`: set of pictures -> energies, of the methods measured there; `report` gets the validation frames just done.
    """
    usual = validation_energies(zoo, validation, report, device)
    found = {}
    for (target, method), energies in rooms.energies.items():
        pearson, spearman = rooms.correlations(target, method)
        sets = {name: measured[target, method] for name, measured in real.items() if (target, method) in measured}
        if np.isfinite([pearson, spearman]).all():
            found[target, method] = Trust(
                spearman=round(spearman, 2),
                pearson=round(pearson, 2),
                n_frames=rooms.n_frames,
                percentile_97_5=round(float(np.percentile(usual[target, method], PERCENTILE)), 2),
                n_validation_frames=len(validation),
                auc={name: round(roc_auc(energies.whole, values), 2) for name, values in sets.items()},
                origin=f"zoo {zoo.name}, version {zoo.version}",
            )
    return found


def validation_energies(
    zoo: Zoo, validation: Frames, report: Callable[[int], None], device: str = "cpu"
) -> dict[Pair, np.ndarray]:
    """The energies (N,) of validation frames over all pixels, as for a video, of every target and method."""
    energies = PictureEnergies(zoo, zoo.methods, device)
    parts: dict[Pair, list[np.ndarray]] = {}
    for start in range(0, len(validation), PICTURES_AT_A_TIME):
        indices = np.arange(start, min(start + PICTURES_AT_A_TIME, len(validation)))
        for pair, values in energies.of(validation[indices][..., :3], report).items():
            parts.setdefault(pair, []).append(values)
    return {pair: np.concatenate(values) for pair, values in parts.items()}


def write_trust(folder: Path, trust: Mapping[Pair, Trust]) -> None:
    """Replace the figures at the end of the folder's zoo.toml."""
    path = folder / "zoo.toml"
    before = path.read_text(encoding="utf-8").partition(HEADING)[0].rstrip("\n")
    write_whole(path, [f"{before}\n\n{trust_toml(trust)}".encode()])
    load_zoo(str(folder))  # what it cannot read must not stay unseen


def trust_toml(trust: Mapping[Pair, Trust]) -> str:
    """The figures as the last part of zoo.toml."""
    lines = [
        HEADING,
        "# Spearman and Pearson: energy against L1 error, over frames of test rooms. percentile_97_5: sigma, of validation rooms.",
        "# auc: the chance that a picture of the set has a higher energy than a test room.",
    ]
    for (target, method), found in trust.items():
        sets = ", ".join(f"{json.dumps(name)} = {value}" for name, value in found.auc.items())
        lines += [
            "",
            f"[trust.{target}.{json.dumps(method)}]",
            f"spearman = {found.spearman}",
            f"pearson = {found.pearson}",
            f"n_frames = {found.n_frames}",
            *_percentile_lines(found),
            *([f"auc = {{ {sets} }}"] if sets else []),
            f"origin = {json.dumps(found.origin)}",
        ]
    return "\n".join(lines) + "\n"


def _percentile_lines(found: Trust) -> list[str]:
    if found.percentile_97_5 is None:
        return []
    return [f"percentile_97_5 = {found.percentile_97_5}", f"n_validation_frames = {found.n_validation_frames}"]
