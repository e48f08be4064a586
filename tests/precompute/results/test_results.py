"""Results take part: they are matched, compared with the truth, measured like other predictions, and written out again."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from analysis.saved_maps import SIDECAR
from cache.store import Store
from precompute.__main__ import app
from precompute.cli.results.save import find_track
from precompute.failures import SourceError
from precompute.results.look import look_at
from precompute.results.matching import match
from precompute.results.reading import Reader
from precompute.results.save import save_results
from precompute.results.truth import Truth
from tests.fixtures.stores import add_track
from tests.precompute.results.conftest import HEIGHT, N_FRAMES, WIDTH, add, depths, input_of, normals

TIMES = np.arange(6) / 10.0


def saved(path: Path, values: np.ndarray) -> Path:
    np.save(path, values)
    return path


def test_maps_are_matched_by_number_time_and_stride():
    assert match("by-number", [3, 4, 5, 6, 7, 8, 9], 7, TIMES, first=4).places == (1, 2, 3, 4, 5, 6)
    assert match("by-number", [1, 2, 3, 4, 5, 6], 6, TIMES).places == (0, 1, 2, 3, 4, 5)
    assert match("by-time", None, 18, TIMES, fps=30).places == (0, 3, 6, 9, 12, 15)
    assert match("by-stride", None, 12, TIMES, stride=2).places == (0, 2, 4, 6, 8, 10)
    assert match("order", [0, 5, 10, 15, 20, 25], 6, TIMES).places == tuple(range(6))
    assert match("by-time", [0, 5, 10, 15, 20, 25], 6, TIMES, fps=10).places == tuple(range(6))
    assert match("by-time", [1, 2, 3, 5, 6, 7, 8], 7, TIMES[:3], fps=20).places == (0, 2, 3)
    assert match("by-time", None, 18, TIMES, fps=30).words.endswith("12 maps not used")


@pytest.mark.parametrize(
    ("rule", "numbers", "n_maps", "more", "words"),
    [
        ("order", None, 5, {}, "5 maps for 6 frames"),
        ("order", [0, 1, 2, 4, 5, 6], 6, {}, "jump from 2 to 4"),
        ("by-number", [0, 1, 2, 4, 5], 5, {}, "frame 3 is without a map"),
        ("by-number", [0, 1, 2], 3, {}, r"3 frames \(3, 4, 5\) are"),
        ("by-time", None, 6, {}, "without their rate"),
        ("by-time", None, 4, {"fps": 5}, "would show the map of another frame"),
        ("by-stride", None, 6, {"stride": 2}, r"3 frames \(3, 4, 5\)"),
        ("by-stride", None, 6, {}, "without a stride"),
        ("by-stride", [0, 1, 2, 4, 5, 6], 6, {"stride": 1}, "frame 3 is without a map"),
        ("by-time", [0, 1, 2, 4, 5, 6], 6, {"fps": 10}, "frame 3 is without a map"),
    ],
)
def test_frames_without_a_map_of_their_own_are_named(rule, numbers, n_maps, more, words):
    with pytest.raises(SourceError, match=words) as caught:
        match(rule, numbers, n_maps, TIMES, **more)
    assert caught.value.code == "missing_frames"


def test_truth_brings_errors_to_what_is_stored_and_to_what_comes_later(tmp_path: Path, store: Store, reader: Reader):
    before = add(store, saved(tmp_path / "a.npy", 1.1 * depths()), reader, "before", unit="m")
    add_track(
        store, input_of(store).head.clip, kind="prediction", path="rgb-depth", number=9, zoo="mini", method="baseline"
    )
    assert before.columns == ()
    truth = add(store, saved(tmp_path / "t.npy", depths()), reader, "truth", unit="m")
    assert set(truth.gained) == {"mini/baseline/rgb-depth", "results/before/rgb-depth"}
    after = add(store, saved(tmp_path / "b.npy", 1.2 * depths()), reader, "after", unit="m")
    newest = {}
    for track in store.tracks(kind="prediction"):
        newest.setdefault(track.head.method, track)
    for method, absrel in (("before", 0.1), ("after", 0.2)):
        assert store.column(newest[method], "absrel") == pytest.approx([absrel] * N_FRAMES, abs=0.006)
    assert newest["after"].head.key == after.track.head.key and newest["before"].head.key != before.track.head.key
    assert list(store.images(newest["before"])) == list(store.images(before.track))
    again = add(store, tmp_path / "t.npy", reader, "truth", unit="m")
    assert not again.is_new and again.gained == ()


def test_unknown_truth_counts_nothing(tmp_path: Path, store: Store, reader: Reader):
    true_depth, mine = depths(), depths()
    true_depth[:, :4], mine[:, :4] = 0, 7.9
    add(store, saved(tmp_path / "t.npy", true_depth), reader, "truth", unit="m", unknown=("0",))
    track = add(store, saved(tmp_path / "m.npy", mine), reader, unit="m").track
    assert store.column(track, "absrel").max() < 0.012


def test_far_depth_gets_sixteen_bits(tmp_path: Path, store: Store, reader: Reader):
    track = add(store, saved(tmp_path / "m.npy", 10 * depths()), reader, unit="m").track
    assert track.head.domain["bits"] == 16 and track.head.domain["hi"] == 1000
    assert np.abs(Truth(store, track).values(1) / (10 * depths()[1]) - 1).max() < 0.0002


def test_sixteen_bits_tell_sky_from_unknown(tmp_path: Path, store: Store, reader: Reader):
    values = depths()
    values[:, 0, 0], values[:, 0, 1] = np.nan, np.inf
    path = saved(tmp_path / "m.npy", values)
    track = add(store, path, reader, "truth", unit="m", unknown=("nan",), sky=("inf",), bits=16).track
    found = Truth(store, track).values(2)
    assert np.isnan(found[0, 0]) and np.isposinf(found[0, 1])
    assert np.abs(found[1:] / depths()[2, 1:] - 1).max() < 0.0002
    assert store.column(add(store, path, reader, unit="m", unknown=("nan", "inf")).track, "absrel").max() < 0.0002


def test_relative_depth_is_compared_once_it_is_aligned(tmp_path: Path, store: Store, reader: Reader):
    """Scale and shift of 1/depth come out as they went in, whether the truth came before or after."""
    path = saved(tmp_path / "m.npy", 3 / depths() - 0.2)
    early = add(store, path, reader, "early", unit="inverse").track
    truth = add(store, saved(tmp_path / "t.npy", depths()), reader, "truth", unit="m")
    assert truth.gained == ("results/early/rgb-depth",)
    late = add(store, path, reader, "late", unit="inverse")
    assert "scale and shift of 1/depth aligned per clip" in late.notes[-1]
    for method in ("early", "late"):
        track = next(track for track in store.tracks(kind="prediction") if track.head.method == method)
        results = track.head.constants["results"]
        assert store.column(track, "absrel").max() < 0.012 and track.head.domain["unit"] == ""
        assert "1/depth aligned per clip" in track.head.constants["training"]["method"]
        assert results["alignment"]["kind"] == "inverse" and "per clip" in track.head.columns["absrel"]["title"]
        # stored: 1 / (offset + factor * (3 / z - 0.2)), so 1 / z = scale * (1 / stored) + shift
        assert results["alignment"]["scale"] == pytest.approx(1 / (3 * results["factor"]), rel=0.01)
    assert early.head.clip.key == late.track.head.clip.key


def test_relative_depth_that_runs_against_the_truth_has_no_errors(tmp_path: Path, store: Store, reader: Reader):
    add(store, saved(tmp_path / "t.npy", depths()), reader, "truth", unit="m")
    added = add(store, saved(tmp_path / "m.npy", -depths()), reader, unit="affine")
    assert added.columns == () and "runs against the reference" in added.notes[-1]


def test_relative_depth_without_a_truth_has_no_errors_and_no_metres(tmp_path: Path, store: Store, reader: Reader):
    added = add(store, saved(tmp_path / "m.npy", 3 / depths() - 0.2), reader, unit="inverse")
    assert added.columns == () and added.track.head.domain["unit"] == ""
    assert added.meaning == "inverse depth up to scale and shift"


def test_adding_the_same_twice_stores_nothing_new(tmp_path: Path, store: Store, reader: Reader):
    path = saved(tmp_path / "m.npy", depths())
    first, second = (add(store, path, reader, unit="m") for _ in range(2))
    assert first.is_new and not second.is_new and first.track.head.key == second.track.head.key
    other = add(store, path, reader, unit="cm")
    assert other.track.head.key != first.track.head.key


@pytest.mark.parametrize("how", ["png16", "npy", "npz", "exr", "pfm"])
def test_what_is_saved_comes_in_again_as_it_was(how, tmp_path: Path, store: Store, reader: Reader):
    values = depths()
    values[:, 0, 0] = np.nan
    track = add(store, saved(tmp_path / "m.npy", values), reader, unit="m", unknown=("nan",)).track
    written = save_results(store, track, tmp_path / "out", how, unit="m/5000")
    stated = json.loads((tmp_path / "out" / SIDECAR).read_text())
    assert (
        written[-1].name == SIDECAR
        and stated["n_frames"] == N_FRAMES
        and stated["configuration"] == "results/mine/rgb-depth"
    )
    path = written[0] if how == "npz" else tmp_path / "out"
    (tmp_path / "out" / SIDECAR).unlink()
    unit = "m/5000" if how == "png16" else "m"
    unknown = {"png16": ("0",), "pfm": ("inf",)}.get(how, ("nan",))
    again = add(store, path, reader, "again", unit=unit, unknown=unknown)
    assert list(store.images(again.track)) == list(store.images(track))


def test_normals_and_relative_depth_are_saved_as_they_came(tmp_path: Path, store: Store, reader: Reader):
    track = add(store, saved(tmp_path / "n.npy", normals()), reader, domain="normal", axes="opencv").track
    for how in ("exr", "png16"):
        save_results(store, track, tmp_path / how, how)
        (tmp_path / how / SIDECAR).unlink()
        again = add(store, tmp_path / how, reader, how, "normal", axes="opencv").track
        levels = [np.abs(Truth(store, one).values(1)) for one in (track, again)]
        assert np.abs(levels[0] - levels[1]).max() <= 2.1 / 255
    inverse = add(store, saved(tmp_path / "i.npy", 3 / depths()), reader, unit="inverse").track
    save_results(store, inverse, tmp_path / "inverse", "npy", frames=range(1, 2))
    found = np.load(tmp_path / "inverse" / "frame_000001.npy")
    assert np.abs(found - 3 / depths()[1]).max() < 0.02
    with pytest.raises(SourceError, match="no unit"):
        save_results(store, inverse, tmp_path / "png", "png16")


def test_the_commands_look_add_and_save(tmp_path: Path, store: Store):
    np.savez(tmp_path / "depth.npz", depths=1 / depths(), fps=np.array(30.0))
    run = CliRunner().invoke
    looked = run(app, ["results", "look", str(tmp_path / "depth.npz")])
    assert looked.exit_code == 0 and "3 x 16 x 24" in looked.output and "one value" in looked.output
    options = ["--clip", "Counting", "--store", str(store.root)]
    added = run(
        app,
        ["results", "add", str(tmp_path / "depth.npz"), "--as", "vda", "--format", "video-depth-anything", *options],
    )
    assert added.exit_code == 0, added.output
    assert "3 of 3 frames matched in order" in added.output and "inverse depth up to scale and shift" in added.output
    failed = run(
        app, ["results", "add", str(tmp_path / "depth.npz"), "--as", "x", "--key", "depth", "--unit", "m", *options]
    )
    assert failed.exit_code == 1 and "error[wrong_key]" in failed.output and "nothing was added" in failed.output
    folder = tmp_path / "out"
    saved_run = run(
        app,
        [
            "results",
            "save",
            "Counting",
            "--configuration",
            "results/vda/rgb-depth",
            "--to",
            str(folder),
            "--store",
            str(store.root),
        ],
    )
    assert saved_run.exit_code == 0, saved_run.output
    assert len(list(folder.glob("*.npy"))) == N_FRAMES and np.load(folder / "frame_000000.npy").shape == (HEIGHT, WIDTH)
    assert run(app, ["results", "add", str(folder), "--as", "no/name", *options]).exit_code == 2


def test_sky_of_a_truth_leaves_every_error_a_number(tmp_path: Path, store: Store, reader: Reader):
    true_depth = depths()
    true_depth[:, 0] = np.inf
    add(store, saved(tmp_path / "t.npy", true_depth), reader, "truth", unit="m", sky=("inf",), bits=16)
    added = add(store, saved(tmp_path / "m.npy", 1.1 * depths()), reader, unit="m")
    for name in added.columns:
        assert np.isfinite(store.column(added.track, name)).all(), name
    assert store.column(added.track, "absrel") == pytest.approx([0.1] * N_FRAMES, abs=0.006)


def test_sky_of_inverse_depth_stays_the_farthest(tmp_path: Path, store: Store, reader: Reader):
    """Infinity stands for sky; 1/infinity must not become the nearest depth, neither in errors nor in what is saved."""
    true_depth, mine = depths(), 3 / depths() - 0.2
    true_depth[:, 0], mine[:, 0] = 900.0, np.inf
    early = add(store, saved(tmp_path / "m.npy", mine), reader, "early", unit="inverse", sky=("inf",), bits=16).track
    add(store, saved(tmp_path / "t.npy", true_depth), reader, "truth", unit="m", bits=16)
    add(store, tmp_path / "m.npy", reader, "late", unit="inverse", sky=("inf",), bits=16)
    newest = {track.head.method: track for track in reversed(store.tracks(kind="prediction"))}
    for method in ("early", "late"):
        assert store.column(newest[method], "absrel").max() < 0.02, method
    save_results(store, early, tmp_path / "out", "npy")
    assert np.isposinf(np.load(tmp_path / "out" / "frame_000001.npy")[0]).all()
    save_results(store, early, tmp_path / "pfm", "pfm")
    assert np.isinf(reader.frame(tmp_path / "pfm" / "frame_000001.pfm", "", None)[0]).all()


def test_a_prediction_that_cannot_be_read_does_not_keep_its_truth_out(tmp_path: Path, store: Store, reader: Reader):
    broken = add(store, saved(tmp_path / "a.npy", depths()), reader, "broken", unit="m").track
    add(store, saved(tmp_path / "b.npy", 1.1 * depths()), reader, "whole", unit="m")
    pack = store.pack_path(broken.head.key, broken.packs[0].sha256)
    pack.write_bytes(bytes(pack.stat().st_size))
    truth = add(store, saved(tmp_path / "t.npy", depths()), reader, "truth", unit="m")
    assert truth.is_new and truth.gained == ("results/whole/rgb-depth",)
    assert truth.notes[-1].startswith("results/broken/rgb-depth has no errors: ")


def test_what_is_added_again_after_another_is_the_newest_again(tmp_path: Path, store: Store, reader: Reader):
    saved(tmp_path / "a.npy", depths())
    saved(tmp_path / "b.npy", 1.2 * depths())

    def shown(kind: str) -> str:
        return next(track.head.key for track in store.tracks(kind=kind))

    for method, kind in (("mine", "prediction"), ("truth", "truth")):
        keys = []
        for name in ("a", "b", "a", "a"):
            added = add(store, tmp_path / f"{name}.npy", reader, method, unit="m")
            keys.append(added.track.head.key)
            assert shown(kind) == keys[-1], name
        assert keys[0] == keys[2] == keys[3] != keys[1]
    newest = store.tracks(kind="prediction")[0]
    assert newest.head.constants["truth"] == shown("truth")
    assert store.column(newest, "absrel").max() < 0.012


def test_what_a_png_cannot_state_is_not_saved_as_one(tmp_path: Path, store: Store, reader: Reader):
    values = depths()
    values[2, 0, 0] = 15
    track = add(store, saved(tmp_path / "m.npy", values), reader, unit="m").track
    with pytest.raises(SourceError, match=r"frame 2: 1 pixels are farther than 13.11 m"):
        save_results(store, track, tmp_path / "out", "png16", unit="m/5000")
    assert len(save_results(store, track, tmp_path / "out", "png16", unit="mm")) == N_FRAMES + 1
    colours = add_track(
        store, track.head.clip, kind="prediction", path="rgb-rgb", number=9, zoo="mini", method="baseline"
    )
    with pytest.raises(SourceError, match="not rgb"):
        save_results(store, colours, tmp_path / "colours", "png16")


def test_a_track_that_still_grows_is_not_saved_before_a_finished_one(store: Store):
    clip, tracks = input_of(store).head.clip, []
    for number, ready_frames in ((5, 1), (6, None), (7, 1), (8, 1)):
        names = {"kind": "prediction", "path": "rgb-depth", "zoo": "mini", "method": "baseline"}
        tracks.append(add_track(store, clip, number=number, ready_frames=ready_frames, **names))
    assert find_track(store, clip.key, "mini/baseline/rgb-depth").head.key == tracks[1].head.key


def test_another_mask_makes_another_track(tmp_path: Path, store: Store, reader: Reader):
    for at, values in enumerate(depths()):
        saved(tmp_path / f"{at}_depth.npy", values)
        saved(tmp_path / f"{at}_depth_mask.npy", np.ones_like(values))
    first = add(store, tmp_path, reader, format="diode")
    mask = np.ones((HEIGHT, WIDTH))
    mask[0] = 0
    saved(tmp_path / "1_depth_mask.npy", mask)
    second = add(store, tmp_path, reader, format="diode")
    assert second.is_new and second.track.head.key != first.track.head.key
    assert np.isnan(Truth(store, second.track).values(1)[0]).all()


def test_another_version_of_the_errors_makes_another_track(
    tmp_path: Path, store: Store, reader: Reader, monkeypatch: pytest.MonkeyPatch
):
    add(store, saved(tmp_path / "t.npy", depths()), reader, "truth", unit="m")
    path = saved(tmp_path / "m.npy", 1.1 * depths())
    first = add(store, path, reader, unit="m")
    monkeypatch.setattr("precompute.results.add.ERRORS_VERSION", 99)
    assert add(store, path, reader, unit="m").track.head.key != first.track.head.key


def test_a_picture_is_looked_at_whole_and_a_video_frame_by_frame(tmp_path: Path):
    picture = np.zeros((1500, 1500, 3), np.uint8)
    picture[-1, -1] = 200
    Image.fromarray(picture).save(tmp_path / "picture.png")
    (row,) = look_at(tmp_path / "picture.png", 3)[1]
    assert (row.lowest, row.highest) == (0, 200) and "entries" not in row.remark
    with av.open(str(tmp_path / "depth.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray16le"
        for at in range(N_FRAMES):
            values = np.full((HEIGHT, WIDTH), 100 + at, np.uint16)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(values, format="gray16le")))
        container.mux(stream.encode())
    (row,) = look_at(tmp_path / "depth.mkv", 3)[1]
    assert (row.lowest, row.highest) == (100, 102) and "a video is a stack" not in row.remark
