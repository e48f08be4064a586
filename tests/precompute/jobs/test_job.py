"""The batch job as a user calls it: what it stores, that it resumes, and what it says to bad input."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner, Result

from analysis.stated.ranking import stated_ranking
from analysis.stated.training import training_of
from analysis.stated.trust import trust_of
from cache.maintenance import verify
from cache.records import StoreError, sealed
from cache.store import Store
from cache.writer import TrackWriter
from consistency.domains import DOMAINS, ENERGY
from consistency.zoo.load import load_network
from consistency.zoo.read import load_zoo
from consistency.zoo.records import ZooError
from dashboard.catalogue import Catalogue
from dashboard.compare.comparison import compare
from precompute.cli.app import app
from precompute.jobs import batches, compute_clip, device_worker, job, precision
from precompute.jobs.events import Computing
from precompute.jobs.output import packs, tracks
from precompute.jobs.output.encode import decode_image, encode_image, encode_preview, preview_size
from reliability.promises import playable
from tests.fixtures.media import truncate, write_audio, write_video
from tests.fixtures.web.waits import PATIENCE_SECONDS
from tests.fixtures.zoos import LAB_METHODS, LAB_TARGETS, write_lab, write_zoo

N_FRAMES = 10

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "count.mp4", N_FRAMES)


@pytest.fixture
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "PACK_PIXELS", 4 * 64 * 64)


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def run(store: Path, zoo: Path, *words: str | Path) -> Result:
    return call("run", *words, "--store", store, "--zoo", zoo, "--size", "64", "--device", "cpu", "--batch-size", "3")


def listed(store: Path, *words: str) -> list[dict]:
    return json.loads(call("list", "--json", "--store", store, *words).stdout)


def contents(store: Path) -> dict[str, list[str]]:
    """Track -> the digests of its packs: equal contents are equal bytes."""
    return {track.head.key: [pack.sha256 for pack in track.packs] for track in Store(store, read_only=True).tracks()}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, zoo: Path, clip: Path) -> Path:
    """A store in which the clip is finished."""
    store = tmp_path_factory.mktemp("done")
    result = run(store, zoo, clip)
    assert result.exit_code == 0, result.output
    return store


def test_every_configuration_becomes_a_prediction_a_readout_or_an_energy_and_predictions_have_a_stability(done):
    # Two methods x (normal, depth): each with a prediction, an energy and readouts to the other target and to edge2d.
    kinds = {"prediction": 4, "readout": 8, "energy": 4, "stability": 4}
    assert Counter(row["kind"] for row in listed(done)) == kinds
    assert Counter(row["kind"] for row in listed(done, "--all")) == kinds | {"input": 1, "flow": 1}
    assert all(row["n_frames"] == N_FRAMES and row["complete"] for row in listed(done, "--all"))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Path:
    """A store in which the clip is finished with all domains and methods."""
    store = tmp_path_factory.mktemp("lab")
    result = run(store, write_lab(tmp_path_factory.mktemp("lab-zoo")), clip, "--max-frames", "3")
    assert result.exit_code == 0, result.output
    return store


def test_every_method_of_a_large_zoo_predicts_its_targets_with_an_energy_and_readouts_to_every_other_domain(lab):
    found = {(row["kind"], row["method"], row["path"]) for row in listed(lab)}
    for method in LAB_METHODS:
        targets = [target for target in LAB_TARGETS if (method, target) != ("geonet", "reshading")]
        for target in targets:
            assert ("prediction", method, f"rgb-{target}") in found and ("energy", method, f"rgb-{target}") in found
            readouts = [path for kind, m, path in found if m == method and path.startswith(f"rgb-{target}-")]
            assert len(readouts) == 7
    assert ("prediction", "geonet", "rgb-reshading") not in found
    assert ("prediction", "multitask", "rgb-curvature") in found, "a head more is a prediction more"
    assert ("energy", "multitask", "rgb-curvature") not in found, "the zoo has no constants for it"
    assert all(row["complete"] for row in listed(lab, "--all")) and call("verify", "--store", lab).exit_code == 0


def test_an_energy_names_every_network_that_it_depends_on(lab):
    tracks = Store(lab, read_only=True).tracks(kind="energy")
    energies = {track.head.method: track.head.edges for track in tracks if track.head.path == "rgb-normal"}
    assert {"rgb-normal.geonet", "rgb-depth.geonet", "rgb-reshading.baseline"} <= energies["geonet"].keys()
    assert {"rgb-depth.multitask", "rgb-reshading.multitask", "rgb-edge3d.shared"} <= energies["multitask"].keys()
    borrowing = {method for method, edges in energies.items() if "rgb-reshading.baseline" in edges}
    assert borrowing == {"baseline", "geonet"}


def test_the_page_offers_every_method_and_readout_of_a_large_zoo_and_shows_each_whole(lab):
    catalogue = Catalogue(Store(lab, read_only=True).tracks())
    (clip,) = catalogue.clips
    assert set(catalogue.targets(clip.key)) == {*LAB_TARGETS, "curvature"}
    readouts = catalogue.readouts(clip.key, "normal")
    assert set(readouts) == set(DOMAINS) - {"rgb", "normal"}
    direct = [option for option in catalogue.configurations(clip.key, "normal") if option.is_direct]
    assert [option.method for option in direct[:2]] == ["baseline", "consistency"]
    assert {option.method for option in direct} == set(LAB_METHODS)
    for readout in readouts:
        view = compare(catalogue, clip, "normal", readout, direct)
        assert len(view.panes) == 1 + 2 * len(LAB_METHODS) and not view.missing
        assert {plot.id for plot in view.plots} == {"energy", "disagreement", "stability"}
        assert [len(plot.curves) for plot in view.plots] == [len(LAB_METHODS)] * 3


def test_the_list_has_each_configuration_on_a_line_of_its_own(lab):
    lines = call("list", "--tracks", "--store", lab).stdout.splitlines()
    assert any(re.match(r"lab/consistency-unsupervised/rgb-reshading-keypoint2d +readout +3 ", line) for line in lines)


def test_a_second_run_computes_nothing(done, zoo, clip):
    before = contents(done)
    result = run(done, zoo, clip)
    assert result.exit_code == 0 and "0 frames computed" in result.output
    assert contents(done) == before


def test_trust_measured_later_reaches_finished_tracks_and_makes_none_of_them_again(tmp_path, clip):
    zoo, store = write_zoo(tmp_path / "zoo"), tmp_path / "store"
    assert run(store, zoo, clip, "--max-frames", "2").exit_code == 0
    before = contents(store)
    with (zoo / "zoo.toml").open("a") as toml:
        toml.write("[trust.normal.baseline]\nspearman = 0.5\npearson = 0.5\nn_frames = 9\n")
        toml.write("percentile_97_5 = 2.5\nn_validation_frames = 9\n")
        toml.write(
            '[[ranking.normal]]\nmethods = ["baseline", "consistency"]\nerror = "angle_degrees"\npaper = { share = 0.5, '
        )
        toml.write("low = 0.4, high = 0.6, n_frames = 9, n_units = 3, same_mean = true }\n")
    assert run(store, zoo, clip, "--max-frames", "2").exit_code == 0
    assert contents(store) == before
    energies = Store(store, read_only=True).tracks(kind="energy")
    stated = {(t.head.path, t.head.method): trust for t in energies if (trust := trust_of(t))}
    assert {pair: trust.percentile_97_5 for pair, trust in stated.items()} == {("rgb-normal", "baseline"): 2.5}
    normals = [track for track in energies if track.head.path == "rgb-normal"]
    ranking = stated_ranking(normals[0], normals[1])
    assert ranking is not None
    assert (ranking.by["paper"].share, ranking.by["paper"].n_units) == (0.5, 3)
    assert not [problem for problem in verify(Store(store)) if problem]
    manifests = {path: path.stat().st_mtime_ns for path in store.glob("tracks/**/*.json")}
    assert len(manifests) > len(energies)
    assert run(store, zoo, clip, "--max-frames", "2").exit_code == 0
    again = {path: path.stat().st_mtime_ns for path in store.glob("tracks/**/*.json")}
    assert again == manifests  # they state it already


def test_a_description_of_a_method_reaches_its_finished_tracks_and_makes_none_of_them_again(tmp_path, clip):
    zoo, store = write_zoo(tmp_path / "zoo"), tmp_path / "store"
    assert run(store, zoo, clip, "--max-frames", "2").exit_code == 0
    before = contents(store)
    toml = zoo / "zoo.toml"
    toml.write_text('training = { baseline = "each alone" }\n' + toml.read_text())
    assert run(store, zoo, clip, "--max-frames", "2").exit_code == 0
    assert contents(store) == before
    tracks = [
        *Store(store, read_only=True).tracks(kind="prediction"),
        *Store(store, read_only=True).tracks(kind="readout"),
    ]
    told = {t.head.method: found.method for t in tracks if (found := training_of(t))}
    assert told == {"baseline": "each alone"}
    assert not [problem for problem in verify(Store(store)) if problem]


def test_a_stored_prediction_is_what_its_network_makes_of_the_stored_input(done, zoo):
    store = Store(done, read_only=True)
    (source,) = store.tracks(kind="input")
    (prediction,) = [t for t in store.tracks() if t.head.configuration == "tiny/consistency/rgb-depth-normal"]
    loaded = load_zoo(str(zoo))
    dtype = precision.DTYPES[prediction.head.computed_on["dtype"]]
    image = next(iter(store.images(source)))
    codes = torch.from_numpy(decode_image(image)).permute(2, 0, 1)[None].float() / 255
    for edge in loaded.chain("consistency", "rgb-depth-normal"):
        codes = load_network(edge, device=torch.device("cpu"), dtype=dtype)(codes)
    expected = (codes.float() * 255).round()[0].permute(1, 2, 0).numpy()
    found = decode_image(next(iter(store.images(prediction)))).astype(float)
    # One level for rounding in another batch size.
    assert np.abs(found - expected).max() <= 1


def test_the_mean_of_the_stored_energy_map_is_the_energy_of_the_frame(done):
    store = Store(done, read_only=True)
    step = (ENERGY.hi - ENERGY.lo) / 255
    for track in store.tracks(kind="energy"):
        terms = store.column(track, "terms")
        constants = track.head.constants
        energies = ((terms - constants["mu"]) / constants["sigma"]).mean(axis=1)
        maps = np.stack([decode_image(image) for image in store.images(track)]) / 255.0
        clipped = ((maps == 0) | (maps == 1)).any(axis=(1, 2, 3))
        means = ENERGY.lo + (ENERGY.hi - ENERGY.lo) * maps.mean(axis=(1, 2, 3))
        assert not clipped.all()
        assert np.abs(means - energies)[~clipped].max() <= step / 2
        assert store.column(track, "blocks").mean(axis=(2, 3)) == pytest.approx(terms, rel=2e-2)


def test_frames_carry_their_presentation_times(done):
    store = Store(done, read_only=True)
    (source,) = store.tracks(kind="input")
    assert store.column(source, "pts_seconds") == pytest.approx(np.arange(N_FRAMES) / 30, abs=1e-3)


def test_a_pattern_brings_its_readout_with_the_prediction_and_the_energy_and_no_more(tmp_path, zoo, clip):
    run(tmp_path, zoo, clip, "--configurations", "tiny/baseline/rgb-normal-depth")
    found = {(row["kind"], row["method"], row["path"]) for row in listed(tmp_path)}
    assert found == {
        ("prediction", "baseline", "rgb-normal"),
        ("readout", "baseline", "rgb-normal-depth"),
        ("energy", "baseline", "rgb-normal"),
        ("stability", "baseline", "rgb-normal"),
    }


LONG, CYCLE = "rgb-normal-edge2d-depth", "rgb-depth-normal-depth"


def test_readouts_are_left_out_where_they_are_not_wanted_and_energies_stay():
    zoo = load_zoo("mini")
    everything = tracks.select_configurations(zoo, ["*"])
    expected = [(method, path) for method, path in everything if path.count("-") == 1]
    assert len(everything) > len(expected) > 0
    assert (
        tracks.select_configurations(zoo, ["!*/*/*-*-*"])
        == expected
        == tracks.select_configurations(zoo, ["*", f"!{tracks.READOUTS}"])
    )
    others = tracks.select_configurations(zoo, ["mini/*", "!mini/multitask/*", f"!{tracks.READOUTS}"])
    assert others == [pair for pair in expected if pair[0] != "multitask"]


@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        (["!mini/multitsk/*"], "'!mini/multitsk/.' leaves out nothing"),
        (["mini/baseline/rgb-normal-depth", f"!{tracks.READOUTS}"], "leaves out everything"),
        (["mini/multitsk/*", f"!{tracks.READOUTS}"], "no configuration"),
    ],
)
def test_a_pattern_that_leaves_out_nothing_or_everything_is_refused(patterns, said):
    with pytest.raises(ZooError, match=said):
        tracks.select_configurations(load_zoo("mini"), patterns)


def test_paths_of_any_length_are_readouts_and_terms_of_energies_when_asked_for(tmp_path, clip):
    zoo = write_zoo(tmp_path / "zoo")
    toml = (zoo / "zoo.toml").read_text()
    paths = ["rgb-normal-depth", "rgb-edge2d-depth"]
    assert f"paths = {paths}" in toml
    longer = toml.replace(
        f"paths = {paths}\nmu = [0.1, 0.1]\nsigma = [0.05, 0.05]",
        "\n".join([f"paths = {[*paths, LONG, CYCLE]}", f"mu = {[0.1] * 4}", f"sigma = {[0.05] * 4}"]),
    )
    (zoo / "zoo.toml").write_text(longer)
    words = [f"tiny/baseline/{LONG}", f"tiny/*/{CYCLE}"]
    result = run(tmp_path / "store", zoo, clip, "--max-frames", "3", "--configurations", ",".join(words))
    assert result.exit_code == 0, result.output
    store = Store(tmp_path / "store", read_only=True)
    readouts = {(t.head.method, t.head.path): t for t in store.tracks(kind="readout")}
    assert readouts.keys() == {("baseline", LONG), ("baseline", CYCLE), ("consistency", CYCLE)}
    assert set(readouts["baseline", LONG].head.edges) == {
        "rgb-normal.baseline",
        "normal-edge2d.shared",
        "edge2d-depth.shared",
        "rgb-depth.baseline",
    }
    (energy,) = [t for t in store.tracks(kind="energy") if (t.head.method, t.head.path) == ("baseline", "rgb-depth")]
    terms = store.column(energy, "terms")
    for at, path in ((2, LONG), (3, CYCLE)):
        assert terms[:, at] == pytest.approx(store.column(readouts["baseline", path], "disagreement"), abs=1e-6)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("rgb-normal-nothing-depth", "matches"),
        ("rgb-depth-depth-normal", "no edge depth-depth"),
        ("-".join(["rgb", *["depth", "normal"] * 4]), "at most 8"),
        ("normal-depth-normal-depth", "matches"),
    ],
)
def test_a_long_path_that_the_zoo_cannot_follow_is_refused(tmp_path, zoo, clip, path, said):
    result = run(tmp_path, zoo, clip, "--configurations", f"tiny/baseline/{path}")
    assert result.exit_code == 2 and said in " ".join(result.stderr.split())


def test_more_configurations_later_give_what_one_run_gives(tmp_path, zoo, clip, done):
    run(tmp_path, zoo, clip, "--configurations", "tiny/baseline/*")
    run(tmp_path, zoo, clip)
    assert set(contents(tmp_path)) == set(contents(done))


def test_a_run_stopped_after_any_batch_goes_on_to_the_same_bytes(tmp_path, zoo, clip, monkeypatch, small_packs):
    assert run(tmp_path / "whole", zoo, clip).exit_code == 0
    original = device_worker.predict
    for stop_after in range(1, 4):
        calls = 0

        def stopping(*arguments, limit=stop_after, **options):
            nonlocal calls
            calls += 1
            if calls > limit:
                raise KeyboardInterrupt
            return original(*arguments, **options)

        store = tmp_path / f"stopped-{stop_after}"
        monkeypatch.setattr(device_worker, "predict", stopping)
        result = run(store, zoo, clip)
        assert result.exit_code == 130 and "run the same command again" in result.stderr
        monkeypatch.setattr(device_worker, "predict", original)
        resumed = run(store, zoo, clip)
        assert resumed.exit_code == 0
        assert contents(store) == contents(tmp_path / "whole")
        finished_frames = {1: 0, 2: 4, 3: 4}[stop_after]
        assert f"{N_FRAMES - finished_frames} frames computed" in resumed.stdout


def test_what_is_done_and_not_yet_stored_never_exceeds_one_pack_on_a_slow_disk(
    tmp_path, zoo, clip, monkeypatch, small_packs
):
    """So a job that is killed at any moment computes one pack again at most."""
    original = TrackWriter.append

    def slowly(*arguments):
        time.sleep(0.2)
        original(*arguments)

    unsafe = []

    def watched(store, plan, compute, *, events, stop):
        class Watching:
            def emit(self, event):
                if isinstance(event, Computing):
                    tracks = [store.get(spec.head.key) for spec in plan.pending]
                    unsafe.append(event.n_frames - min(track.n_frames for track in tracks))

        return compute_clip.compute_clip(store, plan, compute, events=Watching(), stop=stop)

    monkeypatch.setattr(TrackWriter, "append", slowly)
    monkeypatch.setattr(job, "compute_clip", watched)
    assert run(tmp_path, zoo, clip).exit_code == 0
    assert max(unsafe) == 4


def test_a_run_stopped_before_its_last_manifest_only_has_to_write_it(tmp_path, zoo, clip, monkeypatch, done):
    original = TrackWriter.finish
    finished = []

    def stopping(writer, *known):
        if len(finished) == 3:
            raise KeyboardInterrupt
        finished.append(writer)
        return original(writer, *known)

    monkeypatch.setattr(TrackWriter, "finish", stopping)
    assert run(tmp_path, zoo, clip).exit_code == 130
    monkeypatch.setattr(TrackWriter, "finish", original)
    result = run(tmp_path, zoo, clip)
    assert result.exit_code == 0 and "0 frames computed" in result.stdout
    assert contents(tmp_path) == contents(done)


def test_a_resumed_clip_keeps_the_dtype_that_it_was_begun_in(tmp_path, zoo, clip, monkeypatch):
    monkeypatch.setattr(precision, "choose_dtype", lambda device: torch.float32)
    run(tmp_path, zoo, clip, "--configurations", "tiny/baseline/*")
    monkeypatch.setattr(precision, "choose_dtype", lambda device: torch.bfloat16)
    run(tmp_path, zoo, clip)
    dtypes = {track.head.computed_on["dtype"] for track in Store(tmp_path, read_only=True).tracks()}
    assert dtypes == {"float32"}


def test_a_second_job_on_a_clip_waits_and_computes_nothing_twice(tmp_path, zoo, clip):
    command = ["-m", "precompute", "run", clip, "--store", tmp_path, "--zoo", zoo, "--size", "64", "--device", "cpu"]
    jobs = [
        subprocess.Popen(
            [sys.executable, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [job.communicate() for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0], said
    computed = sorted(int(re.findall(r"(\d+) frames computed", out)[0]) for out, _ in said)
    assert computed == [0, N_FRAMES]


def test_a_clip_that_another_job_finished_meanwhile_counts_as_stored_already(tmp_path, zoo, clip, monkeypatch):
    def late(*arguments, **options):
        assert compute(*arguments)[:2] == (17, N_FRAMES), "the other job"
        return compute(*arguments, **options)

    compute = compute_clip.compute_clip
    monkeypatch.setattr(job, "compute_clip", late)
    result = run(tmp_path, zoo, clip)
    assert result.exit_code == 0 and re.search(
        r"5 tracks stored, 5 of them of motion and stability, 0 frames computed", result.output
    )


def test_a_network_that_gives_nan_is_named_and_nothing_of_it_is_stored(tmp_path, clip):
    folder = write_zoo(tmp_path / "zoo", targets=("normal",), scale=float("nan"))
    result = run(tmp_path / "store", folder, clip)
    assert result.exit_code == 1 and "not finite" in result.stderr
    assert [track.head.kind for track in Store(tmp_path / "store").tracks()] == ["input"]


def test_a_network_that_gives_nan_fails_its_own_tracks_alone(tmp_path, zoo, clip, small_packs):
    """Not even from the first frame on: what was stored of them goes."""
    folder = shutil.copytree(zoo, tmp_path / "zoo")
    spoil(folder, "rgb-normal.baseline", float("nan"))
    result = run(tmp_path / "store", folder, clip)
    assert result.exit_code == 1
    assert "error[bad_weights]" in result.stderr and "tiny/baseline/rgb-normal" in result.stderr
    assert "everything else is stored" in result.stderr and "check the weights" in result.stderr
    stored = Store(tmp_path / "store").tracks()
    assert all(track.is_complete and track.n_frames == N_FRAMES for track in stored)
    spellings = {(track.head.kind, track.head.method, track.head.path) for track in stored}
    assert ("prediction", "consistency", "rgb-normal") in spellings and ("input", "", "rgb") in spellings
    assert ("prediction", "baseline", "rgb-depth") in spellings
    assert not [path for _, method, path in spellings if method == "baseline" and path.startswith("rgb-normal")]
    # What is measured against the broken prediction has a number that is not finite.
    assert ("readout", "baseline", "rgb-depth-normal") not in spellings
    again = run(tmp_path / "store", folder, clip)
    assert again.exit_code == 1 and "everything else is stored" in again.stderr
    assert contents(tmp_path / "store") == {track.head.key: [pack.sha256 for pack in track.packs] for track in stored}


def test_tracks_that_fail_in_the_middle_leave_nothing_and_the_others_are_as_ever(
    tmp_path, zoo, clip, done, monkeypatch, small_packs
):
    original, broken = compute_clip.not_finite, {"key": "", "calls": 0}

    def failing(chunks):
        broken["calls"] += 1
        broken["key"] = broken["key"] or next(key for key, chunk in chunks.items() if chunk.is_finite is not None)
        return [*original(chunks), *([broken["key"]] if broken["calls"] >= 4 else [])]  # in the second pack

    monkeypatch.setattr(compute_clip, "not_finite", failing)
    result = run(tmp_path, zoo, clip)
    assert result.exit_code == 1 and "returns values that are not finite (frame" in result.stderr
    assert not (tmp_path / "tracks" / str(broken["key"])).exists()
    lost = {track.head.key: track.head for track in Store(done, read_only=True).tracks()}
    assert {lost[key].constants.get("of", key) for key in set(contents(done)) - set(contents(tmp_path))} == {
        broken["key"]
    }
    monkeypatch.setattr(compute_clip, "not_finite", original)
    again = run(tmp_path, zoo, clip)
    assert again.exit_code == 0 and "2 tracks stored, 1 of them of motion and stability" in again.output
    assert set(contents(done)) == set(contents(tmp_path))


def spoil(folder: Path, name: str, value: float) -> None:
    """Fill the last tensor of a network of a zoo with a value, and state the new digest."""
    path = folder / f"{name}.safetensors"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    state = load_file(path)
    last = list(state)[-1]
    state[last] = torch.full_like(state[last], value)
    save_file(state, path)
    toml = (folder / "zoo.toml").read_text()
    (folder / "zoo.toml").write_text(toml.replace(before, hashlib.sha256(path.read_bytes()).hexdigest()))


def test_ctrl_c_while_frames_are_skipped_ends_the_job_at_once(tmp_path, zoo, monkeypatch):
    video = write_video(tmp_path / "long.mp4", 3)
    skipping, child_was_stopped = threading.Event(), threading.Event()

    original = batches.decoder.frames

    def skip_for_ever(path, sampling, *, stopped=None, **_):
        if stopped is None:  # the example frames by which the precision is chosen
            yield from original(path, sampling)
            return
        skipping.set()
        if stopped.wait(PATIENCE_SECONDS):
            child_was_stopped.set()
        yield from ()

    monkeypatch.setattr(batches.decoder, "frames", skip_for_ever)
    user = threading.Thread(target=lambda: (skipping.wait(PATIENCE_SECONDS), os.kill(os.getpid(), signal.SIGINT)))
    user.start()
    result = run(tmp_path / "store", zoo, video)
    assert result.exit_code == 130 and child_was_stopped.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_lets_the_job_finish_the_current_pack(tmp_path, zoo, clip, monkeypatch, small_packs, number, code):
    original = compute_clip.not_finite
    calls = []

    def signalled(*arguments):
        calls.append(arguments)
        if len(calls) == 2:  # frame 3, the last of the first pack
            os.kill(os.getpid(), number)
        return original(*arguments)

    monkeypatch.setattr(compute_clip, "not_finite", signalled)
    result = run(tmp_path, zoo, clip)
    assert result.exit_code == code
    assert "being finished" in result.stderr and "run the same command again" in result.stderr
    assert {row["n_frames"] for row in listed(tmp_path, "--all")} == {4}
    resumed = run(tmp_path, zoo, clip)
    assert resumed.exit_code == 0 and f"{N_FRAMES - 4} frames computed" in resumed.stdout


@pytest.mark.parametrize("is_last", [False, True])
def test_a_signal_is_obeyed_also_where_the_source_in_hand_then_fails(
    tmp_path, zoo, clip, monkeypatch, small_packs, is_last
):
    assert run(tmp_path, zoo, clip).exit_code == 0
    bad = write_video(tmp_path / "bad.mp4", N_FRAMES + 1)

    original, calls = compute_clip.not_finite, []

    def failing(*arguments):
        calls.append(arguments)
        if len(calls) == 2:  # frames are unsaved: the signal alone ends nothing
            os.kill(os.getpid(), signal.SIGTERM)
            raise StoreError("the disk went", "plug it in")
        return original(*arguments)

    monkeypatch.setattr(compute_clip, "not_finite", failing)
    result = run(tmp_path, zoo, bad, *([] if is_last else [clip]))
    assert result.exit_code == 143 and "the disk went" in result.stderr
    assert "already stored" not in result.stdout, "no other source is begun"


def test_a_second_signal_ends_the_job_at_once(tmp_path, zoo, clip, monkeypatch, small_packs):
    original = compute_clip.not_finite
    calls = []

    def signalled(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
        return original(*arguments)

    monkeypatch.setattr(compute_clip, "not_finite", signalled)
    before = signal.getsignal(signal.SIGTERM)
    assert run(tmp_path, zoo, clip).exit_code == 143
    assert {row["n_frames"] for row in listed(tmp_path, "--all")} == {0}
    assert signal.getsignal(signal.SIGTERM) is before, "the handlers are those of before"


KILLED_AFTER_ITS_FIRST_PACK = f"""
import os, runpy, signal
from {TrackWriter.__module__} import TrackWriter
append = TrackWriter.append
def append_and_die(*arguments):
    append(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
TrackWriter.append = append_and_die
runpy.run_module("precompute", run_name="__main__")
"""


def test_a_killed_run_leaves_nothing_wrong_and_the_next_one_finishes(tmp_path, zoo, clip):
    long_clip = write_video(tmp_path / "long.mp4", 300)
    store = tmp_path / "store"
    command = ["run", long_clip, "--store", store, "--zoo", zoo, "--size", "64", "--device", "cpu"]
    ended = subprocess.run([sys.executable, "-c", KILLED_AFTER_ITS_FIRST_PACK, *map(str, command)], check=False)
    assert ended.returncode == -signal.SIGKILL and list(store.glob("tracks/*/*.pack"))
    assert not all(track.is_complete for track in Store(store, read_only=True).tracks())
    assert not [problem for problem in verify(Store(store, read_only=True)) if problem]
    assert run(store, zoo, long_clip).exit_code == 0
    assert all(row["n_frames"] == 300 and row["complete"] for row in listed(store, "--all"))
    assert call("verify", "--store", store).exit_code == 0


def test_ground_truth_beside_a_clip_gives_errors(tmp_path, zoo):
    video = write_video(tmp_path / "room.mp4", 4)
    write_video(tmp_path / "room.depth.mkv", 4, codec="ffv1", pix_fmt="gray")
    (tmp_path / "room.toml").write_text('title = "Room"\nlicence = "CC0-1.0"\n[truth]\ndepth = "room.depth.mkv"\n')
    assert run(tmp_path / "store", zoo, video).exit_code == 0
    store = Store(tmp_path / "store", read_only=True)
    (truth,) = store.tracks(kind="truth")
    (prediction,) = [t for t in store.tracks(kind="prediction") if t.head.configuration == "tiny/baseline/rgb-depth"]
    assert (truth.head.path, truth.head.clip.title, truth.head.clip.licence) == ("depth", "Room", "CC0-1.0")
    true = np.stack([decode_image(image) for image in store.images(truth)]).astype(float)
    found = np.stack([decode_image(image) for image in store.images(prediction)]).astype(float)
    known = true != 255
    by_hand = [np.abs(f - t)[k].mean() / 255 for f, t, k in zip(found, true, known, strict=True)]
    assert store.column(prediction, "error") == pytest.approx(by_hand, abs=1 / 255)
    assert (store.column(prediction, "absrel") > 0).all()


def test_ground_truth_shorter_than_its_clip_is_refused(tmp_path, zoo):
    video = write_video(tmp_path / "room.mp4", 4)
    write_video(tmp_path / "room.depth.mkv", 3, codec="ffv1", pix_fmt="gray")
    (tmp_path / "room.toml").write_text('[truth]\ndepth = "room.depth.mkv"\n')
    result = run(tmp_path / "store", zoo, video)
    assert result.exit_code == 1 and "one lossless frame for each" in result.stderr


def test_a_picture_of_any_shape_is_computed_whole_without_cropping(tmp_path, zoo):
    video = write_video(tmp_path / "wide.mp4", 3, height=50, width=122)
    result = call("run", video, "--store", tmp_path, "--zoo", zoo, "--size", "50", "--crop", "none", "--device", "cpu")
    assert result.exit_code == 0, result.output
    for track in Store(tmp_path, read_only=True).tracks():
        assert (track.head.clip.height, track.head.clip.width) == (50, 122)
        assert decode_image(next(iter(Store(tmp_path).images(track)))).shape[:2] == (50, 122)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_comes_back_from_its_code_bit_by_bit(channels):
    codes = np.random.default_rng(0).integers(0, 256, (16, 24, channels), np.uint8)
    assert np.array_equal(decode_image(encode_image(codes)), codes)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_codes_are_rounded_to_the_nearest_level_and_clipped(channels, order):
    codes = torch.linspace(-0.5, 1.5, 2 * channels * 64 * 64).reshape(2, channels, 64, 64)
    codes.view(-1)[: 3 * 256] = (torch.arange(3 * 256) - 255.5) / 255  # in the middle between two levels
    expected = (codes * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    assert torch.equal(tracks._to_uint8(codes.contiguous(memory_format=order)), expected)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(160, 120), (640, 480)])
def test_a_preview_is_near_the_image_and_small(channels, size):
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    codes = np.stack([128 + 90 * np.sin(x / 17 + c) * np.cos(y / 13 - c) for c in range(channels)], axis=-1).astype(
        np.uint8
    )
    preview = decode_image(encode_preview(codes))
    assert preview.shape == (*preview_size(*size)[::-1], channels)
    assert preview.shape[0] * preview.shape[1] <= 1 << 17
    wanted = cv2.resize(codes, preview_size(*size), interpolation=cv2.INTER_AREA).reshape(preview.shape)
    assert np.abs(preview.astype(int) - wanted).mean() < 2
    assert len(encode_preview(codes)) < len(encode_image(codes)) / 2


# Bad input: one line on stderr, nothing half-written, the other sources still run.


def bad_sources(folder: Path) -> dict[str, Path | str]:
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("this is no video\n" * 100)
    return {
        "no such file": folder / "missing.mp4",
        "empty": folder / "empty.mp4",
        "text named mp4": folder / "text.mp4",
        "audio": write_audio(folder / "sound.m4a"),
        "truncated": truncate(write_video(folder / "cut.mp4", 30), 0.6),
        "unknown clip name": "walkthruogh",
    }


@pytest.mark.parametrize("kind", ["no such file", "empty", "text named mp4", "audio", "truncated", "unknown clip name"])
def test_a_bad_source_is_named_in_one_line_and_the_other_still_runs(tmp_path, zoo, clip, kind):
    bad = bad_sources(tmp_path)[kind]
    result = run(tmp_path / "store", zoo, bad, clip)
    assert result.exit_code == 1
    lines = [line for line in result.stderr.splitlines() if line.startswith("error[")]
    assert len(lines) == 1 and Path(str(bad)).name in lines[0] and ";" in lines[0]
    assert "Traceback" not in result.output
    assert {row["title"] for row in listed(tmp_path / "store", "--all")} == {"count"}
    assert not [path for path in (tmp_path / "store" / "tracks").rglob("*") if path.name == "head.json"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--zoo", "minni"], "known zoos"),
        (["--configurations", "tiny/cycle/*"], "methods: baseline, consistency"),
        (["--configurations", "tiny/*/rgb-shape"], "domains: rgb, normal, depth, edge2d"),
        (["--device", "tpu"], "'tpu'"),
        (["--fps", "0"], "fps"),
        (["--start", "3", "--end", "2"], "end is 2.0"),
        (["--size", "3"], "size is 3"),
        (["--batch-size", "-1"], "batch-size"),
        (["--configurations", ","], "names none"),
        (["--store", "/dev/null/store"], "--store DIR"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_allowed(tmp_path, zoo, clip, words, expected):
    result = call("run", clip, "--zoo", zoo, "--store", tmp_path, *words)
    assert result.exit_code == 2
    assert expected in result.stderr and "Traceback" not in result.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_asking_for_a_gpu_where_there_is_none_says_so(tmp_path, zoo, clip):
    result = call("run", clip, "--zoo", zoo, "--store", tmp_path, "--device", "cuda")
    assert result.exit_code == 2 and "--device cpu" in result.stderr


def test_a_disk_with_too_little_room_is_refused_before_anything_is_computed(tmp_path, zoo, clip, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    result = run(tmp_path, zoo, clip)
    assert result.exit_code == 1 and "GB free" in result.stderr
    assert not list(tmp_path.rglob("*.pack"))


def test_weights_that_are_not_the_ones_named_are_refused(tmp_path, clip):
    folder = write_zoo(tmp_path / "zoo", targets=("normal",))
    weights = folder / "rgb-normal.baseline.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    result = run(tmp_path / "store", folder, clip)
    assert result.exit_code == 1 and "SHA-256" in result.stderr and listed(tmp_path / "store", "--all") == []


def test_a_source_found_bad_at_its_end_leaves_nothing_in_the_store(tmp_path, zoo, small_packs):
    # Matroska states no length of its own: that this one is cut is known only when its frames run out.
    cut = truncate(write_video(tmp_path / "cut.mkv", 60), 0.8)
    result = run(tmp_path / "store", zoo, cut)
    assert result.exit_code == 1 and "cut.mkv" in result.stderr and "with --tolerant" in result.stderr
    assert listed(tmp_path / "store", "--all") == []
    assert not list((tmp_path / "store").rglob("*.pack"))


@pytest.mark.parametrize("name", ["room.mp4", "room.depth.mkv"])
def test_of_a_file_replaced_while_it_is_read_only_what_was_read_before_is_kept(
    tmp_path, zoo, monkeypatch, small_packs, name
):
    video = write_video(tmp_path / "room.mp4", N_FRAMES)
    write_video(tmp_path / "room.depth.mkv", N_FRAMES, codec="ffv1", pix_fmt="gray")
    (tmp_path / "room.toml").write_text('[truth]\ndepth = "room.depth.mkv"\n')
    original, calls = compute_clip.not_finite, []

    def replacing(*arguments):
        calls.append(arguments)
        if len(calls) == 3:  # in the second pack
            (tmp_path / "other").write_bytes((tmp_path / name).read_bytes())
            (tmp_path / "other").replace(tmp_path / name)
        return original(*arguments)

    monkeypatch.setattr(compute_clip, "not_finite", replacing)
    result = run(tmp_path / "store", zoo, video)
    assert result.exit_code == 1 and f"error[changed] {tmp_path / name}: " in result.stderr
    assert {track.n_frames for track in Store(tmp_path / "store").tracks()} == {4}, "the first pack"
    monkeypatch.setattr(compute_clip, "not_finite", original)
    again = run(tmp_path / "store", zoo, video)
    assert again.exit_code == 0 and f"{N_FRAMES - 4} frames computed" in again.stdout


def test_ground_truth_that_cannot_be_read_is_not_taken_for_a_fault_of_the_store(tmp_path, zoo, monkeypatch):
    video = write_video(tmp_path / "room.mp4", 4)
    truth = write_video(tmp_path / "room.depth.mkv", 4, codec="ffv1", pix_fmt="gray")
    (tmp_path / "room.toml").write_text('[truth]\ndepth = "room.depth.mkv"\n')
    original = Path.open

    def refusing(path, *arguments, **options):
        if path == truth:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return original(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refusing)  # tests may run as root, whom no file refuses
    result = run(tmp_path / "store", zoo, video)
    assert result.exit_code == 1 and f"error[unreadable] {truth}: " in result.stderr


def test_a_tolerant_run_keeps_what_is_whole_and_says_so_and_never_passes_for_a_strict_one(tmp_path, zoo, clip):
    cut = truncate(write_video(tmp_path / "cut.mkv", 60), 0.8)
    store = tmp_path / "store"
    result = run(store, zoo, cut, clip, "--tolerant")
    assert result.exit_code == 0, result.output
    rows = listed(store, "--all")
    (caveat,) = {row["caveat"] for row in rows if row["title"] == "cut"}
    n_frames = {row["n_frames"] for row in rows if row["title"] == "cut"}
    assert f" after frame {n_frames.pop() - 1} of the source" in caveat and caveat.endswith("; tolerant")
    assert {row["caveat"] for row in rows if row["title"] == "count"} == {"tolerant"}
    assert caveat in " ".join(call("list", "--tracks", "--store", store).stdout.split())
    assert "0 frames computed" in run(store, zoo, cut, "--tolerant").stdout
    assert run(store, zoo, cut).exit_code == 1  # strict: another clip, refused as before
    assert f"{N_FRAMES} frames computed" in run(store, zoo, clip).stdout
    assert {row["caveat"] for row in listed(store) if row["title"] == "count"} == {"", "tolerant"}


class Folder:
    """A web server of one folder on the loopback, which remembers what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []

        class Handler(SimpleHTTPRequestHandler):
            def log_request(handler, code="-", size="-") -> None:
                self.asked.append(f"{handler.command} {handler.path} {int(code)}")

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Folder]:
    (tmp_path / "www").mkdir()
    write_video(tmp_path / "www" / "walk.mp4", N_FRAMES)
    folder = Folder(tmp_path / "www")
    yield folder
    folder.server.shutdown()
    folder.server.server_close()


