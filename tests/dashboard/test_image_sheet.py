"""What the Image page shows of a picture: its panes, where its energies lie, and its values for download."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from analysis.columns import Columns
from cache.store import Store
from dashboard.catalogue import Catalogue
from dashboard.image.percentile import Standing, standing
from dashboard.image.raw_values import npz, physical
from dashboard.image.sheet import Method, domains_sheet, is_still, methods_of, methods_sheet, paths_sheet, targets_of
from tests.fixtures.stores import add_track, build_store

TARGETS = ("depth", "normal")
READOUTS = {"depth": ("normal", "edge2d", "curvature"), "normal": ("depth", "edge2d", "curvature", "edge3d")}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    root = tmp_path_factory.mktemp("image-sheet")
    build_store(root, n_frames=1, titles=("picture",), targets=TARGETS, readouts=READOUTS, truths=())
    return build_store(root, n_frames=30, titles=("room", "hall"), targets=TARGETS, readouts=READOUTS, truths=())


@pytest.fixture(scope="module")
def catalogue(store: Store) -> Catalogue:
    return Catalogue(store.tracks())


@pytest.fixture(scope="module")
def key(catalogue: Catalogue) -> str:
    return next(clip.key for clip in catalogue.clips if is_still(clip))


def places(sheet) -> dict[str, tuple[int, int]]:
    return {pane.id: (pane.row, pane.column) for pane in sheet.panes}


def test_the_sheet_shows_each_domain_once_and_each_energy_beside_its_prediction(catalogue: Catalogue, key: str):
    methods = methods_of(catalogue, key)
    assert [method.name for method in methods] == ["baseline", "consistency"]
    sheet = domains_sheet(catalogue, key, methods)
    first = [pane.track.head.domain["name"] for pane in sheet.panes if pane.letter == "A" and pane.role == "prediction"]
    assert first == ["normal", "depth", "curvature", "edge2d", "edge3d"]
    found = places(sheet)
    for letter, target in (("A", "normal"), ("A", "depth"), ("B", "normal"), ("B", "depth")):
        row, column = found[f"{letter}_rgb_{target}"]
        assert found[f"{letter}_energy_{target}"] == (row, column + 1)
    assert found["A_rgb_normal"][1] == found["B_rgb_normal"][1]
    assert len(set(found.values())) == len(found)


def test_merged_stands_beside_the_baseline_without_an_energy(tmp_path: Path):
    store = build_store(tmp_path, n_frames=1, targets=("normal",), readouts={}, truths=())
    add_track(
        store, store.tracks()[0].head.clip, kind="prediction", path="rgb-normal", zoo="mini", method="merged", number=90
    )
    catalogue = Catalogue(store.tracks())
    key = catalogue.clips[0].key
    methods = methods_of(catalogue, key)
    assert [method.name for method in methods] == ["baseline", "merged", "consistency"]
    found = places(domains_sheet(catalogue, key, methods[:2]))
    assert "B_rgb_normal" in found and "B_energy_normal" not in found and "A_energy_normal" in found


def test_all_methods_stand_in_columns_over_their_energies(catalogue: Catalogue, key: str):
    found = places(methods_sheet(catalogue, key, "normal", methods_of(catalogue, key)))
    assert found["A_energy_normal"] == (found["A_rgb_normal"][0] + 1, found["A_rgb_normal"][1])
    assert len({column for id_, (_, column) in found.items() if id_.endswith("rgb_normal")}) == 2


def test_the_paths_to_a_target_have_letters_of_their_own(catalogue: Catalogue, key: str):
    sheet = paths_sheet(catalogue, key, "normal", Method("mini", "baseline"))
    letters = {pane.track.head.path: pane.letter for pane in sheet.panes if pane.role == "prediction"}
    assert letters == {"rgb-normal": "A", "rgb-depth-normal": "B"}
    assert [energy.letter for energy in sheet.energies] == ["A"]


def test_pictures_without_predictions_show_what_there_is(tmp_path: Path):
    store = build_store(tmp_path, n_frames=1, targets=(), truths=())
    catalogue = Catalogue(store.tracks())
    key = catalogue.clips[0].key
    assert methods_of(catalogue, key) == ()
    assert targets_of(catalogue, key) == ()
    assert [pane.role for pane in domains_sheet(catalogue, key, ()).panes] == ["input"]


def test_an_energy_stands_among_the_frames_of_clips_alone(store: Store, catalogue: Catalogue, key: str):
    columns = Columns(store)
    sheet = domains_sheet(catalogue, key, methods_of(catalogue, key))
    energy = sheet.energies[0].track
    found = standing(columns, energy, store.tracks())
    assert (len(found.others), found.n_clips) == (60, 2)
    assert (np.diff(found.others) >= 0).all()
    share = float(np.mean(found.others < found.value))
    assert found.share_below == pytest.approx(share)
    assert standing(columns, energy, []).words.startswith("no stored clip")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (-1.0, "lower than on all 200 frames of 2 stored clips"),
        (0.5, "among the lowest 1 % of 200 frames of 2 stored clips"),
        (99.5, "higher than on 50 % of 200 frames of 2 stored clips"),
        (198.5, "among the highest 1 % of 200 frames of 2 stored clips"),
        (500.0, "higher than on all 200 frames of 2 stored clips"),
    ],
)
def test_the_share_of_frames_below_is_put_into_words(value: float, words: str):
    found = Standing(value, np.arange(200.0), 2)
    assert found.words.replace("\N{NO-BREAK SPACE}", " ") == words


def test_downloaded_values_are_those_of_the_domain_and_need_no_pickle(store: Store, key: str):
    tracks = store.tracks(clip=key)
    with np.load(io.BytesIO(npz(store, tracks)), allow_pickle=False) as values:
        about = json.loads(values["about"].tobytes())
        assert set(values.files) == {"about", *about["arrays"]}
        depth = values["prediction.mini.baseline.rgb-depth"]
        assert about["arrays"]["prediction.mini.baseline.rgb-depth"]["domain"]["unit"] == "m"
    assert depth.dtype == np.float32
    assert 0.1 <= depth.min() < depth.max() <= 16.0001


def test_codes_become_values_at_the_ends_of_their_domain():
    codes = np.array([[0, 255]], np.uint8)
    assert physical(codes, {"lo": 0.1, "hi": 16.0, "scale": "log"})[0].tolist() == pytest.approx([0.1, 16.0])
    assert physical(codes, {"lo": -1.0, "hi": 1.0, "scale": "linear"}).tolist() == [[-1.0, 1.0]]


def test_tracks_that_cannot_be_read_are_named_and_left_out(tmp_path: Path):
    store = build_store(tmp_path, n_frames=1, targets=("normal",), readouts={}, truths=())
    track = store.tracks(kind="prediction")[0]
    store.pack_file(track.head.key, track.packs[0].sha256).unlink()
    with np.load(io.BytesIO(npz(Store(tmp_path), [track])), allow_pickle=False) as values:
        assert json.loads(values["about"].tobytes())["unreadable"] == [
            f"prediction.mini.{track.head.method}.rgb-normal"
        ]
