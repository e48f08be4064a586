"""Laws of the shifts: repeatable, stronger is further from the clean frames, and nothing but the pixels changes."""

# N frames, H x W pixels

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from analysis.shifts import KINDS, Shift
from precompute.media.sampling import Frame
from precompute.media.shifts.apply import PER_FRAME, SEEDED, WHOLE_CLIP, made_by, shifted

OTHER_STRENGTHS = {"h264": (20, 35, 51), "low_light": (0.5, 0.2, 0.05), "downscale": (2, 4, 8)}
"""Rising, for kinds without severities."""
SEVERITIES_MAY_FALL = {"snow": 0.03}
"""ImageNet-C's severities 2 and 3 of snow change a frame about as much: fewer, larger flakes."""


def strengths(kind: str) -> list[Shift]:
    return [Shift(KINDS[kind], float(strength)) for strength in KINDS[kind].severities or OTHER_STRENGTHS[kind]]


def make_frames(height: int = 128, width: int = 128, n_frames: int = 3) -> list[Frame]:
    """Smooth noise with some detail, moving a little, in mid tones."""
    rough = np.random.default_rng(1).uniform(30, 150, (height + n_frames, width, 3)).astype(np.float32)
    image = np.clip(cv2.GaussianBlur(rough, (0, 0), 1.5) * 2 - 90, 0, 255).astype(np.uint8)
    return [Frame(np.ascontiguousarray(image[at : at + height]), at / 5, at) for at in range(n_frames)]


def test_every_kind_has_one_implementation():
    assert sorted(KINDS) == sorted([*PER_FRAME, *WHOLE_CLIP])


@pytest.mark.parametrize("kind", KINDS)
def test_stronger_is_further_from_the_clean_frames_and_the_rest_stays(kind: str):
    frames, distances = make_frames(224, 224), []  # ImageNet-C's size
    for shift in strengths(kind):
        found = list(shifted(frames, shift))
        assert [(f.index, f.pts_seconds, f.rgb.shape, f.rgb.dtype) for f in found] == [
            (f.index, f.pts_seconds, f.rgb.shape, np.uint8) for f in frames
        ]
        distances.append(
            np.mean([np.abs(a.rgb.astype(int) - b.rgb).mean() for a, b in zip(found, frames, strict=True)])
        )
    least = 1 - SEVERITIES_MAY_FALL.get(kind, 0)
    assert distances[0] > 0 and all(after > least * before for before, after in pairwise(distances)), distances


@pytest.mark.parametrize("kind", KINDS)
def test_equal_keys_are_equal_frames(kind: str):
    shift = strengths(kind)[1]
    first, again = (list(shifted(make_frames(), shift)) for _ in range(2))
    assert made_by(shift) == made_by(shift)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.rgb, other.rgb)


@pytest.mark.parametrize("kind", SEEDED)
def test_every_frame_has_noise_of_its_own(kind: str):
    (frame, *_) = make_frames()
    first, second = shifted([frame, replace(frame, index=1)], strengths(kind)[1])
    assert (first.rgb != second.rgb).mean() > 0.01


@pytest.mark.parametrize("kind", ("glass", "snow", "fog"))
@pytest.mark.parametrize("value", (0, 255))
def test_black_and_white_frames_and_odd_sides_stay_in_range(kind: str, value: int):
    frame = Frame(np.full((33, 47, 3), value, np.uint8), 0, 0)
    for shift in strengths(kind):
        (found,) = shifted([frame], shift)
        assert found.rgb.shape == (33, 47, 3) and found.rgb.dtype == np.uint8
        if kind == "glass" or (kind, value) == ("fog", 0):  # nothing is mixed in, or nothing is bright
            np.testing.assert_array_equal(found.rgb, frame.rgb)


def test_ground_glass_moves_pixels_and_makes_none():
    rgb = np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)
    (found,) = shifted([Frame(rgb, 0, 0)], Shift(KINDS["glass"], 1.0))
    # So small a picture is not blurred: the same pixels at other places.
    assert sorted(map(tuple, found.rgb.reshape(-1, 3))) == sorted(map(tuple, rgb.reshape(-1, 3)))
    assert (found.rgb != rgb).any(axis=2).mean() > 0.5


def test_snow_whitens_and_fog_greys():
    (frame, *_) = make_frames()
    (snow,), (fog,) = (shifted([frame], Shift(KINDS[kind], 3.0)) for kind in ("snow", "fog"))
    assert (snow.rgb.astype(int) - frame.rgb).mean() > 20
    assert np.ptp(fog.rgb.astype(int), axis=2).mean() < 0.5 * np.ptp(frame.rgb.astype(int), axis=2).mean()
    assert fog.rgb.max() <= frame.rgb.max()


@pytest.mark.parametrize("kind", PER_FRAME)
def test_a_resumed_clip_gets_the_frames_of_an_uninterrupted_one(kind: str):
    shift = strengths(kind)[0]
    whole, resumed = (list(shifted(make_frames(), shift, start)) for start in (0, 2))
    np.testing.assert_array_equal(whole[2].rgb, resumed[2].rgb)
    np.testing.assert_array_equal(make_frames()[0].rgb, resumed[0].rgb)


def test_h264_codes_frames_of_odd_sides():
    found = list(shifted(make_frames(33, 47), Shift(KINDS["h264"], 30.0)))
    assert [frame.rgb.shape for frame in found] == [(33, 47, 3)] * 3


def test_pixels_are_those_of_256():
    small, large = (
        next(
            shifted(
                [Frame(np.kron(np.eye(2, dtype=np.uint8)[..., None] * 255, np.ones((side, side, 3), np.uint8)), 0, 0)],
                b,
            )
        )
        for side, b in ((32, Shift(KINDS["blur"], 8.0)), (64, Shift(KINDS["blur"], 8.0)))
    )
    np.testing.assert_allclose(cv2.resize(large.rgb, (64, 64), interpolation=cv2.INTER_AREA), small.rgb, atol=3)


def test_the_coders_are_named():
    assert "libjpeg" in made_by(Shift(KINDS["jpeg"], 25.0)) and "libavcodec" in made_by(Shift(KINDS["h264"], 25.0))
    assert "NumPy" in made_by(Shift(KINDS["shot_noise"], 25.0)) and "NumPy" not in made_by(Shift(KINDS["blur"], 2.0))
