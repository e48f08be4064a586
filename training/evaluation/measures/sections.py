"""Writes what was fitted and judged as the section of docs/results.md on how far a prediction can be trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cache.files import write_whole
from consistency.zoo.records import MERGED
from training.evaluation.measures.fits import FITTED_ERROR, expected_column
from training.evaluation.measures.judgement import (
    ALL,
    CONFIDENCES,
    EXPECTED,
    PAPER,
    WEIGHTED,
    Change,
    Judgement,
    shares_trunk,
)
from training.evaluation.measures.run import MILD, TEST
from training.evaluation.real_items import GROUPS
from training.evaluation.tables import plain, signed, table, title

START, END = "<!-- measures: {} -->", "<!-- end of measures: {} -->"
"""Marks around the section of one zoo."""
ERROR_TITLES = {
    "angle_degrees": "mean angle",
    "absrel": "AbsRel",
    "absrel_scaled": "AbsRel scaled",
    FITTED_ERROR: "L1",
}
DIGITS = {"angle_degrees": 2}


def measures_text(found: Judgement) -> str:
    """The whole section of a zoo."""
    parts = [
        f"## Confidence: zoo `{found.zoo.name}`",
        f"Written by `python -m training measures`. Fitted on validation rooms, judged on {found.n_frames} frames of test rooms; "
        "intervals are bootstraps over rooms.",
        told_text(found),
        expected_text(found),
        merged_text(found),
        ranking_text(found),
        *(f"- {problem}" for problem in found.problems),
    ]
    return "\n\n".join(part for part in parts if part)


def told_text(found: Judgement) -> str:
    """Which energy tells the error."""
    rows = []
    pairs = dict.fromkeys((target, method) for target, method, _ in found.told if method != MERGED)
    for target, method in pairs:
        by = {confidence: found.told.get((target, method, confidence)) for confidence in CONFIDENCES}
        cells = [f"{title(target)}", method]
        for name in ("spearman", "pearson", "gain", "ause"):
            cells.append(" → ".join(plain(getattr(one, name), 2) for one in (by[PAPER], by[WEIGHTED]) if one))
        cells.append(" → ".join(plain(one.pixel_spearman, 2) for one in (by[PAPER], by[WEIGHTED]) if one))
        own = by[EXPECTED]
        cells.append(f"{plain(own.spearman, 2)}, {plain(own.ause, 2)}" if own else "–")
        rows.append(cells)
    header = ["target", "method", "ρ", "r", "gain", "AUSE", "ρ, pixels", "expected error: ρ, AUSE"]
    text = (
        "### Which energy tells the error?\n\nThe paper's energy → the weighted one, against L1; the expected error against the error "
        "that it expects. AUSE: area between the sparsification curve and the oracle's, over the mean error.\n\n"
        + table(header, rows)
    )
    weights = [
        [
            title(target),
            ", ".join(
                f"{path} {plain(weight, 2)}"
                for path, weight in zip(row.all_paths, row.all_weights, strict=True)
                if weight
            ),
        ]
        for target, row in found.zoo.energies.items()
        if row.weights
    ]
    text += "\n\n" + table(["target", "weights of the standardised terms"], weights)
    groups = list(dict.fromkeys(name for sets in found.auc.values() for name in sets))
    if not groups:
        return text
    auc_rows = []
    for target, method in dict.fromkeys((target, method) for target, method, _ in found.auc):
        name = target if target == ALL else title(target)
        keys = [(target, method, weighting) for weighting in (PAPER, WEIGHTED)]
        sets = [found.auc[key] for key in keys if key in found.auc]
        auc_rows.append([name, method, *(" → ".join(plain(one[group], 2) for one in sets) for group in groups)])
    missing = ", ".join(group for group in GROUPS if group not in groups)
    note = f" Not measured: {missing}." if missing else ""
    return f"{text}\n\nROC-AUC against test rooms.{note}\n\n" + table(["target", "method", *groups], auc_rows)


def expected_text(found: Judgement) -> str:
    """Coverage of the expected errors."""
    if not found.covered[TEST]:
        return ""
    rows = []
    for (target, method), test in found.covered[TEST].items():
        stated = found.zoo.expected[target, method]
        under = [found.covered[name].get((target, method)) for name in found.covered if name != TEST]
        rows.append(
            [
                title(target),
                method,
                ERROR_TITLES[stated.error],
                f"× ÷ {plain(stated.factor or np.nan, 2)}",
                f"{plain(test.share, 2)} [{plain(test.low, 2)}, {plain(test.high, 2)}]",
                f"{plain(100 * test.unlike, 1)} %",
                *(f"{plain(one.share, 2)} ({100 * one.unlike:.0f} %)" if one else "–" for one in under),
            ]
        )
    shifts = "under shifts their share is in brackets" if len(found.covered) > 1 else "shifts were not measured"
    names = [f"{name} ({'mild' if name in MILD else 'strong'})" for name in found.covered if name != TEST]
    header = ["target", "method", "error", "interval", "coverage, test rooms", "flagged", *names]
    return (
        "### Expected error\n\nThe interval should cover 90 %. Frames whose energy is above that of 97.5 % of validation frames are "
        f"flagged and have no interval; {shifts}.\n\n" + table(header, rows)
    )


def merged_text(found: Judgement) -> str:
    """What merging changes."""
    if not found.merged[TEST]:
        return ""
    rows = []
    for (target, error), test in found.merged[TEST].items():
        digits = DIGITS.get(error, 4)
        rows.append(
            [
                title(target),
                ERROR_TITLES[error],
                plain(test.before, digits),
                plain(test.after, digits),
                change_text(test),
                f"{100 * test.better_share:.0f} %",
                *(change_text(seen[target, error]) for name, seen in found.merged.items() if name != TEST),
            ]
        )
    recipes = [
        [
            title(target),
            recipe.of,
            ", ".join(
                [f"{path} {plain(weight, 3)}" for path, weight in zip(recipe.paths, recipe.weights, strict=True)]
                + [f"mirrored {plain(recipe.mirror, 3)}"]
            ),
        ]
        for target, recipe in found.zoo.merges.items()
    ]
    header = ["target", "error", "before", "merged", "change, %", "frames with less"]
    header += [name for name in found.merged if name != TEST]
    return (
        "### Merging\n\n`merged` is the weighted mean of the direct prediction, that of the mirrored image, and the paths. It has no "
        f"energy: one that contains the paths would be low by construction. Measured on {found.n_frames_merged} test frames, one per "
        "room.\n\n" + table(["target", "of", "weights"], recipes) + "\n\n" + table(header, rows)
    )


def change_text(found: Change) -> str:
    """`−4.5 [−4.9, −3.9]`."""
    return f"{signed(found.percent, 1)} [{signed(found.low, 1)}, {signed(found.high, 1)}]"


def ranking_text(found: Judgement) -> str:
    """Whether a confidence ranks methods."""
    if not found.rankings:
        return ""
    rows = []
    for target, a, b in dict.fromkeys((target, a, b) for target, a, b, _ in found.rankings):
        cells = []
        for confidence in CONFIDENCES:
            one = found.rankings.get((target, a, b, confidence))
            if one is None:
                cells.append("–")
                continue
            verdict = "ranks" if one.is_above_chance else "does not rank"
            cells.append(f"{plain(one.share, 2)} [{plain(one.low, 2)}, {plain(one.high, 2)}], {verdict}")
        trunk = ", ".join(method for method in (a, b) if shares_trunk(found.zoo, method))
        rows.append([title(target), f"{a}, {b}", ERROR_TITLES[expected_column(target)], *cells, trunk or "–"])
    header = ["target", "methods", "error", *CONFIDENCES, "shares a trunk"]
    return (
        "### Ranking methods\n\nHow often the method with the lower confidence value has the lower error in the same frame. It ranks two "
        "methods where the interval is above one half and the means over frames agree. A method that shares a trunk predicts all "
        "targets with one network, so its paths agree whatever it predicts.\n\n" + table(header, rows)
    )


def write_section(page: Path, zoo: str, text: str) -> None:
    """Put the section of a zoo into the page, in place of an earlier one, or at its end."""
    before = page.read_text(encoding="utf-8") if page.exists() else "# Results\n"
    start, end = START.format(zoo), END.format(zoo)
    section = f"{start}\n\n{text}\n\n{end}"
    if start in before and end in before:
        head, _, rest = before.partition(start)
        _, _, tail = rest.partition(end)
        write_whole(page, [f"{head}{section}{tail}".encode()])
    else:
        write_whole(page, [f"{before.rstrip()}\n\n{section}\n".encode()])
