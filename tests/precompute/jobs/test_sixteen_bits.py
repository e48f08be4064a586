"""Depth stored in 16 bits: from a zoo that asks for it to the values that come back."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from analysis.codes import is_unknown, stored_codes
from cache.records import Track
from cache.store import Store
from consistency.domains import DOMAINS, FAR_DEPTH, read_domain
from consistency.metrics import frame_errors, recoded, valid_pixels
from consistency.zoo.load import load_network
from consistency.zoo.read import load_zoo
from consistency.zoo.records import ZooError
from dashboard.compare.ranges import Ranges
from dashboard.image.raw_values import npz
from precompute.cli.app import app
from precompute.jobs.output.encode import decode_image, encode_image, encode_preview
from precompute.jobs.output.stored_frames import StoredFrames
from precompute.jobs.output.tracks import _to_levels
from tests.fixtures.media import write_video
from tests.fixtures.zoos import write_zoo

pytestmark = pytest.mark.usefixtures("one_thread")
RECORD = FAR_DEPTH.record()


def code_of(metres: float) -> float:
    return float(np.log(metres / FAR_DEPTH.lo) / np.log(FAR_DEPTH.hi / FAR_DEPTH.lo))


def through_the_store(codes: list[float]) -> np.ndarray:
    """Codes in [0, 1] of far depth as they come back: (N,), on the scale of 0 to 255."""
    planes = _to_levels(torch.tensor(codes).view(1, 1, 1, -1), FAR_DEPTH)[0].numpy()
    return stored_codes(decode_image(encode_image(planes)), RECORD)[0]


def test_metres_up_to_a_kilometre_come_back_within_a_hundredth_of_a_percent():
    metres = np.array([0.011, 0.5, 3.7, 16.0, 120.0, 300.0, 990.0])
    found = 0.01 * (1e5) ** (through_the_store([code_of(one) for one in metres]).astype(float) / 255)
    np.testing.assert_allclose(found, metres, rtol=1e-4)


def test_unknown_and_sky_keep_codes_of_their_own():
    codes = through_the_store([0.0, 1e-9, 0.5, 1 - 1e-7, 1.0])
    assert is_unknown(codes, RECORD).tolist() == [True, False, False, False, True]
    assert codes[0] == 0 and codes[-1] == 255
    truth = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3)
    assert valid_pixels(FAR_DEPTH, truth).tolist() == [[[False, True, False]]]


def test_a_preview_shows_the_high_byte():
    planes = np.stack([np.full((16, 16), 90, np.uint8), np.arange(256, dtype=np.uint8).reshape(16, 16)], axis=-1)
    preview = cv2.imdecode(np.frombuffer(encode_preview(planes), np.uint8), cv2.IMREAD_UNCHANGED)
    assert preview.shape == (16, 16) and np.abs(preview.astype(int) - 90).max() <= 1


def test_the_domain_depth_is_declared_far_by_its_bits_alone():
    assert read_domain("depth", {"bits": 16}) is FAR_DEPTH
    assert "bits" not in DOMAINS["depth"].record() and "sky" not in DOMAINS["depth"].record()
    for row in ({"bits": 8}, {"bits": 16, "hi": 50.0}):
        with pytest.raises(ValueError, match="cannot declare a domain 'depth'"):
            read_domain("depth", row)
    far = {"title": "Far", "channels": 1, "bits": 16}
    assert read_domain("far", {**far, "invalid": 0, "sky": 1}).levels == 65535
    for wrong in ({"bits": 12}, {"channels": 3}, {"invalid": 0.5}, {"sky": 0.5}, {"bits": 8, "sky": 1}):
        with pytest.raises(ValueError, match="domain far"):
            read_domain("far", {**far, **wrong})


def test_truth_of_another_range_gives_the_same_errors():
    truth = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(1)) * 0.9
    predicted = truth + 0.02
    near = DOMAINS["depth"]
    there = [recoded(codes, near, FAR_DEPTH) for codes in (predicted, truth)]
    expected, found = frame_errors(near, predicted, truth), frame_errors(FAR_DEPTH, *there)
    del expected["error"]  # of codes
    for name, values in expected.items():
        torch.testing.assert_close(found[name], values, rtol=1e-3, atol=1e-3)


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Path]:
    """A store with the predictions of a zoo that asks for 16 bits, and the zoo."""
    folder = tmp_path_factory.mktemp("deep")
    zoo = write_zoo(folder / "zoo")
    file = zoo / "zoo.toml"
    file.write_text(stating_metres(file.read_text()) + "\n[domain.depth]\nbits = 16\n")
    clip = write_video(folder / "count.mp4", 4)
    words = ["run", clip, "--store", folder / "store", "--zoo", zoo, "--size", "64", "--device", "cpu"]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return Store(folder / "store"), zoo


def stating_metres(text: str) -> str:
    """A zoo.toml whose networks say that their numbers, from 0 to 1, are the usual codes of depth."""
    said = "{ range = [0.0, 1.0], physical = [0.1, 16.0], scale = 'log' }"
    text = text.replace('source = "depth"\n', f'source = "depth"\ninput = {said}\n')
    return text.replace('target = "depth"\n', f'target = "depth"\noutput = {said}\n')


def test_networks_that_do_not_say_what_their_depth_means_are_refused(tmp_path: Path):
    file = write_zoo(tmp_path / "zoo") / "zoo.toml"
    text = file.read_text()
    file.write_text(text + "\n[domain.depth]\nbits = 16\n")
    with pytest.raises(ZooError, match="edge rgb-depth needs `physical` in `output`"):
        load_zoo(str(file.parent))
    file.write_text('extends = "mini"\n' + stating_metres(text) + "\n[domain.depth]\nbits = 16\n")
    with pytest.raises(ZooError, match="extends another cannot declare depth"):
        load_zoo(str(file.parent))


def test_a_dtype_that_is_coarser_than_16_bits_is_refused(tmp_path: Path):
    file = write_zoo(tmp_path / "zoo") / "zoo.toml"
    text = stating_metres(file.read_text()) + "\n[domain.depth]\nbits = 16\n"
    file.write_text(text.replace('target = "depth"\n', 'target = "depth"\ndtype = "float32"\n'))
    load_zoo(str(file.parent))
    file.write_text(text.replace('target = "depth"\n', 'target = "depth"\ndtype = "bfloat16"\n'))
    with pytest.raises(ZooError, match="dtype is 'bfloat16', whose steps are wider"):
        load_zoo(str(file.parent))


def tracks_of(store: Store, kind: str, path: str) -> Track:
    return next(one for one in store.tracks(kind=kind) if one.head.path == path and one.head.method == "baseline")


def test_a_zoo_that_asks_for_16_bits_gets_its_depth_back_to_half_a_step(deep: tuple[Store, Path]):
    store, folder = deep
    track = tracks_of(store, "prediction", "rgb-depth")
    assert track.head.domain["bits"] == 16 and track.head.domain["channels"] == 1
    zoo = load_zoo(str(folder))
    (edge,) = zoo.chain("baseline", "rgb-depth")
    rgb = StoredFrames(store, next(iter(store.tracks(kind="input")))).image(2)
    image = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        output = load_network(edge, device=torch.device("cpu"), dtype=torch.float32)(image)[0, 0].clamp(0, 1).numpy()
    stored = StoredFrames(store, track).image(2)
    assert stored.dtype == np.float32
    # Networks of 16 bits compute in float32 wherever others compute in half precision. At the ends there is a step more.
    assert np.abs(stored / 255 - output).max() <= 1.01 / 65535
    assert len(np.unique(stored)) > 20 * len(np.unique(stored.round())), "8 bits would leave bands"


def test_measures_and_pages_read_16_bits(deep: tuple[Store, Path]):
    store, _ = deep
    track = tracks_of(store, "prediction", "rgb-depth")
    stability = store.column(tracks_of(store, "stability", "rgb-depth"), "stability")
    assert np.isfinite(stability[1:]).any() and (stability[1:] < 60).all()
    low, high = Ranges(store).of([track])["depth"]
    assert 0.01 <= low < high < 1000
    with np.load(io.BytesIO(npz(store, [track])), allow_pickle=False) as file:
        values = file["prediction.tiny.baseline.rgb-depth"]
    assert low * 0.5 < np.nanmedian(values) < high * 2
    assert tracks_of(store, "prediction", "rgb-normal").head.domain.get("bits") is None
