"""What must not come in is refused by a named error with a next step, and leaves nothing behind."""

from __future__ import annotations

import pickle
import struct
import zipfile
from pathlib import Path

import cv2
import h5py
import numpy as np
import OpenEXR
import pytest
from PIL import Image

from cache.store import Store
from precompute.failures import SourceError
from precompute.results.meaning.colours import inverted, map_of, table
from precompute.results.meaning.judging import refuse_axes, refuse_rays
from precompute.results.meaning.values import matches, rays_to_z
from precompute.results.reading import Reader
from tests.precompute.results.conftest import HEIGHT, N_FRAMES, WIDTH, add, depths, input_of, normals


def refused(code: str, store: Store, path: Path, reader: Reader, **stated: object) -> str:
    """The message of adding that path, which must fail with that code and leave the store as it was."""
    before = store.track_keys()
    with pytest.raises(SourceError) as caught:
        add(store, path, reader, **stated)  # pyright: ignore[reportArgumentType]
    assert caught.value.code == code, caught.value
    assert caught.value.next_step and store.track_keys() == before
    return str(caught.value)


def saved(path: Path, values: np.ndarray) -> Path:
    np.save(path, values)
    return path


def png_folder(path: Path, pictures: np.ndarray) -> Path:
    path.mkdir()
    for at, picture in enumerate(pictures):
        Image.fromarray(picture).save(path / f"{at:03d}.png")
    return path


def test_a_key_that_is_not_there_is_answered_by_those_that_are(tmp_path: Path, store: Store, reader: Reader):
    path = tmp_path / "maps.npz"
    np.savez(path, disparity=depths(), conf=depths())
    for stated in ({"key": "depth", "unit": "m"}, {"format": "depth-pro"}, {"unit": "m"}):
        message = refused("wrong_key", store, path, reader, **stated)
        assert "disparity float32 (3, 16, 24), conf" in message and "--key" in message
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file.create_dataset("scene/depth", data=depths())
    assert "scene/depth float32 (3, 16, 24)" in refused(
        "wrong_key", store, tmp_path / "maps.h5", reader, key="x", unit="m"
    )
    assert add(store, tmp_path / "maps.h5", reader, key="scene/depth", unit="m").is_new


@pytest.mark.parametrize("shape", [(3, 16, 24, 7), (16 * 24,), (3, 2, 16, 24), (3, 17, 24)])
def test_a_wrong_shape_is_named(shape: tuple[int, ...], tmp_path: Path, store: Store, reader: Reader):
    path = saved(tmp_path / "maps.npy", np.ones(shape, np.float32))
    message = refused("wrong_shape", store, path, reader, unit="m")
    assert str(shape) in message or "24 x 17 pixels" in message


def test_another_size_needs_to_be_fitted_and_is_then_recorded(tmp_path: Path, store: Store, reader: Reader):
    large = np.repeat(np.repeat(depths(), 2, axis=1), 2, axis=2)
    path = saved(tmp_path / "maps.npy", large)
    assert "--fit as-clip" in refused("wrong_shape", store, path, reader, unit="m")
    track = add(store, path, reader, unit="m", fit="stretch").track
    assert track.head.constants["results"]["fit"] == "stretch"


def test_maps_of_different_sizes_are_refused(tmp_path: Path, store: Store, reader: Reader):
    (tmp_path / "maps").mkdir()
    for at in range(N_FRAMES):
        saved(tmp_path / "maps" / f"{at}.npy", depths()[at] if at < 2 else depths()[at][:8])
    assert "2.npy" in refused("wrong_shape", store, tmp_path / "maps", reader, unit="m")


@pytest.mark.parametrize(("value", "word", "flag"), [(np.nan, "NaN", "nan"), (np.inf, "infinite", "inf")])
def test_values_that_are_not_finite_need_a_meaning(value, word, flag, tmp_path: Path, store: Store, reader: Reader):
    values = depths()
    values[1, 3, 4:6] = value
    path = saved(tmp_path / "maps.npy", values)
    message = refused("not_finite", store, path, reader, unit="m")
    assert f"2 of 384 pixels are {word}" in message and f"--unknown {flag}" in message
    added = add(store, path, reader, unit="m", unknown=(flag,))
    assert any("unknown" in note for note in added.notes)


