"""Laws of the shifts: repeatable, stronger is further from the clean frames, and nothing but the pixels changes."""

# N frames, H x W pixels

import cv2
import numpy as np
import pytest

from analysis.shifts import KINDS, Shift
from precompute.media.sampling import Frame
from precompute.media.shifts.apply import PER_FRAME, WHOLE_CLIP, made_by, shifted

OTHER_STRENGTHS = {"h264": (20, 35, 51), "low_light": (0.5, 0.2, 0.05), "downscale": (2, 4, 8)}
"""Rising, for kinds without severities."""


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
    frames, distances = make_frames(), []
    for shift in strengths(kind):
        found = list(shifted(frames, shift))
        assert [(f.index, f.pts_seconds, f.rgb.shape, f.rgb.dtype) for f in found] == [
            (f.index, f.pts_seconds, f.rgb.shape, np.uint8) for f in frames
        ]
        distances.append(
            np.mean([np.abs(a.rgb.astype(int) - b.rgb).mean() for a, b in zip(found, frames, strict=True)])
        )
    assert distances[0] > 0 and (np.diff(distances) > 0).all(), distances


@pytest.mark.parametrize("kind", KINDS)
def test_equal_keys_are_equal_frames(kind: str):
    shift = strengths(kind)[1]
    first, again = (list(shifted(make_frames(), shift)) for _ in range(2))
    assert made_by(shift) == made_by(shift)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.rgb, other.rgb)


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
