"""What came out? Measures a zoo in full and writes docs/results.md: verdicts first, then tables and pictures.

Everything in the page comes from the figures, but for the remarks: `results-remarks.md` beside it, written by people who
looked at the pictures, is taken in as it is, so that measuring again loses nothing.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from analysis.statistics import interval, pearson, risk_coverage, roc_auc, spearman
from consistency.zoo.records import SHARED, Zoo
from precompute.media.shifts import LADDERS, STRONG
from training.evaluation import claims, real_images
from training.evaluation.claims import Goal
from training.evaluation.comparison_sheets import (
    Shown,
    methods_of,
    predict,
    shown_pictures,
    shown_walk,
    target_sheet,
    thin_sheet,
)
from training.evaluation.evaluate import (
    BASELINE,
    CLOSE_RATIO,
    EDGE_REACH_PX,
    PIXELS_PER_FRAME,
    READOUT_EVERY,
    TARGETS,
    Errors,
    Evaluation,
    Pair,
    PictureEnergies,
    evaluate,
    evaluate_seed,
    mean_known,
    metres,
    n_evaluated,
    open_frames,
)
from training.evaluation.figures import (
    DEPTH_SHOWN_METRES,
    energy_against_error,
    energy_of_sets,
    energy_under_shifts,
    errors_of_methods,
    risk_against_coverage,
    save_plot,
)
from training.evaluation.real_images import GROUPS, Picture
from training.evaluation.tables import (
    NOT_MEASURED,
    best_of,
    bold,
    digits_of,
    interval_text,
    number,
    plain,
    table,
    title,
)
from training.learning.plan import METHOD_SETTINGS
from training.scenes.frames import Frames

CONSISTENCY = "consistency"
UNSUPERVISED = "consistency-unsupervised"
COMPARED = (BASELINE, CONSISTENCY)
"""Whose energies are measured on shifts and on real pictures."""
LADDER_FRAMES = 48
STRONG_FRAMES = 96
ALL = "mean of the targets"
HELD_OUT = "held-out rooms"
OUTDOOR_VIDEOS = "outdoor videos"
FOLDER = "results"
REMARKS = "results-remarks.md"
HEADLINE = {"normal": "mean angle", "depth": "AbsRel", "reshading": "L1"}
"""The figure that stands for a target in one line."""
Energies = dict[Pair, np.ndarray]


@dataclass(frozen=True)
class Figures:
    """Everything that the page is made of."""

    zoo: Zoo
    rooms: Evaluation
    seeds: list[dict[Pair, Errors]]
    """By seed, that of the zoo itself first."""
    ladders: dict[str, list[tuple[float, dict[Pair, float]]]]
    """By shift: (level, mean energies), the first of unshifted frames at level NaN."""
    strong: dict[str, Energies]
    """By strong shift: the energies of shifted test frames."""
    real: dict[str, Energies]
    """By group of real material."""
    material: list[Picture]
    real_depth: dict[tuple[str, str], Errors]
    """(picture, method): depth where somebody measured it."""
    shown_rooms: list[Shown]
    shown_real: list[Shown]

    @property
    def reported(self) -> str:
        """The method whose energies are reported where there is room for one."""
        return CONSISTENCY if CONSISTENCY in self.zoo.methods else self.zoo.methods[0]

    @property
    def compared(self) -> list[str]:
        return [method for method in COMPARED if method in self.zoo.methods] or list(self.zoo.methods[:1])

    def seed_values(self, target: str, method: str, figure: str) -> list[float]:
        """One value per seed that has this method and target."""
        found = [errors[target, method].figures() for errors in self.seeds if (target, method) in errors]
        return [figures[figure] for figures in found if np.isfinite(figures.get(figure, np.nan))]

    def paired(self, target: str, figure: str) -> tuple[list[float], list[float]]:
        """Consistency and baseline of the seeds that have both."""
        both = [errors for errors in self.seeds if {(target, m) for m in COMPARED} <= set(errors)]
        values = [[errors[target, method].figures()[figure] for errors in both] for method in (CONSISTENCY, BASELINE)]
        return values[0], values[1]


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
) -> Evaluation:
    """Measure the zoo on the test rooms and the real material, and write `out`/results.md with its pictures.

    `seed_zoos` hold the same methods trained with other seeds; `about_seeds` says in a sentence what differs between them.
    `rooms`: what the zoo does on the test rooms, where that has been measured already.
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
    return figures.rooms


