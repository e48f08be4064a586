"""A job with a zoo that has weights, merges and expected errors: what it stores, and what its keys name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from analysis.columns import Columns
from analysis.energy import energy
from analysis.expected_error import features_of, interval, model_of, predict
from cache.keys import track_key
from cache.records import Head, Track
from cache.store import Store
from consistency.domains import ENERGY
from consistency.merging import merge, mirrored
from consistency.path_graph import Graph
from consistency.zoo.load import load_network
from consistency.zoo.read import load_zoo
from consistency.zoo.records import Expected, Zoo
from dashboard.catalogue import Catalogue
from precompute.cli.app import app
from precompute.jobs import precision
from precompute.jobs.output.encode import decode_image
from precompute.jobs.output.tracks import plan_tracks
from tests.fixtures.media import write_video
from tests.fixtures.stores import make_clip
from tests.fixtures.zoos import write_zoo

N_FRAMES = 4


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_zoo(tmp_path_factory.mktemp("zoo") / "tiny", is_weighed=True)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip with true depth, which makes its clip of another key than one without."""
    folder = tmp_path_factory.mktemp("clip")
    write_video(folder / "room.depth.mkv", N_FRAMES, codec="ffv1", pix_fmt="gray")
    (folder / "room.toml").write_text('[truth]\ndepth = "room.depth.mkv"\n')
    return write_video(folder / "room.mp4", N_FRAMES)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, zoo: Path, clip: Path) -> Store:
    before = precision.choose_dtype
    precision.choose_dtype = lambda device: torch.float32
    try:
        return run(tmp_path_factory.mktemp("done"), zoo, clip)
    finally:
        precision.choose_dtype = before


def run(store: Path, zoo: Path, clip: Path, *words: str) -> Store:
    command = ["run", str(clip), "--store", str(store), "--zoo", str(zoo), "--size", "64", "--device", "cpu", *words]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    return Store(store, read_only=True)


def track_of(store: Store, kind: str, configuration: str) -> Track:
    return next(t for t in store.tracks(kind=kind) if t.head.configuration == configuration)


def images(store: Store, track: Track) -> np.ndarray:
    return np.stack([decode_image(image) for image in store.images(track)])


def copy_with(zoo: Path, folder: Path, before: str, after: str) -> Path:
    """The same zoo with one line of zoo.toml changed."""
    folder.mkdir()
    for file in zoo.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    text = (folder / "zoo.toml").read_text()
    assert text.count(before) == 1
    (folder / "zoo.toml").write_text(text.replace(before, after))
    return folder


def test_a_merged_prediction_is_the_weighted_mean_of_what_its_networks_predict(done, zoo):
    known = load_zoo(str(zoo))
    direct, indirect = known.chain("baseline", "rgb-normal"), known.chain("baseline", "rgb-depth-normal")
    graph = Graph(
        [direct, mirrored(direct), indirect],
        lambda edge: load_network(edge, device=torch.device("cpu"), dtype=torch.float32),
    )
    (rgb,) = done.tracks(kind="input")
    outputs = graph.run(torch.from_numpy(images(done, rgb)).permute(0, 3, 1, 2).float() / 255)
    expected = merge(
        [outputs[chain] for chain in (direct, mirrored(direct), indirect)],
        [0.5, 0.375, 0.125],
        direct[-1].target_domain,
    )
    found = images(done, track_of(done, "prediction", "tiny/merged/rgb-normal"))
    assert np.abs(found - 255 * expected.permute(0, 2, 3, 1).numpy()).max() <= 0.51


def test_what_is_merged_has_its_own_error_and_no_energy(done):
    merged = track_of(done, "prediction", "tiny/merged/rgb-depth")
    assert (done.column(merged, "error") > 0).all()
    assert (done.column(merged, "absrel_scaled") > 0).all()
    assert {t.head.kind for t in done.tracks() if t.head.method == "merged"} == {"prediction", "stability"}


