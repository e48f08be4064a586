"""Measures of stored tracks: optical flow, stability, and that they resume and never invent a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from analysis.stability import cuts
from cache.keys import track_key
from cache.records import Head, Track
from cache.store import Store
from cache.writer import TrackWriter
from consistency.domains import DOMAINS
from precompute.cli.app import app
from precompute.jobs.events import Event, Note
from precompute.jobs.measures import derive
from precompute.jobs.measures.agreement import disagreement_spec, geometric_spec
from precompute.jobs.measures.derive import compute_measures
from precompute.jobs.measures.of_clip import add_stability
from precompute.jobs.measures.optical_flow import motion, places_before
from precompute.jobs.measures.stability import change, flow_spec, stability_spec
from precompute.jobs.measures.warp import Warp, block_sums
from precompute.jobs.output import packs
from precompute.jobs.output.encode import decode_image, encode_image
from precompute.signals import Stop
from tests.fixtures.stores import make_clip

SIDE = 64


def texture(seed: int, height: int = SIDE, width: int = SIDE, fineness: float = 2.0) -> np.ndarray:
    """RGB with structure that a flow can follow, uint8 (H, W, 3)."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), fineness)
    return np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def codes_of(domain: str, seed: int, height: int = SIDE, width: int = SIDE) -> np.ndarray:
    image = texture(seed, height, width, fineness=5.0)
    return image if DOMAINS[domain].channels == 3 else image[..., 0]


def panned(still: np.ndarray, pixels: int, n_frames: int, side: int = SIDE) -> list[np.ndarray]:
    """A window that moves over a still picture, that many pixels to the right each frame."""
    return [np.ascontiguousarray(still[:side, k * pixels : k * pixels + side]) for k in range(n_frames)]


def exact_warp(pixels: int, side: int) -> Warp:
    """That of `panned`: what is seen now was that much farther to the right."""
    x, y = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    return Warp(x + pixels, y, (x + pixels < side).astype(np.uint8))


# The flow


def test_the_flow_of_a_pan_is_its_shift_and_what_came_into_view_was_not_visible():
    before, now = panned(texture(1, SIDE, 80), 3, 2)
    found = motion(before, now)
    x, _ = places_before(found.flow, SIDE, SIDE)
    shift = (x - np.arange(SIDE))[8:-8, 8:-12]
    assert np.median(shift) == pytest.approx(3, abs=0.2)
    assert not found.is_visible[:, -2:].any() and found.is_visible[8:-8, 8:-12].mean() > 0.95


def test_equal_frames_do_not_move():
    found = motion(texture(1), texture(1))
    assert not found.flow.any() and found.is_visible.all() and found.found == 1