def test_depth_of_zero_metres_is_refused(tmp_path: Path, store: Store, reader: Reader):
    values = depths()
    values[2, 0, 0] = 0
    path = saved(tmp_path / "maps.npy", values)
    assert "--unknown 0" in refused("not_positive", store, path, reader, unit="m")
    assert add(store, path, reader, unit="m", unknown=("0",)).is_new


def test_numbers_need_a_meaning(tmp_path: Path, store: Store, reader: Reader):
    path = saved(tmp_path / "maps.npy", depths())
    assert "--unit" in refused("no_unit", store, path, reader)
    assert "furlong" in refused("no_unit", store, path, reader, unit="furlong")
    assert "--axes" in refused("wrong_axes", store, saved(tmp_path / "n.npy", normals()), reader, domain="normal")
    assert "kitti" in refused("unknown_format", store, path, reader, format="kiti")


def test_distances_along_the_ray_are_not_taken_for_z(tmp_path: Path, store: Store, reader: Reader):
    clip = input_of(store).head.clip
    true_depth = depths()
    saved(tmp_path / "truth.npy", true_depth)
    add(store, tmp_path / "truth.npy", reader, "truth", unit="m")
    focal_px = HEIGHT / 2 / np.tan(np.radians(30))
    path = saved(tmp_path / "rays.npy", 1.3 * true_depth / rays_to_z(HEIGHT, WIDTH, focal_px))
    assert "--projection ray" in refused("wrong_projection", store, path, reader, unit="m")
    right = add(store, path, reader, unit="m", projection="ray", field_of_view_degrees=60.0)
    assert np.median(store.column(right.track, "absrel")) == pytest.approx(0.3, abs=0.02)
    refuse_rays(1.3 * true_depth, true_depth, clip, 60.0, name="z, with a wrong scale")


def test_axes_that_clearly_fit_worse_than_others_are_refused(tmp_path: Path, store: Store, reader: Reader):
    saved(tmp_path / "truth.npy", normals())
    add(store, tmp_path / "truth.npy", reader, "truth", "normal", axes="opencv")
    path = saved(tmp_path / "mine.npy", normals() * np.float32([1, -1, -1]))
    assert "read as x,-y,-z" in refused("wrong_axes", store, path, reader, domain="normal", axes="opencv")
    track = add(store, path, reader, "mine", "normal", axes="opengl").track
    assert store.column(track, "angle_degrees").max() < 1.5
    refuse_axes(normals()[:, ::-1], normals(), name="wrong, but by no sign or order")


def test_unequal_counts_are_never_accepted_silently(tmp_path: Path, store: Store, reader: Reader):
    path = saved(tmp_path / "maps.npy", depths(5))
    message = refused("missing_frames", store, path, reader, unit="m")
    assert message.startswith("5 maps for 3 frames of the clip") and "--frames by-time" in message
    added = add(store, path, reader, unit="m", rule="by-stride", stride=2)
    assert added.matched == "3 of 3 frames matched every 2th map from map 0; 2 maps not used"


def test_coloured_pictures_are_recognised_and_inverted_only_on_request(tmp_path: Path, store: Store, reader: Reader):
    codes = np.linspace(0, 255, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).round().astype(np.uint8)
    for name in ("turbo", "spectral", "inferno"):
        pictures = np.stack([table(name)[np.roll(codes, at)] for at in range(N_FRAMES)]).round().astype(np.uint8)
        assert map_of(pictures[0]) == name
        assert np.abs(inverted(pictures[0], name) * 255 - codes).max() <= 2
        path = png_folder(tmp_path / name, pictures)
        assert f"--picture {name}" in refused("picture_of_depth", store, path, reader, unit="inverse")
        added = add(store, path, reader, name, unit="inverse", picture=name)
        assert "only the order within a frame is reliable" in added.notes[0]
        assert added.track.head.constants["results"]["picture"] == name
    photograph = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    assert map_of(photograph) is None


