"""Exported series: a Parquet file with one row per frame, holding the numbers that the page of the same link plots."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np

from analysis.columns import Columns, with_expected_times
from cache.store import Store
from dashboard.catalogue import catalogue_of
from dashboard.compare.comparison import compare
from dashboard.compare.judging import judging_of
from dashboard.compare.plots import named_columns, read
from dashboard.selection.link import from_query, to_query


def series_parquet(store: Store, columns: Columns, params: Mapping[str, str]) -> bytes | None:
    """The file for the link with these parameters, in full precision; None if the store has no clip.

    The parameters `first` and `last` limit it to these frames, both included. Raises Unreadable.
    """
    import pyarrow as pa  # comes with streamlit; its tenth of a second is for this file alone
    import pyarrow.parquet as pq

    catalogue = catalogue_of(store, params)
    selection, _ = from_query(params, catalogue)
    if selection is None:
        return None
    clip = selection.clip
    comparison = compare(
        catalogue, clip, selection.target, selection.readout, selection.configurations, judging_of(selection)
    )
    charts = [read(columns, plot, selection.scale).chart for plot in comparison.plots]
    times = columns.pts_seconds(comparison.longest) if comparison.longest else []
    first, last = (_frame(params.get(name), default, clip.n_frames) for name, default in
                   (("first", 0), ("last", clip.n_frames - 1)))  # fmt: skip
    rows = slice(first, max(first, last) + 1)
    table = pa.table(
        {
            "frame": np.arange(clip.n_frames, dtype=np.int32)[rows],
            "time (s)": np.asarray(with_expected_times(times, clip.n_frames), np.float64)[rows],
            **{name: values[rows] for name, values in named_columns(charts, clip.n_frames).items()},
        }
    )
    about = {
        "clip": clip.title,
        "author": clip.author,
        "licence": clip.licence,
        "attribution": clip.attribution,
        "url": clip.url,
        **{f"link.{name}": value for name, value in to_query(selection).items()},
    }
    table = table.replace_schema_metadata({name: str(value) for name, value in about.items() if value})
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()


def _frame(text: str | None, default: int, n_frames: int) -> int:
    is_number = text is not None and text.isascii() and text.isdigit() and len(text) <= 9
    return min(int(text), max(n_frames - 1, 0)) if is_number and text else max(default, 0)
