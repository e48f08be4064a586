"""The frame that decides between two configurations on a clip, and the link that opens Compare there."""

# N frames

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from analysis.columns import Columns
from analysis.energy import Unreadable
from analysis.summaries.record import Summary
from cache.records import BadRecord
from cache.store import Store
from dashboard.configuration import Configuration
from dashboard.overview.ranking import Ranking
from dashboard.overview.table import Cell, Table
from dashboard.selection.link import Selection, to_query

DIFFERENCE = {"panes": "difference"}


def rival_of(table: Table, ranking: Ranking, cell: Cell) -> Cell | None:
    """What a cell is compared with: the first of the ranking, else of the menus, that the clip has, and that is another one."""
    order = (*(row.configuration for row in ranking.rows), *table.configurations)
    of_clip = {other.configuration: other for other in table.cells if other.clip.key == cell.clip.key}
    return next((of_clip[c] for c in order if c != cell.configuration and c in of_clip), None)


def link_of(
    store: Store, columns: Columns, table: Table, cell: Cell, rival: Cell | None, unlisted: bool
) -> dict[str, str]:
    """The query of Compare for two cells of a clip, at the frame where they differ most."""
    lineup: Sequence[Configuration] = [one.configuration for one in (cell, rival) if one]
    frame = deciding_frame(store, columns, table, cell, rival)
    state = DIFFERENCE if rival and frame is not None else {}
    selection = Selection(
        cell.clip, table.target, None, tuple(lineup), frame=frame, view_state=state, is_unlisted=unlisted
    )
    return to_query(selection)


def deciding_frame(store: Store, columns: Columns, table: Table, cell: Cell, rival: Cell | None) -> int | None:
    """Where their true errors differ most, else their energies on one scale; of one alone, its worst frame. None: not known."""
    if rival is not None:
        pairs = [(cell.prediction, rival.prediction, table.error_column)] if cell.error and rival.error else []
        if cell.energy and rival.energy and cell.energy.scale == rival.energy.scale:
            pairs.append((cell.energy, rival.energy, "terms"))
        for one, other, column in pairs:
            gap = _gap(store, columns, one, other, column)
            if np.isfinite(gap).any():
                return int(np.nanargmax(np.abs(gap)))
    for measure in (cell.error, cell.sigma):
        if measure and measure.worst_frame >= 0:
            return measure.worst_frame
    return None


def _gap(store: Store, columns: Columns, one: Summary, other: Summary, column: str) -> np.ndarray:
    """The difference of each frame that both have, float64 (N,); empty where one cannot be read."""
    with suppress(BadRecord, OSError, Unreadable):
        tracks = [store.get(summary.key) for summary in (one, other)]
        if all(tracks):
            a, b = (columns.series(track, column, "standardised") for track in tracks if track)
            n_frames = min(len(a), len(b))
            return a[:n_frames] - b[:n_frames]
    return np.zeros(0)
