"""Fits weights, merges and expected errors of a zoo, judges them on test rooms, and writes both down.

What the networks show of each frame is kept in WORK/observations: run again, this goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from cache.files import write_whole
from consistency.zoo.read import load_zoo
from consistency.zoo.records import EnergyConstants, Expected, Merge, Zoo
from precompute.media.shifts.blurs import blur
from precompute.media.shifts.coders import jpeg
from precompute.media.shifts.graded import Change
from precompute.media.shifts.light import darken
from precompute.media.shifts.noises import noise
from training.evaluation import real_images
from training.evaluation.measures import judgement
from training.evaluation.measures.chains import BASELINE, Pair
from training.evaluation.measures.fits import fitted_energies, fitted_expected, fitted_merges
from training.evaluation.measures.judgement import Judgement
from training.evaluation.measures.measure import COMPARED
from training.evaluation.measures.observations import (
    VIEWS_PER_ROOM,
    Observations,
    Observer,
    about,
    kept,
    observe_parts,
    observe_pictures,
    observe_rooms,
)
from training.evaluation.measures.trust import without_trust, write_trust
from training.evaluation.real_items import GROUPS
from training.scenes.frames import Frames

OBSERVATIONS = "observations"
"""Folder within the work folder."""
MILD: Mapping[str, Change] = {
    "blur 3": lambda image: blur(image, 3),
    "noise 0.1": lambda image: noise(image, 0.1),
    "JPEG 10": lambda image: jpeg(image, 10),
    "light 0.3": lambda image: darken(image, 0.3),
}
STRONG: Mapping[str, Change] = {
    "blur 6": lambda image: blur(image, 6),
    "noise 0.2": lambda image: noise(image, 0.2),
    "JPEG 5": lambda image: jpeg(image, 5),
    "light 0.1": lambda image: darken(image, 0.1),
}
SHIFTS = {**MILD, **STRONG}
SHIFTED_EVERY = 8
"""Every 8th test frame is looked at under each shift."""
TEST = "test rooms"
MEASURES_HEADING = "# Merges and expected errors, fitted on validation rooms by `python -m training measures`."

Report = Callable[[int], None]


def measure(
    folder: Path,
    work: Path,
    frames: Path,
    real: Path | None,
    report: Report,
    device: str = "cpu",
    shifts: Mapping[str, Change] = SHIFTS,
) -> Judgement:
    """Fit and judge the zoo of a folder, and write the fits and the trust into its zoo.toml.

    `work`: where observations are kept. `shifts` are looked at with `baseline` and `merged` alone.
    """
    before = load_zoo(str(folder))
    plain = replace(before, merges={}, energies={t: row.without_weights for t, row in before.energies.items()})
    validation, test = (Frames(frames, split) for split in ("validation", "test"))

    def of_rooms(zoo: Zoo, rooms: Frames, split: str) -> Observations:
        return kept(
            work / OBSERVATIONS / f"{zoo.name}-{split}",
            lambda: observe_rooms(Observer(zoo, zoo.methods, device), rooms, report),
            about(zoo, zoo.methods, rooms.names),
        )

    on_validation = of_rooms(plain, validation, "validation")
    parts = kept(
        work / OBSERVATIONS / f"{plain.name}-parts",
        lambda: observe_parts(plain, validation, report, device),
        about(plain, [BASELINE], validation.names, "parts"),
    )
    energies, without_weights = fitted_energies(plain, on_validation)
    zoo = replace(plain, energies=energies, merges=fitted_merges(plain, parts))

    def merged(rooms: Frames, name: str, change: Change | None = None, every: int = 1) -> Observations:
        return kept(
            work / OBSERVATIONS / f"{zoo.name}-merged-{name.replace(' ', '-')}",
            lambda: observe_rooms(Observer(zoo, [BASELINE], device), rooms, report, change, every),
            about(zoo, [BASELINE], rooms.names, name, every),
        )

    expected, problems = fitted_expected(zoo, on_validation, merged(validation, "validation", every=VIEWS_PER_ROOM))
    zoo = replace(zoo, expected=expected)
    write_fits(folder, zoo.energies, zoo.merges, expected)
    on_test, merged_on_test = of_rooms(plain, test, "test"), merged(test, "test", every=VIEWS_PER_ROOM)
    on_pictures = pictures(plain, work, real, report, device)
    shifted = {name: merged(test, name, change, SHIFTED_EVERY) for name, change in shifts.items()}
    found = judge(zoo, on_validation, on_test, {TEST: merged_on_test, **shifted}, on_pictures)
    write_trust(folder, found.trust, found.stated_rankings, found.savings)
    return replace(found, problems=(*without_weights, *problems))


def n_observed(frames: Path) -> int:
    """Frames that `measure` reports for a zoo of which nothing is kept yet, without real pictures."""
    n_validation, n_test = (len(Frames(frames, split)) for split in ("validation", "test"))
    per_room = -(-n_validation // VIEWS_PER_ROOM) * 2 + -(-n_test // VIEWS_PER_ROOM)
    return n_validation + n_test + per_room + len(SHIFTS) * -(-n_test // SHIFTED_EVERY)


def pictures(zoo: Zoo, work: Path, real: Path | None, report: Report, device: str) -> dict[str, Observations]:
    """By group of real pictures: what the compared methods show of them."""
    methods = [method for method in COMPARED if method in zoo.methods]
    tried = real_images.pictures(real)
    groups = {group: [picture.rgb for picture in tried if picture.item.group == group] for group in GROUPS}
    return {
        group: kept(
            work / OBSERVATIONS / f"{zoo.name}-{group.replace(' ', '-')}",
            lambda images=images: observe_pictures(Observer(zoo, methods, device), np.stack(images), report),
            about(zoo, methods, [group], len(images)),
        )
        for group, images in groups.items()
        if images
    }


def judge(
    zoo: Zoo,
    validation: Observations,
    test: Observations,
    merged: Mapping[str, Observations],
    real: Mapping[str, Observations],
) -> Judgement:
    """Judge the fits that the zoo has on test rooms, under shifts, and against real pictures.

    `merged`: set of frames -> what `merged` and what it merges show there; TEST is the first.
    """
    told = {**judgement.told_errors(zoo, merged[TEST]), **judgement.told_errors(zoo, test)}
    auc = judgement.outside(zoo, test, real)
    covered = {name: judgement.coverage(zoo, seen) for name, seen in merged.items()}
    covered[TEST] |= judgement.coverage(zoo, test)
    return Judgement(
        zoo=zoo,
        n_frames=len(test["unit"]),
        told=told,
        n_frames_merged=len(merged[TEST]["unit"]),
        covered=covered,
        merged={name: judgement.changes(zoo, seen) for name, seen in merged.items()},
        rankings={**judgement.rankings(zoo, test), **judgement.rankings_of_merged(zoo, merged[TEST])},
        auc=auc,
        trust=judgement.trusts(zoo, validation, test, told, auc),
    )


def write_fits(
    folder: Path,
    energies: Mapping[str, EnergyConstants],
    merges: Mapping[str, Merge],
    expected: Mapping[Pair, Expected],
) -> None:
    """Write the fits into the folder's zoo.toml: weights beside mu and sigma, merges and expected errors before the trust.

    The trust goes: it was measured with other weights.
    """
    path = folder / "zoo.toml"
    text = without_trust(path.read_text(encoding="utf-8")).partition(MEASURES_HEADING)[0].rstrip("\n")
    lines: list[str] = []
    target = None
    for line in text.splitlines():
        if line.startswith("["):
            target = line.strip("[]").removeprefix("energy.") if line.startswith("[energy.") else None
        if target is None or not line.startswith(("borrowed", "weights")):
            lines.append(line)
        if target is not None and target in energies and line.startswith("sigma"):
            lines += weights_lines(energies[target])
    text = "\n".join([*lines, "", *fits_lines(merges, expected)])
    write_whole(path, [text.encode()])
    load_zoo(str(folder))  # what it cannot read must not stay unseen


def weights_lines(constants: EnergyConstants) -> list[str]:
    """The weights of an energy as TOML."""
    if not constants.weights:
        return []
    borrowed = [f"borrowed = {json.dumps(constants.borrowed)}"] if constants.borrowed else []
    return [*borrowed, f"weights = {json.dumps(constants.weights)}"]


def fits_lines(merges: Mapping[str, Merge], expected: Mapping[Pair, Expected]) -> list[str]:
    """Merges and expected errors as TOML."""
    lines = [MEASURES_HEADING]
    for target, recipe in merges.items():
        lines += ["", f"[merge.{target}]", f'of = "{recipe.of}"', f"paths = {json.dumps(recipe.paths)}"]
        lines += [f"weights = {json.dumps(recipe.weights)}", f"mirror = {recipe.mirror}"]
        lines += [f"origin = {json.dumps(recipe.origin)}"]
    for (target, method), model in expected.items():
        lines += ["", f"[expected.{target}.{json.dumps(method)}]", f'error = "{model.error}"']
        lines += [f"features = {json.dumps(model.features)}", f"coefficients = {json.dumps(model.coefficients)}"]
        lines += [
            f"{name} = {value}"
            for name in ("intercept", "factor", "coverage", "n_units", "limit")
            if (value := getattr(model, name)) is not None
        ]
        lines += [f"origin = {json.dumps(model.origin)}"]
    return [*lines, ""]
