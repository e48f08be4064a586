"""Rendered rooms and their ground truth."""

from __future__ import annotations

import errno
import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from consistency.domains import CURVATURE_MAX_PER_METRE, DOMAINS
from training.scenes import targets
from training.scenes.frames import CHANNELS, Frames, data_digest
from training.scenes.furniture import split_of, unit
from training.scenes.render import Quality, RenderedFrame, camera_rays, pixel_centres, render
from training.scenes.render_shards import RenderPlan, render_all
from training.scenes.rooms.builder import Builder
from training.scenes.rooms.cameras import random_camera
from training.scenes.rooms.floor_plan import Rectangle, Wall
from training.scenes.rooms.room import Room, make_room
from training.scenes.rooms.shell import outer_walls, raise_wall
from training.scenes.rooms.stock import Stock
from training.scenes.scene import Camera, look_at

SIZE_PX = 48
TINY = RenderPlan(
    size_px=24, train_rooms=21, train_views=1, validation_rooms=1, test_rooms=1, held_out_views=1, furniture=False
)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frames of TINY, for reading only."""
    folder = tmp_path_factory.mktemp("frames")
    render_all(TINY, folder, workers=1)
    return folder


@dataclass
class Geometry:
    """An image of 64x64 pixels: positions and normals (64, 64, 3), validity (64, 64)."""

    points: np.ndarray
    normals: np.ndarray
    valid: np.ndarray

    @classmethod
    def of_plane(cls, normal: np.ndarray) -> Geometry:
        """Through a point 2 m below and before the camera."""
        rays = grid_rays()
        scale = (normal @ [0, 2.0, 2.0]) / (rays @ normal)
        return cls(rays * scale[..., None], np.broadcast_to(unit(normal), rays.shape).copy(), np.ones((64, 64), bool))

    @classmethod
    def of_sphere(cls, radius: float) -> Geometry:
        """Its point nearest to the image's middle is 1 m away; from inside where the radius is negative."""
        rays, centre = unit(grid_rays(0.12)), np.array([0, 0, 1 + radius])
        along = rays @ centre
        root = np.sqrt(along**2 - centre @ centre + radius**2)
        points = rays * (along - np.sign(radius) * root)[..., None]
        return cls(points, (points - centre) / radius, np.ones((64, 64), bool))

    @classmethod
    def of_step(cls, near: float, far: float) -> Geometry:
        """Two walls that face the camera, the left half near (metres)."""
        depth = np.where(np.arange(64) < 32, near, far)[None, :, None]
        normals = np.broadcast_to([0.0, 0, -1], (64, 64, 3)).copy()
        return cls(grid_rays() * depth, normals, np.ones((64, 64), bool))

    def neighbours(self) -> targets.Neighbours:
        return targets.neighbours(self.points, self.normals, self.valid)


def grid_rays(half: float = 0.5) -> np.ndarray:
    """(64, 64, 3) directions with z = 1."""
    y, x = np.mgrid[0:64, 0:64] / 32 - 1 + 1 / 64
    return np.stack([half * x, half * y, np.ones((64, 64))], axis=2)


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


def level_view(builder: Builder) -> tuple[RenderedFrame, Camera]:
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


