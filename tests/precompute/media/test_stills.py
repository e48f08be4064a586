"""A picture of any usual format is shown with its right pixels, or refused with a code and a next step."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from cache.keys import clip_key
from cache.store import Store
from precompute.failures import KINDS, SourceError
from precompute.jobs import plan
from precompute.media import decoder
from precompute.media.picture_frames import beating
from precompute.media.sampling import Sampling
from precompute.media.sources import resolve
from precompute.media.stills.clip import picture_clip
from precompute.media.stills.reader import read_still
from precompute.media.stills.still import GREY
from tests.fixtures import pictures
from tests.fixtures.pictures import HeifWriter, box, centres, full_box, is_near, quarters, with_orientation
from tests.fixtures.web.waits import PATIENCE_SECONDS

WHOLE = Sampling(size=48, crop="none")
LOSSLESS = {"webp": {"lossless": True}, "avif": {"quality": 100, "subsampling": "4:4:4"}, "jpg": {"quality": 98}}
ONE_PIXEL = struct.pack(">II", 1, 1)


def save(path: Path, image: np.ndarray | Image.Image, **options: object) -> Path:
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(path, **{**LOSSLESS.get(path.suffix[1:], {}), **options})
    return path


def refusal(path: Path) -> SourceError:
    with pytest.raises(SourceError) as caught:
        clip = picture_clip(path, WHOLE)
        assert clip is not None
        for shown, _ in clip.frames:
            shown.read()
    return caught.value


def composed(rgb: np.ndarray, alpha: float) -> np.ndarray:
    return np.round(rgb * alpha + GREY * (1 - alpha))


# --- the formats ---


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.avif", "a.tif", "a.bmp", "picture without extension"])
def test_every_format_is_a_clip_of_one_frame_with_its_own_pixels(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    save(path, quarters(), **({} if path.suffix else {"format": "WEBP", "lossless": True}))
    source = resolve(str(path), media_dir=tmp_path)
    info = decoder.probe(source, WHOLE)
    assert (info.width, info.height, info.n_frames_estimate, info.reading) == (64, 48, 1, "")
    notes: list[str] = []
    (frame,) = decoder.frames(path, WHOLE, on_note=notes.append)
    assert frame.pts_seconds == 0 and is_near(centres(frame.rgb), centres(quarters()), 3) and not notes


@pytest.mark.parametrize(("name", "reader"), [("a.jpg", "jpeg_pipe"), ("b.jpg", "jpeg_pipe"), ("a.png", "png_pipe")])
def test_an_ordinary_jpeg_or_png_has_the_values_and_key_it_always_had(name: str, reader: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (37, 51, 3), np.uint8)
    path = save(tmp_path / name, cv2.resize(noise, (101, 67)), **({"progressive": True} if name == "b.jpg" else {}))
    with av.open(str(path), format=reader) as container:
        wanted = next(container.decode(video=0)).to_ndarray(format="rgb24")
    still = read_still(path)
    assert np.array_equal(still.rgb, wanted) and still.reading == "" and still.notes == []


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
def test_the_eight_orientations_are_turned_upright(suffix: str, orientation: int, tmp_path: Path) -> None:
    image = Image.fromarray(quarters())
    image.getexif()[0x0112] = orientation
    wanted = np.asarray(ImageOps.exif_transpose(image))
    how = {"tiffinfo": {0x0112: orientation}} if suffix == "tif" else {"exif": with_orientation(orientation)}
    shown = read_still(save(tmp_path / f"a.{suffix}", quarters(), **how))
    assert shown.rgb.shape == wanted.shape and is_near(centres(shown.rgb), centres(wanted), 4)
    assert shown.reading == (f"orient={orientation}" if orientation > 1 and suffix in ("jpg", "png", "webp") else "")


@pytest.mark.parametrize("name", ["rgb.png", "grey.png", "rgb.tif", "grey.tif"])
def test_sixteen_bits_are_rounded_to_eight(name: str, tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 64 * 48).astype(np.uint16).reshape(48, 64)
    cv2.imwrite(str(tmp_path / name), ramp if "grey" in name else np.dstack([ramp] * 3))
    still = read_still(tmp_path / name)
    assert is_near(still.rgb, np.dstack([np.round(ramp / 257)] * 3), 1)
    assert still.notes == ["16 bits per sample rounded to 8"] and still.reading == ""


def test_a_grey_tiff_in_which_zero_is_white_is_not_a_negative(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(np.full((16, 16), 65535 - 257 * 200, np.uint16)).save(path, tiffinfo={262: 0})
    data = bytearray(path.read_bytes())
    entry = data.index(struct.pack("<HHIH", 262, 3, 1, 1)) if struct.pack("<HHIH", 262, 3, 1, 0) not in data else None
    if entry is not None:
        data[entry + 8] = 0
        path.write_bytes(data)
    assert is_near(read_still(path).rgb[0, 0], (200, 200, 200), 1)


def test_of_a_tiff_with_pages_the_first_is_shown_and_that_is_said(tmp_path: Path) -> None:
    pages = [Image.fromarray(quarters()), Image.new("RGB", (64, 48))]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    still = read_still(tmp_path / "a.tif")
    assert centres(still.rgb) == centres(quarters()) and still.notes == ["the first of its pages is shown"]


# --- colours ---

COLOURS = np.array([[[200, 60, 50], [60, 170, 80]], [[40, 70, 190], [128, 128, 128]]], np.uint8)


def patches(colours: np.ndarray = COLOURS) -> np.ndarray:
    return colours.repeat(24, axis=0).repeat(32, axis=1)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "avif"])
@pytest.mark.parametrize(
    ("name", "primaries", "gamma"),
    [("Display P3", pictures.P3, None), ("Adobe RGB (1998)", pictures.ADOBE_RGB, 563 / 256)],
)
def test_colours_of_a_profile_are_converted_to_srgb(suffix, name, primaries, gamma, tmp_path: Path) -> None:
    light = pictures.srgb_light(COLOURS) if gamma is None else (COLOURS / 255) ** gamma
    wanted = pictures.srgb_code(light @ (np.linalg.inv(pictures.to_xyz(pictures.SRGB)) @ pictures.to_xyz(primaries)).T)
    assert not is_near(wanted, COLOURS, 8)  # or else nothing would be tested
    profile = pictures.matrix_profile(name, primaries, gamma)
    still = read_still(save(tmp_path / f"a.{suffix}", patches(), icc_profile=profile))
    assert is_near(centres(still.rgb), wanted.reshape(4, 3), 5)
    assert still.notes == [f"{name} converted to sRGB"] and still.reading == "icc=srgb"


def test_a_profile_that_is_srgb_changes_nothing(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", patches(), icc_profile=pictures.matrix_profile("sRGB", pictures.SRGB))
    still = read_still(path)
    assert np.array_equal(still.rgb, patches()) and still.notes == [] and still.reading == ""


def test_a_profile_for_grey_is_applied_to_grey(tmp_path: Path) -> None:
    profile = pictures.grey_profile("Gray Gamma 1.8", 1.8)
    path = save(tmp_path / "a.jpg", Image.new("L", (64, 48), 100), icc_profile=profile, quality=100)
    still = read_still(path)
    wanted = pictures.srgb_code(np.array((100 / 255) ** (round(256 * 1.8) / 256)))
    assert is_near(still.rgb[20, 20], [wanted] * 3, 2) and still.notes == ["Gray Gamma 1.8 converted to sRGB"]


@pytest.mark.parametrize(
    ("profile", "what"),
    [
        (b"not a profile" * 20, "its colour profile cannot be read: sRGB is assumed"),
        (pictures.matrix_profile("P3", pictures.P3)[:300], "its colour profile cannot be read: sRGB is assumed"),
        (pictures.grey_profile("Grey", 2.2), "its colour profile is one for GRAY, not for RGB: sRGB is assumed"),
    ],
)
def test_a_profile_that_cannot_be_used_is_named_and_srgb_assumed(profile: bytes, what: str, tmp_path: Path) -> None:
    still = read_still(save(tmp_path / "a.png", patches(), icc_profile=profile))
    assert np.array_equal(still.rgb, patches()) and still.notes == [what] and still.reading == ""


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_inks_without_a_profile_are_converted_by_the_plain_formula(suffix: str, tmp_path: Path) -> None:
    inks = np.array([[[200, 0, 0, 0], [0, 100, 0, 50]], [[0, 0, 255, 0], [0, 0, 0, 130]]], np.uint8)
    image = Image.fromarray(patches(inks), mode="CMYK")
    still = read_still(save(tmp_path / f"a.{suffix}", image))
    wanted = [[55, 255, 255], [205, 125, 205], [255, 255, 0], [125, 125, 125]]
    assert is_near(centres(still.rgb), wanted, 3)
    assert still.notes == ["CMYK without a colour profile converted by the plain formula"]


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_inks_with_a_profile_have_its_colours(suffix: str, tmp_path: Path) -> None:
    corners = np.zeros((2, 2, 2, 2, 3))
    corners[0, 0, 0, 0], corners[1, 0, 0, 0] = (255, 255, 255), (20, 130, 190)
    corners[0, 1, 0, 0], corners[0, 0, 1, 0] = (190, 40, 120), (240, 220, 40)
    inks = 255 * np.array([[[1, 0, 0, 0], [0, 1, 0, 0]], [[0, 0, 1, 0], [0, 0, 0, 0]]], np.uint8)
    image = Image.fromarray(patches(inks), mode="CMYK")
    profile = pictures.ink_profile("Test inks", corners)
    still = read_still(save(tmp_path / f"a.{suffix}", image, icc_profile=profile))
    assert is_near(centres(still.rgb), [(20, 130, 190), (190, 40, 120), (240, 220, 40), (255, 255, 255)], 6)
    assert still.notes == ["Test inks converted to sRGB"] and still.reading == "icc=srgb"


# --- alpha ---


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "avif"])
def test_transparent_pixels_are_shown_over_grey_and_that_is_said(suffix: str, tmp_path: Path) -> None:
    rgba = np.dstack([quarters(), np.full((48, 64), 255, np.uint8)])
    rgba[:24, :32, 3], rgba[24:, 32:, 3] = 0, 102
    still = read_still(save(tmp_path / f"a.{suffix}", rgba))
    red, green, blue, yellow = map(np.array, (pictures.RED, pictures.GREEN, pictures.BLUE, pictures.YELLOW))
    assert is_near(centres(still.rgb), [composed(red, 0), green, blue, composed(yellow, 0.4)], 4)
    assert still.notes == [f"transparent pixels (alpha) shown over grey ({GREY})"] and still.reading == f"alpha={GREY}"


def test_alpha_of_a_palette_and_of_grey_counts_too_and_an_opaque_one_does_not(tmp_path: Path) -> None:
    palette = Image.fromarray(quarters()).quantize(4)
    index = palette.getpixel((2, 2))
    assert read_still(save(tmp_path / "p.png", palette, transparency=index)).rgb[2, 2].tolist() == [GREY] * 3
    grey = np.dstack([np.full((16, 16), 200, np.uint8), np.full((16, 16), 51, np.uint8)])
    still = read_still(save(tmp_path / "la.png", Image.fromarray(grey, mode="LA")))
    assert is_near(still.rgb[3, 3], composed(np.array([200] * 3), 0.2), 1)
    opaque = np.dstack([quarters(), np.full((48, 64), 255, np.uint8)])
    still = read_still(save(tmp_path / "o.png", opaque))
    assert np.array_equal(still.rgb, quarters()) and still.reading == "" and still.notes == []


# --- HEIC and AVIF ---

CODED = [("libx265", b"heic"), ("libsvtav1", b"avif")]


@pytest.mark.parametrize(("codec", "brand"), CODED)
def test_the_tiles_of_a_grid_are_one_picture_cut_to_its_stated_size(codec: str, brand: bytes, tmp_path: Path) -> None:
    whole, writer = quarters(120, 200), HeifWriter(brand)
    padded = np.pad(whole, ((0, 8), (0, 56), (0, 0)), mode="edge")
    tiles = [padded[top : top + 64, left : left + 64] for top in (0, 64) for left in (0, 64, 128, 192)]
    pix_fmt = "yuv420p"
    numbers = [writer.add_coded(np.ascontiguousarray(tile), codec=codec, pix_fmt=pix_fmt) for tile in tiles]
    path = writer.write(tmp_path / "grid.heic", writer.add_grid(numbers, 4, 120, 200))
    still = read_still(path)
    assert still.rgb.shape == (120, 200, 3) and np.abs(still.rgb.astype(int) - whole).mean() < 3
    assert still.notes == [] and still.reading == ""
    info = decoder.probe(resolve(str(path), media_dir=tmp_path), WHOLE)
    assert (info.width, info.height, info.n_frames_estimate) == (200, 120, 1)


def test_what_a_heif_file_states_of_its_picture_is_applied_in_its_order(tmp_path: Path) -> None:
    writer, picture = HeifWriter(), quarters(96, 128)
    crop = box(b"clap", struct.pack(">4I4i", 64, 1, 48, 1, 32, 1, -24, 1))  # the upper right quarter of the picture
    number = writer.add_coded(picture, crop, box(b"irot", b"\1"), box(b"imir", b"\0"))
    shown = read_still(writer.write(tmp_path / "a.heic", number))
    assert shown.rgb.shape == (64, 48, 3) and is_near(centres(shown.rgb), [pictures.GREEN] * 4, 4)
    writer = HeifWriter()
    shown = read_still(
        writer.write(tmp_path / "b.heic", writer.add_coded(picture, box(b"irot", b"\1"), box(b"imir", b"\0")))
    )
    assert is_near(centres(shown.rgb), centres(np.rot90(picture)[::-1]), 4)


def test_alpha_of_a_heif_file_is_an_item_of_its_own(tmp_path: Path) -> None:
    writer = HeifWriter()
    mask = np.zeros((96, 128), np.uint8)
    mask[:, 64:] = 255
    number = writer.add_coded(quarters(96, 128))
    alpha = writer.add_coded(mask, pictures.ALPHA_PROPERTY, colour_range(), pix_fmt="gray")
    writer.refer(b"auxl", alpha, number)
    still = read_still(writer.write(tmp_path / "a.heic", number))
    assert is_near(centres(still.rgb), [[GREY] * 3, pictures.GREEN, [GREY] * 3, pictures.YELLOW], 4)
    assert still.reading == f"alpha={GREY}"


def colour_range() -> bytes:
    return pictures.colour_property(1, 13, 6, is_full_range=True)


@pytest.mark.parametrize("is_profile", [True, False])
def test_display_p3_of_a_phone_is_converted_to_srgb(is_profile: bool, tmp_path: Path) -> None:
    writer = HeifWriter()
    profile = pictures.profile_property(pictures.matrix_profile("Display P3", pictures.P3))
    number = writer.add_coded(patches(), profile if is_profile else pictures.colour_property(12, 13, 6))
    still = read_still(writer.write(tmp_path / "a.heic", number))
    light = (
        pictures.srgb_light(COLOURS) @ (np.linalg.inv(pictures.to_xyz(pictures.SRGB)) @ pictures.to_xyz(pictures.P3)).T
    )
    assert is_near(centres(still.rgb), pictures.srgb_code(light).reshape(4, 3), 6)
    assert still.notes == ["Display P3 converted to sRGB"]


def test_hdr_in_a_heif_file_is_tone_mapped_and_named(tmp_path: Path) -> None:
    writer = HeifWriter(b"avif")
    number = writer.add_coded(
        np.full((64, 64, 3), 148, np.uint8),
        pictures.colour_property(9, 16, 9),
        codec="libsvtav1",
        pix_fmt="yuv420p10le",
    )
    path = writer.write(tmp_path / "a.avif", number)
    notes: list[str] = []
    (frame,) = decoder.frames(path, Sampling(size=64), on_note=notes.append)
    assert any("PQ tone-mapped to SDR" in note for note in notes)
    assert frame.rgb.mean() > 180  # code 148 of PQ is 203 cd/m², the white of SDR, before the knee


def test_items_that_refer_to_each_other_or_are_beyond_the_file_are_refused(tmp_path: Path) -> None:
    writer = HeifWriter()
    grid = writer.add_grid([1], 1, 64, 64)
    assert refusal(writer.write(tmp_path / "loop.heic", grid)).code == "bad_media"
    writer = HeifWriter()
    number = writer.add_coded(quarters(64, 64))
    path = writer.write(tmp_path / "far.heic", number)
    data = path.read_bytes()
    at = data.index(b"iloc") + 4 + 4 + 4 + 6
    path.write_bytes(data[:at] + struct.pack(">I", 1 << 30) + data[at + 4 :])
    assert refusal(path).code == "truncated"


# --- animations ---

TIMES_MS = [40, 80, 120, 200]


def animated(path: Path, has_alpha: bool = False, **options: object) -> Path:
    frames = [np.roll(quarters(), 32 * (number % 2), axis=1) for number in range(len(TIMES_MS))]
    if has_alpha:
        frames = [np.dstack([frame, np.full((48, 64), 0, np.uint8)]) for frame in frames]
    images = [Image.fromarray(frame) for frame in frames]
    first, *rest = images
    how = {"save_all": True, "append_images": rest, "duration": TIMES_MS, "loop": 0, **options}
    return save(path, first, **how)


@pytest.mark.parametrize("suffix", ["webp", "png", "avif"])
def test_an_animation_is_a_video_with_its_own_times(suffix: str, tmp_path: Path) -> None:
    path = animated(tmp_path / f"a.{suffix}")
    info = decoder.probe(resolve(str(path), media_dir=tmp_path), WHOLE)
    frames = list(decoder.frames(path, WHOLE))
    assert info.n_frames_estimate == 4 and info.reading
    assert np.allclose([frame.pts_seconds for frame in frames], [0, 0.04, 0.12, 0.24], atol=1e-3)
    for number, frame in enumerate(frames):
        assert is_near(centres(frame.rgb), centres(np.roll(quarters(), 32 * (number % 2), axis=1)), 6)
    sampled = list(decoder.frames(path, replace(WHOLE, fps=10)))  # at 0, 0.1, 0.2, 0.3 and 0.4 s
    assert np.allclose([frame.pts_seconds for frame in sampled], [0, 0.04, 0.12, 0.24], atol=1e-3)


def test_alpha_of_an_animation_is_shown_over_grey(tmp_path: Path) -> None:
    notes: list[str] = []
    frames = list(decoder.frames(animated(tmp_path / "a.png", has_alpha=True), WHOLE, on_note=notes.append))
    assert all(is_near(frame.rgb, np.full_like(frame.rgb, GREY), 0) for frame in frames)
    assert notes == [f"transparent pixels (alpha) shown over grey ({GREY})"]


def test_the_still_of_an_animated_png_that_is_not_part_of_it_is_not_shown(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (32, 32), (value, value, value)) for value in (10, 100, 200)]
    path = save(tmp_path / "a.png", frames[0], save_all=True, append_images=frames[1:], default_image=True, duration=50)
    shown = [frame.rgb[0, 0, 0] for frame in decoder.frames(path, Sampling(size=32))]
    assert shown == [100, 200]


def test_a_picture_without_a_time_is_shown_as_long_as_in_browsers_and_that_is_said(tmp_path: Path) -> None:
    path = animated(tmp_path / "a.png", duration=0)
    notes: list[str] = []
    frames = list(decoder.frames(path, WHOLE, on_note=notes.append))
    assert np.allclose([frame.pts_seconds for frame in frames], [0, 0.1, 0.2, 0.3])
    assert notes == ["pictures without a time are shown for 0.1 s, as in browsers"]


# --- what is refused ---


def zipped(data: bytes) -> bytes:
    file = io.BytesIO(data)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("a.txt", "hidden")
    return file.getvalue()


JPEG = cv2.imencode(".jpg", quarters())[1].tobytes()


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.jpg", b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        ("a.png", b"<!DOCTYPE html><html></html>", "a web page"),
        ("a.jpg", b"%PDF-1.7 ...", "a PDF"),
        ("a.png", b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0" * 40, "JPEG XL"),
        ("a.jpg", zipped(JPEG), "a ZIP archive at the same time"),
        ("a.jpg", JPEG[:2] + b"\xff\xfe\0\x0f%PDF-1.4 junk" + JPEG[2:], "a PDF at the same time"),
        ("a.jpg", JPEG + b"<?php system($_GET[0]); ?>", "behind its end"),
        ("a.jpg", JPEG + b"\0\0<script>alert(1)</script>", "behind its end"),
    ],
)
def test_what_only_looks_like_a_picture_is_refused_with_its_name(name, content, what, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError) as caught:
        decoder.probe(resolve(str(tmp_path / name), media_dir=tmp_path))
    assert (
        caught.value.code == "bad_media" and what in caught.value.found and "picture editor" in caught.value.next_step
    )


def test_previews_and_films_that_phones_append_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG + JPEG + b"\0" * 9 + box(b"ftyp", b"mp42", b"\0" * 4) + b"SEFT")
    still = read_still(tmp_path / "a.jpg")
    assert is_near(centres(still.rgb), centres(quarters()[..., ::-1]), 6) and still.notes == []


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "tif", "bmp", "heic"])
def test_a_cut_picture_is_refused_wherever_it_is_cut(suffix: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = tmp_path / f"a.{suffix}"
    if suffix == "heic":
        writer = HeifWriter()
        writer.write(path, writer.add_coded(noise))
    else:
        save(path, noise)
    whole = path.read_bytes()
    for n_bytes in sorted({len(whole) * part // 10 for part in range(2, 10)} | {len(whole) - 3}):
        path.write_bytes(whole[:n_bytes])
        error = refusal(path)
        assert error.code in ("truncated", "damaged") and "--tolerant" not in error.next_step, n_bytes


def big_tiff_header(side: int) -> bytes:
    tags = [
        (256, 4, side),
        (257, 4, side),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 200),
        (277, 3, 1),
        (279, 4, 9),
    ]
    return (
        b"II*\0\x08\0\0\0"
        + struct.pack("<H", len(tags))
        + b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
        + b"\0" * 200
    )


def claims(kind: str, side: int, path: Path) -> Path:
    if kind == "tif":
        path.write_bytes(big_tiff_header(side))
    elif kind == "heic":
        writer = HeifWriter()
        configuration, data = pictures.coded_item(quarters(64, 64))
        tiles = [writer.add(b"hvc1", data, [configuration])]
        writer.write(path, writer.add_grid(tiles, 1, side, side))
    elif kind == "bmp":
        header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
        path.write_bytes(b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header)
    else:
        save(path, Image.new("L", (side, 6000)) if kind == "webp" else Image.new("1", (side, 6000)))
    return path


@pytest.mark.parametrize("kind", ["tif", "heic", "bmp", "png", "webp"])
def test_a_picture_of_too_many_pixels_is_refused_from_its_header(kind: str, tmp_path: Path) -> None:
    path = claims(kind, 7000, tmp_path / f"a.{kind}")
    assert path.stat().st_size < 100_000
    error = refusal(path)
    assert (
        error.code == "too_large" and "40 megapixels" in error.found and error.next_step == KINDS["too_large"].next_step
    )


def test_a_file_of_too_many_bytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    with path.open("wb") as file:
        file.write(JPEG)
        file.truncate(500_000_000)  # sparse
    error = refusal(path)
    assert error.code == "too_large" and "400 MB" in error.found


def test_numbers_that_are_no_picture_and_raw_files_are_refused_by_name(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "f.tif")
    assert "floating-point" in refusal(tmp_path / "f.tif").found
    Image.new("RGB", (8, 8)).save(tmp_path / "raw.dng", format="TIFF", tiffinfo={254: 1})
    assert "raw file" in refusal(tmp_path / "raw.dng").found


def test_a_frame_with_exif_has_its_side_data_passed_over_not_refused(tmp_path: Path) -> None:
    """PyAV cannot list the side data of a frame with Exif: motion JPEG of cameras has some in every frame."""
    path = save(tmp_path / "a.jpg", quarters(), exif=with_orientation(1))
    (frame,) = decoder.frames(path, WHOLE)
    assert is_near(centres(frame.rgb), centres(quarters()), 4)


# --- the child process ---


def test_a_picture_that_takes_long_is_reported_as_alive_until_it_is_done() -> None:
    first, reports = threading.Event(), []

    def report(what: str, text: str) -> None:
        reports.append(what)
        first.set()

    with beating(report):
        assert first.wait(PATIENCE_SECONDS)
    n_reports = len(reports)
    assert set(reports) == {"alive"}
    assert not [thread for thread in threading.enumerate() if "beat" in thread.name] and len(reports) == n_reports


def test_videos_are_decoded_without_pillow() -> None:
    program = "import sys, precompute.media.decoder_process; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3], check=False).returncode == 0


# --- the clip ---


def test_a_converted_picture_is_not_taken_for_a_clip_that_was_stored_without_it(tmp_path: Path, monkeypatch) -> None:
    path = save(tmp_path / "a.png", patches(), icc_profile=pictures.matrix_profile("Display P3", pictures.P3))
    source = resolve(str(path), media_dir=tmp_path)
    asked: list[str] = []
    monkeypatch.setattr(plan, "_stored_clip", lambda store, key, only_if_marked=False: asked.append(key))
    clip = plan._make_clip(Store(tmp_path / "store"), source, WHOLE)
    plain = clip_key(source.sha256, {**WHOLE.rule(), "shift": "", "rule": plan.SAMPLING_RULE})
    assert clip.sampling["reading"] == "icc=srgb" and clip.key != plain and plain not in asked
    assert asked == [clip.key]


def test_a_full_box_of_an_unknown_kind_is_passed_over(tmp_path: Path) -> None:
    writer = HeifWriter()
    number = writer.add_coded(quarters(64, 64), full_box(b"abcd", ONE_PIXEL))
    assert is_near(centres(read_still(writer.write(tmp_path / "a.heic", number)).rgb), centres(quarters(64, 64)), 4)
