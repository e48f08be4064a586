"""Are an energy's constants the mean and the spread of its terms, and does a track say where they come from?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cache.store import Store
from consistency.zoo.read import load_zoo
from precompute.cli.app import app
from tests.fixtures.media import numbered_picture, write_video
from tests.fixtures.zoos import write_zoo


def invoke(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def folder(tmp_path_factory) -> Path:
    """A zoo that names energies and has no constants of them."""
    folder = write_zoo(tmp_path_factory.mktemp("zoo") / "tiny")
    toml = folder / "zoo.toml"
    toml.write_text(
        "\n".join(line for line in toml.read_text().splitlines() if not line.startswith(("mu =", "sigma =")))
    )
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "moving.mp4", 6)


def test_an_energy_without_constants_is_left_out_and_check_says_how_to_measure_them(folder):
    zoo = load_zoo(str(folder))
    assert zoo.energies == {} and set(zoo.uncalibrated) == {"normal", "depth"}
    assert (
        "energy of depth has no constants yet: python -m precompute zoo calibrate"
        in invoke("zoo", "check", str(folder)).output
    )


def test_constants_measured_on_a_clip_standardise_its_own_energy_to_zero(folder, clip, tmp_path):
    measured = invoke("zoo", "calibrate", str(folder), "--on", str(clip), "--max-frames", "6")
    assert measured.exit_code == 0, measured.output
    row = json.loads((folder / "zoo.lock").read_text())["energy"]["depth"]
    assert load_zoo(str(folder)).energies["depth"].paths == tuple(row["paths"])

    ran = invoke(
        "run", str(clip), "--zoo", str(folder), "--configurations", "tiny/baseline/rgb-depth", "--store", str(tmp_path)
    )
    assert ran.exit_code == 0, ran.output
    store = Store(tmp_path)
    track = next(track for track in store.tracks() if track.head.kind == "energy")
    assert track.head.constants["origin"] == "6 frames of moving, with baseline"
    terms = store.column(track, "terms")  # (N, P)
    # The job computes in fewer digits than calibration; the clip is the same.
    np.testing.assert_allclose(terms.mean(axis=0), row["mu"], rtol=0.05, atol=1e-3)
    spread = np.abs(terms - terms.mean(axis=0)).mean(axis=0)
    np.testing.assert_allclose(spread, row["sigma"], rtol=0.2, atol=1e-4)


def test_other_constants_make_another_track_and_their_origin_does_not(folder, clip, tmp_path):
    arguments = [
        "run",
        str(clip),
        "--zoo",
        str(folder),
        "--configurations",
        "tiny/baseline/rgb-depth",
        "--store",
        str(tmp_path),
    ]
    keys = []
    assert invoke("zoo", "calibrate", str(folder), "--on", str(clip), "--max-frames", "6").exit_code == 0
    lock = json.loads((folder / "zoo.lock").read_text())
    for change in ({}, {"origin": "elsewhere"}, {"mu": [value + 0.01 for value in lock["energy"]["depth"]["mu"]]}):
        lock["energy"]["depth"] |= change
        (folder / "zoo.lock").write_text(json.dumps(lock))
        assert invoke(*arguments).exit_code == 0
        keys.append({track.head.key for track in Store(tmp_path).tracks() if track.head.kind == "energy"})
    assert len(keys[0]) == 1 and keys[1] == keys[0] and len(keys[2]) == 2


def test_constants_measured_for_a_zoo_that_extends_another_come_before_the_other_s(tmp_path):
    head = (
        'name = "mine"\nversion = "1"\nlicence = "MIT"\nextends = "mini"\nmultiple = 1\ndomains = ["rgb"]\nedge = []\n'
    )
    (tmp_path / "zoo.toml").write_text(head)
    bundled = load_zoo("mini").energies
    paths = bundled["depth"].paths
    row = {"paths": paths, "mu": [0.5] * len(paths), "sigma": [0.25] * len(paths), "origin": "6 frames of moving"}
    (tmp_path / "zoo.lock").write_text(json.dumps({"energy": {"depth": row}}))
    found = load_zoo(str(tmp_path)).energies
    assert (found["depth"].mu, found["depth"].sigma, found["depth"].origin) == (
        tuple(row["mu"]), tuple(row["sigma"]), "6 frames of moving",
    )  # fmt: skip
    assert {**found, "depth": bundled["depth"]} == bundled


def test_a_clip_that_never_changes_measures_nothing(folder, tmp_path):
    still = write_video(tmp_path / "still.mp4", 1)
    result = invoke("zoo", "calibrate", str(folder), "--on", str(still))
    assert result.exit_code == 1 and "measure on clips that change more" in result.output


def test_weights_are_fitted_where_a_clip_has_ground_truth_and_said_to_lack_where_it_has_none(folder, tmp_path):
    video = write_video(tmp_path / "room.mp4", 24)
    write_video(tmp_path / "room.depth.mkv", 24, codec="ffv1", pix_fmt="gray")
    (tmp_path / "room.toml").write_text('[truth]\ndepth = "room.depth.mkv"\n')
    measured = invoke("zoo", "calibrate", str(folder), "--on", str(video), "--max-frames", "24")
    assert measured.exit_code == 0, measured.output
    words = " ".join(measured.output.split())
    assert "energy of normal: no clip has its ground truth" in words
    assert "expected error of depth: none, 1 room or clip" in words and "9 for 90 %, 19 for 95 %" in words
    zoo = load_zoo(str(folder))
    depth = zoo.energies["depth"]
    assert len(depth.weights) == len(depth.all_paths)
    assert min(depth.weights) >= 0
    assert not zoo.energies["normal"].weights


def test_too_few_frames_for_weights_are_named_and_the_constants_stay(folder, tmp_path):
    video = write_video(tmp_path / "room.mp4", 6)
    write_video(tmp_path / "room.depth.mkv", 6, codec="ffv1", pix_fmt="gray")
    (tmp_path / "room.toml").write_text('[truth]\ndepth = "room.depth.mkv"\n')
    measured = invoke("zoo", "calibrate", str(folder), "--on", str(video), "--max-frames", "6")
    assert measured.exit_code == 0, measured.output
    assert "energy of depth: no weights, 6 frames with ground truth are too few" in " ".join(measured.output.split())
    assert load_zoo(str(folder)).energies["depth"].weights == ()


def test_nine_clips_with_ground_truth_give_an_error_to_expect_with_its_interval(folder, tmp_path):
    clips = []
    for number in range(9):

        def picture(at: int, height: int, width: int, first: int = 6 * number) -> np.ndarray:
            return numbered_picture(first + at, height, width)

        clips += ["--on", str(write_video(tmp_path / f"{number}.mp4", 6, picture=picture))]
        write_video(tmp_path / f"{number}.depth.mkv", 6, codec="ffv1", pix_fmt="gray", picture=picture)
        (tmp_path / f"{number}.toml").write_text(f'[truth]\ndepth = "{number}.depth.mkv"\n')
    measured = invoke("zoo", "calibrate", str(folder), *clips, "--max-frames", "6")
    assert measured.exit_code == 0, measured.output
    expected = load_zoo(str(folder)).expected["depth", "baseline"]
    assert (expected.error, expected.n_units, expected.coverage) == ("absrel_scaled", 9, 0.9)
    assert expected.features == ("rgb-normal-depth", "rgb-edge2d-depth", "length")
    assert expected.factor is not None and expected.factor >= 1 and expected.limit is not None
    assert f"within a factor of {expected.factor:.2f} in 90% of new clips" in " ".join(measured.output.split())
    lock = json.loads((folder / "zoo.lock").read_text())
    lock["energy"]["depth"]["mu"][0] += 0.1  # other constants than those that the limit was measured with
    lock["energy"]["depth"]["paths"].reverse()
    (folder / "zoo.lock").write_text(json.dumps(lock))
    assert not load_zoo(str(folder)).expected