def test_a_readout_has_its_perceptual_error_where_the_truth_that_is_read_is_known(done, zoo):
    known = load_zoo(str(zoo))
    readout = track_of(done, "readout", "tiny/baseline/rgb-depth-normal")
    assert "perceptual" not in track_of(done, "readout", "tiny/baseline/rgb-normal-depth").head.columns
    edge = known.chain("baseline", "rgb-depth-normal")[1:]
    graph = Graph([edge], lambda one: load_network(one, device=torch.device("cpu"), dtype=torch.float32))
    (truth,) = done.tracks(kind="truth")
    true = images(done, truth)
    of_truth = graph.run(torch.from_numpy(true).permute(0, 3, 1, 2).float() / 255)[edge].permute(0, 2, 3, 1).numpy()
    off = np.abs(images(done, readout) / 255 - of_truth).mean(axis=3)
    by_hand = [one[mask].mean() for one, mask in zip(off, true[..., 0] != 255, strict=True)]
    assert done.column(readout, "perceptual") == pytest.approx(by_hand, abs=1 / 255)


def test_the_mean_of_the_stored_map_is_the_weighted_energy_with_what_it_borrows(done):
    for target, paths in (
        ("normal", ["rgb-depth-normal", "rgb-edge2d-normal"]),
        ("depth", ["rgb-normal-depth", "rgb-edge2d-depth", "rgb-depth-normal"]),
    ):
        track = track_of(done, "energy", f"tiny/baseline/rgb-{target}")
        assert track.head.constants["paths"] == paths
        terms, constants = done.column(track, "terms"), track.head.constants
        weighted = energy(terms, constants, "standardised")
        levels = images(done, track)[..., 0] / 255
        mapped = (ENERGY.lo + (ENERGY.hi - ENERGY.lo) * levels).mean(axis=(1, 2))
        assert mapped == pytest.approx(weighted, abs=0.07)
        blocks = done.column(track, "blocks").astype(np.float64).mean(axis=(2, 3))
        assert energy(blocks, constants, "standardised") == pytest.approx(weighted, abs=0.05)
    normal = track_of(done, "energy", "tiny/baseline/rgb-normal")
    assert terms[:, 2] == pytest.approx(done.column(normal, "terms")[:, 0])  # borrowed: the same term
    own = np.array([1 / 2, 1 / 2, 0])
    assert energy(terms, constants, "standardised", "paper") == pytest.approx(((terms - 0.1) / 0.05) @ own, abs=1e-5)


def test_the_expected_error_follows_from_what_a_track_stores(done):
    for kind, method in (("energy", "baseline"), ("prediction", "merged")):
        track = track_of(done, kind, f"tiny/{method}/rgb-normal")
        model = model_of(track.head.constants["expected"])
        columns = {name: done.column(track, name) for name in ("terms", "mirror", "length")}
        features = features_of(model, track.head.constants["paths"], columns)
        by_hand = np.exp(model.intercept) * np.prod(features, axis=1) ** 0.25
        assert predict(model, features) == pytest.approx(by_hand, rel=1e-5)
        _, high = interval(model, features, np.zeros(N_FRAMES))
        assert np.isfinite(high).all() == (method == "baseline")  # only it was calibrated
    consistency = track_of(done, "energy", "tiny/consistency/rgb-depth")
    assert "length" in consistency.head.columns
    assert "mirror" not in consistency.head.columns  # costs a run of the network, and nothing uses it


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        (
            "weights = [0.5, 0.125, 0]",
            "weights = [0.375, 0.25, 0]",
            {"prediction tiny/merged/rgb-normal", "stability tiny/merged/rgb-normal"},
        ),
        (
            "weights = [0.5, 0.25, 1.5]",
            "weights = [0.5, 0.25, 1.25]",
            {"energy tiny/baseline/rgb-depth", "energy tiny/consistency/rgb-depth"},
        ),
        ("intercept = 1\n", "intercept = 2\n", set()),
    ],
)
def test_other_weights_make_other_tracks_and_another_expected_error_does_not(
    tmp_path, done, zoo, clip, before, after, changed, monkeypatch
):
    monkeypatch.setattr(precision, "choose_dtype", lambda device: torch.float32)
    other = run(tmp_path / "store", copy_with(zoo, tmp_path / "tiny", before, after), clip)
    tracks = {t.head.key: [pack.sha256 for pack in t.packs] for t in done.tracks()}
    new = [t for t in other.tracks() if t.head.key not in tracks]
    assert {f"{t.head.kind} {t.head.configuration}" for t in new} == changed
    for track in other.tracks():  # equal keys, equal frames
        if track.head.key in tracks:
            assert [pack.sha256 for pack in track.packs] == tracks[track.head.key]


