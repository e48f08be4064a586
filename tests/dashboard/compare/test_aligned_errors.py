"""Laws of aligned errors: alignment undoes scale and shift, the plot says which one it shows, and what is not computed is said."""

# N = 3 frames, 24 x 16 pixels

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.alignment import aligned_column
from analysis.columns import Columns
from cache.records import Track
from cache.store import Store
from dashboard.catalogue import Catalogue
from dashboard.compare.card.facts import Facts
from dashboard.compare.card.measures import measures_of
from dashboard.compare.card.telling_gaps import telling_gaps
from dashboard.compare.comparison import Comparison, compare
from dashboard.compare.judging import Judging, judging_of
from dashboard.compare.plots import read
from dashboard.configuration import Configuration
from dashboard.selection.link import from_query, to_query
from dashboard.selection.menus import menus
from precompute.jobs.measures.aligned import ALIGNED, add_aligned, aligned_spec
from precompute.results.reading import Reader
from tests.fixtures.stores import add_track, make_clip
from tests.precompute.results.conftest import HEIGHT, N_FRAMES, WIDTH, add, depths

SCALE, SHIFT = 0.4, 0.9


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A true depth, `shifted`: SCALE times it and SHIFT metres, `affine`: the same, said to be relative, and another's noise."""
    folder = tmp_path_factory.mktemp("aligned")
    opened = Store(folder / "store")
    add_track(
        opened,
        make_clip("Counting frames", n_frames=N_FRAMES, size=(WIDTH, HEIGHT)),
        kind="input",
        path="rgb",
        number=1,
    )
    true = depths()
    noise = true * np.random.default_rng(1).normal(1, 0.1, true.shape).astype(np.float32)
    with Reader() as reader:
        for method, values, unit in (
            ("truth", true, "m"),
            ("shifted", SCALE * true + SHIFT, "m"),
            ("affine", SCALE * true + SHIFT, "affine"),
            ("noisy", noise, "m"),
        ):
            path = folder / f"{method}.npy"
            np.save(path, values)
            add(opened, path, reader, method, unit=unit, bits=16)
    return opened


