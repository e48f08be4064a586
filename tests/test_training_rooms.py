"""What must rendered rooms and their ground truth keep to?"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training import targets
from training.data import CHANNELS, Frames, RenderPlan, data_digest, render_all
from training.furniture import split_of
from training.render import Camera, Frame, Quality, camera_rays, look_at, pixel_centres, render
from training.rooms import Builder, Rectangle, Room, Stock, make_room, outer_walls, random_camera

SIZE_PX = 48
TINY = RenderPlan(
    size_px=24, train_rooms=21, train_views=1, validation_rooms=1, test_rooms=1, held_out_views=1, furniture=False
)


def box_room(width: float = 4.0, height: float = 3.0, depth: float = 6.0) -> Builder:
    """Six plain faces, the floor at y = 0."""
    builder = Builder()
    white = builder.plain(np.ones(3))
    x, z = np.array([width, 0, 0]), np.array([0, 0, depth])
    builder.quad((0, 0, 0), x, z, white)
    builder.quad((0, height, 0), x, z, white)
    for wall in outer_walls(Rectangle(0, width, 0, depth)):
        builder.quad(wall.origin, wall.along * wall.length, (0, height, 0), white)
    return builder


def level_view(builder: Builder) -> tuple[Frame, Camera]:
    """A camera in the middle, 1 m up, that looks along +z without tilt."""
    position = np.array([2.0, 1.0, 1.0])
    camera = Camera(position, look_at(position, np.array([2.0, 1.0, 5.0])), field_of_view=np.deg2rad(90))
    scene = builder.scene(np.ones(3))
    return render(scene, camera, SIZE_PX, np.random.default_rng(0), Quality(edge_samples=0)), camera


def test_a_floor_has_the_normal_code_of_up():
    frame, _ = level_view(box_room())
    floor = frame.normal[-1, SIZE_PX // 2].astype(int)
    assert np.abs(floor - [128, 0, 128]).max() <= 1  # y points down, so up is -1


def test_the_facing_wall_looks_back_along_the_axis():
    frame, _ = level_view(box_room())
    assert np.abs(frame.normal[SIZE_PX // 2, SIZE_PX // 2].astype(int) - [128, 128, 0]).max() <= 1


def test_the_left_wall_points_right():
    frame, _ = level_view(box_room())
    assert np.abs(frame.normal[SIZE_PX // 2, 0].astype(int) - [255, 128, 128]).max() <= 1


def test_depth_is_measured_along_the_axis_and_not_the_ray():
    frame, _ = level_view(box_room())
    wall = frame.normal[..., 2] == 0
    metres = targets.depth_metres(frame.depth[..., 0] / 255)[wall]
    assert np.allclose(metres, 5.0, rtol=0.011)  # half a code is 1 %


def test_reshading_is_the_cosine_between_normal_and_ray():
    frame, camera = level_view(box_room())
    rays = camera_rays(camera, pixel_centres(SIZE_PX), SIZE_PX).reshape(SIZE_PX, SIZE_PX, 3)
    normals = frame.normal / 255 * 2 - 1
    expected = np.maximum(0, -(normals * rays).sum(axis=2))
    assert np.abs(frame.reshading[..., 0] / 255 - expected).max() < 0.02


def test_every_normal_faces_the_camera_whatever_way_its_face_was_wound():
    frame, camera = level_view(box_room())
    rays = camera_rays(camera, pixel_centres(SIZE_PX), SIZE_PX).reshape(SIZE_PX, SIZE_PX, 3)
    assert ((frame.normal / 255 * 2 - 1) * rays).sum(axis=2).max() < 0.01


def test_a_room_with_a_hole_is_refused():
    builder = Builder()
    builder.quad((0, 0, 0), (4, 0, 0), (0, 0, 6), builder.plain(np.ones(3)))
    with pytest.raises(ValueError, match="left the scene"):
        level_view(builder)


def test_depth_codes_survive_the_round_trip():
    metres = np.array([0.1, 0.5, 1.0, 4.0, 16.0])
    assert np.allclose(targets.depth_metres(targets.depth_code(metres)), metres)


def test_depth_beyond_the_range_is_clipped():
    assert targets.depth_code(np.array([0.01, 99.0])).tolist() == [0, 1]


def test_the_same_seed_gives_the_same_room_and_view():
    first, second = (room_view(seed=3, index=5) for _ in range(2))
    assert all(
        (getattr(first, name) == getattr(second, name)).all() for name in ("rgb", "normal", "depth", "reshading")
    )


def test_another_index_gives_another_room():
    assert (room_view(seed=3, index=5).rgb != room_view(seed=3, index=6).rgb).any()


def test_the_splits_have_different_rooms():
    rooms = [make_room(1, 0, Stock.of_boxes(split)) for split in ("train", "validation", "test")]
    assert len({room.scene.corners.tobytes() for room in rooms}) == 3


def test_rooms_are_closed():
    for index in range(6):
        room_view(seed=1, index=index)  # a ray that leaves raises


def test_a_model_belongs_to_one_split_for_ever():
    assert split_of("Scopia#12") == split_of("Scopia#12")
    shares = [split_of(f"Scopia#{number}") for number in range(2000)]
    assert 0.6 < shares.count("train") / len(shares) < 0.8


def test_a_killed_render_goes_on_and_ends_with_the_same_bytes(tmp_path: Path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    render_all(TINY, whole, workers=1)
    render_all(TINY, killed, workers=1)
    (killed / "train-0001.npy").unlink()
    (killed / "train-0001.123.tmp").write_bytes(b"half a shard")
    kept = (killed / "train-0000.npy").stat().st_mtime_ns
    render_all(TINY, killed, workers=1)
    assert data_digest(killed) == data_digest(whole)
    assert (killed / "train-0000.npy").stat().st_mtime_ns == kept


def test_frames_of_two_plans_are_not_mixed(tmp_path: Path):
    render_all(replace(TINY, train_rooms=1), tmp_path, workers=1)
    with pytest.raises(ValueError, match=r"seed 1 -> 2.*another --work folder"):
        render_all(replace(TINY, train_rooms=1, seed=2), tmp_path, workers=1)


def test_shards_hold_the_channels_that_their_table_names(tmp_path: Path):
    render_all(TINY, tmp_path, workers=1)
    frames = Frames(tmp_path, "validation")
    assert frames[np.array([0])].shape == (1, 24, 24, max(channels.stop for channels in CHANNELS.values()))


def test_frames_that_were_not_rendered_name_the_command(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="python -m training render"):
        Frames(tmp_path, "train")


def room_view(seed: int, index: int) -> Frame:
    room: Room = make_room(seed, index, Stock.of_boxes())
    rng = np.random.default_rng(index)
    camera = random_camera(room, rng)
    assert camera is not None
    return render(room.scene, camera, 32, rng)
