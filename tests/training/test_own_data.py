"""One's own pictures and ground truth: what is found, split, read and stored, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from consistency.zoo.read import load_zoo
from tests.fixtures.box_room import View, view
from training.cli import app
from training.evaluation.own_data import evaluate_data
from training.learning.jobs import TrainingJobs
from training.learning.plan import TrainingPlan
from training.own_data.items import DataError, find_items
from training.own_data.reading import Conventions, read_item
from training.own_data.shards import prepare
from training.own_data.splits import SPLITS, split_by_file, split_by_hash
from training.scenes.frames import CHANNELS, Frames
from training.scenes.targets import depth_metres

TASKONOMY = Conventions()
MILLIMETRES = Conventions(per_metre=1000)
N_VIEWS = 3  # one for each split


def views(n: int = N_VIEWS) -> list[View]:
    return [view(2.5 + 0.5 * number) for number in range(n)]


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array if array.ndim == 2 else array[..., ::-1])


def counts(found: View, per_metre: float) -> np.ndarray:
    return np.rint(found.depth_metres * per_metre).astype(np.uint16)


def codes(found: View) -> np.ndarray:
    return np.rint((found.normals + 1) / 2 * 255).astype(np.uint8)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """rgb/0000.png, depth/0000.png in millimetres, normal/0000.png."""
    folder = tmp_path / "kitchen"
    for number, found in enumerate(views()):
        write(folder / "rgb" / f"{number:04d}.png", found.image)
        write(folder / "depth" / f"{number:04d}.png", counts(found, 1000))
        write(folder / "normal" / f"{number:04d}.png", codes(found))
    return folder


@pytest.fixture
def taskonomy(tmp_path: Path) -> Path:
    """Three buildings of two views, as Taskonomy names them."""
    folder = tmp_path / "taskonomy"
    for number, found in enumerate(views(6)):
        building, stem = f"house{number // 2}", f"point_{number}_view_0_domain_"
        write(folder / building / "rgb" / f"{stem}rgb.png", found.image)
        write(folder / building / "depth_zbuffer" / f"{stem}depth_zbuffer.png", counts(found, 512))
        write(folder / building / "normal" / f"{stem}normal.png", codes(found))
        info = folder / building / "point_info" / f"{stem}point_info.json"
        info.parent.mkdir(exist_ok=True)
        info.write_text(json.dumps({"field_of_view_rads": np.radians(60)}))
    return folder


def test_both_layouts_hold_the_same_frames(plain: Path, taskonomy: Path, tmp_path: Path):
    prepare(plain, tmp_path / "a", MILLIMETRES, is_whole=True)
    shutil.rmtree(taskonomy / "house2")
    prepare(taskonomy, tmp_path / "b", TASKONOMY, is_whole=True)
    a, b = (Frames(tmp_path / name, "test")[np.arange(N_VIEWS)].astype(int) for name in "ab")
    for domain in ("rgb", "normal", "reshading", "valid"):
        assert np.array_equal(a[..., CHANNELS[domain]], b[..., CHANNELS[domain]]), domain
    assert np.abs(a - b).max(axis=(0, 1, 2))[CHANNELS["depth"]].max() <= 1  # 1 mm against 2 mm


def test_codes_are_those_of_the_truth(plain: Path, tmp_path: Path):
    found = prepare(plain, tmp_path / "frames", MILLIMETRES, is_whole=True)
    assert found.domains == ("rgb", "normal", "depth", "reshading", "curvature", "edge3d", "keypoint3d")
    frames = Frames(tmp_path / "frames", "test")
    assert frames.domains == frozenset(found.domains)
    for number, true in enumerate(views()):
        frame = frames[np.array([number])][0].astype(float)[2::4, 2::4]  # the pixels of the 64 that were written
        metres = depth_metres(frame[..., CHANNELS["depth"]][..., 0] / 255)
        assert np.allclose(metres, np.clip(true.depth_metres, 0.1, 16), rtol=0.011)
        assert np.allclose(frame[..., CHANNELS["normal"]] / 127.5 - 1, true.normals, atol=0.009)
        assert (frame[..., CHANNELS["valid"]] == 255).all()


def test_without_normals_those_of_the_depth_are_used(plain: Path, tmp_path: Path):
    for path in (plain / "normal").iterdir():
        path.unlink()
    found = prepare(plain, tmp_path / "frames", MILLIMETRES, is_whole=True)
    assert "normal" in found.domains
    frame = Frames(tmp_path / "frames", "test")[np.array([0])][0].astype(float)[2::4, 2::4]
    cosine = ((frame[..., CHANNELS["normal"]] / 127.5 - 1) * views()[0].normals).sum(axis=2)
    assert np.median(cosine) > np.cos(np.radians(3))


def test_unknown_depth_and_grey_normals_are_not_valid_and_hold_the_invalid_code(plain: Path, tmp_path: Path):
    depth, normal = counts(views()[0], 1000), codes(views()[0])
    depth[:8], normal[-8:] = 0, 128
    write(plain / "depth" / "0000.png", depth)
    write(plain / "normal" / "0000.png", normal)
    prepare(plain, tmp_path / "frames", MILLIMETRES, is_whole=True)
    frame = Frames(tmp_path / "frames", "test")[np.array([0])][0]
    valid = frame[..., CHANNELS["valid"]][..., 0]
    assert (valid[:32] == 0).all() and (valid[-32:] == 0).all() and (valid[32:-32] == 255).all()
    assert (frame[:32][..., CHANNELS["depth"]] == 255).all() and (frame[:32][..., CHANNELS["normal"]] == 128).all()


def test_arrays_in_metres_say_the_same_as_pictures(plain: Path, tmp_path: Path):
    prepare(plain, tmp_path / "a", MILLIMETRES, is_whole=True)
    for number, found in enumerate(views()):
        (plain / "depth" / f"{number:04d}.png").unlink()
        unknown = np.where(np.arange(64) == 0, np.nan, found.depth_metres)
        np.save(plain / "depth" / f"{number:04d}.npy", unknown.astype(np.float32))
    prepare(plain, tmp_path / "b", MILLIMETRES, is_whole=True)
    a, b = (Frames(tmp_path / name, "test")[np.arange(N_VIEWS)][:, :, 8:].astype(int) for name in "ab")
    assert np.abs(a - b)[..., CHANNELS["depth"]].max() <= 1


def test_other_axes_of_normals_are_named_and_then_read(plain: Path, tmp_path: Path):
    for number, found in enumerate(views()):
        up_and_back = found.normals * [1, -1, -1]
        write(plain / "normal" / f"{number:04d}.png", np.rint((up_and_back + 1) * 127.5).astype(np.uint8))
    with pytest.raises(DataError, match=r"--normal-axes=x,-y,-z"):
        prepare(plain, tmp_path / "frames", MILLIMETRES, is_whole=True)
    with pytest.raises(DataError, match=r"--normal-axes=x,-y,-z"):
        prepare(plain, tmp_path / "frames", Conventions(1000, "-y,x,z"), is_whole=True)
    assert not list((tmp_path / "frames").glob("*.npy"))
    prepare(plain, tmp_path / "frames", Conventions(1000, "x,-y,-z"), is_whole=True)


def test_pictures_of_other_sizes_are_cropped_in_the_middle(tmp_path: Path):
    wide = view(3.0, 64, width_px=96)
    for name, size in (("rgb", 2), ("depth", 1)):
        array = wide.image if name == "rgb" else counts(wide, 1000)
        write(
            tmp_path / "data" / name / "a.png",
            cv2.resize(array, None, fx=size, fy=size, interpolation=cv2.INTER_NEAREST),
        )
    (item,) = find_items(tmp_path / "data").items
    reading = read_item(item, MILLIMETRES, 64)
    assert reading.depth_metres is not None
    assert np.allclose(reading.depth_metres, np.minimum(view(3.0, 64).depth_metres, 16), atol=0.002)


def test_the_same_split_comes_from_the_same_names_and_groups_stay_together(taskonomy: Path):
    items = find_items(taskonomy).items
    splits = split_by_hash(items)
    assert {s: {i.name for i in found} for s, found in splits.items()} == {
        s: {i.name for i in found} for s, found in split_by_hash(items[::-1]).items()
    }
    groups = [{item.group for item in splits[split]} for split in SPLITS]
    assert sum(map(len, groups)) == 3 and all(groups)


def test_a_table_of_splits_is_followed_and_what_it_does_not_name_is_left_out(taskonomy: Path, tmp_path: Path):
    table = tmp_path / "splits.csv"
    table.write_text("id,train,val,test\nhouse2,1,0,0\nhouse0/point_0_view_0,0,1,0\nhouse1,0,0,1\nhouse9,1,0,0\n")
    splits, remarks = split_by_file(find_items(taskonomy).items, table)
    assert {split: len(found) for split, found in splits.items()} == {"train": 2, "validation": 1, "test": 2}
    assert remarks == ("1 of 6 pictures left out: splits.csv does not name them",)


def test_a_second_preparation_stores_nothing_and_changed_data_is_refused(plain: Path, tmp_path: Path):
    prepare(plain, tmp_path / "frames", MILLIMETRES, is_whole=True)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "frames").glob("*.npy")}
    prepare(plain, tmp_path / "frames", MILLIMETRES, is_whole=True)
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "frames").glob("*.npy")}
    with pytest.raises(DataError, match=r"frames of other data .*conventions"):
        prepare(plain, tmp_path / "frames", TASKONOMY, is_whole=True)
    write(plain / "rgb" / "0000.png", views()[1].image)
    with pytest.raises(DataError, match=r"frames of other data .*files"):
        prepare(plain, tmp_path / "frames", MILLIMETRES, is_whole=True)


def shrink(folder: Path) -> None:
    write(folder / "depth" / "0001.png", np.full((64, 40), 900, np.uint16))


def eight_bits(folder: Path) -> None:
    write(folder / "depth" / "0000.png", np.full((64, 64), 90, np.uint8))


def truncate(folder: Path) -> None:
    path = folder / "rgb" / "0000.png"
    path.write_bytes(path.read_bytes()[:20])


def no_truth(folder: Path) -> None:
    for name in ("depth", "normal"):
        (folder / name).rename(folder / f"not-{name}")


def no_images(folder: Path) -> None:
    (folder / "rgb").rename(folder / "photos")


def rarely(folder: Path) -> None:
    write(folder / "reshading" / "0000.png", np.full((64, 64), 90, np.uint8))


def twice(folder: Path) -> None:
    write(folder / "depth_zbuffer" / "0000.png", np.full((64, 64), 900, np.uint16))


def euclidean(folder: Path) -> None:
    write(folder / "depth_euclidean" / "0000.png", np.full((64, 64), 900, np.uint16))


def one_image(folder: Path) -> None:
    for path in folder.rglob("000[1-9].png"):
        path.unlink()


def pickled(folder: Path) -> None:
    (folder / "depth" / "0000.png").unlink()
    np.save(folder / "depth" / "0000.npy", np.array([{}], object), allow_pickle=True)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (shrink, "depth has 40 x 64 pixels, rgb 64 x 64: both must show the same view"),
        (eight_bits, "has 8 bits, .*expected a 16-bit PNG"),
        (truncate, "0000.png (cannot be read|is damaged)"),
        (no_truth, "has pictures but no ground truth: expected a folder normal, depth, reshading beside rgb"),
        (no_images, "has no pictures in a folder named rgb; it has depth, normal, photos"),
        (rarely, "has reshading for 1 of 3 pictures"),
        (twice, "0000 has two files of depth"),
        (euclidean, "depth_euclidean cannot be read: it is the distance along the ray"),
        (one_image, "1 picture with ground truth: training needs at least 3"),
        (pickled, "0000.npy cannot be read as an array"),
    ],
)
def test_what_cannot_be_right_is_refused_by_name_and_nothing_is_stored(
    plain: Path, tmp_path: Path, spoil: Callable[[Path], None], said: str
):
    spoil(plain)
    with pytest.raises(DataError, match=said):
        prepare(plain, tmp_path / "frames", MILLIMETRES)
    assert not list((tmp_path / "frames").glob("*-[0-9][0-9][0-9][0-9].npy"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"per_metre": 0}, "positive"),
        ({"normal_axes": "x,x,z"}, "each of x, y and z once"),
        ({"field_of_view_degrees": 200}, "5 to 170"),
    ],
)
def test_conventions_that_mean_nothing_are_refused(given: dict, said: str):
    with pytest.raises(DataError, match=said):
        Conventions(**given)


def test_only_networks_between_known_domains_are_trained():
    plan = TrainingPlan(domains=("rgb", "normal", "reshading", "edge2d", "keypoint2d"))
    jobs = TrainingJobs(plan)
    assert {domain for job in jobs.all for domain in (job.source, *job.targets)} == set(plan.domains)
    assert jobs.by_name["rgb-normal.consistency"].readouts == (
        "normal-reshading.shared",
        "normal-edge2d.shared",
        "normal-keypoint2d.shared",
    )
    assert jobs.by_name["rgb.multitask"].targets == ("normal", "reshading")
    assert all(name in jobs.by_name for job in jobs.all for name in job.needs)
    assert TrainingPlan.of(plan.record()) == plan


def test_the_command_trains_on_a_folder_and_evaluates_on_it(plain: Path, tmp_path: Path):
    work = tmp_path / "work"
    own = ["--data", str(plain), "--depth-per-metre", "1000", "--work", str(work)]
    train = [
        "train",
        *own,
        "--plan",
        "cpu",
        "--scale",
        "0.0001",
        "--only",
        "rgb-normal",
        "--workers",
        "1",
        "--device",
        "cpu",
    ]
    result = CliRunner().invoke(app, train)
    assert result.exit_code == 0, result.output
    assert "1 train, 1 validation, 1 test frames" in result.output
    assert (work / "networks" / "rgb-normal.pt").exists()
    again = CliRunner().invoke(app, ["evaluate", *own, "--whole"])
    assert again.exit_code == 1 and "frames of other data" in again.output


def test_a_zoo_is_judged_on_what_the_data_knows(plain: Path, tmp_path: Path):
    (plain / "depth").rename(plain / "not-depth")
    for path in plain.rglob("000[12].png"):
        path.unlink()
    prepare(plain, tmp_path / "frames", MILLIMETRES, is_whole=True)
    text = evaluate_data([load_zoo("mini")], tmp_path / "frames", "kitchen")
    assert "| Surface normals | mean angle |" in text and "Depth: not measured." in text
    assert "### Perceptual error" in text and "## Consistency energy" in text
    assert "normal-reshading" in text and "normal-depth" not in text
