"""From the clip's own camera the rasteriser shows the picture; from elsewhere what is near moves more, and hides what is far."""

from __future__ import annotations

import numpy as np
import pytest

from consistency.domains import DOMAINS, FAR_DEPTH
from precompute.films.camera_path import WHOLE, Camera, CameraPath, Extent, Window
from precompute.films.rendering import draw
from precompute.films.surface import DepthScale, meshes_of

SCALE = DepthScale.of(DOMAINS["depth"].record())
EXTENT = Extent.of(64, 48, 60)
STILL = Camera((0.0, 0.0, 0.0), WHOLE)


def picture() -> tuple[np.ndarray, np.ndarray]:
    """A red square before a wall of noise: codes (48, 64) and colours."""
    rgb = np.random.default_rng(1).integers(0, 200, (48, 64, 3)).astype(np.uint8)
    codes = np.full((48, 64), 180, np.uint8)
    codes[16:32, 24:40] = 100
    rgb[codes == 100] = (255, 0, 0)
    return codes, rgb


def test_from_the_clips_camera_the_frame_is_the_picture_to_its_edges():
    codes, rgb = picture()
    for seen in (codes, np.full_like(codes, 77)):
        drawn = draw(meshes_of(seen, rgb, SCALE, EXTENT), STILL, EXTENT, 2.0, 48, 64)
        assert drawn.is_covered.all()
        real = ~drawn.is_invented
        assert real.mean() > 0.9
        assert np.abs(drawn.rgb.astype(int) - rgb)[real].max() <= 1


def test_a_magnified_frame_covers_every_pixel_once_as_a_plane_has_no_seams():
    rgb = picture()[1]
    drawn = draw(meshes_of(np.full((48, 64), 90, np.uint8), rgb, SCALE, EXTENT), STILL, EXTENT, 2.0, 331, 443)
    assert drawn.is_covered.all()


def test_what_is_near_moves_more_and_uncovers_what_is_invented_from_the_wall():
    codes, rgb = picture()
    focus = float(SCALE.depth(np.array([180.0]))[0])
    camera = Camera((0.025, 0.0, 0.0), WHOLE)
    drawn = draw(meshes_of(codes, rgb, SCALE, EXTENT), camera, EXTENT, focus, 48, 64)
    red = (drawn.rgb[..., 0] > 250) & (drawn.rgb[..., 1] == 0)
    assert np.flatnonzero(red.any(0)).min() < 22
    assert np.abs(drawn.rgb.astype(int) - rgb)[:, 50:].max() <= 1  # the wall is at the focus, and stays
    assert drawn.is_invented.sum() > 20
    assert drawn.is_covered.all()
    assert not red[drawn.is_invented].any()


def test_what_is_one_pixel_wide_stays_whole_and_leaves_its_colour_nowhere_else():
    rgb = np.full((48, 64, 3), 200, np.uint8)
    codes = np.full((48, 64), 180, np.uint8)
    codes[:, 32], codes[10, 40] = 100, 100
    rgb[codes == 100] = (255, 0, 0)
    focus = float(SCALE.depth(np.array([180.0]))[0])
    drawn = draw(meshes_of(codes, rgb, SCALE, EXTENT), Camera((0.02, 0.0, 0.0), WHOLE), EXTENT, focus, 192, 256)
    red = (drawn.rgb == (255, 0, 0)).all(2)
    assert (red[:, :140].sum(1) == 4).all()  # as wide as in the picture, in every row
    assert red[:, 140:].sum() == 16
    assert not drawn.is_invented[red].any()
    assert (drawn.rgb[:, :140][~red[:, :140]] == 200).all()


def test_depth_of_16_bits_has_a_place_but_for_its_ends_and_is_torn_by_more_than_one_of_its_steps():
    scale = DepthScale.of(FAR_DEPTH.record())
    stored = np.array([0, 1, 30000, 30001, 65535], np.float32)
    depth = scale.depth(scale.floats(stored / 257))
    assert np.isnan(depth[[0, 4]]).all()  # unknown, and sky
    np.testing.assert_allclose(depth[1:4], 0.01 * 1e5 ** (stored[1:4] / 65535), rtol=1e-5)
    limits = scale.limits(0.0)
    assert not limits.torn(np.array(1.0), np.array(1 + 1 / 257))
    assert limits.torn(np.array(1.0), np.array(1 + 2 / 257))


def test_the_nearest_of_two_surfaces_is_seen_whatever_their_order():
    plane = np.full((48, 64), 100, np.uint8)
    near, far = (
        meshes_of(codes, np.full((48, 64, 3), colour, np.uint8), SCALE, EXTENT)[0]
        for codes, colour in ((plane, 200), (plane + 50, 50))
    )
    for meshes in ((near, far), (far, near)):
        assert (draw(meshes, STILL, EXTENT, 2.0, 48, 64).rgb == 200).all()


@pytest.mark.parametrize("codes", [np.full((8, 8), 255, np.uint8), np.zeros((1, 1), np.uint8)])
def test_without_a_surface_the_frame_is_empty(codes: np.ndarray):
    rgb = np.zeros((*codes.shape, 3), np.uint8)
    assert not draw(meshes_of(codes, rgb, SCALE, EXTENT), STILL, EXTENT, 1.0, 16, 16).is_covered.any()


def test_large_pictures_are_drawn_from_every_second_pixel_at_the_same_place():
    ramp = np.broadcast_to(np.linspace(0, 255, 1024), (600, 1024)).astype(np.uint8)
    rgb = np.stack([ramp] * 3, 2)
    extent = Extent.of(1024, 600, 60)
    meshes = meshes_of(np.full((600, 1024), 90, np.uint8), rgb, SCALE, extent)
    assert len(meshes[0].points) == 512 * 300
    drawn = draw(meshes, STILL, extent, 2.0, 60, 102)
    assert drawn.is_covered.all()
    assert (
        np.abs(drawn.rgb[30, :, 0] - np.interp((np.arange(102) + 0.5) / 102 * 1024, np.arange(1024), ramp[0])).max() < 4
    )


def test_a_window_is_what_fills_the_frame_at_the_focus():
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[12:36, 16:48] = 255
    codes = np.full((48, 64), 90, np.uint8)
    focus = float(SCALE.depth(np.array([90.0]))[0])
    path = CameraPath("zoom", end=Window(0.5, 0.5, 2.0))
    drawn = draw(meshes_of(codes, rgb, SCALE, EXTENT), path.camera(1, EXTENT), EXTENT, focus, 48, 64)
    assert (drawn.rgb[2:-2, 2:-2] == 255).all()


def test_only_a_depth_with_a_range_has_a_place_in_space():
    for wrong in ({"name": "normal"}, {"lo": 0.0}, {"hi": float("inf")}, {"lo": 20.0}):
        with pytest.raises(ValueError, match="has no place in space"):
            DepthScale.of(DOMAINS["depth"].record() | wrong)
