"""Files that play everywhere are read as they play, and what was chosen, passed over or changed is said once."""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryFile
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from precompute.failures import SourceError
from precompute.media.containers.facts import Crop
from precompute.media.containers.matroska import matroska_tracks
from precompute.media.damage import Complaints
from precompute.media.decoder import frames, probe
from precompute.media.pictures import tone_mapping
from precompute.media.sampling import Sampling
from precompute.media.sources import resolve
from precompute.media.timeline import FrameTimes
from reliability.promises import playable
from tests.fixtures import media

WHOLE = Sampling(size=64, crop="none")
TOLERANT = replace(WHOLE, is_tolerant=True)


def shown(path: Path, sampling: Sampling = WHOLE) -> tuple[list[np.ndarray], list[str]]:
    """The frames of a file and the notes on it."""
    notes: list[str] = []
    return [frame.rgb for frame in frames(path, sampling, on_note=notes.append)], notes


def reading(path: Path) -> str:
    return probe(resolve(str(path), media_dir=path.parent)).reading


def refusal(path: Path) -> SourceError:
    with pytest.raises(SourceError) as caught:
        probe(resolve(str(path), media_dir=path.parent))
        list(frames(path))
    return caught.value


def with_sample_box(path: Path, box: bytes, entry: bytes = b"avc1") -> Path:
    """Put a box into the sample entry of an mp4 whose index is at its end."""
    content = bytearray(path.read_bytes())
    start = content.index(b"stsd")
    place = content.index(entry, start)
    (size,) = struct.unpack(">I", content[place - 4 : place])
    content[place - 4 + size : place - 4 + size] = box
    for kind in (entry, b"stsd", b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        at = content.index(kind, start) if kind == entry else content.index(kind)
        (old,) = struct.unpack(">I", content[at - 4 : at])
        struct.pack_into(">I", content, at - 4, old + len(box))
    path.write_bytes(content)
    return path


# --- boxes ---


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9, 0.99])
def test_a_cut_is_found_behind_unknown_boxes(part: float, tmp_path: Path) -> None:
    path, _ = playable.odd_boxes(tmp_path, np.random.default_rng(3))
    assert refusal(media.truncate(path, part)).code == "truncated"


@pytest.mark.parametrize("junk", [b"\0" * 7, b"\0" * 5000, b"TAG" + b"x" * 125, bytes(range(256)) * 4])
def test_junk_behind_the_last_box_is_no_truncation(junk: bytes, tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 5)
    path.write_bytes(path.read_bytes() + junk)
    assert [media.read_number(image) for image in shown(path)[0]] == list(range(5))


def test_a_box_of_64_bits_that_is_cut_is_a_truncation(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 5)
    content = path.read_bytes()
    path.write_bytes(content[:32] + struct.pack(">I4sQ", 1, b"beam", 1 << 40) + content[32:])
    assert refusal(path).code == "truncated"


# --- streams ---


def test_a_cover_in_front_is_passed_over_and_named(tmp_path: Path) -> None:
    path, numbers = playable.cover_first(tmp_path, np.random.default_rng(1))
    images, (note,) = shown(path)
    assert [media.read_number(image) for image in images] == numbers
    assert note.startswith("of 2 video streams, stream 1 (h264, 64x64) is used, not stream 0")
    assert reading(path) == "stream=1"


def test_an_encrypted_mp4_is_named_encrypted(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 3)
    path.write_bytes(path.read_bytes().replace(b"avc1\0\0\0\0", b"encv\0\0\0\0"))
    error = refusal(path)
    assert error.code == "encrypted" and "--tolerant" not in str(error)


