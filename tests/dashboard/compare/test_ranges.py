"""Laws of display ranges: the percentiles of a clip, locked over its panes and over time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cache.store import Store
from dashboard.compare import ranges
from dashboard.compare.ranges import LEAST_CODES, Ranges, shown_range
from tests.fixtures.stores import build_store

DEPTH = {"lo": 0.1, "hi": 16.0, "scale": "log"}
SHADE = {"lo": 0.0, "hi": 1.0, "scale": "linear"}


def counts(*codes: int) -> np.ndarray:
    return np.bincount(codes, minlength=256)


def test_the_range_leaves_out_two_percent_on_either_side() -> None:
    codes = np.repeat(np.arange(100, 200), 10)
    low, high = shown_range(DEPTH, counts(0, *codes.tolist(), 255)) or (0.0, 0.0)
    values = 0.1 * 160 ** (codes / 255)
    assert low == pytest.approx(np.quantile(values, 0.02), rel=0.03)
    assert high == pytest.approx(np.quantile(values, 0.98), rel=0.03)


def test_a_flat_wall_is_not_stretched_to_all_colours() -> None:
    for code in (0, 3, 128, 255):
        low, high = shown_range(DEPTH, counts(code)) or (0.0, 0.0)
        assert 255 * np.log(high / low) / np.log(160) == pytest.approx(LEAST_CODES, abs=1)
        assert 0.1 <= low < high <= 16.0


def test_a_linear_domain_keeps_its_full_range_unless_it_uses_little_of_it() -> None:
    assert shown_range(SHADE, counts(*range(20, 240))) is None
    assert shown_range(SHADE, counts(*range(20, 80))) == pytest.approx((0.082, 0.306), abs=0.01)
    assert shown_range(DEPTH, counts(*range(256))) is not None, "a log domain has outliers even where it is full"


@pytest.mark.parametrize("domain", [{**DEPTH, "lo": 0.0}, {**SHADE, "hi": 0.0}])
def test_an_impossible_range_and_no_values_are_shown_in_full(domain: dict[str, Any]) -> None:
    assert shown_range(domain, counts(1, 9)) is None
    assert shown_range(DEPTH, np.zeros(256, int)) is None


def depth_store(folder: Path, **options: Any) -> Store:
    return build_store(folder, targets=("depth",), truths=("depth",), n_frames=24, frames_per_pack=8, **options)


def test_one_range_serves_all_panes_of_a_domain_and_is_computed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = depth_store(tmp_path)
    tracks = store.tracks()
    found = Ranges(store)
    first = found.of(tracks)
    assert "depth" in first and "energy" not in first and "rgb" not in first
    assert found.of(reversed(tracks)) == first
    monkeypatch.setattr(store, "image", lambda *_: pytest.fail("read again"))
    assert found.of(tracks) == first


def test_a_growing_track_counts_with_its_first_pack_so_that_colours_do_not_jump(tmp_path: Path) -> None:
    asked: list[int] = []
    found = []
    for ready in (8, 16):
        store = depth_store(tmp_path / str(ready), ready_frames=ready)
        tracks = [track for track in store.tracks(kind="prediction") if not track.is_complete]
        read = store.image
        store.image = lambda track, frame, read=read: asked.append(frame) or read(track, frame)  # type: ignore[method-assign]
        found.append(Ranges(store).of(tracks))
    assert found[0] == found[1] and max(asked) == 7


def test_frames_that_cannot_be_read_leave_the_full_range(tmp_path: Path) -> None:
    store = depth_store(tmp_path)
    for pack in store.root.rglob("*.pack"):
        pack.unlink()
    assert Ranges(store).of(store.tracks()) == {}


def test_codes_of_16_bits_have_the_range_of_the_same_values_in_8(tmp_path: Path) -> None:
    store = depth_store(tmp_path)
    (track,) = store.tracks(kind="truth")
    eight = np.random.default_rng(3).integers(90, 160, (32, 32), np.uint8)
    planes = np.stack(
        [np.zeros_like(eight), np.full_like(eight, 60), eight], axis=-1
    )  # B, G and R, as OpenCV orders them
    images = [cv2.imencode(".png", codes)[1].tobytes() for codes in (eight, planes)]
    found = []
    for image, bits in zip(images, (8, 16), strict=True):
        store.image = lambda *_, image=image: image  # type: ignore[method-assign]
        ends = {"invalid": 0.0, "sky": 1.0} if bits == 16 else {}
        head = replace(track.head, domain={**track.head.domain, "bits": bits, **ends})
        found.append(Ranges(store).of([replace(track, head=head)])["depth"])
    assert found[0] == found[1]
    assert 0.1 < found[0][0] < found[0][1] < 16.0


def test_tracks_of_one_domain_with_other_ranges_are_counted_by_their_values() -> None:
    far = {**DEPTH, "lo": 0.01, "hi": 1000.0}
    code = {
        name: round(255 * np.log(2.0 / d["lo"]) / np.log(d["hi"] / d["lo"]))
        for name, d in (("near", DEPTH), ("far", far))
    }
    parts = [(DEPTH, counts(*[code["near"]] * 9)), (far, counts(*[code["far"]] * 9))]
    domain, total = ranges._together(parts)
    assert total.sum() == 18 and np.ptp(np.flatnonzero(total)) <= 1
    low, high = shown_range(domain, total) or (0.0, 0.0)
    assert low < 2.0 < high
    again = ranges._together(parts[::-1])
    assert np.array_equal(again[1], total) and shown_range(*again) == (low, high)


def test_unknown_truth_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = depth_store(tmp_path)
    monkeypatch.setattr(ranges, "_codes", lambda _: counts(*[255] * 90, *[100] * 10))
    (truth,) = (track for track in store.tracks(kind="truth"))
    low, high = Ranges(store).of([truth])["depth"]
    assert low < 0.1 * 160 ** (100 / 255) < high < 3
