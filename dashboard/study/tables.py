"""The Study page's tables: the same rows for the screen and for files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.evaluation.areas import STATED_COVERAGE
from analysis.evaluation.resampling import Estimate
from dashboard.configuration import Configuration
from dashboard.csv_file import Value, to_csv
from dashboard.numbers import number
from dashboard.study.figures import Correlated, Covered, Level, Ordered, Told
from dashboard.study.frames import Frames, Measure
from dashboard.study.reference import Reference
from dashboard.study.words import (
    auc_words,
    blocks,
    correlation_words,
    coverage_words,
    gain_words,
    of_group,
    of_what,
    share,
    two,
    with_ends,
)
from dashboard.text import counted, one_line

Label = Callable[[Configuration], str]


@dataclass(frozen=True)
class Table:
    """Rows of text under their headings; text from outside is on one line, and never markup."""

    name: str
    """What it is about, for those who do not see it."""
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def correlations(found: Sequence[Correlated], level: Level, label: Label) -> Table:
    """r and rho of every method."""
    rows = [
        (label(c.configuration), of_what(c.rho, level), with_ends(c.r), with_ends(c.rho), correlation_words(c.rho))
        for c in found
    ]
    return Table("Energy against error", ("Method", "n", "r", "ρ", "By ρ"), tuple(rows))


def areas_of_groups(found: Sequence[Told], label: Label) -> Table:
    """AUC of every method."""
    rows = [
        (
            label(t.configuration),
            of_group(t.units[0]),
            of_group(t.units[1]),
            with_ends(t.auc),
            auc_words(t.auc),
        )
        for t in found
    ]
    return Table("Groups of clips", ("Method", "n of A", "n of B", "AUC", "By AUC"), tuple(rows))


def orders(found: Sequence[Ordered], measure: Measure) -> Table:
    """AUSE and AURG of every confidence."""
    kept = f"Error at {100 * STATED_COVERAGE:.0f} %"
    rows = [
        (
            one.name,
            of_what(one.ause),
            with_ends(one.ause, 3),
            with_ends(one.aurg, 3),
            number(one.risk_at_stated_coverage, measure.unit),
            "the same in every frame" if one.is_constant else gain_words(one.aurg),
        )
        for one in found
    ]
    return Table("Confidences", ("Confidence", "n", "AUSE", "AURG", kept, "By AURG"), tuple(rows))


def coverages(found: Sequence[Covered], label: Label) -> Table:
    """Stated and found coverage of every method."""
    rows = []
    for one in found:
        stated, units = one.found.stated, one.found.units
        ends = f" [{share(stated.low)}, {share(stated.high)}]" if np.isfinite(stated.low) else ""
        n_units = counted(units.n, "clip") if units.kind == "clips" else blocks(units.n)
        rows.append(
            (
                label(one.configuration),
                f"{counted(one.found.n_frames, 'frame')}, {n_units}",
                share(stated.stated),
                f"{share(stated.share)}{ends}",
                coverage_words(stated.share, stated.low, stated.high, stated.stated),
                str(one.found.n_unlike),
            )
        )
    headings = ("Method", "n", "Stated", "Found", "By its interval", "Left out")
    return Table("Coverage of the expected error", headings, tuple(rows))


def trusts(found: Sequence[Reference]) -> Table:
    """What the bundled zoos state of their energies."""
    rows = [
        (
            f"{one.zoo}/{one.method}",
            counted(one.trust.n_frames, "frame"),
            "\N{EN DASH}" if one.trust.pearson is None else two(one.trust.pearson),
            two(one.trust.spearman),
            ", ".join(f"{name} {value:.2f}" for name, value in one.trust.auc.items()) or "\N{EN DASH}",
            one.origin,
        )
        for one in found
    ]
    headings = ("Method", "n (test rooms)", "r", "ρ", "AUC against test rooms", "From")
    return Table("Bundled zoos", headings, tuple(rows))


# Files


def points_csv(frames: Frames) -> bytes:
    """Energy and error of every frame of every method, as numbers."""
    error = f"{frames.measure.column} ({frames.measure.unit})" if frames.measure else "error"
    head = ["method", "clip", "clip_title", "frame", "energy (sigma)", error]
    rows = (
        (
            sample.configuration.full_spelling,
            sample.clip.key,
            one_line(sample.clip.title),
            frame,
            _cell(sample.energy[frame]),
            _cell(sample.error[frame]),
        )
        for sample in frames.samples
        for frame in range(sample.n_frames)
        if np.isfinite(sample.energy[frame]) or np.isfinite(sample.error[frame])
    )
    return to_csv(head, rows)


def statistics_csv(
    correlated: Sequence[Correlated],
    level: Level,
    told: Sequence[Told],
    ordered: Sequence[tuple[Configuration, Sequence[Ordered]]],
    covered: Sequence[Covered],
) -> bytes:
    """Every statistic of the page with its interval, n and what the interval is over."""
    rows: list[Sequence[Value]] = []

    def add(what: str, of: str, level: str, found: Estimate) -> None:
        ends = _cell(found.low), _cell(found.high)
        counts = found.n_frames, found.n_clips, found.kind, found.n_units
        rows.append((what, of, level, _cell(found.value), *ends, *counts))

    for one in correlated:
        add("pearson r", one.configuration.full_spelling, level, one.r)
        add("spearman rho", one.configuration.full_spelling, level, one.rho)
    for one in told:
        add("auc", one.configuration.full_spelling, "frames", one.auc)
    for configuration, confidences in ordered:
        for one in confidences:
            add("ause", f"{configuration.full_spelling}, {one.name}", "frames", one.ause)
            add("aurg", f"{configuration.full_spelling}, {one.name}", "frames", one.aurg)
    for one in covered:
        for level_found in one.found.levels:
            what = f"coverage, stated {level_found.stated:g}"
            ends = _cell(level_found.low), _cell(level_found.high)
            units = one.found.units
            counts = one.found.n_frames, len(units.lengths), units.kind, units.n
            rows.append((what, one.configuration.full_spelling, "frames", _cell(level_found.share), *ends, *counts))
    head = ["statistic", "of", "over", "value", "low_95", "high_95", "n_frames", "n_clips", "units", "n_units"]
    return to_csv(head, rows)


def _cell(value: float) -> str:
    return f"{value:.6g}" if np.isfinite(value) else ""
