"""What an overview says in words: who is first, who cannot be told apart from it, over what, and what is not known. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from analysis.summaries.standings import LEAST_UNITS
from dashboard.compare.card.trust_words import UNUSUAL_SHARE, follows, told_apart
from dashboard.numbers import SPACE, correlation, number, percent
from dashboard.overview.ranking import Ranking, Row, agreement_over_clips
from dashboard.overview.table import Table
from dashboard.text import counted

NO_ENERGY = (
    "Energy ranks nothing here. It tells frames and clips of one method apart; between methods it misleads, as networks that share "
    "a trunk agree with each other whatever they predict, and a merged prediction agrees with the paths that it is made from."
)
NOT_TOLD_APART = "cannot be told apart"
LEAST_FOR_AGREEMENT = 8
"""Clips below which a correlation over clips is left unsaid."""


def headline(table: Table, ranking: Ranking) -> str:
    """The one sentence to take away."""
    if not ranking.rows:
        return "Not ranked: neither the true error nor the expected error is known on these clips."
    first, *others = ranking.rows
    name = table.labels[first.configuration]
    what = ranking.title[:1].lower() + ranking.title[1:]
    if not others:
        return (
            f"Only {name} is known on these clips: {what} {interval(first.mean, first.low, first.high, ranking.unit)}."
        )
    if all(row.is_equal for row in others):
        return f"{_listed([name, *(table.labels[row.configuration] for row in others)])} are equal on every clip: they {NOT_TOLD_APART}."
    near = [table.labels[row.configuration] for row in others if not _is_apart(row)]
    value = interval(first.mean, first.low, first.high, ranking.unit)
    if len(near) == len(others):
        who = "Both configurations" if len(others) == 1 else f"All {len(ranking.rows)} configurations"
        return f"{who} {NOT_TOLD_APART} by {what}; the lowest mean is that of {name}, {value}."
    text = f"{name} has the lowest {what}, {value}"
    return f"{text}; {_listed(near)} {NOT_TOLD_APART} from it." if near else f"{text}."


def basis(table: Table, ranking: Ranking) -> str:
    """What the ranking is about and what its intervals cover."""
    if ranking.basis == "none":
        return (
            "A true error needs ground truth beside the clip; an expected error needs a zoo that states one "
            "(python -m precompute zoo calibrate)."
        )
    n_clips, n_all = len(ranking.clips), len(table.clips)
    on = counted(n_clips, "clip")
    parts = []
    if ranking.basis == "error":
        if n_clips < n_all:
            on = f"{n_clips} of {counted(n_all, 'clip')}: the others lack ground truth or one of the configurations"
        parts.append(f"Ranked by true error, on {on}.")
    else:
        parts.append(
            f"No ground truth is stored for these clips. Ordered by expected error, on {on}: what the disagreement of a method's own "
            "paths said of its error on the rooms of its calibration. Its uncertainty is in the intervals; an error that a method "
            "makes along all its paths is not."
        )
    if ranking.over == "clips":
        units = counted(ranking.n_units, "clip")
        same = "" if ranking.n_units == n_clips else " (those of one source count as one)"
        parts.append(f"95{SPACE}% intervals: a bootstrap over {units}{same}.")
    elif ranking.has_intervals:
        within = "that clip" if n_clips == 1 else "those clips"
        few = f"fewer than {LEAST_UNITS} clips" if n_clips > 1 else "one clip"
        parts.append(
            f"95{SPACE}% intervals: a bootstrap over blocks of frames within {within}. With {few} they say nothing of other clips."
        )
    else:
        parts.append("One or two frames do not say how much errors vary: no interval, so nothing can be told apart.")
    return " ".join(parts)


def against_first(table: Table, ranking: Ranking, row: Row) -> str:
    """How a configuration stands against the first."""
    first = ranking.rows[0]
    if row is first:
        return "lowest mean" if len(ranking.rows) > 1 else ""
    name = table.labels[first.configuration]
    if row.is_equal:
        return f"equal to {name} on every clip: {NOT_TOLD_APART}"
    gap = f"{number(row.gap, ranking.unit)} higher"
    if math.isfinite(row.gap_low) and math.isfinite(row.gap_high):
        gap += f" ({number(row.gap_low, ranking.unit)} to {number(row.gap_high, ranking.unit)})"
    return gap if _is_apart(row) else f"{NOT_TOLD_APART} from {name}: {gap}"


def place(row: Row) -> str:
    """`1` or `2–3`: the places that it may have."""
    return (
        str(row.first_place) if row.first_place == row.last_place else f"{row.first_place}\N{EN DASH}{row.last_place}"
    )


def interval(mean: float, low: float, high: float, unit: str) -> str:
    """`11.8° (8.1° to 15.6°)`; the mean alone where its interval is not known. No error is below 0, but a gap may be."""
    text = number(mean, unit)
    if not (math.isfinite(low) and math.isfinite(high)):
        return text
    return f"{text} ({number(low, unit)} to {number(high, unit)})"


def trust_facts(table: Table) -> list[str]:
    """How far the energy of each configuration can be trusted: as its zoo measured, and as found on these clips."""
    found = []
    for configuration in table.configurations:
        cells = list(table.by_configuration[configuration].values())
        trust = next((cell.energy.trust for cell in cells if cell.energy and cell.energy.trust), None)
        if not any(cell.energy for cell in cells):
            continue
        name = table.labels[configuration]
        if trust is None:
            text = f"{name}: how far its energy can be trusted was not measured for this zoo"
        else:
            text = f"{name}: on {counted(trust.n_frames, 'test frame')}, {follows(trust.spearman)} ({correlation(trust.spearman)})"
            text += f"; {told_apart(trust)}" if trust.auc else ""
        rho, n_clips = agreement_over_clips(table, configuration)
        if n_clips >= LEAST_FOR_AGREEMENT and math.isfinite(rho):
            text += f". Over the {n_clips} clips with ground truth here, {follows(rho)} ({correlation(rho)})"
        share = [cell.outside for cell in cells if math.isfinite(cell.outside)]
        if share:
            n_outside = sum(one > UNUSUAL_SHARE for one in share)
            who = str(n_outside) if n_outside else "None"
            whole = f"{len(share)} clips" if len(share) > 1 else "1 clip"
            text += f". {who} of {whole} {'lies' if n_outside < 2 else 'lie'} mostly outside its calibration"
        found.append(f"{text}.")
    return found


def notes(table: Table, ranking: Ranking, n_unread: int) -> list[str]:
    """What is left out, growing or not read yet, a sentence each."""
    found = []
    if n_unread:
        found.append(
            f"The numbers of {counted(n_unread, 'track')} are still being read from the store; they appear here as they come. "
            "Jobs write them down for the next visit."
        )
    if table.n_shifted:
        found.append(
            f"{counted(table.n_shifted, 'shifted version')} of these clips {'is' if table.n_shifted == 1 else 'are'} left out: "
            "they ask another question."
        )
    for configuration, n_clips in ranking.left_out:
        found.append(
            f"{table.labels[configuration]} is not ranked: its error is known on {counted(n_clips, 'clip')} only, too few in common "
            "with the others."
        )
    growing = [cell for cell in table.cells if cell.is_growing]
    if growing:
        found.append(
            f"{counted(len(growing), 'prediction')} {'is' if len(growing) == 1 else 'are'} still being computed; their numbers appear "
            "once they are whole."
        )
    if len(table.configurations) == 1:
        found.append("Only one configuration is stored: there is nothing to rank it against.")
    if table.problems:
        found.append(
            f"{counted(len(table.problems), 'track')} cannot be read: {table.problems[0]} To see which: python -m precompute verify"
        )
    return found


def share(value: float) -> str:
    """A share in percent; a dash if unknown."""
    return percent(round(1000 * value), 1000) if math.isfinite(value) else "\N{EN DASH}"


def _is_apart(row: Row) -> bool:
    """Whether the interval of its gap to the first leaves out 0."""
    return math.isfinite(row.gap_low) and row.gap_low > 0


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
