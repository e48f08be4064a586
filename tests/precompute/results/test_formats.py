"""Every format of the field goes in with the right values, written by another library than the reader's where there is one."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import h5py
import numpy as np
import OpenEXR
import pytest
from PIL import Image, PngImagePlugin

from analysis.codes import stored_values
from cache.records import Head
from cache.store import Store
from precompute.results.maps import find_maps
from precompute.results.meaning.asked import Stated, conversion_of
from precompute.results.meaning.formats import FORMATS, HYPERSIM_FOCAL_WIDTHS, as_markdown
from precompute.results.meaning.values import rays_to_z
from precompute.results.reading import Reader
from precompute.results.truth import Truth
from tests.precompute.results.conftest import HEIGHT, N_FRAMES, WIDTH, add, depths, input_of, normals

Write = Callable[[Path], None]
"""Writes the maps of a test: a folder of numbered files, or one file."""


def files(path: Path, suffix: str, write: Callable[[Path, int], None]) -> None:
    path.mkdir()
    for at in range(N_FRAMES):
        write(path / f"frame_{at + 1:04d}{suffix}", at)


def png(counts: np.ndarray, texts: dict[str, str] | None = None) -> Write:
    """PNGs of 8 or 16 bits, by Pillow (16-bit colours by OpenCV, as Pillow has none)."""

    def one(path: Path, at: int) -> None:
        if counts.ndim == 4 and counts.dtype == np.uint16:
            cv2.imwrite(str(path), counts[at][..., ::-1])
            return
        info = PngImagePlugin.PngInfo()
        for key, text in (texts or {}).items():
            info.add_text(key, text)
        Image.fromarray(counts[at]).save(path, pnginfo=info)

    return lambda path: files(path, ".png", one)


def npy(values: np.ndarray, suffix: str = ".npy") -> Write:
    return lambda path: files(path, suffix, lambda file, at: np.save(file, values[at]))


def npz(**arrays: np.ndarray) -> Write:
    return lambda path: np.savez_compressed(path, **arrays)


def hdf5(values: np.ndarray) -> Write:
    def one(path: Path, at: int) -> None:
        with h5py.File(path, "w") as file:
            file.create_dataset("dataset", data=values[at], chunks=True, compression="gzip")

    return lambda path: files(path, ".hdf5", one)


def exr(planes: Callable[[int], dict[str, np.ndarray]]) -> Write:
    def one(path: Path, at: int) -> None:
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        with OpenEXR.File(header, {name: np.ascontiguousarray(plane) for name, plane in planes(at).items()}) as file:
            file.write(str(path))

    return lambda path: files(path, ".exr", one)


def dpt(path: Path) -> None:
    def one(file: Path, at: int) -> None:
        file.write_bytes(b"PIEH" + struct.pack("<ii", WIDTH, HEIGHT) + depths()[at].tobytes())

    files(path, ".dpt", one)


def pfm(path: Path) -> None:
    values = depths()
    values[:, 0, 0] = np.inf
    files(path, ".pfm", lambda file, at: cv2.imwrite(str(file), values[at]))


def diode(path: Path) -> None:
    path.mkdir()
    for at in range(N_FRAMES):
        values = depths()[at]
        mask = np.ones_like(values)
        mask[0, 0] = 0
        np.save(path / f"{at:05d}_depth.npy", values[..., None])
        np.save(path / f"{at:05d}_depth_mask.npy", mask)


def counts(metres: float, unknown: int | None = None) -> np.ndarray:
    found = np.round(depths() / metres).astype(np.uint16)
    if unknown is not None:
        found[:, 0, 0] = unknown
    return found


def moge() -> np.ndarray:
    near, far = 0.5, 20.0
    found = (1 + np.round(np.log(depths() / near) / np.log(far / near) * 65533)).astype(np.uint16)
    found[:, 0, 0], found[:, 0, 1] = 0, 65535
    return found


def coded(vectors: np.ndarray, full: int, dtype: type) -> np.ndarray:
    return np.round((vectors + 1) / 2 * full).astype(dtype)


def with_corner(values: np.ndarray, value: float | tuple[int, ...]) -> np.ndarray:
    found = values.copy()
    found[:, 0, 0] = value
    return found


OPENGL, OUTWARD = np.float32([1, -1, -1]), np.float32([-1, -1, -1])
RAYS = depths() / rays_to_z(HEIGHT, WIDTH, HYPERSIM_FOCAL_WIDTHS * WIDTH)
RAYS_60 = depths() / rays_to_z(HEIGHT, WIDTH, HEIGHT / 2 / np.tan(np.radians(30)))
FINE = 2e-6
"""Relative precision of float32."""

# Format -> how it is written, and the largest error of a value (depth: relative to 1 m; normals: of a component).
WRITTEN: dict[str, tuple[Write, float]] = {
    "kitti": (png(counts(1 / 256, 0)), 0.5 / 256),
    "zoedepth": (png(counts(1 / 256)), 0.5 / 256),
    "nyu": (png(counts(0.001, 0)), 0.0005),
    "tum": (png(counts(1 / 5000, 0)), 0.5 / 5000),
    "vkitti2": (png(counts(0.01, 65535)), 0.005),
    "taskonomy": (png(counts(1 / 512, 65535)), 0.5 / 512),
    "taskonomy-euclidean": (png(np.round(RAYS_60 * 512).astype(np.uint16)), 0.5 / 512),
    "hypersim": (hdf5(with_corner(RAYS, np.nan)), 1e-5),
    "sintel": (dpt, FINE),
    "tartanair": (npy(with_corner(depths(), 10000.0)), FINE),
    "diode": (diode, FINE),
    "pfm": (pfm, FINE),
    "moge": (png(moge(), {"near": "0.5", "far": "20.0"}), 8 * np.log(40) / 65533),
    "video-depth-anything": (npz(depths=1 / depths(), fps=np.array(30.0)), FINE),
    "depthcrafter": (exr(lambda at: {"Z": 1 / depths()[at]}), FINE),
    "depth-anything-3": (npz(depth=depths(), conf=depths(), extrinsics=np.zeros((3, 3, 4))), FINE),
    "depth-pro": (npz(depth=depths()), FINE),
    "marigold": (npy(depths() / 10), FINE),
    "blender": (exr(lambda at: {"ViewLayer.Depth.Z": with_corner(depths(), 1e10)[at]}), FINE),
    "taskonomy-normal": (png(with_corner(np.round(normals() * 127 + 127).astype(np.uint8), (128, 128, 128))), 0.012),
    "omnidata-normal": (npy((normals() + 1) / 2), FINE),
    "hypersim-normal": (hdf5(with_corner(normals() * OPENGL, np.nan)), FINE),
    "diode-normal": (npy(with_corner(normals() * OPENGL, 0)), FINE),
    "moge-normal": (png(with_corner(coded(normals() * OPENGL, 65535, np.uint16), 0)), 3e-5),
    "marigold-normal": (npy(np.moveaxis(normals() * OPENGL, -1, 1)), FINE),
    "lotus-normal": (npy((normals() * OUTWARD + 1) / 2), FINE),
    "dsine-normal": (exr(lambda at: dict(zip("RGB", np.moveaxis(normals()[at] * OUTWARD, -1, 0), strict=True))), FINE),
    "dsine-eval-normal": (png(with_corner(coded(normals(), 255, np.uint8), 0)), 0.008),
}
SINGLE = (".npz",)
"""Suffixes of the formats that are one file in these tests."""
RELATIVE = {"video-depth-anything": lambda z: 1 / z, "depthcrafter": lambda z: 1 / z, "marigold": lambda z: z / 10}
UNKNOWN_CORNER = {
    *("kitti", "nyu", "tum", "taskonomy", "hypersim", "diode", "pfm", "taskonomy-normal", "hypersim-normal"),
    *("diode-normal", "moge-normal", "dsine-eval-normal", "moge"),
}
SKY_CORNER = {"vkitti2", "tartanair", "blender"}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_of_the_field_comes_in_with_the_right_values(name: str, tmp_path: Path, store: Store, reader: Reader):
    write, precision = WRITTEN[name]
    known = FORMATS[name]
    path = tmp_path / ("maps.npz" if known.suffixes[0] in SINGLE and name != "depthcrafter" else "maps")
    write(path)
    more = {"field_of_view_degrees": 60.0} if name == "taskonomy-euclidean" else {}
    expected = depths() if known.domain == "depth" else normals()
    expected = RELATIVE.get(name, lambda values: values)(expected)

    conversion = conversion_of(Stated(known.domain, name, **more), path, is_truth=False)
    maps = find_maps(reader, path, 1 if known.domain == "depth" else 3, known, None)
    read = [conversion.values("map", *maps.raw(reader, at), input_of(store).head.clip) for at in range(len(maps))]
    assert len(read) == N_FRAMES
    corner = np.stack(read)[:, 0, 0]
    assert np.isnan(corner).all() == (name in UNKNOWN_CORNER) and np.isinf(corner).all() == (name in SKY_CORNER)
    special = ~np.isfinite(np.stack(read))
    assert special.sum() <= 2 * N_FRAMES * corner[0].size
    assert np.abs(np.where(special, 0, np.stack(read) - expected)).max() <= precision * max(1.0, np.abs(expected).max())

    track = add(store, path, reader, domain=known.domain, format=name, **more).track
    assert (
        track.is_complete
        and track.n_frames == N_FRAMES
        and track.head.configuration == f"results/mine/rgb-{known.domain}"
    )
    assert track.head.constants["results"]["format"] == name
    frames = Truth(store, track)
    stored = np.stack([frames.values(at) for at in range(N_FRAMES)])
    known_pixels = np.isfinite(stored) & ~special
    assert known_pixels.mean() > 0.95
    if known.domain == "normal":
        assert np.abs(stored - expected)[known_pixels].max() <= 1 / 255 + precision
    else:
        check_depth(stored, expected, known_pixels, track.head, precision)


def check_depth(stored: np.ndarray, expected: np.ndarray, known: np.ndarray, head: Head, precision: float) -> None:
    """Within half a step of the stored logarithm; relative depth once its stated scale and shift are undone."""
    domain, results = head.domain, head.constants["results"]
    half_step = (domain["hi"] / domain["lo"]) ** (0.51 / 255) - 1
    relative = results.get("relative")
    if relative in ("affine", "inverse"):
        assert domain["unit"] == ""
        expected = results["offset"] + results["factor"] * expected
        expected = 1 / expected if relative == "inverse" else expected
    assert np.abs(stored / expected - 1)[known].max() <= half_step + precision + 1e-4


def test_a_grey_exr_of_another_writer_and_a_float_tiff_are_read(tmp_path: Path, reader: Reader):
    with av.open(str(tmp_path / "map_%d.exr"), "w", format="image2") as container:
        stream = container.add_stream("exr", rate=1)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "grayf32le"
        frame = av.VideoFrame.from_ndarray(depths()[0], format="grayf32le")
        container.mux([*stream.encode(frame), *stream.encode()])
    cv2.imwrite(str(tmp_path / "map.tiff"), depths()[0], [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    for name, array in (("map_1.exr", "Y"), ("map.tiff", "")):
        assert [info.name for info in reader.look(tmp_path / name)] == [array]
        assert np.array_equal(reader.frame(tmp_path / name, array, None), depths()[0])


def test_a_lossless_16_bit_video_is_a_stack_of_counts(tmp_path: Path, store: Store, reader: Reader):
    path = tmp_path / "depth.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray16le"
        for at in range(N_FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(counts(0.001)[at], format="gray16le")))
        container.mux(stream.encode())
    track = add(store, path, reader, unit="mm").track
    stored = Truth(store, track).values(2)
    assert np.abs(stored / depths()[2] - 1).max() < 0.011


def test_stored_values_undo_codes():
    domain = {"lo": 0.1, "hi": 16.0, "scale": "log", "invalid": 1.0}
    values = stored_values(np.array([[0, 255]], np.uint8), domain)
    assert values[0, 0] == pytest.approx(0.1) and np.isnan(values[0, 1])


def test_the_channels_may_stand_in_front_and_a_stack_may_be_one_file(tmp_path: Path, store: Store, reader: Reader):
    np.save(tmp_path / "a.npy", depths()[:, None])
    np.save(tmp_path / "b.npy", np.asfortranarray(depths()[..., None].astype(">f8")))
    first = add(store, tmp_path / "a.npy", reader, "first", unit="m")
    second = add(store, tmp_path / "b.npy", reader, "second", unit="m")
    images = [list(store.images(added.track)) for added in (first, second)]
    assert images[0] == images[1] and first.matched == "3 of 3 frames matched in order"


def test_the_document_lists_every_format():
    document = Path(__file__).parents[3] / "docs" / "results-formats.md"
    assert as_markdown() in document.read_text(encoding="utf-8"), "run: python -m precompute.results.meaning.formats"
