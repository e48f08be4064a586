"""Laws of exported numbers: the file of a link holds what its page plots, and no link makes it fail."""

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.columns import Columns
from cache.store import Store
from dashboard.server.exports import series_parquet
from tests.fixtures.stores import build_store

N_FRAMES = 7


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return build_store(tmp_path_factory.mktemp("store"), n_frames=N_FRAMES, frames_per_pack=3)


def table_of(store: Store, **params: str):
    data = series_parquet(store, Columns(store), params)
    assert data is not None
    return pq.read_table(io.BytesIO(data))


def test_the_file_holds_every_plotted_curve_in_full_precision(store: Store) -> None:
    table = table_of(store, readout="reshading")
    assert table.column_names == [
        "frame",
        "time (s)",
        "Consistency energy, A mini/baseline (σ)",
        "Consistency energy, B mini/consistency (σ)",
        "Readout disagreement, A mini/baseline (code)",
        "Readout disagreement, B mini/consistency (code)",
        "Surface normals: mean angular error, A mini/baseline (°)",
        "Surface normals: mean angular error, B mini/consistency (°)",
        "Reshading: mean absolute error, A mini/baseline (code)",
        "Reshading: mean absolute error, B mini/consistency (code)",
    ]
    assert table["frame"].to_pylist() == list(range(N_FRAMES))
    assert np.allclose(table["time (s)"], np.arange(N_FRAMES) / 30)
    (energy,) = (track for track in store.tracks(kind="energy") if track.head.method == "baseline")
    expected = Columns(store).series(energy, "terms", "standardised")
    assert table["Consistency energy, A mini/baseline (σ)"].to_numpy().tolist() == expected.tolist()


def test_a_range_of_frames_is_that_part_of_the_whole(store: Store) -> None:
    whole, part = table_of(store), table_of(store, first="2", last="4")
    assert part.to_pylist() == whole.slice(2, 3).to_pylist()


@pytest.mark.parametrize("text", ["-1", "x", "9" * 99, "٣", "", "1e3"])
def test_a_range_that_makes_no_sense_still_gives_a_file(store: Store, text: str) -> None:
    assert 1 <= table_of(store, first=text, last=text, a="<script>").num_rows <= N_FRAMES


def test_the_file_names_its_clip_and_its_link(store: Store) -> None:
    about = {name.decode(): value.decode() for name, value in table_of(store, scale="raw").schema.metadata.items()}
    assert about["clip"] == "Counting frames" and about["licence"] == "CC0-1.0"
    assert about["link.a"] == "mini/baseline" and about["link.scale"] == "raw"


def test_an_empty_store_has_no_file(tmp_path: Path) -> None:
    empty = Store(tmp_path)
    assert series_parquet(empty, Columns(empty), {}) is None