def test_a_flat_wall_is_mid_grey_in_curvature():
    frame, _ = level_view(box_room())
    middle = frame.curvature[SIZE_PX // 2 - 4 : SIZE_PX // 2 + 4, SIZE_PX // 2 - 4 : SIZE_PX // 2 + 4]
    assert ((middle == 127) | (middle == 128)).all()  # 0.5 lies between them


def test_a_steep_plane_is_flat_and_has_no_edges():
    image = Geometry.of_plane(np.array([0.0, -1.0, -0.05]))
    assert np.allclose(targets.curvature_code(image.neighbours())[8:-8, 8:-8], 0.5, atol=1e-3)
    assert np.allclose(targets.edge3d_code(image.neighbours()), 0)


@pytest.mark.parametrize("radius", [0.2, 0.5, -0.5, -2.0])
def test_a_sphere_has_both_curvatures_one_over_its_radius_and_is_positive_from_outside(radius: float):
    code = targets.curvature_code(Geometry.of_sphere(radius).neighbours())
    curvatures = (code[24:40, 24:40, :2] * 2 - 1) * CURVATURE_MAX_PER_METRE
    assert np.allclose(curvatures, 1 / radius, rtol=0.05)
    assert (code[..., 2] == 0.5).all()


def test_a_cylinder_bends_one_way_only():
    sphere = Geometry.of_sphere(0.5)
    points, normals = sphere.points.copy(), sphere.normals.copy()
    points[..., 0], points[..., 2] = sphere.points[32:33, :, 0], sphere.points[32:33, :, 2]
    normals[..., 0], normals[..., 1], normals[..., 2] = sphere.normals[32:33, :, 0], 0, sphere.normals[32:33, :, 2]
    code = targets.curvature_code(Geometry(points, normals, sphere.valid).neighbours())
    curvatures = (code[32, 32, :2] * 2 - 1) * CURVATURE_MAX_PER_METRE
    assert np.allclose(curvatures, [2, 0], atol=0.1)


def test_mirrored_geometry_has_mirrored_codes():
    frame = Geometry.of_step(near=1.0, far=2.0)
    frame.points[:20, :, 2] = 1.7
    points, normals = frame.points[:, ::-1] * [-1, 1, 1], frame.normals[:, ::-1] * [-1, 1, 1]
    mirrored = Geometry(points, normals, frame.valid[:, ::-1])
    for code in (targets.curvature_code, targets.edge3d_code, targets.keypoint3d_code):
        difference = np.abs(code(frame.neighbours())[:, ::-1] - code(mirrored.neighbours()))
        # Differences belong to the left one of two pixels, so half-way points move by a pixel.
        assert np.quantile(difference, 0.9) < 0.08


def test_a_step_in_depth_is_a_ridge_of_full_height_in_3d_edges():
    code = targets.edge3d_code(Geometry.of_step(near=1.0, far=2.0).neighbours())
    assert np.allclose(code[:, 31:33], 1, atol=0.02)
    assert (np.diff(code[32, 20:32]) >= 0).all()
    assert (code[:, :20] < 0.01).all() and (code[:, 44:] < 0.01).all()


def test_a_small_step_is_no_3d_edge():
    assert targets.edge3d_code(Geometry.of_step(near=2.0, far=2.015).neighbours()).max() == 0


def test_a_corner_is_a_3d_keypoint_and_an_edge_is_not():
    edge = Geometry.of_step(near=1.0, far=2.0)
    corner = Geometry.of_step(near=1.0, far=2.0)
    corner.points[:32] = Geometry.of_step(near=2.0, far=2.0).points[:32]
    assert targets.keypoint3d_code(edge.neighbours())[16:48].max() < 0.05
    interest = targets.keypoint3d_code(corner.neighbours())
    assert interest.max() > 0.5
    assert np.hypot(*(np.array(np.unravel_index(interest.argmax(), interest.shape)) - 31.5)) < 6


def test_outdoors_is_invalid_in_every_geometric_domain():
    builder = box_room()
    outdoors = builder.material(builder.white, glow=1.0, is_outdoors=True)
    builder.quad((1, 0, 5.9), (2, 0, 0), (0, 2, 0), outdoors)  # before the middle of the far wall
    frame, _ = level_view(builder)
    is_outdoors = frame.valid[..., 0] == 0
    assert 0 < is_outdoors.mean() < 0.5
    for name in ("normal", "depth", "reshading", "curvature", "edge3d", "keypoint3d"):
        invalid = DOMAINS[name].invalid or 0.0
        assert (getattr(frame, name)[is_outdoors] == round(255 * invalid)).all(), name
    assert frame.valid[SIZE_PX // 2, SIZE_PX // 2] == 0 and frame.valid[0, 0] == 255


def test_windows_and_open_doors_show_outdoors():
    has_outdoors = [(room_view(seed=1, index=index).valid == 0).any() for index in range(8)]
    assert any(has_outdoors) and not all(has_outdoors)


def test_a_wall_with_a_hole_is_whole_around_it():
    builder = Builder()
    wall = Wall(np.zeros(3), np.array([1.0, 0, 0]), 4.0, np.array([0, 0, 1.0]), material=builder.plain(np.ones(3)))
    wall.openings.append((1.0, 2.0, 0.5, 2.0))
    raise_wall(builder, wall, 3.0)
    corners = np.concatenate(builder.corners)
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    assert np.isclose(areas.sum(), 4 * 3 - 1 * 1.5)


def test_depth_codes_survive_the_round_trip():
    metres = np.array([0.1, 0.5, 1.0, 4.0, 16.0])
    assert np.allclose(targets.depth_metres(targets.depth_code(metres)), metres)


def test_depth_beyond_the_range_is_clipped():
    assert targets.depth_code(np.array([0.01, 99.0])).tolist() == [0, 1]


def test_the_same_seed_gives_the_same_room_and_view():
    first, second = (room_view(seed=3, index=5) for _ in range(2))
    assert all((getattr(first, name) == getattr(second, name)).all() for name in CHANNELS)


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


def test_a_killed_render_goes_on_and_ends_with_the_same_bytes(rendered: Path, tmp_path: Path):
    killed = tmp_path / "killed"
    shutil.copytree(rendered, killed)
    (killed / "train-0001.npy").unlink()
    (killed / "train-0001.123.tmp").write_bytes(b"half a shard")
    kept = (killed / "train-0000.npy").stat().st_mtime_ns
    render_all(TINY, killed, workers=1)
    assert data_digest(killed) == data_digest(rendered)
    assert (killed / "train-0000.npy").stat().st_mtime_ns == kept


def test_frames_of_two_plans_are_not_mixed(tmp_path: Path):
    (tmp_path / "plan.json").write_text(json.dumps(asdict(TINY)))
    with pytest.raises(ValueError, match=r"seed 1 -> 2.*another --work folder"):
        render_all(replace(TINY, seed=2), tmp_path, workers=1)


def test_shards_hold_the_channels_that_their_table_names(rendered: Path):
    frames = Frames(rendered, "validation")
    assert frames[np.array([0])].shape == (1, 24, 24, max(channels.stop for channels in CHANNELS.values()))


def test_each_frame_has_its_field_of_view(rendered: Path):
    frames = Frames(rendered, "train")
    degrees = frames.field_of_view(np.arange(len(frames)))
    assert degrees.shape == (len(frames),) and degrees.dtype == np.float32
    assert (degrees >= 30).all() and (degrees <= 100).all() and len(set(degrees.tolist())) > 10


def test_the_digest_of_the_data_covers_plan_frames_and_lenses(rendered: Path, tmp_path: Path):
    for file in rendered.glob("*.[jn]*"):
        shutil.copy(file, tmp_path)
    assert data_digest(tmp_path) == data_digest(rendered)
    for name in ("plan.json", "train-0000.npy", "train-0000.fov.npy"):
        before, content = data_digest(tmp_path), (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert data_digest(tmp_path) != before, name


def test_a_full_disk_is_named_and_leaves_whole_shards_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plan, save = replace(TINY, train_rooms=1), np.save

    def fill_up(file: BinaryIO, array: np.ndarray) -> None:
        if array.ndim == 4 and "train" in file.name:
            file.write(b"half a shard")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(file, array)

    monkeypatch.setattr(np, "save", fill_up)
    with pytest.raises(OSError, match=r"disk is full: train-0000.npy needs .* MB; free space and run the same command"):
        render_all(plan, tmp_path, workers=1)
    assert [path.name for path in sorted(tmp_path.glob("*.tmp"))] == []
    assert len(Frames(tmp_path, "test")) == 1
    with pytest.raises(FileNotFoundError):
        Frames(tmp_path, "train")
    monkeypatch.undo()
    render_all(plan, tmp_path, workers=1)
    assert len(Frames(tmp_path, "train")) == 1


def test_missing_furniture_names_the_package(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="apt-get install sweethome3d-furniture"):
        render_all(replace(TINY, furniture=True), tmp_path, workers=1, catalogue_folder=tmp_path / "nowhere")


def test_frames_of_another_layout_are_refused(tmp_path: Path):
    np.save(tmp_path / "train-0000.npy", np.zeros((1, 4, 4, 8), np.uint8))
    with pytest.raises(ValueError, match=r"8 channels, expected 14.*another --work folder"):
        Frames(tmp_path, "train")


def test_frames_that_were_not_rendered_name_the_command(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="python -m training render"):
        Frames(tmp_path, "train")


def room_view(seed: int, index: int) -> RenderedFrame:
    room: Room = make_room(seed, index, Stock.of_boxes())
    rng = np.random.default_rng(index)
    camera = random_camera(room, rng)
    assert camera is not None
    return render(room.scene, camera, 32, rng)