def measure(
    zoo: Zoo,
    seed_zoos: list[Zoo],
    frames_folder: Path,
    real: Path | None,
    report: Callable[[int, int], None],
    seed: int,
    device: str,
    rooms: Evaluation | None = None,
) -> Figures:
    """Everything, in one pass over each set of frames."""
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
    groups = {group: [picture.rgb for picture in tried if picture.item.group == group] for group in GROUPS}
    of_groups = {group: energies.of(np.stack(images), count) for group, images in groups.items() if images}
    walk, shown = shown_walk(), shown_pictures(tried)
    with_depth = [Shown(picture.item.name, picture.rgb) for picture in tried if picture.depth_metres is not None]
    energy_method = CONSISTENCY if CONSISTENCY in zoo.methods else BASELINE
    predict(zoo, [*walk, *shown, *with_depth], energy_method, device)
    return Figures(
        zoo=zoo,
        rooms=rooms,
        seeds=seeds,
        ladders=ladders,
        strong=strong,
        real=of_groups,
        material=tried,
        real_depth=depth_errors(with_depth, {picture.item.name: picture for picture in tried}),
        shown_rooms=walk,
        shown_real=shown,
    )


def some_frames(test: Frames, n: int) -> np.ndarray:
    """RGB (N, H, W, 3) of at most n test frames, evenly spread over the rooms."""
    chosen = np.unique(np.linspace(0, len(test) - 1, n).astype(int))
    return test[chosen][..., :3]


def depth_errors(images: Sequence[Shown], known: Mapping[str, Picture]) -> dict[tuple[str, str], Errors]:
    """Of pictures whose depth somebody measured."""
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


# Pictures


def draw(figures: Figures, folder: Path) -> set[str]:
    """All plots and sheets that there are figures for; returns the names of the files."""
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


def energy_sets(figures: Figures) -> dict[str, Energies]:
    """The held-out rooms, then everything that is set against them. Energies over all pixels, as nobody masks a video."""
    held_out = {pair: found.whole for pair, found in figures.rooms.energies.items()}
    return {HELD_OUT: held_out, **figures.real, **figures.strong}


# The page