def test_pictures_stretched_between_their_ends_are_refused(tmp_path: Path, store: Store, reader: Reader):
    grey = np.stack([np.linspace(0, 255, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint8)] * N_FRAMES)
    path = png_folder(tmp_path / "grey", grey)
    assert "--picture grey" in refused("picture_of_depth", store, path, reader, unit="inverse")
    assert "stretched" in refused("not_positive", store, path, reader, unit="cm")
    three = png_folder(tmp_path / "three", np.repeat(grey[..., None], 3, axis=-1))
    assert "a grey picture of three channels" in refused("picture_of_depth", store, three, reader, unit="m")


def test_truncated_and_foreign_files_are_named(tmp_path: Path, store: Store, reader: Reader):
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {"Z": depths()[0]}) as file:
        file.write(str(tmp_path / "whole.exr"))
    np.save(tmp_path / "whole.npy", depths())
    np.savez(tmp_path / "whole.npz", depth=depths())
    cv2.imwrite(str(tmp_path / "whole.png"), depths()[0].astype(np.uint16))
    cv2.imwrite(str(tmp_path / "whole.pfm"), depths()[0])
    (tmp_path / "whole.dpt").write_bytes(b"PIEH" + struct.pack("<ii", WIDTH, HEIGHT) + depths()[0].tobytes())
    for whole in sorted(tmp_path.glob("whole.*")):
        cut = tmp_path / f"cut{whole.suffix}"
        cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
        with pytest.raises(SourceError) as caught:
            reader.frame(cut, reader.look(cut)[0].name, None)
        assert caught.value.code in ("truncated", "damaged") and cut.name in str(caught.value)
    frames = tmp_path / "frames"
    frames.mkdir()
    for at in range(N_FRAMES):
        (frames / f"{at}.exr").write_bytes((tmp_path / ("whole.exr" if at < 2 else "cut.exr")).read_bytes())
    assert "2.exr" in refused("truncated", store, frames, reader, format="blender")
    flow = tmp_path / "frame.flo"
    flow.write_bytes(b"PIEH" + struct.pack("<ii", 2, 1) + bytes(16))
    assert "optical flow" in refused("unknown_format", store, flow, reader, unit="m")


def test_pickles_are_never_read(tmp_path: Path, store: Store, reader: Reader):
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], object), allow_pickle=True)
    assert "pickled objects" in refused("wrong_shape", store, tmp_path / "objects.npy", reader, unit="m")
    (tmp_path / "maps.npy").write_bytes(pickle.dumps(depths()))
    assert "a pickle" in refused("unknown_format", store, tmp_path / "maps.npy", reader, unit="m")


def test_a_header_that_claims_more_than_memory_is_refused_before_it_is_read(
    tmp_path: Path, store: Store, reader: Reader
):
    """An npz of 400 bytes that claims 4 TB in one frame, and one of 2 GB in a thousand frames, of which only the first are inflated."""

    def npz(path: Path, shape: tuple[int, ...], n_blocks: int) -> Path:
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
            file.open("d.npy", "w") as member,
        ):
            np.lib.format.write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": shape})
            for _ in range(n_blocks):
                member.write(bytes(1 << 20))
        return path

    bomb = npz(tmp_path / "bomb.npz", (3, 1 << 20, 1 << 20), 1)
    assert "the limit is" in refused("too_large", store, bomb, reader, unit="m")
    large = npz(tmp_path / "large.npz", (1000, 512, 1024), 4)
    assert large.stat().st_size < 100_000
    assert reader.frame(large, "d", 1).shape == (512, 1024)
    assert "1000 maps for 3 frames" in refused("missing_frames", store, large, reader, unit="m")


def test_a_reader_that_crashes_is_reported_and_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    saved(tmp_path / "maps.npy", depths())
    monkeypatch.setattr("precompute.results.reading.READER", "precompute.no_such_module")
    with Reader() as broken:
        with pytest.raises(SourceError, match="the process that read it ended"):
            broken.look(tmp_path / "maps.npy")
        monkeypatch.undo()
        assert broken.look(tmp_path / "maps.npy")[0].shape == (3, 16, 24)


@pytest.mark.parametrize("unit", ["affine", "inverse", "scale"])
def test_ground_truth_without_metres_is_refused(unit: str, tmp_path: Path, store: Store, reader: Reader):
    path = saved(tmp_path / "maps.npy", depths())
    assert "has no metres" in refused("no_unit", store, path, reader, method="truth", unit=unit)
    assert "has no metres" in refused("no_unit", store, path, reader, method="truth", format="marigold")
    assert add(store, path, reader, "truth", unit="m").is_new


