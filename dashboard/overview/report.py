"""The trust report: what was compared, on what, who is first, the worst frames, how far the energy can be trusted, and how to
compute it again. One page to send."""

from __future__ import annotations

from datetime import UTC, datetime

from cache.store import Store
from cache.version import VERSION
from dashboard.commands import command_for
from dashboard.configuration import Configuration
from dashboard.numbers import number
from dashboard.overview.blocks import Block, Commands, Grid, Heading, Pictures, Words
from dashboard.overview.pictures import pictures
from dashboard.overview.ranking import Ranking
from dashboard.overview.table import Cell, Table
from dashboard.overview.words import (
    NO_ENERGY,
    against_first,
    basis,
    headline,
    interval,
    notes,
    place,
    share,
    trust_facts,
)
from dashboard.text import counted, one_line

MAX_WORST = 4
MAX_LISTED = 40
"""Clips and commands that are listed one by one."""


def title_of(table: Table) -> str:
    return f"Trust report: {table.title}"


def report(store: Store, table: Table, ranking: Ranking, n_unread: int = 0) -> list[Block]:
    """The blocks of the report."""
    n_frames = sum(clip.n_frames for clip in table.clips)
    about = (
        f"{counted(len(table.configurations), 'configuration')} on {counted(len(table.clips), 'clip')} "
        f"({counted(n_frames, 'frame')}), by Crosscheck {VERSION}; written on {datetime.now(UTC):%Y-%m-%d}."
    )
    blocks: list[Block] = [Words((about,)), Words((headline(table, ranking),)), Words((basis(table, ranking),))]
    if ranking.rows:
        blocks += [Heading("Ranking"), _ranking(table, ranking)]
    left = notes(table, ranking, n_unread)
    blocks += [Words(tuple(left))] if left else []
    blocks += [Heading("Worst frames"), *_worst(store, table)]
    blocks += [Heading("How far the energy can be trusted"), Words((NO_ENERGY,))]
    if facts := trust_facts(table):
        blocks.append(Words(tuple(facts)))
    blocks += [Heading("Clips"), _clips(table), Heading("To compute it again"), *_commands(table)]
    return blocks


def _ranking(table: Table, ranking: Ranking) -> Grid:
    title = ranking.title[:1].upper() + ranking.title[1:]
    head = ("Configuration", "Place", f"{title} (95 % interval)", "Against the first", "Frames outside calibration")
    rows = []
    for row in ranking.rows:
        cells = list(table.by_configuration[row.configuration].values())
        outside = [cell.outside for cell in cells if cell.outside == cell.outside]
        rows.append(
            (
                table.labels[row.configuration],
                place(row),
                interval(row.mean, row.low, row.high, ranking.unit),
                against_first(table, ranking, row),
                share(sum(outside) / len(outside) if outside else float("nan")),
            )
        )
    return Grid("ranking", head, tuple(rows))


def _worst(store: Store, table: Table) -> list[Block]:
    """The frames of the highest true error, of different clips; without truth, of the highest energy within each method."""
    by_error = sorted((c for c in table.cells if c.error), key=lambda c: -c.error.worst if c.error else 0)
    by_energy = sorted((c for c in table.cells if c.sigma), key=lambda c: -c.sigma.worst if c.sigma else 0)
    chosen: dict[str, Cell] = {}
    for cell in by_error or by_energy:
        if len(chosen) < MAX_WORST:
            chosen.setdefault(cell.clip.key, cell)
    if not chosen:
        return [Words(("Neither errors nor energies are known.",))]
    what = "highest true error" if by_error else "highest energy: where the paths of a method disagree most"
    blocks: list[Block] = [Words((f"The frame of the {what}, of each of {counted(len(chosen), 'clip')}.",))]
    return blocks + [_frame(store, table, cell) for cell in chosen.values()]


def _frame(store: Store, table: Table, cell: Cell) -> Pictures:
    measure = cell.error or cell.sigma
    assert measure is not None
    frame = measure.worst_frame
    value = number(measure.worst, table.error_unit if cell.error else "σ")
    heads = [track.head for track in reversed(store.listed_tracks(store.listing(), cell.clip.key))]
    others = {(head.kind, head.path): head.key for head in heads if not head.method}
    label = table.labels[cell.configuration]
    wanted = [
        ("Input", others.get(("input", "rgb"))),
        ("Ground truth", others.get(("truth", table.target))),
        (label, cell.prediction.key),
        (f"Energy of {label}", cell.energy.key if cell.energy else None),
    ]
    found = pictures(store, [(caption, key) for caption, key in wanted if key], frame)
    kind = "error" if cell.error else "energy"
    return Pictures(f"{table.clip_labels[cell.clip.key]}, frame {frame}: {kind} of {label} {value}", found)


def _clips(table: Table) -> Grid:
    rows = []
    for clip in table.clips[:MAX_LISTED]:
        credit = " · ".join(one_line(text, 200) for text in (clip.author, clip.licence, clip.url) if text)
        size = f"{counted(clip.n_frames, 'frame')}, {clip.width}×{clip.height}"
        rows.append((table.clip_labels[clip.key], size, clip.source_sha256[:16], credit))
    if len(table.clips) > MAX_LISTED:
        rows.append((f"and {counted(len(table.clips) - MAX_LISTED, 'clip')} more", "", "", ""))
    return Grid("clips", ("Clip", "Frames", "SHA-256 of the source begins", "Credit"), tuple(rows))


def _commands(table: Table) -> list[Block]:
    """One command for each clip, zoo and path; SOURCE stands for a file of one's own, which no report knows."""
    lines: dict[str, None] = {}
    for cell in table.cells:
        c = cell.configuration
        lines[command_for(cell.clip, Configuration(c.zoo, "*", c.path))] = None
    listed = list(lines)[:MAX_LISTED]
    blocks: list[Block] = [Commands(tuple(listed))]
    if any(" SOURCE" in line for line in listed):
        blocks.append(Words(("SOURCE stands for each of the files whose SHA-256 is listed above.",)))
    if len(lines) > MAX_LISTED:
        blocks.append(Words((f"The commands of {counted(len(lines) - MAX_LISTED, 'more clip')} are alike.",)))
    return blocks