def test_a_scrambled_transport_stream_is_named_encrypted(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.ts", 12)
    content = bytearray(path.read_bytes())
    for at in range(0, len(content), 188):
        if (content[at + 1] & 0x1F, content[at + 2]) == (1, 0):
            content[at + 3] |= 0x80
    path.write_bytes(content)
    assert refusal(path).code == "encrypted"


@pytest.mark.parametrize(("profile", "compatible"), [(8, 1), (8, 4), (7, 6), (5, 0)])
def test_dolby_vision_is_named_and_refused_without_a_base_layer(profile: int, compatible: int, tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 3)
    record = bytes([1, 0, profile << 1, 0x2D, compatible << 4]) + bytes(19)
    with_sample_box(path, struct.pack(">I4s", 32, b"dvvC") + record)
    if profile == 5:
        error = refusal(path)
        assert error.code == "bad_media" and "Dolby Vision profile 5" in str(error)
    else:
        assert shown(path)[1] == [f"Dolby Vision profile {profile}: its base layer is shown"]


# --- what the container takes off the picture ---


def framed(number: int, height: int, width: int) -> np.ndarray:
    """Red bars of a quarter of the height above and below a grey picture."""
    picture = np.full((height, width, 3), 100, np.uint8)
    picture[: height // 4] = picture[-height // 4 :] = (255, 0, 0)
    return picture


def test_a_clean_aperture_is_applied(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 2, height=128, width=128, pix_fmt="yuv444p", picture=framed)
    with_sample_box(path, struct.pack(">I4s4I4i", 40, b"clap", 128, 1, 64, 1, 0, 1, 0, 1))
    (image, _), (note,) = shown(path)
    assert image.shape == (64, 128, 3) and np.abs(image.astype(int) - 100).max() < 8
    assert note == "cropped as the container states: 32 px top, 32 bottom, 0 left, 0 right"
    assert reading(path) == "crop=32:32:0:0"


@pytest.mark.parametrize("numbers", [(200, 1, 64, 1), (0, 1, 64, 1), (64, 0, 64, 1), (128, 1, 128, 1)])
def test_an_aperture_that_is_no_part_of_the_picture_is_ignored(numbers: tuple[int, ...], tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 2, height=128, width=128)
    with_sample_box(path, struct.pack(">I4s4I4i", 40, b"clap", *numbers, 0, 1, 0, 1))
    assert shown(path)[0][0].shape == (64, 64, 3) and reading(path) == ""


def element(identifier: str, *content: bytes) -> bytes:
    data = b"".join(content)
    return bytes.fromhex(identifier) + (0x10000000 | len(data)).to_bytes(4, "big") + data


def test_crop_encryption_and_enabling_of_matroska_tracks_are_read(tmp_path: Path) -> None:
    video = element("e0", element("54bb", b"\x10"), element("54dd", b"\x02"))
    secret = element("6d80", element("6240", element("5035")))
    tracks = element(
        "1654ae6b",
        element("ae", element("83", b"\1"), video, element("b9", b"\0")),
        element("ae", element("83", b"\2")),
        element("ae", element("83", b"\1"), secret),
    )
    path = tmp_path / "clip.mkv"
    path.write_bytes(element("1a45dfa3") + element("18538067", element("ec", bytes(30)), tracks))
    with path.open("rb") as file:
        first, second = matroska_tracks(file, path.stat().st_size)
    assert (first.crop, first.is_enabled, first.is_encrypted) == (Crop(16, 0, 0, 2), False, False)
    assert (second.crop, second.is_enabled, second.is_encrypted) == (None, True, True)


# --- colours ---


def test_the_transfer_functions_are_those_of_the_standards() -> None:
    assert tone_mapping.pq_to_light(np.array([0, 0.5081, 0.5807, 1])) == pytest.approx([0, 100, 203, 10_000], rel=1e-3)
    light = np.geomspace(0.01, 10_000, 50)
    assert tone_mapping.pq_to_light(tone_mapping.light_to_pq(light)) == pytest.approx(light)
    grey = tone_mapping.to_sdr(
        np.full((1, 1, 3), round(0.75 * 65535), np.uint16), tone_mapping.Hdr("HLG", 1000, "2020")
    )
    same = tone_mapping.to_sdr(
        np.full((1, 1, 3), round(0.5807 * 65535), np.uint16), tone_mapping.Hdr("PQ", 1000, "2020")
    )
    assert np.array_equal(grey, same)  # both code reference white, 203 cd/m2


def test_tone_mapping_keeps_what_is_dark_and_rises_to_white() -> None:
    light = np.linspace(0, 1000, 500)
    mapped = tone_mapping.eetf(light, 1000)
    assert mapped[light < 80] == pytest.approx(light[light < 80])
    assert (np.diff(mapped) > 0).all() and mapped[-1] == pytest.approx(203)
    assert tone_mapping.eetf(np.array([150.0, 203.0]), 203) == pytest.approx([150, 203])


HDR_TAGS = f"{media.QUIET_X265}:colorprim=bt2020:colormatrix=bt2020nc:transfer="


@pytest.mark.parametrize(("transfer", "name"), [("arib-std-b67", "HLG"), ("smpte2084", "PQ")])
def test_hdr_is_tone_mapped_and_named(transfer: str, name: str, tmp_path: Path) -> None:
    def grey(number: int, height: int, width: int) -> np.ndarray:
        code = {"HLG": 0.75, "PQ": 0.5807}[name]  # reference white
        return np.full((height, width, 3), round(255 * code), np.uint8)

    options = {"x265-params": HDR_TAGS + transfer}
    path = tmp_path / "phone.mov"
    media.write_video(path, 2, codec="libx265", pix_fmt="yuv420p10le", options=options, picture=grey)
    (image, _), (note,) = shown(path)
    assert np.abs(image.astype(int) - 230).max() <= 4
    assert note == f"{name} tone-mapped to SDR (BT.2390 EETF, 1000 to 203 cd/m²)"
    assert reading(path) == f"tone={name}:1000:2020:bt2390"


def test_p3_is_no_bt2020_and_keeps_its_grey() -> None:
    """Published P3-D65 to BT.709: 1.2249 -0.2247 0, -0.0420 1.0419 0, -0.0197 -0.0786 1.0979."""
    matrix = tone_mapping.P3_TO_BT709
    assert matrix[0] == pytest.approx([1.2249, -0.2247, 0], abs=5e-4) and matrix[2, 2] == pytest.approx(1.098, abs=5e-4)
    assert matrix.sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-4)
    computed = np.linalg.solve(
        tone_mapping._to_xyz(tone_mapping.BT709),
        tone_mapping._to_xyz(((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))),
    )
    assert computed == pytest.approx(tone_mapping.BT2020_TO_BT709, abs=2e-4)
    assert pytest.approx([0.2290, 0.6917, 0.0793], abs=2e-4) == tone_mapping.LUMA_P3


@pytest.mark.parametrize(("number", "name"), [(1, "709"), (2, "2020"), (9, "2020"), (11, "p3"), (12, "p3")])
def test_the_primaries_of_hdr_are_those_that_are_stated(number: int, name: str) -> None:
    hdr = tone_mapping.hdr_of(SimpleNamespace(color_primaries=number, color_trc=18))
    assert hdr is not None and hdr.primaries == name


def test_hdr_in_p3_is_shown_and_named_as_such(tmp_path: Path) -> None:
    def red(number: int, height: int, width: int) -> np.ndarray:
        return np.full((height, width, 3), (140, 100, 100), np.uint8)

    options = {"x265-params": f"{media.QUIET_X265}:colorprim=smpte432:colormatrix=bt2020nc:transfer=smpte2084"}
    path = tmp_path / "clip.mov"
    media.write_video(path, 2, codec="libx265", pix_fmt="yuv420p10le", options=options, picture=red)
    image = shown(path)[0][0]
    assert reading(path) == "tone=PQ:1000:p3:bt2390"
    code = np.array([[(140 * 257, 100 * 257, 100 * 257)]], np.uint16)
    expected = tone_mapping.to_sdr(code, tone_mapping.Hdr("PQ", 1000, "p3"))[0].astype(int)
    too_red = tone_mapping.to_sdr(code, tone_mapping.Hdr("PQ", 1000, "2020"))[0].astype(int)
    assert np.abs(image - expected).max() <= 6 < np.abs(too_red - expected).max()


@pytest.mark.parametrize(("height", "matrix", "is_assumed"), [(720, "bt709", True), (64, "smpte170m", False)])
def test_an_untagged_picture_is_read_as_one_of_its_size(
    height: int, matrix: str, is_assumed: bool, tmp_path: Path
) -> None:
    pictures = {}
    for name, tag in (("untagged", ""), ("tagged", f"colormatrix={matrix}")):
        options = {"preset": "ultrafast", "x264-params": tag}
        path = media.write_video(tmp_path / f"{name}.mp4", 1, height=height, width=96, options=options)
        (pictures[name],), notes = shown(path)
        assert (reading(path) == "matrix=bt709") == bool(notes) == (is_assumed and name == "untagged"), notes
    assert np.array_equal(pictures["untagged"], pictures["tagged"])


# --- times and beginnings ---


@pytest.mark.parametrize("kind", ["mid gop", "joined", "equal times", "cut at key"])
def test_what_was_passed_over_or_moved_is_said_once(kind: str, tmp_path: Path) -> None:
    said = {
        "mid gop": "before the first whole one left out",
        "joined": "recordings joined: the clock starts again at frame",
        "equal times": "frames stated no later time than the one before: moved to 1",
        "cut at key": "before the first whole one left out",
    }[kind]
    for seed in range(20):
        images, notes = shown(playable.MAKERS[kind](tmp_path, np.random.default_rng(seed))[0])
        assert images
        if any(said in note for note in notes):
            assert sum(said in note for note in notes) == 1
            return
    raise AssertionError(f"no note on {kind}")


def test_frames_without_a_time_are_told_from_those_with_one_too_early() -> None:
    class Stated:
        format = type("Format", (), {"name": "mp4"})
        time_base = Fraction(1, 1000)

    times = FrameTimes(Stated, Stated)
    seconds = []
    for pts in (0, None, None, 80):
        seconds.append(times.seconds(Path("clip.mp4"), SimpleNamespace(pts=pts, duration=40)))
    assert seconds == [0, 0.04, 0.08, 0.081]
    assert times.notes() == [
        "2 frames stated no time: placed at the end of the one before",
        "1 frame stated no later time than the one before: moved to 1 ms after it",
    ]


def test_tolerance_is_not_advised_where_no_frame_is_whole(tmp_path: Path) -> None:
    def noise(number: int, height: int, width: int) -> np.ndarray:
        return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)

    path = media.write_video(tmp_path / "clip.mp4", 4, picture=noise, options={"bf": "0"})
    content = path.read_bytes()
    place = content.index(b"mdat") + 900
    path.write_bytes(content[:place] + bytes(400) + content[place + 400 :])
    error = refusal(path)
    assert error.code == "damaged" and "--tolerant" not in str(error), str(error)