@pytest.mark.parametrize("rule", [">1 2", ">", "1 2", ">=>=1", "NaN", "none", ""])
def test_a_rule_for_unknown_values_that_is_none_is_named(rule: str, tmp_path: Path, store: Store, reader: Reader):
    path = saved(tmp_path / "maps.npy", depths())
    assert f"'{rule}' is not a value" in refused("not_finite", store, path, reader, unit="m", unknown=(rule,))


def test_a_value_that_means_unknown_is_compared_in_all_channels_as_the_file_rounded_it():
    vectors = np.float32([[[0, 0, 0], [0, 0.6, -0.8]]])
    assert matches(vectors, ("0",)).tolist() == [[True, False]]
    assert matches(np.float32([[[0.1], [0.2]]]), ("0.1",)).tolist() == [[True, False]]
    assert matches(np.uint8([[[0], [1]]]), ("0.5",)).tolist() == [[False, False]]


@pytest.mark.parametrize("value", [0.0, -2.0])
def test_depth_up_to_scale_is_positive(value: float, tmp_path: Path, store: Store, reader: Reader):
    values = depths()
    values[1, 2, 3] = value
    path = saved(tmp_path / "maps.npy", values)
    assert f"a depth of {value:g};" in refused("not_positive", store, path, reader, unit="scale")
    assert add(store, path, reader, unit="scale", unknown=(f"{value:g}",)).is_new


@pytest.mark.parametrize("stated", ["opengl", "outward", "z,x,-y"])
def test_the_axes_that_are_advised_are_those_of_the_file(stated: str, tmp_path: Path, store: Store, reader: Reader):
    saved(tmp_path / "truth.npy", normals())
    add(store, tmp_path / "truth.npy", reader, "truth", "normal", axes="opencv")
    path = saved(tmp_path / "mine.npy", np.stack([normals()[..., 1], -normals()[..., 0], normals()[..., 2]], axis=-1))
    assert "read as -y,x,z" in refused("wrong_axes", store, path, reader, domain="normal", axes=stated)
    track = add(store, path, reader, "mine", "normal", axes="-y,x,z").track
    assert store.column(track, "angle_degrees").max() < 1.5


@pytest.mark.parametrize("name", ["nyu", "kitti", "zoedepth"])
def test_grey_of_8_bits_is_not_taken_for_a_format_of_16(name: str, tmp_path: Path, store: Store, reader: Reader):
    grey = np.stack([np.linspace(1, 255, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint8)] * N_FRAMES)
    path = png_folder(tmp_path / "grey", grey)
    assert "8-bit grey" in refused("picture_of_depth", store, path, reader, format=name)
    assert add(store, path, reader, format=name, unit="cm").is_new


def test_numbers_of_another_kind_than_the_format_has_are_refused(tmp_path: Path, store: Store, reader: Reader):
    path = saved(tmp_path / "maps.npy", depths())
    assert "nyu has integers, not floats" in refused("unknown_format", store, path, reader, format="nyu")
    path = saved(tmp_path / "n.npy", (normals() * 127).astype(np.int16))
    message = refused("unknown_format", store, path, reader, domain="normal", format="diode-normal")
    assert "diode-normal has floats, not integers" in message


def test_a_stack_larger_than_the_memory_of_its_reader_is_read_entry_by_entry(tmp_path: Path, reader: Reader):
    """Files of 4 GB with one entry written: the rest takes no room on the disk."""
    shape = (1024, 1024, 1024)
    for order in (False, True):
        path = tmp_path / f"{order}.npy"
        with path.open("wb") as file:
            header = {"descr": "<f4", "fortran_order": order, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            start = file.tell()
            file.truncate(start + (4 << 30))
            file.seek(start + (1000 << 22))
            file.write(np.full(4, 2.5, "<f4").tobytes())
    assert reader.frame(tmp_path / "False.npy", "", 1000)[0, :5].tolist() == [2.5, 2.5, 2.5, 2.5, 0]
    with pytest.raises(SourceError, match="needs more than 3 GB") as caught:
        reader.frame(tmp_path / "True.npy", "", 1000)
    assert caught.value.code == "too_large"
