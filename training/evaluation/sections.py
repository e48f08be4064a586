"""Writes the tables of docs/results.md: errors, seeds, readouts, energies, shifts, pictures and methods."""

from __future__ import annotations

import numpy as np

from analysis.statistics import interval, pearson, risk_coverage, spearman
from consistency.zoo.records import SHARED, Zoo
from precompute.media.shifts.graded import LADDERS
from training.evaluation import real_images
from training.evaluation.energies import PIXELS_PER_FRAME
from training.evaluation.errors import mean_known
from training.evaluation.evaluate import READOUT_EVERY, Evaluation
from training.evaluation.figures import DEPTH_SHOWN_METRES
from training.evaluation.measures.chains import BASELINE, methods_of
from training.evaluation.measures.claims import HEADLINE
from training.evaluation.measures.measure import (
    ALL,
    COMPARED,
    CONSISTENCY,
    HELD_OUT,
    LADDER_FRAMES,
    ResultFigures,
    auc,
    energy_sets,
    ladder_spearman,
)
from training.evaluation.perceptual import perceptual_text
from training.evaluation.real_items import GROUPS
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
from training.learning.plan import METHOD_SETTINGS, TARGETS

FOLDER = "results"
"""Folder of the pictures, beside the page."""


def errors_text(zoo: Zoo, rooms: Evaluation, where: str = "held-out rooms") -> str:
    """A table per target: every method, and the trivial guess. `where`: of what the frames are."""
    parts = [
        f"## Errors on {where}",
        '"Per-pixel median" predicts the median of training frames at each pixel. The best figures are bold.',
    ]
    for target in TARGETS:
        rows = {
            method: rooms.errors[target, method].figures()
            for method in methods_of(zoo, target)
            if (target, method) in rooms.errors
        }
        if not rows:
            parts.append(f"{title(target)}: {NOT_MEASURED}.")
            continue
        names = list(next(iter(rows.values())))
        best = {name: best_of(name, [row[name] for row in rows.values()]) for name in names}
        cells = [
            [method, *(bold(text := number(name, row[name]), text == number(name, best[name])) for name in names)]
            for method, row in rows.items()
        ]
        trivial = rooms.trivial[target].figures()
        cells.append(["per-pixel median", *(number(name, trivial[name]) for name in names)])
        parts.append(table([title(target), *names], cells))
    return "\n\n".join(parts)


def seeds_text(figures: ResultFigures) -> str:
    """Figures of the compared methods over all seeds, and their difference."""
    if len(figures.seeds) < 2:
        return f"### Over seeds\n\nOne seed was trained; the spread over seeds was {NOT_MEASURED}."
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


def lens_text(figures: ResultFigures) -> str:
    """GeoNet with the true field of view and with the assumed one."""
    if not figures.rooms.known_lens:
        return ""
    rows = []
    for (target, method), known in figures.rooms.known_lens.items():
        assumed, true = figures.rooms.errors[target, method].figures(), known.figures()
        for figure in (HEADLINE[target], "L1"):
            rows.append([method, title(target), figure, number(figure, assumed[figure]), number(figure, true[figure])])
    return (
        "### With a known lens\n\nThe field of view of a video is unknown: 60 degrees are assumed, also in all other tables. "
        "That of the rooms is known.\n\n" + table(["method", "target", "figure", "60° assumed", "known"], rows)
    )


def readouts_text(rooms: Evaluation) -> str:
    """Errors of cross networks that read the truth and predictions, and the readout gap."""
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
        f"## Readouts\n\nL1 error, against the truth of the last domain, of each cross network's readout of the truth and of "
        f"each method's prediction, on {rooms.n_readout_frames} test frames (every {READOUT_EVERY}rd).\n\n"
        + table(["edge", "of truth", "", *methods], rows)
        + "\n\nThe readout gap, or perceptual error: L1 between the cross network's readouts of the prediction and of the truth, "
        "which consistency training lowers.\n\n"
        + table(["edge", *methods], gaps)
        + "\n\n"
        + perceptual_text({key: mean_known(values) for key, values in rooms.gaps.items()}, TARGETS, BASELINE)
    )


