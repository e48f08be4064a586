"""The table of an overview as a file: CSV for spreadsheets, Parquet in full precision."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence

from dashboard.compare.expected import MEASURES
from dashboard.csv_file import Value, to_csv
from dashboard.overview.ranking import Ranking
from dashboard.overview.table import Cell, Table


def columns_of(table: Table, ranking: Ranking) -> Mapping[str, Sequence[Value]]:
    """Title with unit -> one value for each cell; None where it is not known."""
    error = _with_unit(table.error_title, table.error_unit) if table.error_title else ""
    kinds = sorted({cell.expected.error for cell in table.cells if cell.expected and cell.expected.error in MEASURES})
    change_units = sorted({cell.stability.unit for cell in table.cells if cell.stability})
    places = {row.configuration: (row.first_place, row.last_place) for row in ranking.rows}
    found: dict[str, list[Value]] = {
        "clip": [table.clip_labels[cell.clip.key] for cell in table.cells],
        "clip key": [cell.clip.key for cell in table.cells],
        "target": [table.target for _ in table.cells],
        "configuration": [cell.configuration.full_spelling for cell in table.cells],
        "frames": [cell.prediction.n_frames for cell in table.cells],
        "bytes": [cell.prediction.bytes for cell in table.cells],
        "complete": [int(not cell.is_growing) for cell in table.cells],
    }

    def add(title: str, values: Sequence[float]) -> None:
        found[title] = [value if math.isfinite(value) else None for value in values]

    if error:
        add(error, [cell.error.mean if cell.error else math.nan for cell in table.cells])
        add(f"{error}, noise floor", [cell.error.floor if cell.error else math.nan for cell in table.cells])
        found[f"{error}, worst frame"] = [cell.error.worst_frame if cell.error else None for cell in table.cells]
    for kind in kinds:
        title = _with_unit(f"expected {MEASURES[kind][0]}, median frame", MEASURES[kind][1])
        for name, ending in (("median", ""), ("low", ", from"), ("high", ", to")):
            add(f"{title}{ending}", [_expected(cell, kind, name) for cell in table.cells])
    add("energy (σ)", [cell.sigma.mean if cell.sigma else math.nan for cell in table.cells])
    add("energy (σ), noise floor", [cell.sigma.floor if cell.sigma else math.nan for cell in table.cells])
    found["energy, worst frame"] = [cell.sigma.worst_frame if cell.sigma else None for cell in table.cells]
    for unit in change_units:
        values = [c.stability.mean if c.stability and c.stability.unit == unit else math.nan for c in table.cells]
        add(_with_unit("change over time", unit), values)
    add("share of frames outside calibration", [cell.outside for cell in table.cells])
    add("calibration ends at (σ)", [cell.limit for cell in table.cells])
    found["place from"] = [places.get(cell.configuration, (None, None))[0] for cell in table.cells]
    found["place to"] = [places.get(cell.configuration, (None, None))[1] for cell in table.cells]
    return found


def overview_csv(table: Table, ranking: Ranking) -> bytes:
    """The columns with their titles as the first row."""
    columns = columns_of(table, ranking)
    return to_csv(list(columns), zip(*columns.values(), strict=True))


def overview_parquet(table: Table, ranking: Ranking) -> bytes:
    import pyarrow as pa  # comes with streamlit; its tenth of a second is for this file alone
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(
        pa.table({name: list(values) for name, values in columns_of(table, ranking).items()}), file, compression="zstd"
    )
    return file.getvalue()


def _expected(cell: Cell, kind: str, name: str) -> float:
    return getattr(cell.expected, name) if cell.expected and cell.expected.error == kind else math.nan


def _with_unit(title: str, unit: str) -> str:
    return f"{title} ({unit})" if unit else title