def test_a_url_is_downloaded_once_and_computed_once(tmp_path, zoo, web, monkeypatch):
    monkeypatch.setenv("CROSSCHECK_ALLOW_LOOPBACK", "1")
    first = run(tmp_path / "store", zoo, f"{web.address}/walk.mp4")
    assert first.exit_code == 0, first.output
    asked = list(web.asked)
    second = run(tmp_path / "store", zoo, f"{web.address}/walk.mp4")
    assert second.exit_code == 0 and "0 frames computed" in second.stdout
    assert asked and web.asked == asked
    assert {row["title"] for row in listed(tmp_path / "store", "--all")} == {"walk"}


def test_a_url_that_answers_404_is_named_in_one_line_and_the_other_still_runs(tmp_path, zoo, web, clip, monkeypatch):
    monkeypatch.setenv("CROSSCHECK_ALLOW_LOOPBACK", "1")
    result = run(tmp_path / "store", zoo, f"{web.address}/gone.mp4", clip)
    assert result.exit_code == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error[")]
    assert "404" in line and "gone.mp4" in line
    assert {row["title"] for row in listed(tmp_path / "store", "--all")} == {"count"}


def test_a_key_in_an_address_is_not_kept_where_visitors_see_it(tmp_path, zoo, web, monkeypatch):
    monkeypatch.setenv("CROSSCHECK_ALLOW_LOOPBACK", "1")
    store = tmp_path / "store"
    result = run(store, zoo, f"{web.address}/walk.mp4?key=hunter2", f"{web.address}/gone.mp4?key=hunter2")
    assert result.exit_code == 1 and "gone.mp4?key=hunter2" in result.stderr, "who asks sees all of it"
    written = [path for name in ("tracks", "reports", "index") for path in (store / name).rglob("*") if path.is_file()]
    assert written and not [path for path in written if b"hunter2" in path.read_bytes()]
    assert {track.head.clip.url for track in Store(store).tracks()} == {f"{web.address}/walk.mp4"}


def test_a_url_of_this_machine_is_refused_without_the_switch_for_tests(tmp_path, zoo, web):
    result = run(tmp_path / "store", zoo, f"{web.address}/walk.mp4")
    assert result.exit_code == 1 and "127.0.0.1" in result.stderr
    assert web.asked == []


# The other commands


def test_a_damaged_pack_is_named_mended_and_made_again(tmp_path, zoo, clip, small_packs):
    run(tmp_path, zoo, clip, "--configurations", "tiny/baseline/rgb-normal")
    before = contents(tmp_path)
    pack = next(tmp_path.rglob("*.pack"))
    data = pack.read_bytes()
    pack.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    result = call("verify", "--store", tmp_path)
    assert result.exit_code == 1 and "damaged" in result.stderr
    assert call("verify", "--fix", "--store", tmp_path).exit_code == 0
    assert run(tmp_path, zoo, clip, "--configurations", "tiny/baseline/rgb-normal").exit_code == 0
    assert call("verify", "--store", tmp_path).exit_code == 0
    assert contents(tmp_path) == before


def test_an_unreadable_manifest_is_made_again_by_the_next_run(tmp_path, zoo, clip):
    run(tmp_path, zoo, clip, "--configurations", "tiny/baseline/rgb-normal")
    before = contents(tmp_path)
    next(tmp_path.rglob("manifest.json")).write_text("{")
    assert run(tmp_path, zoo, clip, "--configurations", "tiny/baseline/rgb-normal").exit_code == 0
    assert contents(tmp_path) == before


def test_verify_of_a_folder_that_is_no_store_is_wrong_usage(tmp_path):
    assert call("verify", "--store", tmp_path / "none").exit_code == 2


def test_remove_takes_what_was_named_and_nothing_else(tmp_path, zoo, clip):
    run(tmp_path, zoo, clip)
    before = listed(tmp_path, "--all")
    assert call("remove", "tiny/baseline/*", "--store", tmp_path, "--yes").exit_code == 0
    assert listed(tmp_path, "--all") == [row for row in before if row["method"] != "baseline"]
    assert call("remove", "tiny/baseline/*", "--store", tmp_path, "--yes").exit_code == 2
    assert call("verify", "--store", tmp_path).exit_code == 0


def test_the_list_of_an_empty_store_says_what_to_run(tmp_path):
    Store(tmp_path)
    assert listed(tmp_path) == []
    assert "python -m precompute run" in call("list", "--store", tmp_path).stdout


# --- how a source is read ---


def test_what_was_chosen_in_a_source_is_said_once_and_stands_on_every_track(tmp_path, zoo):
    video, _ = playable.cover_first(tmp_path, np.random.default_rng(1))
    result = run(tmp_path / "store", zoo, video, "--max-frames", "3")
    assert result.exit_code == 0 and result.output.count("cover: of 2 video streams, stream 1 (h264") == 1
    tracks = Store(tmp_path / "store", read_only=True).tracks()
    assert tracks and all(track.head.caveat.startswith("of 2 video streams, stream 1") for track in tracks)
    assert {track.head.clip.sampling["reading"] for track in tracks} == {"stream=1"}
    again = run(tmp_path / "store", zoo, video, "--max-frames", "3")
    assert "0 frames computed" in again.output and "of 2 video streams" not in again.output


def test_a_clip_of_an_earlier_version_is_found_again_if_it_is_read_as_it_was(tmp_path, zoo, clip, done):
    """Its header is read once more, as earlier versions did not record how they had read it."""
    store = tmp_path / "store"
    shutil.copytree(done, store)
    for path in store.rglob("manifest.json"):
        fields = json.loads(path.read_text())
        del fields["computed_on"]["reading"]
        path.write_text(json.dumps(sealed(fields)))
    before = contents(store)
    result = run(store, zoo, clip)
    assert result.exit_code == 0 and "0 frames computed" in result.output
    assert contents(store) == before == contents(done)
