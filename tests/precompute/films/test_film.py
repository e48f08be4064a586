"""`kenburns` films stored depth: frames, size, rate and times as asked for, whole files or none, and words for what is missing."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from cache.store import Store
from consistency.domains import FAR_DEPTH
from precompute.cli.app import app
from precompute.films import film
from precompute.films.camera_path import CameraPath
from precompute.films.film import pictures, write_film
from precompute.films.shot import Shot
from precompute.films.surface import DepthScale
from precompute.jobs.output.encode import decode_image, encode_image
from tests.fixtures.stores import build_store

DEPTH = "mini/baseline/rgb-depth"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return build_store(
        tmp_path_factory.mktemp("films"),
        titles=("Walk", "Wander"),
        n_frames=6,
        targets=("depth",),
        truths=("depth",),
        readouts={},
        pts_seconds=[k / 10 for k in range(6)],
    )


def run(store: Store, *arguments: str):
    return CliRunner().invoke(app, ["kenburns", *arguments, "--store", str(store.root)])


def shot(store: Store, **more: Any) -> Shot:
    tracks = [track for track in store.tracks() if track.head.clip.title == "Walk"]
    one = {track.head.kind: track for track in tracks if track.head.method in ("", "baseline")}
    fields: dict[str, Any] = {
        "path": CameraPath("zoom"),
        "times_seconds": [k / 10 for k in range(6)],
        "first_frame": 0,
        "is_still": False,
        "n_frames": 15,
        "fps": 25.0,
        "side_px": 64,
        "field_of_view_degrees": 60.0,
    }
    return Shot(inputs=one["input"], depths=(one["truth"],), **(fields | more))


def decoded(path: Path) -> tuple[list[np.ndarray], av.VideoStream]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)], container.streams.video[0]


def test_a_film_has_the_frames_size_and_rate_asked_for_and_begins_with_the_picture(store: Store, tmp_path: Path):
    file = tmp_path / "film.mp4"
    result = run(
        store,
        "Walk",
        "--configuration",
        DEPTH,
        "--size",
        "128",
        "--fps",
        "24",
        "--still",
        "--seconds",
        "0.5",
        "--out",
        str(file),
    )
    assert result.exit_code == 0, result.output
    assert "12 frames of 128 x 128 pixels at 24 per second" in result.output
    frames, stream = decoded(file)
    assert (len(frames), frames[0].shape) == (12, (128, 128, 3))
    assert (stream.codec.name, stream.average_rate) == ("h264", Fraction(24))
    inputs = next(t for t in store.tracks(kind="input") if t.head.clip.title == "Walk")
    still = decode_image(store.image(inputs, 0)).repeat(2, 0).repeat(2, 1)
    assert np.abs(frames[0].astype(int) - still).mean() < 6
    assert [entry.name for entry in tmp_path.iterdir()] == ["film.mp4"]


def test_the_clips_clock_runs_on_while_the_camera_moves(store: Store):
    one = shot(store)
    assert [one.clip_frame(k) for k in range(15)] == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4, 5, 5]
    assert shot(store, first_frame=4).clip_frame(99) == 5
    assert shot(store, first_frame=2, is_still=True).clip_frame(9) == 2
    thirds = shot(store, times_seconds=[k / 3 for k in range(6)], fps=3.0)
    assert [thirds.clip_frame(k) for k in range(6)] == [0, 1, 2, 3, 4, 5]


def test_two_configurations_stand_side_by_side(store: Store):
    one = shot(store, n_frames=1)
    (frame,) = pictures(store, replace(one, depths=one.depths * 2))
    assert frame.shape == (64, 132, 3)
    np.testing.assert_array_equal(frame[:, :64], frame[:, 68:])


def test_a_depth_of_16_bits_is_filmed_by_both_of_its_bytes(store: Store, monkeypatch: pytest.MonkeyPatch):
    one = shot(store, n_frames=1, path=CameraPath("auto"))
    (track,) = one.depths
    wide = replace(track, head=replace(track.head, domain=FAR_DEPTH.record()))
    steps = np.linspace(30000, 30200, 64 * 64).reshape(64, 64).astype(np.int64)  # nearly one high byte
    coded = encode_image(np.stack([steps >> 8, steps & 255], 2).astype(np.uint8))
    image = store.image
    monkeypatch.setattr(store, "image", lambda of, frame: coded if of is wide else image(of, frame))
    (frame,) = pictures(store, replace(one, depths=(wide,)))
    assert frame.shape == (64, 64, 3)
    depth = film._depth(store, wide, DepthScale.of(wide.head.domain), 0)
    np.testing.assert_allclose(depth, 0.01 * 1e5 ** (steps / 65535), rtol=1e-5)


def test_a_film_that_ends_early_leaves_no_file(tmp_path: Path):
    frames = (np.zeros((16, 16, 3), np.uint8) for _ in range(200))
    written = write_film(tmp_path / "film.mp4", frames, 25)
    while next(written) < 150:  # the coder looks ahead before it writes
        pass
    assert len(list(tmp_path.iterdir())) == 1
    written.close()
    assert not list(tmp_path.iterdir())

    def broken():
        yield np.zeros((16, 16, 3), np.uint8)
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        list(write_film(tmp_path / "film.mp4", broken(), 25))
    assert not list(tmp_path.iterdir())


def test_ctrl_c_leaves_the_film_of_before_and_nothing_half_written(store: Store, tmp_path: Path):
    file = tmp_path / "film.mp4"
    file.write_bytes(b"the film of before")
    command = [sys.executable, "-m", "precompute", "kenburns", "Walk", "--store", str(store.root)]
    options = ["--configuration", DEPTH, "--size", "256", "--seconds", "500", "--out", str(file)]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and len(list(tmp_path.iterdir())) < 2:
            pass
        process.send_signal(signal.SIGINT)
        errors = process.communicate()[1]
    assert process.returncode == 130
    assert "no unfinished film is left" in errors
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("film.mp4", b"the film of before")]


def test_every_clip_that_matches_is_filmed_into_a_folder(store: Store, tmp_path: Path):
    result = run(
        store, "*", "--configuration", "truth", "--size", "16", "--seconds", "0.1", "--out", str(tmp_path / "films")
    )
    assert result.exit_code == 0, result.output
    names = sorted(path.name.rsplit("-", 1)[0] for path in (tmp_path / "films").iterdir())
    assert names == ["walk", "wander"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["Nobody"], 2, "no clip matches"),
        (["W"], 2, "matches 2 clips"),
        (["Walk", "--configuration", "mini/none/rgb-depth"], 1, "Depth is stored of: mini/baseline/rgb-depth"),
        (["Walk", "--frame", "6"], 1, "there is no frame 6: 6 frames"),
        (["Walk", "--to", "0.9,0.5,1.25"], 2, "the nearest is 0.6,0.5,1.25"),
        (["Walk", "--to", "1,2"], 2, "give three numbers"),
        (["Walk", "--to", "nan,0.5,1"], 2, "give three numbers"),
        (["Walk", "--depth", "nan"], 2, "--depth"),
        (["Walk", "--focus", "0"], 2, "give a depth above 0"),
        (["Walk", "--kind", "fly"], 2, "is not one of auto, zoom, orbit, dolly"),
        (["Walk", "--size", "4000", "--configuration", "truth"], 1, "lower --size"),
    ],
)
def test_wrong_input_is_answered_in_words(store: Store, tmp_path: Path, arguments: list[str], code: int, words: str):
    result = run(store, *arguments, "--configuration", DEPTH, "--out", str(tmp_path / "film.mp4"))
    assert result.exit_code == code
    assert words in " ".join(result.output.split())
    assert not list(tmp_path.iterdir())