def energy_text(rooms: Evaluation) -> str:
    """How energy and error correlate, over frames and over pixels."""
    rows = []
    by_target = sorted(rooms.energies.items(), key=lambda found: TARGETS.index(found[0][0]))
    for (target, method), energies in by_target:
        error = np.array(rooms.errors[target, method].l1)
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
Dropping the highest energies first lowers the mean error of the rest: the area is that error averaged over all shares kept,
and the gain places it between chance (0) and dropping by the error itself (1). Mean disagreement is the raw mean over paths
of |indirect − direct| in codes. Energies are over valid pixels, with the constants of `{BASELINE}` on validation rooms.

{table(header, rows)}"""


def outside_text(figures: ResultFigures) -> str:
    """ROC-AUC of the energy between held-out rooms and all other images."""
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
        return f"### Held-out rooms and other images\n\nROC-AUC: {NOT_MEASURED}."
    missing = [group for group in GROUPS if group not in figures.real]
    note = f" {', '.join(missing).capitalize()}: {NOT_MEASURED}." if missing else ""
    return (
        "### Held-out rooms and other images\n\nROC-AUC of the energy: the chance that a picture of the set has a higher energy "
        f"than a held-out room ({figures.rooms.n_frames} frames; energies over all pixels). The number of pictures is in brackets; "
        "frames of a clip are similar, so a clip counts for less than its number suggests. The last six sets are test frames "
        f"under strong shifts.{note}\n\n" + table(["target", "method", *counts], rows)
    )


def ladders_text(figures: ResultFigures) -> str:
    """A table per graded shift: the mean energy at each level."""
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


def gallery_text(figures: ResultFigures, drawn: set[str]) -> str:
    """The sheets of images side by side; `drawn` are the names of all pictures."""
    nearest, farthest = DEPTH_SHOWN_METRES
    parts = [
        f"""## Side by side

All methods on the same images. Depth: dark is near; colours span {nearest:g} to {farthest:g} m. Energy: that of `{figures.reported}`, on the
scale of the dashboard; bright is high.

The rooms are frames of the bundled walk-through, whose CC0 models no network has seen."""
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


def real_pictures_text(figures: ResultFigures) -> str:
    """Origin and licence of the real pictures, and errors of depth on those with measured depth."""
    found = [picture.item for picture in figures.pictures]
    rows = []
    for item in real_images.ITEMS:
        n = found.count(item)
        shown = "yes" if item.is_shown else "no"
        rows.append(
            [item.name, item.group, item.package, item.licence, item.credit, str(n) if n else NOT_MEASURED, shown]
        )
    text = (
        "## Real pictures\n\n`python -m training material` downloads them. Pictures under CC-BY-SA-4.0, and the sheets above that "
        "show them, are under that licence; they were cropped and reduced.\n\n"
        + table(["name", "group", "from", "licence", "by", "frames", "shown"], rows)
    )
    if figures.real_depth:
        names = ("AbsRel", "AbsRel scaled", "% delta1")
        depth_rows = [
            [picture, method, *(number(name, errors.figures()[name]) for name in names)]
            for (picture, method), errors in figures.real_depth.items()
        ]
        text += "\n\nErrors where depth was measured (motorcycle by stereo, bookcase by an RGB-D camera):\n\n"
        text += table(["picture", "method", *names], depth_rows)
    return text


def settings_text(figures: ResultFigures) -> str:
    """What sets the methods apart, and the size of their weights."""
    rows = []
    names = list(next(iter(METHOD_SETTINGS.values())))
    for method in [*figures.zoo.methods, SHARED]:
        files = {edge.weights for edge in figures.zoo.edges if edge.method == method and edge.weights}
        megabytes = sum(path.stat().st_size for path in files) / 1e6
        settings = METHOD_SETTINGS.get(method, {})
        rows.append([method, *(settings.get(name, "") for name in names), str(len(files)), f"{megabytes:.2f}"])
    return "## Methods\n\n" + table(["method", *names, "networks", "MB"], rows)