def test_an_ordinary_video_is_read_as_before_without_a_word(tmp_path: Path) -> None:
    """Its clip keeps the key that it had."""
    cases: list[dict[str, Any]] = [{}, {"with_audio": True}, {"rotation_degrees": 90}, {"options": {"bf": "3"}}]
    for number, how in enumerate(cases):
        path = media.write_video(tmp_path / f"{number}.mp4", 5, **how)
        assert reading(path) == "" and shown(path)[1] == []


# --- losses that no frame shows ---


def packets_of(path: Path) -> list[Any]:
    with av.open(str(path)) as source:
        return [packet for packet in source.demux(video=0) if packet.size]


def overwrite(path: Path, place: int, data: bytes) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[:place] + data + content[place + len(data) :])
    return path


@pytest.mark.parametrize("number", [3, 11])
def test_a_frame_that_hevc_drops_without_a_word_is_damage(number: int, tmp_path: Path) -> None:
    how = {"codec": "libx265", "options": {"x265-params": f"{media.QUIET_X265}:bframes=0:keyint=50"}}
    path = media.write_video(tmp_path / "clip.mp4", 12, **how)
    length_and_header = 4 + 2
    overwrite(path, packets_of(path)[number].pos + length_and_header, b"\x81")  # a parameter set that is not there
    error = refusal(path)
    assert error.code == "damaged" and str(error).count(f"after {number} frames") == 1
    assert [media.read_number(image) for image in shown(path, TOLERANT)[0]] == list(range(number))


