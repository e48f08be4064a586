"""Writes docs/results.md and its pictures: verdicts first, then tables and figures.

The page is computed from the measurements, except the remarks: `results-remarks.md`, written by people who looked at the
pictures, is inserted unchanged.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from analysis.statistics import interval, risk_coverage
from consistency.zoo.records import Zoo
from precompute.media.shifts.graded import LADDERS
from training.evaluation.comparison_sheets import target_sheet, thin_sheet
from training.evaluation.errors import CLOSE_RATIO, EDGE_REACH_PX
from training.evaluation.evaluate import Evaluation
from training.evaluation.figures import (
    energy_against_error,
    energy_of_sets,
    energy_under_shifts,
    errors_of_methods,
    risk_against_coverage,
    save_plot,
)
from training.evaluation.measures.chains import methods_of
from training.evaluation.measures.claims import HEADLINE, agreement_text, goals_text
from training.evaluation.measures.measure import ResultFigures, energy_sets, measure
from training.evaluation.sections import (
    FOLDER,
    energy_text,
    errors_text,
    gallery_text,
    ladders_text,
    lens_text,
    outside_text,
    readouts_text,
    real_pictures_text,
    seeds_text,
    settings_text,
)
from training.evaluation.tables import plain
from training.learning.plan import TARGETS

REMARKS = "results-remarks.md"


def write_results(
    zoo: Zoo,
    seed_zoos: list[Zoo],
    frames_folder: Path,
    real: Path | None,
    out: Path,
    report: Callable[[int, int], None] = lambda done, of: None,
    seed: int = 1,
    device: str = "cpu",
    about_seeds: str = "",
    rooms: Evaluation | None = None,
) -> ResultFigures:
    """Evaluate the zoo on the test rooms and on real pictures, and write `out`/results.md with its pictures.

    `seed_zoos` are the same methods trained with other seeds; `about_seeds` is a sentence on what differs between them.
    `rooms` is the evaluation on the test rooms, if it exists already.
    """
    figures = measure(zoo, seed_zoos, frames_folder, real, report, seed, device, rooms)
    folder = out / FOLDER
    unfinished = out / f"{FOLDER}.tmp"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    drawn = draw(figures, unfinished)
    remarks = out / REMARKS
    text = page(figures, drawn, remarks.read_text(encoding="utf-8") if remarks.exists() else "", about_seeds)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.replace(folder)
    (out / "results.md").write_text(text, encoding="utf-8")
    return figures


def draw(figures: ResultFigures, folder: Path) -> set[str]:
    """Draw all plots and sheets that have figures; returns the names of the files."""
    rooms, reported = figures.rooms, figures.reported
    targets = [target for target in TARGETS if (target, reported) in rooms.energies]
    points, captions = {}, {}
    curves: dict[str, dict] = {"frames": {}, "pixels": {}}
    for target in targets:
        energies = rooms.energies[target, reported]
        points[target] = (energies.frames, np.array(rooms.errors[target, reported].l1))
        r, rho = rooms.correlations(target, reported)
        captions[target] = f"r = {plain(r, 2)}, ρ = {plain(rho, 2)} ({reported})"
        curves["frames"][target] = (reported, risk_coverage(*points[target]))
        curves["pixels"][target] = (reported, risk_coverage(energies.pixels, energies.pixel_errors))
    if targets:
        save_plot(energy_against_error(points, captions), folder / "energy-error.svg")
        save_plot(risk_against_coverage(curves), folder / "risk-coverage.svg")
        sets = {
            target: {
                name: found[target, reported]
                for name, found in energy_sets(figures).items()
                if (target, reported) in found
            }
            for target in targets
        }
        save_plot(energy_of_sets(sets), folder / "energy-sets.svg")
        lines = {
            (ladder.name, ladder.unit): {
                (target, method): [(level, found[target, method]) for level, found in figures.ladders[ladder.name]]
                for target in targets
                for method in figures.compared
                if (target, method) in figures.ladders[ladder.name][0][1]
            }
            for ladder in LADDERS
        }
        save_plot(energy_under_shifts(lines), folder / "shifts.svg")
    errors = {}
    for target in TARGETS:
        values = {
            method: interval(figures.seed_values(target, method, HEADLINE[target]))
            for method in methods_of(figures.zoo, target)
        }
        if values:
            label = {"normal": "mean angle (degrees)", "depth": "AbsRel", "reshading": "L1 (codes)"}[target]
            errors[target, label] = {method: (found.mean, found.half_width) for method, found in values.items()}
    if errors:
        save_plot(errors_of_methods(errors), folder / "errors.svg")
    for target in TARGETS:
        methods = methods_of(figures.zoo, target)
        if methods:
            target_sheet(figures.shown_rooms, target, methods, reported, folder / f"rooms-{target}.webp")
            if figures.shown_real:
                target_sheet(figures.shown_real, target, methods, reported, folder / f"real-{target}.webp")
            thin_sheet([*figures.shown_rooms, *figures.shown_real], target, methods, folder / f"thin-{target}.webp")
    return {path.name for path in folder.iterdir()}


def page(figures: ResultFigures, drawn: set[str], remarks: str, about_seeds: str) -> str:
    """The whole of results.md."""

    def shown(file: str, text: str) -> str:
        return f"![{text}]({FOLDER}/{file})" if file in drawn else ""

    sections = [
        introduction(figures, about_seeds),
        agreement_text(figures),
        goals_text(figures),
        f"## Remarks\n\n{remarks.strip() or 'None yet.'}",
        errors_text(figures.zoo, figures.rooms),
        shown("errors.svg", "Error of each method on held-out rooms"),
        seeds_text(figures),
        lens_text(figures),
        readouts_text(figures.rooms),
        energy_text(figures.rooms),
        shown("energy-error.svg", "Energy and error of every test frame"),
        shown("risk-coverage.svg", "Mean error of what is kept when the highest energies are dropped"),
        outside_text(figures),
        shown("energy-sets.svg", "Energies of held-out rooms, real pictures and shifted rooms"),
        ladders_text(figures),
        shown("shifts.svg", "Mean energy against JPEG quality and blur"),
        gallery_text(figures, drawn),
        real_pictures_text(figures),
        settings_text(figures),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def introduction(figures: ResultFigures, about_seeds: str) -> str:
    """The first section: what was measured, and the meaning of its figures."""
    rooms = figures.rooms
    n_seeds = len(figures.seeds)
    seeds = f"{n_seeds} seeds" if n_seeds > 1 else "one seed"
    return f"""# Results of zoo `{figures.zoo.name}`

Generated by `python -m training evaluate`, except the remarks. Measured on {rooms.n_frames} frames of test rooms, with rooms,
furniture and textures that no network has seen, and with {seeds} of `baseline` and `consistency`. {about_seeds}

- L1 is in codes (0 to 1); AbsRel is the mean of |d − truth| / truth in metres, "scaled" after the median of each frame is
  corrected; delta1 is the share of pixels whose depth is off by less than a factor of {CLOSE_RATIO:g}. Means are over frames, medians
  and shares are over pixels. "Near edges" counts only pixels within {EDGE_REACH_PX} px of a jump in depth, of which thin objects consist.
- Pixels whose truth is unknown (windows, sky) are excluded: {100 * (1 - rooms.valid_share):.1f} % of all. The pixels beside
  them count, although training excluded a margin of 2 px. Fixed filters of the image (2D edges and keypoints) are known
  everywhere.
- ± is half of a 95 % interval over seeds (Student's t). Differences are between networks with the same seed."""