@pytest.fixture(scope="module")
def measured(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The same store, with the aligned errors of what is stored in metres."""
    add_aligned(store, [track.head.key for track in store.tracks() if track.head.method != "affine"])
    return store


def shown(store: Store, judging: Judging, *methods: str) -> Comparison:
    catalogue = Catalogue(store.tracks())
    lineup = [Configuration("results", method, "rgb-depth") for method in methods]
    return compare(catalogue, catalogue.clips[0], "depth", None, lineup, judging)


def curves(store: Store, comparison: Comparison, id_: str = "error") -> dict[str, np.ndarray]:
    (plot,) = [plot for plot in comparison.plots if plot.id == id_]
    return {line.letter: line.values for line in read(Columns(store), plot, "standardised").chart.series}


def test_alignment_recovers_scale_and_shift_to_1_percent(measured: Store):
    (track,) = [t for t in measured.tracks(kind=ALIGNED) if t.head.method == "shifted"]
    found = track.head.constants["per_clip"]["depth"]
    assert (found["scale"], found["shift"]) == pytest.approx((1 / SCALE, -SHIFT / SCALE), rel=0.01)
    for per in ("clip", "frame"):
        assert measured.column(track, aligned_column("depth", per, "absrel")).max() < 0.002
        assert measured.column(track, aligned_column("depth", per, "delta1")).min() == 100
        assert measured.column(track, aligned_column("scale", per, "absrel")).min() > 0.05, (
            "a scale alone is not enough"
        )


def test_the_plot_shows_the_errors_of_the_depth_as_it_is_aligned_and_says_so(measured: Store):
    plain = shown(measured, Judging(kind="none"), "shifted", "noisy")
    aligned = shown(measured, Judging(kind="depth"), "shifted", "noisy")
    (plot,) = [plot for plot in aligned.plots if plot.id == "error"]
    assert plot.title == "Depth: absolute relative error, scale and shift aligned per clip"
    before, after = curves(measured, plain), curves(measured, aligned)
    assert before["A"].mean() > before["B"].mean(), "unaligned, the noisy one is closer"
    assert after["A"].mean() < 0.002 < after["B"].mean(), "aligned, it is the other way round"
    charts = [read(Columns(measured), plot, "standardised").chart for plot in aligned.plots]
    found = measures_of(aligned, charts, "standardised")
    facts = Facts(found, telling_gaps(found))
    assert facts.error_label() == "Error (scale and shift aligned per clip)"
    assert not aligned.missing and aligned.aligned == "depth"


def test_the_page_aligns_its_pictures_by_the_fit_of_the_errors(measured: Store):
    view = shown(measured, Judging(), "shifted", "affine", "noisy")
    keys = {pane.letter or pane.role: pane.track.head.key for pane in view.panes}
    found = view.fits[f"depth {keys['A']} {keys['truth']}"]
    assert (found["kind"], found["scale"], found["problem"]) == ("depth", pytest.approx(1 / SCALE, rel=0.01), "")
    assert f"depth {keys['B']} {keys['truth']}" in view.fits, "of results, the one that they were added with"
    assert f"scale {keys['B']} {keys['truth']}" not in view.fits


def test_a_relative_depth_is_aligned_as_it_needs_unless_the_link_says_otherwise(measured: Store):
    usual = shown(measured, Judging(), "shifted", "affine")
    assert usual.needed == usual.aligned == "depth"
    assert "B is a relative depth: every depth is shown and judged scale and shift aligned" in usual.remark
    assert max(values.max() for values in curves(measured, usual).values()) < 0.002
    assert shown(measured, Judging(kind="none"), "shifted", "affine").aligned == "none"
    metric = shown(measured, Judging(), "shifted", "noisy")
    assert (metric.needed, metric.aligned, metric.remark) == ("none", "none", "")


def test_what_is_not_computed_is_said_with_the_command_that_computes_it(measured: Store):
    view = shown(measured, Judging(kind="inverse"), "noisy", "affine")
    (missing,) = view.missing
    assert missing.what.startswith("The errors of B (affine) as scale and shift of 1/depth aligned per clip")
    assert missing.command and missing.command.startswith("python -m precompute measure --clip ")
    assert set(curves(measured, view)) == {"A"}


def test_a_share_of_good_pixels_is_plotted_beside_the_error_which_decides(measured: Store):
    view = shown(measured, Judging("delta1", "depth"), "shifted", "noisy")
    assert [plot.id for plot in view.plots] == ["error", "accuracy"]
    assert curves(measured, view, "accuracy")["A"] == pytest.approx(100)
    lower = shown(measured, Judging("rmse", "none"), "shifted", "noisy")
    assert [(plot.id, plot.measure) for plot in lower.plots] == [("error", "rmse")]


def test_the_link_names_measure_and_alignment(measured: Store):
    catalogue = Catalogue(measured.tracks())
    link = {"predict": "depth", "measure": "silog", "align": "inverse~frame~A"}
    selection, notes = from_query(link, catalogue)
    assert selection is not None and not notes
    assert judging_of(selection) == Judging("silog", "inverse", "frame")
    assert to_query(selection)["measure"] == "silog"
    (menu,) = [menu for menu in menus(catalogue, selection) if menu.name == "measure"]
    assert menu.value == "silog" and list(menu.options)[1] == "absrel"
    strange, notes = from_query({"predict": "depth", "measure": "<b>", "align": "twice~<b>"}, catalogue)
    assert strange is not None and not notes and judging_of(strange) == Judging()


def test_measuring_twice_adds_nothing_and_neither_does_a_clip_without_its_input(measured: Store):
    keys = [track.head.key for track in measured.tracks() if track.head.method != "affine"]
    assert add_aligned(measured, keys) == 0
    without: list[Track] = [track for track in measured.tracks() if track.head.kind != "input"]
    assert add_aligned(measured, [track.head.key for track in without]) == 0


def test_a_run_measures_only_what_needs_an_alignment(store: Store, tmp_path: Path):
    copy = Store(Path(shutil.copytree(store.root, tmp_path / "copy")))
    copy.remove([track.head.key for track in copy.tracks(kind=ALIGNED)])
    keys = [track.head.key for track in copy.tracks()]
    assert add_aligned(copy, keys, only_relative=True) == 1
    assert [track.head.method for track in copy.tracks(kind=ALIGNED)] == ["affine"]


def test_errors_of_another_prediction_are_not_taken_for_those_of_this_one(measured: Store):
    catalogue = Catalogue(measured.tracks())
    track = catalogue.prediction(catalogue.clips[0].key, Configuration("results", "shifted", "rgb-depth"))
    assert track is not None and catalogue.aligned(track) is not None
    other = replace(track, head=replace(track.head, key="e" * 64))
    assert catalogue.aligned(other) is None


def test_a_depth_that_runs_against_the_truth_has_no_aligned_error(store: Store, tmp_path: Path):
    path = tmp_path / "against.npy"
    np.save(path, 10 - depths())
    with Reader() as reader:
        track = add(store, path, reader, "against", unit="m", bits=16).track
    add_aligned(store, [track.head.key, *(t.head.key for t in store.tracks(kind="input"))])
    found = Catalogue(store.tracks()).aligned(track)
    assert found is not None and found.head.constants["per_clip"]["depth"]["problem"] == "runs against the reference"
    assert np.isnan(store.column(found, aligned_column("depth", "clip", "absrel"))).all()


def test_pixels_that_a_mask_leaves_unknown_are_not_fitted(store: Store, tmp_path: Path):
    holed = SCALE * depths() + SHIFT
    holed[:, :, : WIDTH // 2] = np.nan  # more than a robust fit forgives
    np.save(tmp_path / "holed.npy", holed)
    own = Store(tmp_path / "store")
    shutil.copytree(store.root, own.root, dirs_exist_ok=True)
    with Reader() as reader:
        track = add(own, tmp_path / "holed.npy", reader, "holed", unit="m", unknown=("nan",), bits=8).track
    truth = next(one for one in own.tracks(kind="truth"))
    of_zoo = replace(track, head=replace(track.head, constants={}))
    masked = replace(track, head=replace(track.head, constants={"has_mask": True}))
    whole, known = (aligned_spec(own, one, truth).head for one in (of_zoo, masked))
    assert known.constants["per_clip"]["depth"]["scale"] == pytest.approx(1 / SCALE, rel=0.02)
    assert whole.constants["per_clip"]["depth"]["scale"] != pytest.approx(1 / SCALE, rel=0.1)
    assert whole.key != known.key


def test_a_chosen_error_that_an_alignment_does_not_have_is_said_to_be_replaced(measured: Store):
    plain = shown(measured, Judging("absrel_scaled", kind="none"), "shifted", "noisy")
    assert [plot.measure for plot in plain.plots if plot.id == "error"] == ["absrel_scaled"] and not plain.missing
    aligned = shown(measured, Judging("absrel_scaled", kind="depth"), "shifted", "noisy")
    assert [plot.measure for plot in aligned.plots if plot.id == "error"] == ["absrel"]
    (missing,) = aligned.missing
    assert missing.what.startswith("AbsRel of the shape (scale aligned) is not measured") and missing.command is None
    assert "scale and shift aligned per clip" in missing.what