def test_an_expected_error_fitted_later_reaches_finished_tracks(tmp_path, zoo, clip):
    pattern = ("--configurations", "tiny/consistency/rgb-depth")
    run(tmp_path / "store", zoo, clip, *pattern)
    later = copy_with(zoo, tmp_path / "tiny", "intercept = 1\n", "intercept = 2\n")
    store = run(tmp_path / "store", later, clip, *pattern)
    (track,) = store.tracks(kind="energy")
    assert track.head.constants["expected"]["intercept"] == 2


def heads(zoo: Zoo, truth: dict[str, str] | None = None) -> dict[str, Head]:
    """Kind and configuration -> the start of the manifest, for every track of the zoo on some clip."""
    specs = plan_tracks(make_clip("room", n_frames=4), zoo, ["*"], truth or {})
    return {f"{spec.head.kind} {spec.head.configuration}": spec.head for spec in specs}


def test_only_errors_that_gained_a_figure_make_new_tracks_of_what_earlier_versions_stored(zoo):
    found = heads(load_zoo(str(zoo)), {"depth": "b" * 64})
    for target, truth, is_kept in (("normal", None, True), ("depth", "b" * 64, False)):
        head = found[f"prediction tiny/baseline/rgb-{target}"]
        inputs = {"edges": dict(head.edges), "constants": {}, "truth": truth}
        before = track_key(head.clip.key, "prediction", "tiny", "baseline", f"rgb-{target}", inputs)
        assert (head.key == before) == is_kept
    assert {"absrel_scaled", "silog", "delta1"} <= set(found["prediction tiny/baseline/rgb-depth"].columns)


def test_a_merge_is_another_track_with_the_terms_of_an_expected_error_and_none_with_another_origin(zoo):
    known = load_zoo(str(zoo))
    name, pair = "prediction tiny/merged/rgb-normal", ("normal", "merged")
    of_paths = Expected("angle_degrees", ("rgb-depth-normal",), (1.0,), 0.0)
    plain, expected = (heads(replace(known, expected=rows))[name] for rows in ({}, {pair: of_paths}))
    assert "terms" not in plain.columns and "paths" not in plain.constants
    assert "terms" in expected.columns and expected.key != plain.key
    moved = {"normal": replace(known.merges["normal"], origin="measured elsewhere")}
    assert heads(replace(known, merges=moved))[name].key == heads(known)[name].key


def test_an_energy_stored_before_its_zoo_had_weights_keeps_its_meaning_beside_the_new_one(tmp_path, zoo, clip):
    pattern = ("--configurations", "tiny/baseline/rgb-normal")
    before = run(tmp_path / "store", write_zoo(tmp_path / "tiny"), clip, *pattern)
    kept = {track.head.key: track for track in before.tracks()}
    old = track_of(before, "energy", "tiny/baseline/rgb-normal")
    paper = Columns(before).series(old, "terms", "standardised")
    after = run(tmp_path / "store", zoo, clip, *pattern)
    new = [track for track in after.tracks() if track.head.key not in kept]
    assert [track.head.kind for track in new] == ["energy"]
    assert all(after.get(key) == track for key, track in kept.items())
    assert Columns(after).series(old, "terms", "standardised").tolist() == paper.tolist()
    assert Columns(after).series(new[0], "terms", "standardised") != pytest.approx(paper)
    shown = Catalogue(after.tracks()).find_like(
        old.head.clip.key, "energy", track_of(after, "prediction", "tiny/baseline/rgb-normal")
    )
    assert shown == new[0]
    listed = CliRunner().invoke(app, ["list", "--tracks", "--store", str(tmp_path / "store")]).output
    assert listed.count("energy (paper)") == 1 and f"{paper.mean():.2f}" in listed