def test_an_end_before_the_stated_one_is_remarked(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mkv", 10)
    place = path.read_bytes().index(b"\x44\x89\x88")  # Duration, a number of 8 bytes
    overwrite(path, place + 3, struct.pack(">d", 900.0))
    images, notes = shown(path)
    assert len(images) == 10
    assert notes == ["the header states an end at 0.90 s, the last frame ends at 0.33 s"]


def test_what_is_broken_in_a_header_is_remarked_and_behind_it_is_damage() -> None:
    line = b"[matroska,webm @ 0x55d0] Element at 0x10 ending at 0x99 exceeds containing master element ending at 0x40\n"
    before = os.dup(2)
    try:
        with TemporaryFile() as log:
            os.dup2(log.fileno(), 2)
            os.write(2, line)
            complaints = Complaints()
            assert complaints.lost_data(True) is None
            assert complaints.notes() == ["a part of the header or of the index cannot be read and was passed over"]
            os.write(2, line)
            assert "exceeds containing master" in str(complaints.lost_data(True))
    finally:
        os.dup2(before, 2)
        os.close(before)


def test_data_that_belong_to_no_frame_are_remarked(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.flv", 10, codec="flv")
    content, place = path.read_bytes(), packets_of(path)[6].pos
    path.write_bytes(content[:place] + bytes(40) + content[place:])
    images, notes = shown(path)
    assert [media.read_number(image) for image in images] == list(range(10))
    assert len(notes) == 1 and notes[0].startswith("data that belong to no frame were skipped (1 time)")


# --- frames that are stored and not shown ---


def test_a_cut_that_an_edit_list_states_is_no_truncation(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 33, fps=25, options={"bf": "0"})
    media.shift_edit(path, 11, n_frames=34, fps=25)  # it ends a frame behind the last one, as ffmpeg writes it
    images, notes = shown(path)
    assert [media.read_number(image) for image in images] == list(range(11, 33)) and not notes


def test_leading_frames_that_a_decoder_drops_are_no_truncation(tmp_path: Path) -> None:
    whole = media.write_video(tmp_path / "whole.avi", 46, codec="mpeg4", options={"bf": "2", "g": "12"})
    path = tmp_path / "cut.avi"
    with av.open(str(whole)) as source, av.open(str(path), "w") as made:
        packets = [packet for packet in source.demux(video=0) if packet.size]
        stream = made.add_stream_from_template(source.streams.video[0])
        second_key = [at for at, packet in enumerate(packets) if packet.is_keyframe][1]
        for number, packet in enumerate(packets[second_key:]):
            packet.pts, packet.dts, packet.stream = None, number, stream
            made.mux(packet)
    images, notes = shown(path)
    assert [media.read_number(image) for image in images] == list(range(12, 46))
    assert notes == ["2 frames before the first whole one left out"]