def page(figures: Figures, drawn: set[str], remarks: str, about_seeds: str) -> str:
    """The whole of results.md."""

    def shown(file: str, text: str) -> str:
        return f"![{text}]({FOLDER}/{file})" if file in drawn else ""

    sections = [
        introduction(figures, about_seeds),
        agreement_text(figures),
        goals_text(figures),
        f"## Remarks\n\n{remarks.strip() or 'None have been written yet.'}",
        errors_text(figures),
        shown("errors.svg", "Error of each method on held-out rooms"),
        seeds_text(figures),
        lens_text(figures),
        readouts_text(figures),
        energy_text(figures),
        shown("energy-error.svg", "Energy and error of every test frame"),
        shown("risk-coverage.svg", "Mean error of what is kept when the highest energies are dropped"),
        outside_text(figures),
        shown("energy-sets.svg", "Energies of held-out rooms, real material and shifted rooms"),
        ladders_text(figures),
        shown("shifts.svg", "Mean energy against JPEG quality and blur"),
        gallery_text(figures, drawn),
        material_text(figures),
        settings_text(figures),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def introduction(figures: Figures, about_seeds: str) -> str:
    rooms = figures.rooms
    n_seeds = len(figures.seeds)
    seeds = f"{n_seeds} seeds" if n_seeds > 1 else "one seed"
    return f"""# Results of zoo `{figures.zoo.name}`

Written by `python -m training evaluate`; only the remarks are by hand. {rooms.n_frames} frames of test rooms, whose rooms,
furniture and textures no network has seen; {seeds} of `baseline` and `consistency`. {about_seeds}

- L1 is in codes (0 to 1); AbsRel is the mean of |d − truth| / truth in metres, "scaled" after each frame's median is set
  right; delta1 is the share of pixels whose depth is off by less than a factor of {CLOSE_RATIO:g}. Means are over frames, medians
  and shares over pixels. "Near edges" counts only pixels within {EDGE_REACH_PX} px of a jump in depth, which thin things consist of.
- Pixels whose truth is unknown (windows, sky, nothing hit) are left out: {100 * (1 - rooms.valid_share):.1f} % of all. Pixels beside
  them count, although training left out a margin of 2 px. What is filtered from the image (2D edges and keypoints) is
  known everywhere.
- ± is half of a 95 % interval by Student's t over seeds. A difference is of networks with the same seed."""


def agreement_text(figures: Figures) -> str:
    """What the figures say to each claim of the paper."""
    zoo, rooms, reported = figures.zoo, figures.rooms, figures.reported
    lines = [
        "## What agrees with the paper, and what does not",
        "",
        "The paper is X-TC, arXiv 2006.04096; it has data of its own, and its networks are about a hundred times larger.",
        "",
    ]
    lines.append("**Is consistency better than the baseline?**")
    for target in TARGETS:
        for figure in dict.fromkeys((HEADLINE[target], "L1", "L1 near edges")):
            ours, theirs = figures.paired(target, figure)
            verdict = claims.difference_verdict(ours, theirs, digits_of(figure))
            lines.append(f"- {title(target)}, {figure}: {verdict}.")
    lines += ["", "**Do constraints that need no labels (2D edges and keypoints) help?**"]
    for target in TARGETS:
        reference = figures.seed_values(target, BASELINE, "L1")
        if (target, UNSUPERVISED) in rooms.errors and reference:
            value = rooms.errors[target, UNSUPERVISED].figures()["L1"]
            lines.append(f"- {title(target)}, L1: {claims.against_spread(value, reference, digits_of('L1'))}.")
        else:
            lines.append(f"- {title(target)}: {NOT_MEASURED}.")
    lines += ["", f"**Does the energy tell the error?** Pearson's r over frames, `{reported}`:"]
    found = {title(t): rooms.correlations(t, reported)[0] for t in TARGETS if (t, reported) in rooms.energies}
    lines.append(f"- {claims.published_verdict(found, claims.PAPER_PEARSON)}.")
    lines += [
        "",
        f"**Does the energy tell what is unlike the training rooms?** ROC-AUC against held-out rooms, `{reported}`:",
    ]
    for name in GROUPS:
        values = {title(t): auc(figures, t, reported, name) for t in TARGETS}
        lines.append(f"- {name}: {claims.published_verdict(values, claims.PAPER_AUC)}.")
    for name in figures.strong:
        values = [f"{title(t)} {plain(auc(figures, t, reported, name), 2)}" for t in TARGETS]
        lines.append(f"- rooms, {name}: {', '.join(values)}.")
    lines += ["", "**Does the energy rise with the shift?** Spearman's ρ between level and mean energy:"]
    for ladder in LADDERS:
        values = {title(t): ladder_spearman(figures, ladder.name, t, reported) for t in TARGETS}
        listed = ", ".join(f"{name} {plain(value, 2)}" for name, value in values.items())
        lines.append(f"- {ladder.name}, {len(ladder.levels)} levels: {listed}.")
    if not any(target in zoo.energies for target in TARGETS):
        lines.append(f"- energies: {NOT_MEASURED}.")
    return "\n".join(lines)


def goals_text(figures: Figures) -> str:
    rows = [[goal.what, goal.wanted, goal.measured, goal.answer] for goal in goals(figures)]
    return "## What was to be reached\n\n" + table(["goal", "wanted", "measured", "reached"], rows)


def goals(figures: Figures) -> list[Goal]:
    rooms, reported = figures.rooms, figures.reported
    angles = {
        method: rooms.errors["normal", method].figures()["mean angle"] for method in methods_of(figures.zoo, "normal")
    }
    best = min(angles, key=lambda method: angles[method], default="")
    differences = {
        title(target): interval(np.subtract(*figures.paired(target, "L1")).tolist())
        for target in TARGETS
        if figures.paired(target, "L1")[0]
    }
    with_energy = [target for target in TARGETS if (target, reported) in rooms.energies]
    found = [
        claims.at_most("normals, mean angle of the best method", best, angles.get(best, float("nan")), 11, "°"),
        claims.no_worse("L1, consistency − baseline", differences),
        claims.at_least(
            "Spearman's ρ of energy and error, frames",
            {title(target): rooms.correlations(target, reported)[1] for target in with_energy},
            0.6,
        ),
        claims.at_least(
            "ROC-AUC, outdoor videos",
            {title(target): auc(figures, target, reported, OUTDOOR_VIDEOS) for target in with_energy},
            claims.PAPER_AUC,
        ),
        claims.at_least(
            f"ROC-AUC, outdoor videos, {ALL}",
            {ALL: auc(figures, ALL, reported, OUTDOOR_VIDEOS)} if with_energy else {},
            claims.PAPER_AUC,
        ),
    ]
    for ladder in LADDERS:
        rising = {title(target): ladder_spearman(figures, ladder.name, target, reported) for target in with_energy}
        found.append(claims.at_least(f"Spearman's ρ of {ladder.name} level and mean energy", rising, 0.95))
    return found


def errors_text(figures: Figures) -> str:
    """A table per target: every method, and the guess that sees nothing."""
    parts = [
        "## Errors on held-out rooms",
        '"Per-pixel median" guesses the median of training frames at each pixel. The best in bold.',
    ]
    for target in TARGETS:
        rows = {method: figures.rooms.errors[target, method].figures() for method in methods_of(figures.zoo, target)}
        if not rows:
            parts.append(f"{title(target)}: {NOT_MEASURED}.")
            continue
        names = list(next(iter(rows.values())))
        best = {name: best_of(name, [row[name] for row in rows.values()]) for name in names}
        cells = [
            [method, *(bold(text := number(name, row[name]), text == number(name, best[name])) for name in names)]
            for method, row in rows.items()
        ]
        trivial = figures.rooms.trivial[target].figures()
        cells.append(["per-pixel median", *(number(name, trivial[name]) for name in names)])
        parts.append(table([title(target), *names], cells))
    return "\n\n".join(parts)


def seeds_text(figures: Figures) -> str:
    if len(figures.seeds) < 2:
        return f"### Over seeds\n\nOne seed was trained; how far seeds differ was {NOT_MEASURED}."
    rows = []
    for target in TARGETS:
        for method in COMPARED:
            if not figures.seed_values(target, method, "L1"):
                rows.append([title(target), f"{method}: {NOT_MEASURED}", "", "", "", ""])
        ours, _ = figures.paired(target, "L1")
        if not ours:
            continue
        for figure in figures.rooms.errors[target, BASELINE].figures():
            ours, theirs = figures.paired(target, figure)
            columns = [interval(figures.seed_values(target, method, figure)) for method in COMPARED]
            difference = interval(np.subtract(ours, theirs).tolist())
            texts = [interval_text(found, digits_of(figure)) for found in columns]
            signed = interval_text(difference, digits_of(figure) + 1, sign=True)
            rows.append([title(target), figure, *texts, signed, str(difference.n)])
    header = ["target", "figure", *COMPARED, f"{CONSISTENCY} − {BASELINE}", "seeds"]
    return "### Over seeds\n\n" + table(header, rows)


def lens_text(figures: Figures) -> str:
    """GeoNet with the true field of view and with the one it assumes."""
    if not figures.rooms.known_lens:
        return ""
    rows = []
    for (target, method), known in figures.rooms.known_lens.items():
        assumed, true = figures.rooms.errors[target, method].figures(), known.figures()
        for figure in (HEADLINE[target], "L1"):
            rows.append([method, title(target), figure, number(figure, assumed[figure]), number(figure, true[figure])])
    return (
        "### With a known lens\n\nOn videos nobody tells the field of view, and 60 degrees are assumed; so it is in all other "
        "tables. Rooms know theirs.\n\n" + table(["method", "target", "figure", "60° assumed", "known"], rows)
    )


def readouts_text(figures: Figures) -> str:
    """What cross networks make of truth and of predictions."""
    rooms = figures.rooms
    methods = list(dict.fromkeys(method for method, _ in rooms.readouts))
    edges = list(dict.fromkeys([*rooms.readouts_of_truth, *(edge for _, edge in rooms.readouts)]))
    if not edges:
        return f"## Readouts\n\nReadouts: {NOT_MEASURED}."
    rows = []
    for edge in sorted(edges, key=lambda edge: (edge.split("-")[0] not in TARGETS, edge)):
        of_truth = rooms.readouts_of_truth[edge].figures() if edge in rooms.readouts_of_truth else {}
        headline = [
            f"{name} {number(name, value)}" for name, value in of_truth.items() if name in ("mean angle", "AbsRel")
        ]
        errors = [mean_known(rooms.readouts[m, edge].l1) if (m, edge) in rooms.readouts else np.nan for m in methods]
        rows.append(
            [edge, number("L1", of_truth.get("L1", np.nan)), ", ".join(headline), *(number("L1", e) for e in errors)]
        )
    gap_edges = [edge for edge in edges if any((method, edge) in rooms.gaps for method in methods)]
    gaps = [
        [edge, *(number("L1", mean_known(rooms.gaps.get((method, edge), []))) for method in methods)]
        for edge in gap_edges
    ]
    return (
        f"## Readouts\n\nL1 error, against the truth of the last domain, of what each cross network makes of the truth and of "
        f"each method's prediction; {rooms.n_readout_frames} test frames, every {READOUT_EVERY}rd.\n\n"
        + table(["edge", "of truth", "", *methods], rows)
        + "\n\nThe readout gap: L1 between what the cross network makes of the prediction and of the truth, which is what "
        "consistency training lowers.\n\n" + table(["edge", *methods], gaps)
    )


def energy_text(figures: Figures) -> str:
    """How the energy goes with the error, over frames and over pixels."""
    rows = []
    by_target = sorted(figures.rooms.energies.items(), key=lambda found: TARGETS.index(found[0][0]))
    for (target, method), energies in by_target:
        error = np.array(figures.rooms.errors[target, method].l1)
        by_frame, by_pixel = (
            risk_coverage(energies.frames, error),
            risk_coverage(energies.pixels, energies.pixel_errors),
        )
        rows.append(
            [
                title(target),
                method,
                *(plain(f(energies.frames, error), 2) for f in (pearson, spearman)),
                *(plain(f(energies.pixels, energies.pixel_errors), 2) for f in (pearson, spearman)),
                *(plain(value, 4) for value in (by_frame.random, by_frame.area, by_frame.oracle_area)),
                *(plain(curve.gain, 2) for curve in (by_frame, by_pixel)),
                plain(mean_known(energies.frames.tolist()), 2),
                plain(mean_known(energies.terms.mean(axis=1).tolist()), 4),
            ]
        )
    if not rows:
        return f"## Consistency energy\n\nEnergies: {NOT_MEASURED}."
    header = [
        "target",
        "method",
        "r, frames",
        "ρ, frames",
        "r, pixels",
        "ρ, pixels",
        "error at random",
        "area by energy",
    ]
    header += ["area of oracle", "gain, frames", "gain, pixels", "mean energy", "mean disagreement"]
    return f"""## Consistency energy

Pearson's r and Spearman's ρ between energy and L1 error, over frames and over {PIXELS_PER_FRAME} random valid pixels of each.
Dropping the highest energies first lowers the mean error of what is kept: the area is its mean over all shares kept, and the
gain says how far it goes from chance (0) to dropping by the error itself (1). Mean disagreement is the raw mean over paths
of |indirect − direct| in codes. Energies are over valid pixels; their constants are those of `{BASELINE}` on validation rooms.

{table(header, rows)}"""


def outside_text(figures: Figures) -> str:
    """ROC-AUC of the energy between held-out rooms and everything else."""
    sets = {name: found for name, found in energy_sets(figures).items() if name != HELD_OUT}
    rows = []
    for method in figures.compared:
        for target in [*TARGETS, ALL]:
            values = [auc(figures, target, method, name) for name in sets]
            if any(np.isfinite(values)):
                name = title(target) if target in TARGETS else target
                rows.append([name, method, *(plain(value, 2) for value in values)])
    counts = [f"{name} ({len(next(iter(found.values())))})" for name, found in sets.items() if found]
    if not rows:
        return f"### Rooms and everything else\n\nROC-AUC: {NOT_MEASURED}."
    missing = [group for group in GROUPS if group not in figures.real]
    note = f" {', '.join(missing).capitalize()}: {NOT_MEASURED}." if missing else ""
    return (
        "### Rooms and everything else\n\nROC-AUC of the energy: the chance that a picture of the set has more of it than a "
        f"held-out room ({figures.rooms.n_frames} frames; energies over all pixels on both sides). In brackets the number of "
        "pictures; frames of one clip are much alike, so a clip counts for less than its number says. The last six are test "
        f"frames under strong shifts.{note}\n\n" + table(["target", "method", *counts], rows)
    )


def auc(figures: Figures, target: str, method: str, name: str) -> float:
    """Of one set against the held-out rooms; ALL takes the mean of the targets' energies."""
    sets = energy_sets(figures)
    wanted = [(target, method)] if target != ALL else [pair for pair in sets[HELD_OUT] if pair[1] == method]
    if not wanted or name not in sets or any(pair not in sets[name] or pair not in sets[HELD_OUT] for pair in wanted):
        return float("nan")
    inside, outside = (np.mean([found[pair] for pair in wanted], axis=0) for found in (sets[HELD_OUT], sets[name]))
    return roc_auc(inside, outside)


def ladders_text(figures: Figures) -> str:
    parts = [
        f"### Energy under graded shifts\n\nMean energy of {LADDER_FRAMES} test frames at each level, over all pixels."
    ]
    for ladder in LADDERS:
        steps = figures.ladders[ladder.name]
        pairs = sorted(steps[0][1], key=lambda pair: (TARGETS.index(pair[0]), pair[1]))
        rows = [
            [
                title(target),
                method,
                plain(ladder_spearman(figures, ladder.name, target, method), 2),
                *(plain(found[target, method], 2) for _, found in steps),
            ]
            for target, method in pairs
        ]
        if rows:
            levels = ["none", *(f"{level:g}" for level in ladder.levels)]
            parts.append(table([f"{ladder.name} ({ladder.unit})", "method", "ρ", *levels], rows))
    return "\n\n".join(parts) if len(parts) > 1 else f"{parts[0]} {NOT_MEASURED.capitalize()}."


def ladder_spearman(figures: Figures, ladder: str, target: str, method: str) -> float:
    """Between the number of the level, unshifted first, and the mean energy."""
    energies = [found.get((target, method), np.nan) for _, found in figures.ladders[ladder]]
    return spearman(np.arange(len(energies), dtype=float), np.array(energies))


def gallery_text(figures: Figures, drawn: set[str]) -> str:
    nearest, farthest = DEPTH_SHOWN_METRES
    parts = [
        f"""## Side by side

All methods on the same images. Depth: dark is near; the colours span {nearest:g} to {farthest:g} m. Energy: of `{figures.reported}`, on the
scale of the dashboard, bright is high.

The rooms are frames of the bundled walk-through, made of CC0 models that no network has seen."""
    ]
    for kind, text in (("rooms", "rendered rooms"), ("real", "real pictures"), ("thin", "thin structures, enlarged")):
        parts += [
            f"![{title(target)}: {text}]({FOLDER}/{kind}-{target}.webp)"
            for target in TARGETS
            if f"{kind}-{target}.webp" in drawn
        ]
    if not figures.shown_real:
        parts.append(f"Real pictures: {NOT_MEASURED}.")
    return "\n\n".join(parts)


def material_text(figures: Figures) -> str:
    """Where the real pictures come from, what may be shown, and how depth does where somebody measured it."""
    found = [picture.item for picture in figures.material]
    rows = []
    for item in real_images.ITEMS:
        n = found.count(item)
        shown = "yes" if item.is_shown else "no"
        rows.append(
            [item.name, item.group, item.package, item.licence, item.credit, str(n) if n else NOT_MEASURED, shown]
        )
    text = (
        "## Real material\n\n`python -m training material` fetches it. Pictures under CC-BY-SA-4.0, and what is made of them "
        "in the sheets above, are under that licence; they were cropped and reduced.\n\n"
        + table(["name", "group", "from", "licence", "by", "frames", "shown"], rows)
    )
    if figures.real_depth:
        names = ("AbsRel", "AbsRel scaled", "% delta1")
        depth_rows = [
            [picture, method, *(number(name, errors.figures()[name]) for name in names)]
            for (picture, method), errors in figures.real_depth.items()
        ]
        text += "\n\nDepth, where it was measured (motorcycle by stereo, bookcase by an RGB-D camera):\n\n"
        text += table(["picture", "method", *names], depth_rows)
    return text


def settings_text(figures: Figures) -> str:
    """What sets the methods apart, and what they weigh."""
    rows = []
    names = list(next(iter(METHOD_SETTINGS.values())))
    for method in [*figures.zoo.methods, SHARED]:
        files = {edge.weights for edge in figures.zoo.edges if edge.method == method and edge.weights}
        megabytes = sum(path.stat().st_size for path in files) / 1e6
        settings = METHOD_SETTINGS.get(method, {})
        rows.append([method, *(settings.get(name, "") for name in names), str(len(files)), f"{megabytes:.2f}"])
    return "## Methods\n\n" + table(["method", *names, "networks", "MB"], rows)