def test_the_flow_of_two_frames_does_not_depend_on_the_sizes_that_came_before():
    def pan(height: int, width: int) -> np.ndarray:
        image = np.random.default_rng(0).integers(0, 255, (height // 4 + 1, width // 4 + 2, 3), np.uint8)
        large = cv2.resize(image, (width + 3, height), interpolation=cv2.INTER_CUBIC)
        return motion(large[:, :-3], large[:, 3:]).flow

    first = pan(256, 256)
    for height, width in ((64, 64), (16, 16), (20, 24)):  # for which OpenCV chooses other settings
        pan(height, width)
        assert np.array_equal(pan(256, 256), first)


@pytest.mark.parametrize(("height", "width"), [(16, 80), (20, 160), (31, 95), (30, 640)])
def test_the_flow_of_a_flat_picture_is_found_without_reading_beyond_it(height, width):
    image = np.random.default_rng(0).integers(0, 255, (height // 4 + 1, width // 4 + 2, 3), np.uint8)
    large = cv2.resize(image, (width + 2, height), interpolation=cv2.INTER_CUBIC)
    flow = motion(large[:, :-2], large[:, 2:]).flow
    assert flow.shape == (-(-height // 4), -(-width // 4), 2)
    assert np.median(flow[..., 0]) == pytest.approx(2, abs=0.3) and np.median(flow[..., 1]) == pytest.approx(0, abs=0.3)


def test_another_scene_is_not_found_in_the_frame_before():
    assert cuts(np.array([motion(texture(1), texture(2)).found])).tolist() == [0]


def test_sums_over_blocks_are_those_of_the_pixels_at_every_size():
    for height, width in ((64, 64), (50, 37), (20, 16)):
        image = texture(3, height, width)
        sums = block_sums(image)
        rows = [(k * height // 32, -(-(k + 1) * height // 32)) for k in (0, 17, 31)]
        for k, (top, bottom) in zip((0, 17, 31), rows, strict=True):
            left, right = k * width // 32, -(-(k + 1) * width // 32)
            assert sums[k, k].tolist() == image[top:bottom, left:right].sum(axis=(0, 1)).tolist()


# The measure


@pytest.mark.parametrize("domain", ["depth", "normal"])
@pytest.mark.parametrize("pixels", [1, 3, 8])
def test_a_panned_still_picture_with_exact_warping_does_not_change(domain, pixels):
    before, now = panned(codes_of(domain, 4, SIDE, 2 * SIDE), pixels, 2)
    found = change(before, now, exact_warp(pixels, SIDE), DOMAINS[domain].record())
    assert found.mean == pytest.approx(0, abs=1e-5) and found.common == pytest.approx(0, abs=1e-5)
    without = change(before, now, exact_warp(0, SIDE), DOMAINS[domain].record())
    assert without.mean > 1, "or the warp would not matter"


@pytest.mark.parametrize("domain", ["depth", "normal"])
@pytest.mark.parametrize("fineness", [0.5, 8.0])
@pytest.mark.parametrize("blur_px", [2, 4])
def test_blurring_a_flickering_prediction_changes_its_figure_by_less_than_a_tenth(domain, fineness, blur_px):
    """From noise of single pixels, the worst case, to patches as wide as those of networks."""
    side = 256
    still = cv2.GaussianBlur(codes_of(domain, 5, side, side), (0, 0), 4).astype(np.float64)
    flicker = [texture(seed, side, side, fineness).astype(np.float64) - 128 for seed in (6, 7)]
    if still.ndim == 2:
        flicker = [image[..., 0] for image in flicker]
    frames = [np.clip(still + 0.3 * image, 0, 255) for image in flicker]
    figures = []
    for sigma in (0, blur_px):
        images = [cv2.GaussianBlur(image, (0, 0), sigma) if sigma else image for image in frames]
        before, now = (np.rint(image).astype(np.uint8) for image in images)
        figures.append(change(before, now, exact_warp(0, side), DOMAINS[domain].record()).mean)
    assert figures[0] > 0.1 and figures[1] == pytest.approx(figures[0], rel=0.1)


# The tracks


def add(store: Store, kind: str, domain: str, frames: Sequence[np.ndarray], method: str = "baseline") -> Track:
    """A finished track of those codes."""
    clip = make_clip("A clip", n_frames=len(frames), size=(frames[0].shape[1], frames[0].shape[0]))
    is_input = kind == "input"
    zoo, method, path = ("", "", "rgb") if is_input else ("mini", method, f"rgb-{domain}")
    head = Head(
        key=track_key(clip.key, kind, zoo, method, path, {}),
        kind=kind,
        clip=clip,
        zoo=zoo,
        method=method,
        path=path,
        domain=DOMAINS[domain].record(),
        codec="png",
        edges={} if is_input else {f"rgb-{domain}.{method}": "0" * 64},
        columns={"pts_seconds": {"title": "Presentation time", "unit": "s"}},
    )
    with store.writing(clip.key):
        writer = TrackWriter(store, head)
        images = [encode_image(frame if frame.ndim == 3 else frame[..., None]) for frame in frames]
        writer.append(0, images, {"pts_seconds": np.arange(len(frames)) / 30})
        return writer.finish()


def add_clip(store: Store, rgb: Sequence[np.ndarray], **predictions: Sequence[np.ndarray]) -> list[str]:
    """An input and predictions by domain; returns their keys."""
    tracks = [add(store, "input", "rgb", rgb)]
    return [track.head.key for track in (*tracks, *(add(store, "prediction", *item) for item in predictions.items()))]


class Heard:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, Note):
            self.notes.append(event.text)


def stability_of(store: Store, path: str) -> Track:
    (track,) = [track for track in store.tracks(kind="stability") if track.head.path == path]
    return track


@pytest.fixture
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "PACK_PIXELS", 4 * SIDE * SIDE)


def panned_clip(store: Store, n_frames: int = 10) -> list[str]:
    rgb = panned(texture(1, SIDE, 2 * SIDE), 2, n_frames)
    depth = [codes_of("depth", seed) for seed in range(n_frames)]
    return add_clip(store, rgb, depth=depth, normal=panned(codes_of("normal", 2, SIDE, 2 * SIDE), 2, n_frames))


def contents(store: Store) -> dict[str, list[str]]:
    return {track.head.key: [pack.sha256 for pack in track.packs] for track in store.tracks()}


def test_a_static_camera_with_constant_output_is_perfectly_stable(tmp_path):
    store = Store(tmp_path)
    n = 4
    keys = add_clip(store, [texture(1)] * n, depth=[codes_of("depth", 2)] * n, normal=[codes_of("normal", 2)] * n)
    assert add_stability(store, keys) == (3, 3)  # the flow too
    assert add_stability(store, keys) == (3, 0)
    for path in ("rgb-depth", "rgb-normal"):
        track = stability_of(store, path)
        for name in ("stability", "drift"):
            values = store.column(track, name)
            assert np.isnan(values[0]), "nothing comes before the first frame"
            assert values[1:] == pytest.approx(0, abs=1e-4)
        assert np.abs(store.column(track, "blocks")[1:]).max() < 1e-4
        images = [decode_image(data) for data in store.images(track)]
        assert (images[0] == 255).all() and not np.any(images[1:]), "unknown, then no change"


def test_packs_overlap_by_one_frame_so_their_borders_do_not_show(tmp_path, monkeypatch):
    whole, parts = Store(tmp_path / "whole"), Store(tmp_path / "parts")
    keys = panned_clip(whole)
    panned_clip(parts)
    assert add_stability(whole, keys).n_computed == 3
    monkeypatch.setattr(packs, "PACK_PIXELS", 4 * SIDE * SIDE)
    assert add_stability(parts, keys).n_computed == 3
    for path in ("rgb-depth", "rgb-normal"):
        a, b = stability_of(whole, path), stability_of(parts, path)
        assert a.head.key == b.head.key and len(a.packs) == 1 and len(b.packs) == 3
        for name in a.head.columns:
            assert np.array_equal(whole.column(a, name), parts.column(b, name), equal_nan=True), name
        assert list(whole.images(a)) == list(parts.images(b))


def test_an_interrupted_run_resumes_and_ends_like_one_in_a_single_piece(tmp_path, small_packs, monkeypatch):
    straight, broken = Store(tmp_path / "straight"), Store(tmp_path / "broken")
    keys = panned_clip(straight)
    panned_clip(broken)
    add_stability(straight, keys)
    append, n_appended = TrackWriter.append, 0

    def fail_once(writer, *parts):
        nonlocal n_appended
        n_appended += 1
        if n_appended == 5:  # in the middle of the second pack: one track has it, the others have not
            raise OSError("the disk is gone")
        append(writer, *parts)

    monkeypatch.setattr(TrackWriter, "append", fail_once)
    with pytest.raises(OSError, match="the disk is gone"):
        add_stability(broken, keys)
    assert not stability_of(broken, "rgb-depth").is_complete
    assert add_stability(broken, keys).n_computed == 3
    assert contents(broken) == contents(straight)


def test_a_stop_keeps_the_pack_and_completes_nothing(tmp_path, small_packs):
    store, stop = Store(tmp_path), Stop()
    keys = panned_clip(store)
    stop.set()
    assert add_stability(store, keys, stop=stop).n_computed == 0
    track = stability_of(store, "rgb-depth")
    assert not track.is_complete and track.n_frames == 4


def test_a_second_run_computes_nothing_and_a_new_prediction_reads_the_stored_flow(tmp_path, monkeypatch):
    store = Store(tmp_path)
    keys = panned_clip(store)
    add_stability(store, keys)
    assert add_stability(store, keys).n_computed == 0
    first = stability_of(store, "rgb-depth")
    store.remove([first.head.key])
    monkeypatch.setattr("precompute.jobs.measures.spec.motion", lambda *frames: pytest.fail("the flow is stored"))
    assert add_stability(store, keys).n_computed == 1
    again = stability_of(store, "rgb-depth")
    assert np.array_equal(store.column(first, "stability"), store.column(again, "stability"), equal_nan=True)


def test_scene_cuts_are_named_and_left_out(tmp_path):
    store, heard = Store(tmp_path), Heard()
    depth = [codes_of("depth", 2)] * 3 + [codes_of("depth", 3)] * 3
    keys = add_clip(store, [texture(1)] * 3 + [texture(9)] * 3, depth=depth)
    add_stability(store, keys, events=heard)
    assert heard.notes == ["A clip: scene cut at frame 3; stability leaves it out"]
    track = stability_of(store, "rgb-depth")
    values = store.column(track, "stability")
    assert np.flatnonzero(np.isnan(values)).tolist() == [0, 3] and np.nanmax(values) < 1e-6
    assert cuts(store.column(track, "found")).tolist() == [3]


def test_a_clip_of_one_frame_and_one_without_depth_or_normals_have_no_stability(tmp_path):
    store = Store(tmp_path / "one")
    assert add_stability(store, add_clip(store, [texture(1)], depth=[codes_of("depth", 2)])).n_computed == 0
    other = Store(tmp_path / "other")
    assert add_stability(other, add_clip(other, [texture(1)] * 2, reshading=[codes_of("depth", 2)] * 2)).n_computed == 0
    assert not [*store.tracks(kind="stability"), *other.tracks(kind="flow")]
    said = CliRunner().invoke(app, ["measure", "--store", str(tmp_path / "one")]).stdout
    assert "A clip: 0 tracks computed; a clip of one frame has no stability over time" in " ".join(said.split())


def test_what_decides_the_values_is_in_the_keys(tmp_path, monkeypatch):
    store = Store(tmp_path)
    rgb, depth = add_clip(store, [texture(1)] * 2, depth=[codes_of("depth", 2)] * 2)
    input_track, prediction = store.get(rgb), store.get(depth)
    assert input_track is not None and prediction is not None
    other = replace(prediction, head=replace(prediction.head, key="1" * 64))
    before = {flow_spec(input_track).head.key, stability_spec(prediction).head.key, stability_spec(other).head.key}
    assert len(before) == 3
    monkeypatch.setattr("precompute.jobs.measures.stability.FLOW_VERSION", 2)
    after = {flow_spec(input_track).head.key, stability_spec(prediction).head.key}
    monkeypatch.setattr("precompute.jobs.measures.stability.STABILITY_VERSION", 2)
    assert not before & after and stability_spec(prediction).head.key not in before | after


# Energies without cross edges


def plane(side: int, slope: float) -> tuple[np.ndarray, np.ndarray]:
    """Codes of the depth of a wall at an angle, and of its normals, for a field of view of 60 degrees."""
    x = (np.arange(side) - (side - 1) / 2) * 2 * np.tan(np.radians(30)) / side
    depth = 2 / (1 - slope * x) * np.ones((side, 1))  # z (1 - slope x) = 2
    domain = DOMAINS["depth"]
    codes = np.rint(255 * np.log(depth / domain.lo) / np.log(domain.hi / domain.lo)).astype(np.uint8)
    normal = np.array([slope, 0, -1]) / np.hypot(slope, 1)
    return codes, np.broadcast_to(np.rint(255 * (normal + 1) / 2).astype(np.uint8), (side, side, 3)).copy()


def test_the_geometric_energy_of_a_wall_is_low_with_its_own_normals_and_high_with_others(tmp_path):
    store = Store(tmp_path)
    depth, normals = plane(SIDE, 0.3)
    _, others = plane(SIDE, -0.8)
    keys = add_clip(store, [texture(1)] * 3, depth=[depth] * 3, normal=[normals, normals, others])
    input_track, of_depth, of_normals = (store.get(key) for key in keys)
    assert input_track and of_depth and of_normals
    spec = geometric_spec(of_normals, of_depth, 60.0)
    assert compute_measures(store, input_track, [spec]) == 1 and compute_measures(store, input_track, [spec]) == 0
    track = store.get(spec.head.key)
    assert track is not None and (track.head.kind, track.head.configuration) == (
        "confidence",
        "mini/baseline/rgb-normal",
    )
    values = store.column(track, "confidence")
    wrong = np.degrees(np.arctan(0.3) + np.arctan(0.8))
    assert values[:2].max() < 12, "steps of 2 % in depth are all there is"
    assert values[2] == pytest.approx(wrong, abs=6)
    assert geometric_spec(of_normals, of_depth, 90.0).head.key != spec.head.key
    with pytest.raises(ValueError, match="needs normals and a depth"):
        geometric_spec(of_depth, of_normals, 60.0)


def test_the_disagreement_of_networks_is_that_of_any_order_and_none_for_equal_ones(tmp_path):
    store = Store(tmp_path)
    keys = add_clip(store, [texture(1)] * 2, depth=[codes_of("depth", 2)] * 2)
    same = add(store, "prediction", "depth", [codes_of("depth", 2)] * 2, "consistency")
    other = add(store, "prediction", "depth", [codes_of("depth", 3)] * 2, "other")
    input_track, depth = (store.get(key) for key in keys)
    assert input_track and depth
    equal, unequal = disagreement_spec([depth, same]), disagreement_spec([depth, same, other])
    assert disagreement_spec([other, depth, same]).head.key == unequal.head.key != equal.head.key
    assert compute_measures(store, input_track, [equal, unequal]) == 2
    low, high = (store.get(spec.head.key) for spec in (equal, unequal))
    assert low and high and not store.column(low, "confidence").any() and store.column(high, "confidence").min() > 1
    for tracks in ([depth], [depth, depth], [depth, input_track]):
        with pytest.raises(ValueError, match="at least two predictions of one domain"):
            disagreement_spec(tracks)


def test_the_command_measures_what_is_stored_and_names_what_is_not(tmp_path):
    store = Store(tmp_path)
    keys = panned_clip(store, 3)
    words = ["measure", "--store", str(tmp_path), "--geometric", "mini/baseline/rgb-normal,mini/baseline/rgb-depth"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0 and "A clip: 4 tracks computed" in result.stdout, result.output
    assert "A clip: 0 tracks computed" in CliRunner().invoke(app, words).stdout
    for more, said in (
        (["--geometric", "mini/baseline/rgb-normal,mini/nobody/rgb-depth"], "'mini/nobody/rgb-depth' is not stored"),
        (["--disagreement", "mini/*/rgb-depth"], "at least two predictions of one domain"),
    ):
        result = CliRunner().invoke(app, [*words[:3], *more])
        assert result.exit_code == 1 and said in " ".join(result.stderr.split()), result.output
    assert CliRunner().invoke(app, [*words[:3], "--geometric", "one"]).exit_code == 2
    assert CliRunner().invoke(app, [*words[:3], "--clip", "nothing"]).exit_code == 2
    assert len(keys) == 3


def test_a_damaged_prediction_is_named(tmp_path):
    store = Store(tmp_path)
    keys = panned_clip(store)
    track = store.get(keys[1])
    assert track is not None
    path: Path = store.pack_file(track.head.key, track.packs[0].sha256)
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(derive.StoreError, match="damaged"):
        add_stability(Store(tmp_path), keys)
