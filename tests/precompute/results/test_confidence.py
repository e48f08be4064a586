"""Laws of confidences computed elsewhere: they belong to a prediction, order its errors as stated, and bad ones leave nothing behind."""

# N = 3 frames, 24 x 16 pixels

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from analysis.columns import Columns
from analysis.evaluation.confidences import confidence_plot
from cache.store import Store
from dashboard.catalogue import Catalogue
from dashboard.compare.believe import believed
from dashboard.compare.comparison import compare
from dashboard.configuration import Configuration
from precompute.cli.app import app
from precompute.failures import SourceError
from precompute.results.add import Added, Wanted
from precompute.results.confidence import CONFIDENCE, High, add_confidence, confidence_conversion
from precompute.results.meaning.asked import Stated
from precompute.results.reading import Reader
from precompute.results.truth import Truth
from tests.precompute.results.conftest import HEIGHT, N_FRAMES, WIDTH, add, depths, input_of

ERRORS = np.array([0.3, 0.1, 0.2], np.float32)
"""Relative error of each frame of the prediction."""


@pytest.fixture
def judged(store: Store, tmp_path: Path, reader: Reader) -> Store:
    """The clip with its true depth and a prediction that is wrong by ERRORS."""
    np.save(tmp_path / "truth.npy", depths())
    add(store, tmp_path / "truth.npy", reader, "truth", unit="m", bits=16)
    np.save(tmp_path / "mine.npy", depths() * (1 + ERRORS[:, None, None]))
    add(store, tmp_path / "mine.npy", reader, unit="m", bits=16)
    return store


def maps() -> np.ndarray:
    """Confidences that are the lower the higher the error, float32 (N, H, W), with one pixel that no method is sure of."""
    found = np.broadcast_to(5 - 10 * ERRORS[:, None, None], (N_FRAMES, HEIGHT, WIDTH)).astype(np.float32)
    found = found + np.linspace(0, 0.1, WIDTH, dtype=np.float32)
    found[:, 0, 0] = np.nan
    return found


def add_maps(
    store: Store,
    values: np.ndarray,
    reader: Reader,
    path: Path,
    high: High = "sure",
    method: str = "mine",
    of: str = "depth",
) -> Added:
    np.save(path, values)
    stated = Stated(CONFIDENCE, unknown=("nan",))
    wanted = Wanted(path, method, confidence_conversion(stated))
    return add_confidence(store, input_of(store), wanted, of, high, reader=reader)


@pytest.mark.parametrize(("high", "sign"), [("sure", 1), ("unsure", -1)])
def test_a_stated_confidence_orders_the_errors_whatever_high_values_mean(
    judged: Store, tmp_path: Path, reader: Reader, high: High, sign: int
):
    track = add_maps(judged, sign * maps(), reader, tmp_path / "conf.npy", high).track
    unsure = judged.column(track, CONFIDENCE)
    assert np.array_equal(np.argsort(unsure), np.argsort(ERRORS)), "the less sure, the higher"
    columns, catalogue = Columns(judged), Catalogue(judged.tracks())
    prediction = catalogue.prediction(catalogue.clips[0].key, Configuration("results", "mine", "rgb-depth"))
    assert prediction is not None and catalogue.confidences_of(prediction) == (track,)
    plot = confidence_plot(columns, [track], prediction, "absrel")
    assert plot.confidences[0].curve.ause == pytest.approx(0, abs=1e-6)


def test_the_maps_are_stored_to_a_step_and_unknown_pixels_stay_unknown(judged: Store, tmp_path: Path, reader: Reader):
    track = add_maps(judged, maps(), reader, tmp_path / "conf.npy").track
    domain = track.head.domain
    for at in range(N_FRAMES):
        read = Truth(judged, track).values(at)
        found = np.where(read > domain["lo"] + (domain["hi"] - domain["lo"]) * 254.5 / 255, np.nan, read)
        assert np.isnan(found[0, 0])
        assert np.nanmax(np.abs(found - maps()[at])) <= (domain["hi"] - domain["lo"]) / 255


def test_the_page_plots_it_and_offers_its_pictures(judged: Store, tmp_path: Path, reader: Reader):
    track = add_maps(judged, maps(), reader, tmp_path / "conf.npy").track
    catalogue = Catalogue(judged.tracks())
    lineup = [Configuration("results", "mine", "rgb-depth")]
    view = compare(catalogue, catalogue.clips[0], "depth", None, lineup)
    (plot,) = [plot for plot in view.plots if plot.id == "stated"]
    assert (plot.title, plot.curves[0].letter) == ("Stated confidence, below its highest", "A")
    assert view.confidences == {"A": track}
    (panel,) = believed(Columns(judged), catalogue, view, [])["plots"]
    assert [curve["id"] for curve in panel["curves"]] == ["confidence"]


def test_a_confidence_of_nothing_and_one_that_orders_nothing_are_refused(judged: Store, tmp_path: Path, reader: Reader):
    n_tracks = len(judged.tracks())
    for values, method, of in (
        (maps(), "another", "depth"),
        (maps(), "mine", "normal"),
        (np.ones((N_FRAMES, HEIGHT, WIDTH), np.float32), "mine", "depth"),
        (np.full((N_FRAMES, HEIGHT, WIDTH), np.nan, np.float32), "mine", "depth"),
        (np.full((N_FRAMES, HEIGHT, WIDTH), np.inf, np.float32), "mine", "depth"),
        (maps()[:2], "mine", "depth"),
        (maps()[:, :8], "mine", "depth"),
    ):
        with pytest.raises(SourceError):
            add_maps(judged, values, reader, tmp_path / "bad.npy", method=method, of=of)
    with pytest.raises(SourceError, match="no format, unit"):
        confidence_conversion(Stated(CONFIDENCE, unit="m"))
    assert len(judged.tracks()) == n_tracks, "nothing is half added"


def test_the_command_adds_it_once(judged: Store, tmp_path: Path):
    np.save(tmp_path / "conf.npy", maps())
    words = [
        "results",
        "add",
        str(tmp_path / "conf.npy"),
        "--clip",
        "Counting",
        "--as",
        "mine",
        "--domain",
        "confidence",
    ]
    words += ["--unknown", "nan", "--store", str(judged.root)]
    first, again = (CliRunner().invoke(app, words) for _ in range(2))
    assert first.exit_code == 0 and "3 frames of confidence (depth) stored" in " ".join(first.output.split())
    assert again.exit_code == 0 and "already stored" in " ".join(again.output.split())
