"""A source becomes exactly the frames that were asked for, or one clear error."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from precompute.media import decoder, sources
from precompute.media.decoder import SourceError, frames, probe
from precompute.media.sampling import Sampling, VideoInfo, estimate_frames, output_size
from precompute.media.sources import resolve
from tests.fixtures import media
from tests.fixtures.children import ANSWER, child_that_runs, children
from tests.fixtures.web.waits import PATIENCE_SECONDS, wait_until

EVERY_FRAME_64 = Sampling(size=64)

WHOLE_PICTURE_64 = Sampling(size=64, crop="none")
TOLERANT_64 = Sampling(size=64, is_tolerant=True)


def source(path: Path) -> sources.Source:
    return resolve(str(path), media_dir=path.parent)


def numbers(path: Path, sampling: Sampling = EVERY_FRAME_64) -> list[int]:
    return [media.read_number(frame.rgb) for frame in frames(path, sampling)]


def refusal(path: Path | str, tmp_path: Path) -> SourceError:
    """The error that resolve, probe or frames raise; checked to be one line."""
    with pytest.raises(SourceError) as caught:
        found = resolve(str(path), media_dir=tmp_path)
        probe(found)
        list(frames(found.path))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    return caught.value


# --- the frame shown is the frame meant ---


@pytest.mark.parametrize("name", ["h264.mp4", "vp9.webm", "b-frames.avi", "open-gop.ts", "mpeg2.mpg", "animation.gif"])
def test_every_frame_comes_once_and_in_order_from(name: str, tmp_path: Path) -> None:
    """The torture's `intact-media` holds all kinds to it."""
    case = media.write_case(tmp_path, name)
    taken = list(frames(case.path, WHOLE_PICTURE_64))
    assert [case.number(frame.rgb) for frame in taken] == case.numbers
    assert [frame.index for frame in taken] == list(range(12))
    assert [frame.pts_seconds for frame in taken] == pytest.approx(case.times_seconds, abs=0.006)
    info = probe(source(case.path))
    assert (info.width, info.height) == (64, 64)


def test_the_corpus_holds_what_its_names_say(tmp_path: Path) -> None:
    def first_frame(name: str) -> Any:
        with av.open(str(media.write_case(tmp_path, name).path)) as container:
            return next(container.decode(video=0))

    def gop_is_open(name: str) -> bool:
        """Whether frames that are shown before a later key frame are stored behind it."""
        with av.open(str(media.write_case(tmp_path, name, 40).path)) as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
        keys = [at for at, packet in enumerate(packets) if packet.is_keyframe]
        return any(packets[at + 1].pts < packets[at].pts for at in keys[1:] if at + 1 < len(packets))

    assert first_frame("interlaced.ts").interlaced_frame and first_frame("interlaced.mp4").interlaced_frame
    assert "10" in first_frame("ten-bit.mp4").format.name and "10" in first_frame("ten-bit.mov").format.name
    assert (
        first_frame("alpha.mov").format.name.startswith("yuva") and first_frame("alpha-rle.mov").format.name == "argb"
    )
    assert gop_is_open("open-gop.mp4") and gop_is_open("open-gop.ts") and gop_is_open("open-gop-hevc.mkv")
    assert not gop_is_open("b-frames.mp4")


def test_alpha_leaves_the_colours_as_they_are(tmp_path: Path) -> None:
    for name in ("alpha.mov", "alpha-rle.mov"):
        (shown, *_) = frames(media.write_case(tmp_path, name, 1).path, EVERY_FRAME_64)
        error = np.abs(shown.rgb.astype(int) - media.busy_picture(0, 64, 64))
        assert np.median(error) <= 3, name


def test_a_variable_rate_keeps_its_own_times(tmp_path: Path) -> None:
    times_ms = [0, 10, 100, 133, 400, 433, 500, 800, 900, 1000]
    path = media.write_video(tmp_path / "vfr.mp4", times_ms=times_ms)
    taken = list(frames(path, EVERY_FRAME_64))
    assert [round(frame.pts_seconds * 1000) for frame in taken] == times_ms
    assert numbers(path) == list(range(10))


@pytest.mark.parametrize(("n_frames", "fps"), [(10, 30), (45, 24)])
def test_an_avi_that_holds_its_frames_by_empty_ones_is_whole(n_frames: int, fps: int, tmp_path: Path) -> None:
    """Its header counts hundreds of frames, of which few hold a picture and the last ones hold none."""
    case = media.write_case(tmp_path, "vfr.avi", n_frames, fps, seed=134)
    assert numbers(case.path) == list(range(n_frames))


@pytest.mark.parametrize("fps", [1, 7.5, 10, 24, 30, 60])
@pytest.mark.parametrize("name", ["vfr.mp4", "vfr.mkv"])
def test_sampling_takes_the_last_frame_at_each_time_and_none_twice(name: str, fps: float, tmp_path: Path) -> None:
    times_ms = [0, 33, 67, 100, 400, 433, 467, 900, 933, 967, 1000]
    path = media.write_video(tmp_path / name, len(times_ms), times_ms=times_ms)
    start, end = 0.05, 0.95
    expected = []
    for k in range(1000):
        time_ms = math.floor((start + k / fps) * 1000 + 0.5)
        if time_ms < end * 1000:
            expected.append(max(n for n, t in enumerate(times_ms) if t <= time_ms))
    assert numbers(path, Sampling(start, end, fps, size=64)) == sorted(set(expected))


def test_asking_for_the_own_rate_gives_every_frame_also_on_a_clock_of_milliseconds(tmp_path: Path) -> None:
    for name in ("clip.mp4", "clip.mkv"):
        assert numbers(media.write_video(tmp_path / name, 40), Sampling(fps=30, size=64)) == list(range(40))


def test_hours_between_two_frames_are_stepped_over_at_once(tmp_path: Path) -> None:
    days_ms = 20 * 24 * 3600 * 1000
    path = media.write_video(tmp_path / "gap.mkv", times_ms=[0, 40, days_ms, days_ms + 40], n_frames=4)
    # Counting the ticks would take minutes, and the decoder is ended after STUCK_CPU_SECONDS without a frame.
    assert numbers(path, Sampling(fps=1000, size=64)) == [0, 1, 2, 3]


@pytest.mark.parametrize("fps", [0.3, 7.5, 24, 29.97, 1000])
@pytest.mark.parametrize("start", [0.0, 0.0341, 12345.678])
def test_computed_ticks_are_the_counted_ones(fps: float, start: float) -> None:
    from precompute.media.timeline import milliseconds, ticks_before

    for end_ms in range(math.floor(start * 1000) - 2, math.floor(start * 1000) + 120):
        counted = 0
        while milliseconds(start + counted / fps) < end_ms:
            counted += 1
        assert ticks_before(end_ms, start, fps) == counted


def test_the_last_frame_is_not_held_beyond_the_end_of_the_video(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 31)  # ends at 1.033 s
    assert numbers(path, Sampling(fps=1, size=64)) == [0, 30]
    assert numbers(path, Sampling(fps=0.5, size=64)) == [0]


def test_start_end_and_max_frames_cut_the_sequence(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 30)
    assert numbers(path, Sampling(start=0.5, size=64)) == list(range(15, 30))
    assert numbers(path, Sampling(start=0.1, end=0.2, size=64)) == [3, 4, 5]
    assert numbers(path, Sampling(fps=10, max_frames=4, size=64)) == [0, 3, 6, 9]
    assert numbers(path, Sampling(start=5, size=64)) == []


def test_an_edit_list_is_obeyed_and_not_taken_for_a_truncation(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 30, options={"bf": "0"})
    media.shift_edit(path, 15, 30, 30)
    assert numbers(path) == list(range(15, 30))


@pytest.mark.parametrize(("degrees", "n_quarter_turns"), [(90, 1), (-90, -1), (180, 2)])
def test_rotation_metadata_is_applied(degrees: int, n_quarter_turns: int, tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "phone.mp4", 2, width=96, rotation_degrees=degrees)
    stored = media.write_video(tmp_path / "stored.mp4", 2, width=96)
    whole = Sampling(size=64, crop="none")
    expected = [np.rot90(frame.rgb, n_quarter_turns) for frame in frames(stored, whole)]
    taken = [frame.rgb for frame in frames(path, whole)]
    assert np.array_equal(taken, expected)
    info = probe(source(path))
    assert (info.height, info.width) == taken[0].shape[:2] == output_size(info, whole)


# --- size ---


def test_a_picture_of_the_right_size_passes_untouched(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 3)
    with av.open(str(path)) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert np.array_equal([frame.rgb for frame in frames(path, EVERY_FRAME_64)], decoded)


def test_colours_survive_decoding(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 1)
    (frame,) = frames(path, EVERY_FRAME_64)
    error = np.abs(frame.rgb[40:, [2, 32, 61]].astype(int) - media.numbered_picture(0)[40:, [2, 32, 61]])
    assert error.max() <= 12


def test_crop_centre_cuts_the_centre_of_the_short_sides_square(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "wide.mp4", 1, width=128)
    (whole,) = frames(path, Sampling(size=64, crop="none"))
    (centre,) = frames(path, EVERY_FRAME_64)
    assert np.array_equal(centre.rgb, whole.rgb[:, 32:96])


@pytest.mark.parametrize(("width", "height"), [(101, 67), (67, 101), (640, 360), (50, 50), (1000, 20)])
@pytest.mark.parametrize("crop", ["centre", "none"])
def test_output_size_foretells_the_frames(width: int, height: int, crop, tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "odd.mkv", 1, width=width, height=height, pix_fmt="yuv444p")
    sampling = Sampling(size=64, crop=crop)
    (frame,) = frames(path, sampling)
    assert frame.rgb.shape[:2] == output_size(probe(source(path)), sampling)
    assert frame.rgb.dtype == np.uint8 and frame.rgb.flags.writeable
    assert frame.rgb.shape[0] % 2 == frame.rgb.shape[1] % 2 == 0


def test_pixels_that_are_not_square_are_stretched_to_square_ones(tmp_path: Path) -> None:
    path = tmp_path / "anamorphic.mp4"
    media.write_video(path, 1, width=64, height=64, options={"x264-params": "sar=2/1"})
    info = probe(source(path))
    assert (info.width, info.height) == (128, 64)
    (frame,) = frames(path, Sampling(size=64, crop="none"))
    assert frame.rgb.shape == (64, 128, 3)


def test_estimates_agree_with_the_frames_that_come(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 45)
    info = probe(source(path))
    assert (info.n_frames_estimate, info.duration_seconds, info.fps) == (45, pytest.approx(1.5), 30)
    for sampling in (
        Sampling(),
        Sampling(fps=10),
        Sampling(fps=100),
        Sampling(start=1),
        Sampling(end=0.5, fps=4),
        Sampling(max_frames=7),
        Sampling(start=9),
    ):
        assert estimate_frames(info, sampling) == sum(1 for _ in frames(path, sampling)), sampling
    assert estimate_frames(VideoInfo(64, 64, None, 0, 25), Sampling()) == 0


def test_a_sampling_that_makes_no_sense_is_refused() -> None:
    senseless: list[dict[str, Any]] = [
        {"start": -1},
        {"start": math.inf},
        {"start": 1e300},
        {"start": 2, "end": 1},
        {"end": math.inf},
        {"end": math.nan},
        {"fps": 0},
        {"fps": math.nan},
        {"fps": math.inf},
        {"fps": 1e9},
        {"max_frames": 0},
        {"size": 0},
        {"crop": "left"},
    ]
    for wrong in senseless:
        with pytest.raises(ValueError, match=f"{list(wrong)[-1]} is .*; give"):
            Sampling(**wrong)


# --- ground truth: videos of codes ---


def random_codes(number: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("channels", "codec", "pix_fmt"), [(1, "ffv1", "gray"), (3, "ffv1", "bgr0"), (3, "libx264rgb", "rgb24")]
)
def test_codes_pass_bit_exact(channels, codec: str, pix_fmt: str, tmp_path: Path) -> None:
    def picture(number: int, height: int, width: int) -> np.ndarray:
        codes = random_codes(number, height, width)
        return codes[..., 0].copy() if channels == 1 else codes

    options = {"qp": "0"} if codec == "libx264rgb" else {}
    path = media.write_video(tmp_path / "truth.mkv", 3, codec=codec, pix_fmt=pix_fmt, picture=picture, options=options)
    expected = [random_codes(number, 64, 64)[..., :channels] for number in range(3)]
    assert np.array_equal([frame.rgb for frame in frames(path, EVERY_FRAME_64, channels=channels)], expected)
    (smaller, *_) = frames(path, Sampling(size=32), channels=channels)
    assert smaller.rgb.shape == (32, 32, channels)


def test_resizing_codes_invents_none(tmp_path: Path) -> None:
    def picture(number: int, height: int, width: int) -> np.ndarray:
        return np.where(random_codes(number, height, width)[..., 0] < 128, 7, 200).astype(np.uint8)

    path = media.write_video(tmp_path / "truth.mkv", 1, codec="ffv1", pix_fmt="gray", picture=picture)
    (frame,) = frames(path, Sampling(size=48), channels=1)
    assert set(np.unique(frame.rgb)) == {7, 200}


def test_a_truth_in_mkv_gives_the_same_frames_as_its_source_in_mp4(tmp_path: Path) -> None:
    picture = media.write_video(tmp_path / "clip.mp4", 60)
    codes = media.write_video(tmp_path / "clip.truth.mkv", 60, codec="ffv1", pix_fmt="bgr0")
    for sampling in (Sampling(start=0.0341, size=64), Sampling(fps=30, start=0.05, size=64), Sampling(fps=7, size=64)):
        truth = [media.read_number(frame.rgb) for frame in frames(codes, sampling, channels=3)]
        assert truth == numbers(picture, sampling)


def test_a_picture_is_not_taken_for_codes(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 1)
    with pytest.raises(SourceError, match="stored as yuv420p") as caught:
        list(frames(path, channels=3))
    assert caught.value.code == "bad_truth"


# --- what a source may be ---


def test_a_bundled_clip_is_found_by_name_with_its_sidecar(tmp_path: Path) -> None:
    media.write_video(tmp_path / "walk.mp4", 1)
    media.write_video(tmp_path / "walk.normal.mkv", 1, codec="ffv1", pix_fmt="bgr0")
    (tmp_path / "walk.toml").write_text(
        'title = "A walk"\nsource = "https://example.org/walk"\nauthor = "A. Person"\nlicence = "CC0-1.0"\n'
        'attribution = "A walk, by A. Person"\nfps = 30\n[truth]\nnormal = "walk.normal.mkv"\n'
    )
    found = resolve("walk", media_dir=tmp_path / "media", samples_dir=tmp_path)
    assert found.path == tmp_path / "walk.mp4" and len(found.sha256) == 64
    assert (found.title, found.author, found.licence) == ("A walk", "A. Person", "CC0-1.0")
    assert (found.url, found.attribution) == ("https://example.org/walk", "A walk, by A. Person")
    assert found.truth == {"normal": tmp_path / "walk.normal.mkv"}
    assert resolve(str(tmp_path / "walk.mp4"), media_dir=tmp_path / "media", samples_dir=tmp_path / "none") == found
    assert not (tmp_path / "media").exists()


def test_a_file_without_a_sidecar_is_named_by_its_stem(tmp_path: Path) -> None:
    found = source(media.write_video(tmp_path / "my clip.mp4", 1))
    assert (found.title, found.url, found.truth) == ("my clip", None, {})


def test_an_unknown_name_lists_the_bundled_clips(tmp_path: Path) -> None:
    for name in ("walk", "phone"):
        media.write_video(tmp_path / f"{name}.mp4", 1)
        (tmp_path / f"{name}.toml").write_text("")
    with pytest.raises(SourceError, match=r"walkthru: no such file; .*\(phone, walk\)") as caught:
        resolve("walkthru", media_dir=tmp_path, samples_dir=tmp_path)
    assert caught.value.code == "not_found"


@pytest.mark.parametrize(
    "text",
    [
        "title = ",
        "title = " + "[" * 5000,
        "truth = 3",
        '[truth]\nnormal = "missing.mkv"',
        "[truth]\nnormal = 1",
        '[truth]\nnormal = ""',
        '[truth]\nnormal = "codes.mkv"\ndepth = "codes.mkv"\ndepth_zbuffer = "codes.mkv"',
    ],
)
def test_a_bad_sidecar_is_refused(text: str, tmp_path: Path) -> None:
    media.write_video(tmp_path / "clip.mp4", 1)
    (tmp_path / "codes.mkv").touch()
    (tmp_path / "clip.toml").write_text(text)
    assert refusal(tmp_path / "clip.mp4", tmp_path).code == "bad_sidecar"


def test_a_truth_of_an_unknown_domain_names_the_known_ones(tmp_path: Path) -> None:
    media.write_video(tmp_path / "clip.mp4", 1)
    (tmp_path / "clip.toml").write_text('[truth]\nnormals = "clip.mp4"')
    error = refusal(tmp_path / "clip.mp4", tmp_path)
    assert error.code == "bad_sidecar" and "'normals'" in str(error) and "rgb, normal, depth" in str(error)


def test_a_truth_under_taskonomys_name_is_ours(tmp_path: Path) -> None:
    media.write_video(tmp_path / "clip.mp4", 1)
    (tmp_path / "codes.mkv").touch()
    (tmp_path / "clip.toml").write_text('[truth]\ndepth_zbuffer = "codes.mkv"')
    assert source(tmp_path / "clip.mp4").truth == {"depth": tmp_path / "codes.mkv"}


def test_a_sidecar_names_files_beside_itself_only(tmp_path: Path) -> None:
    (tmp_path / "shared" / "deeper").mkdir(parents=True)
    path = media.write_video(tmp_path / "shared" / "clip.mp4", 1)
    for place in (tmp_path / "secret.mkv", tmp_path / "shared" / "deeper" / "secret.mkv"):
        place.touch()
    for name in ("../secret.mkv", str(tmp_path / "secret.mkv"), "deeper/secret.mkv", "./clip.mp4", "..", "a\\u0000"):
        (tmp_path / "shared" / "clip.toml").write_text(f'[truth]\nnormal = "{name}"')
        error = refusal(path, tmp_path)
        assert error.code == "bad_sidecar" and "bare name" in str(error), name


ESCAPES = "one\x1b]0;mine\x07\ntwo\r\x9b31m\u2028three\u202e\udce9"


def test_control_characters_and_long_texts_stop_where_a_source_is_made() -> None:
    long = ESCAPES + "x" * 100_000
    made = sources.Source(
        Path("a"), "0", title=long, url="http://a/" + long, author=long, licence=long, attribution=long
    )
    for text in (made.title, made.author, made.licence, made.attribution, made.url):
        assert text is not None and text.isprintable() and len(text) <= 4000
        assert "\x1b" not in text and "one" in text and "three" in text
    assert len(made.title) == 300
    made.title.encode()
    empty = sources.Source(Path("a"), "0", title=" \n", author="")
    assert (empty.title, empty.author) == ("untitled", None)
    plain = "Café 👩\u200d🚀 東京"
    assert sources.Source(Path("a"), "0", title=plain).title == plain


@pytest.mark.parametrize("name", sources.bundled_clips())
def test_the_credits_of_a_bundled_clip_come_whole(name: str, tmp_path: Path) -> None:
    stated = sources.tomllib.loads((sources.SAMPLES / f"{name}.toml").read_text(encoding="utf-8"))
    found = resolve(name, media_dir=tmp_path)
    assert (found.attribution, found.author, found.url) == (stated["attribution"], stated["author"], stated["source"])
    assert set(found.truth) == set(stated.get("truth", {}))


def test_terminal_escapes_in_a_sidecar_or_a_file_name_reach_no_terminal(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "plain.mp4", 1).rename(tmp_path / "a\x1b[31m\nb.mp4")
    assert source(path).title.isprintable()
    path.with_suffix(".toml").write_text('title = "A\\u001b[31m\\nwalk"\nauthor = "\\u009b31m"\nlicence = ["\\u0007"]')
    found = source(path)
    assert found.title == "A\N{REPLACEMENT CHARACTER}[31m walk"
    assert str(found.author).isprintable() and str(found.licence).isprintable()
    path.with_suffix(".toml").write_text('[truth]\n"\\u001b[31m" = "x"')
    assert str(refusal(path, tmp_path)).isprintable()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_file_name_that_is_no_text_is_read(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "plain.mp4", 3).rename(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.mp4"))
    assert source(path).title == "caf\N{REPLACEMENT CHARACTER}"
    assert numbers(path) == [0, 1, 2]


# --- bad input ---


def test_a_missing_file_a_folder_and_an_empty_file_are_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "missing.mp4", tmp_path).code == "not_found"
    assert refusal(tmp_path, tmp_path).code == "unreadable"
    assert refusal("nul\0byte.mp4", tmp_path).code in ("unreadable", "not_found")
    assert refusal("a" * 5000, tmp_path).code in ("unreadable", "not_found")
    (tmp_path / "empty.mp4").touch()
    assert refusal(tmp_path / "empty.mp4", tmp_path).code == "empty"


def test_audio_is_no_video(tmp_path: Path) -> None:
    assert refusal(media.write_audio(tmp_path / "song.m4a"), tmp_path).code == "no_video"
    assert refusal(media.write_audio(tmp_path / "song.mp4"), tmp_path).code == "no_video"


@pytest.mark.parametrize(
    "text",
    [
        "This is a shopping list, not a video.\n" * 20,
        "#EXTM3U\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n",
        '#EXTM3U\n#EXT-X-MAP:URI="file:///etc/passwd"\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n',
        "ffconcat version 1.0\nfile 'other.mp4'\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet '
        'mimeType="video/mp4"><Representation id="0"><BaseURL>other.mp4</BaseURL></Representation></AdaptationSet>'
        "</Period></MPD>",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "\0\0\0\0",
    ],
    ids=["prose", "HLS", "HLS of elsewhere", "ffconcat", "DASH", "SDP", "zeros"],
)
@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_text_named_as_a_video_and_playlists_in_disguise_are_no_videos(name: str, text: str, tmp_path: Path) -> None:
    media.write_video(tmp_path / "other.mp4", 1)
    (tmp_path / name).write_text(text)
    assert refusal(tmp_path / name, tmp_path).code == "bad_media"


@pytest.mark.parametrize(
    "name",
    [
        "h264.mp4",
        "faststart.mp4",
        "alpha-rle.mov",
        "ffv1.mkv",
        "vp9.webm",
        "mpeg4.avi",
        "animation.gif",
        "mpeg2.ts",
        "vp8.ogv",
        "h264.flv",
        "wmv2.wmv",
    ],
)
def test_a_truncated_file_is_refused_before_anything_is_computed(name: str, tmp_path: Path) -> None:
    path = media.write_case(tmp_path, name).path
    whole = path.read_bytes()
    for part in (0.47, 0.98):
        path.write_bytes(whole)
        media.truncate(path, part)
        with pytest.raises(SourceError) as caught:
            probe(source(path))
        assert caught.value.code == "truncated", (part, str(caught.value))


def test_a_truncation_seen_only_at_the_end_comes_after_the_whole_frames(tmp_path: Path) -> None:
    path = media.write_video(
        tmp_path / "clip.mp4", 30, container_options={"movflags": "faststart"}, options={"bf": "0"}
    )
    content = path.read_bytes()
    place = content.index(b"mdat") - 4
    cut = content[: place + (len(content) - place) * 2 // 3]
    path.write_bytes(cut[:place] + (len(cut) - place).to_bytes(4, "big") + cut[place + 4 :])  # a box that looks whole
    probe(source(path))
    taken = []
    with pytest.raises(SourceError) as caught:
        for frame in frames(path, EVERY_FRAME_64):
            taken.append(media.read_number(frame.rgb))
    assert caught.value.code in ("truncated", "damaged")
    assert taken == list(range(len(taken))) and 5 < len(taken) < 30


# --- tolerant: what is whole is kept, and what is not is told ---


@pytest.mark.parametrize(
    "name", ["faststart.mp4", "fragmented.mp4", "b-frames.mkv", "mpeg2.ts", "mjpeg.avi", "vp8.webm"]
)
def test_a_tolerant_sampling_keeps_the_frames_before_a_cut_and_says_so(name: str, tmp_path: Path) -> None:
    case = media.write_case(tmp_path, name, 40)
    whole = [frame.rgb for frame in frames(case.path, EVERY_FRAME_64)]
    media.truncate(case.path, 0.6)
    assert refusal(case.path, tmp_path).code in ("truncated", "damaged")
    probe(source(case.path), TOLERANT_64)
    damages: list[str] = []
    taken = list(frames(case.path, TOLERANT_64, on_damage=damages.append))
    assert 5 < len(taken) < 40
    assert np.array_equal([frame.rgb for frame in taken], whole[: len(taken)])
    assert [case.number(frame.rgb) for frame in taken] == list(range(len(taken)))
    assert len(damages) == 1 and f"after frame {len(taken) - 1} of the source" in damages[0]


def test_a_tolerant_sampling_of_an_intact_file_is_the_strict_one_under_another_key(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 10)
    damages: list[str] = []
    tolerant = list(frames(path, TOLERANT_64, on_damage=damages.append))
    assert np.array_equal([f.rgb for f in tolerant], [f.rgb for f in frames(path, EVERY_FRAME_64)]) and not damages
    assert TOLERANT_64.rule() == EVERY_FRAME_64.rule() | {"is_tolerant": True}
    assert "is_tolerant" not in EVERY_FRAME_64.rule()  # clips stored before keep their keys


def test_damage_after_the_chosen_range_is_not_told(tmp_path: Path) -> None:
    case = media.write_case(tmp_path, "faststart.mp4", 40)
    media.truncate(case.path, 0.8)
    damages: list[str] = []
    taken = list(frames(case.path, Sampling(end=0.2, size=64, is_tolerant=True), on_damage=damages.append))
    assert len(taken) == 6 and not damages


@pytest.mark.parametrize("part", [0.002, 0.5])
def test_a_file_of_which_nothing_is_whole_is_refused_also_where_damage_is_tolerated(
    part: float, tmp_path: Path
) -> None:
    path = media.truncate(media.write_case(tmp_path, "h264.mp4", 40).path, part)  # its index is at its end
    for action in (lambda: probe(source(path), TOLERANT_64), lambda: list(frames(path, TOLERANT_64))):
        with pytest.raises(SourceError) as caught:
            action()
        assert caught.value.code in ("truncated", "bad_media")


def test_a_header_that_claims_years_is_not_believed(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mkv", 3, times_ms=[0, 40, 10**12])
    info = probe(source(path))
    assert info.duration_seconds is None and info.n_frames_estimate == 0


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    def noise(number: int, height: int, width: int) -> np.ndarray:
        return random_codes(number, height, width)

    path = media.write_video(
        tmp_path / "clip.mp4", 12, picture=noise, container_options={"movflags": "faststart"}, options={"g": "4"}
    )
    assert refusal(media.flip_bytes(path, 0.4, 0.9), tmp_path).code == "damaged"


@pytest.mark.parametrize(("side", "code"), [(16000, "too_large"), (65535, "bad_media")])
def test_a_pixel_bomb_is_refused_from_its_header(side: int, code: str, tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "bomb.gif", 2, codec="gif", pix_fmt="rgb8")
    content = bytearray(path.read_bytes())
    content[6:10] = 2 * side.to_bytes(2, "little")
    path.write_bytes(content)
    assert refusal(path, tmp_path).code == code


@pytest.mark.parametrize(("name", "codec"), [("bomb.mov", "png"), ("bomb.mkv", "libx264"), ("bomb.avi", "png")])
def test_a_picture_too_large_is_refused_before_it_is_decoded(
    name: str, codec: str, tmp_path: Path, monkeypatch
) -> None:
    def blank(number: int, height: int, width: int) -> np.ndarray:
        return np.zeros((height, width), np.uint8)

    path = media.write_video(tmp_path / name, 1, codec=codec, pix_fmt="gray", height=8192, width=8192, picture=blank)
    assert path.stat().st_size < 1_000_000
    child_that_runs(
        monkeypatch,
        "import sys, precompute.media.decoder_process as d\n"
        "def fail(*_):\n    raise AssertionError('decoded')\n"
        "d.decoded = fail\nd.main(sys.argv[1:])",
    )
    assert refusal(path, tmp_path).code == "too_large"


def test_a_picture_too_narrow_for_its_size_is_refused_from_the_header(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "thread.mkv", 1, codec="ffv1", width=1024, height=2)
    error = refusal(path, tmp_path)
    assert error.code == "too_large" and "1024 x 2" in str(error)
    assert probe(source(path), Sampling(size=16)).width == 1024  # 8192 long there, which a clip may be


# --- the child process ---


@pytest.mark.parametrize(
    "program",
    [
        "import os; os.abort()",
        "raise RuntimeError('no module')",
        "import os, sys; os.write(int(sys.argv[2]), b'garbage')",
    ],
)
def test_a_crash_of_the_decoder_is_one_clear_error(program: str, tmp_path: Path, monkeypatch) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 1)
    child_that_runs(monkeypatch, program)
    assert refusal(path, tmp_path).code == "decoder_crashed"


def test_a_hanging_decoder_is_ended(tmp_path: Path, monkeypatch) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 1)
    child_that_runs(monkeypatch, "import time; time.sleep(100)")
    monkeypatch.setattr(decoder, "STALL_SECONDS", 0.2)
    n_before = len(children())
    assert refusal(path, tmp_path).code == "stalled"
    assert len(children()) == n_before


def test_a_decoder_that_computes_for_ever_is_ended_by_the_kernel(tmp_path: Path, monkeypatch) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 1)
    child_that_runs(
        monkeypatch,
        "import itertools, sys, precompute.media.decoder_process as d\n"
        "d.decoder_limits.STUCK_CPU_SECONDS = 1\n"
        "d.decoded = lambda *_: (0 for _ in itertools.count() if False)\n"
        "d.main(sys.argv[1:])",
    )
    assert refusal(path, tmp_path).code == "stalled"


@pytest.mark.skipif(sys.platform != "linux", reason="the memory limit is Linux's")
def test_a_decoder_that_needs_too_much_memory_is_one_clear_error(tmp_path: Path, monkeypatch) -> None:
    path = media.write_video(tmp_path / "large.mp4", 4, width=3840, height=2160, options={"preset": "ultrafast"})
    child_that_runs(
        monkeypatch,
        "import sys, precompute.media.decoder_process as d\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "d.decoder_limits.MEMORY_BYTES = pages * 4096 + (20 << 20)\n"
        "d.main(sys.argv[1:])",
    )
    assert refusal(path, tmp_path).code == "out_of_memory"


@pytest.mark.skipif(sys.platform != "linux", reason="the memory limit is Linux's")
def test_the_decoders_memory_does_not_grow_with_the_clip(tmp_path: Path, monkeypatch) -> None:
    """Each frame once kept two threads of its own until the garbage was collected: 4 GB after 300 frames."""

    def blank(number: int, height: int, width: int) -> np.ndarray:
        return np.full((height, width), number % 256, np.uint8)

    options = {"preset": "ultrafast"}
    path = media.write_video(tmp_path / "long.mp4", 200, width=640, height=360, options=options, picture=blank)
    child_that_runs(
        monkeypatch,
        "import sys, precompute.media.decoder_process as d\nd.decoder_limits.MEMORY_BYTES = 1_500_000_000\nd.main(sys.argv[1:])",
    )
    assert sum(1 for _ in frames(path)) == 200


@pytest.mark.parametrize("error", ["MemoryError()", "d.av.error.MemoryError(12, 'Cannot allocate memory', '', ())"])
@pytest.mark.parametrize("place", ["decoded", "picture"])
def test_too_little_memory_in_the_middle_is_not_called_damage(
    error: str, place: str, tmp_path: Path, monkeypatch
) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 4)
    probe(source(path))
    child_that_runs(
        monkeypatch,
        f"import sys, precompute.media.decoder_process as d\ndef fail(*_):\n    raise {error}\nd.{place} = fail\nd.main(sys.argv[1:])",
    )
    with pytest.raises(SourceError) as caught:
        list(frames(path))
    assert caught.value.code == "out_of_memory"


@pytest.mark.parametrize("error", ["EIO", "ESTALE", "ENXIO", "ENODEV", "ETIMEDOUT"])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "clip.avi"])
def test_a_disk_that_fails_while_reading_is_not_called_damage(
    name: str, error: str, tmp_path: Path, monkeypatch
) -> None:
    def noise(number: int, height: int, width: int) -> np.ndarray:
        return random_codes(number, height, width)

    path = media.write_video(tmp_path / name, 100, picture=noise, options={"g": "4", "crf": "4"})
    child_that_runs(
        monkeypatch,
        "import errno, os, sys, precompute.media.decoder_process as d\n"
        "from precompute.media.open_video import File\n"
        "read, left = File.read, [6]\n"
        "def fail(self, n_bytes):\n"
        "    left[0] -= 1\n"
        "    if left[0] < 0 and self._file.tell() > 200_000:\n"
        f"        self._file = open('/proc/self/mem', 'rb', buffering=0) if '{error}' == 'EIO' else Failing()\n"
        "    return read(self, n_bytes)\n"
        "class Failing:\n"
        "    def read(self, _):\n"
        f"        raise OSError(errno.{error}, os.strerror(errno.{error}))\n"
        "    def seek(self, *_): return 0\n"
        "    def tell(self): return 300_000\n"
        "    def close(self): pass\n"
        "File.read = fail\n"
        "d.main(sys.argv[1:])",
    )
    with pytest.raises(SourceError) as caught:
        list(frames(path, EVERY_FRAME_64))
    assert caught.value.code == "unreadable" and "disk" in str(caught.value), str(caught.value)


def test_a_file_that_goes_away_before_it_is_decoded_is_unreadable(tmp_path: Path) -> None:
    found = source(media.write_video(tmp_path / "clip.mp4", 1))
    found.path.unlink()
    with pytest.raises(SourceError) as caught:
        probe(found)
    assert caught.value.code == "unreadable"


def test_a_header_that_points_before_the_file_is_not_called_a_failing_disk(tmp_path: Path) -> None:
    path = media.write_case(tmp_path, "b-frames.mkv").path
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\x01\xff\xff\xff\xff\xff\xff\xf0" + content[5:])  # the size of the first element
    assert refusal(path, tmp_path).code == "bad_media"


def test_a_disk_that_fails_while_the_file_is_hashed_is_one_clear_error(tmp_path: Path, monkeypatch) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 1)

    def fail(*_) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(sources.hashlib, "file_digest", fail)
    assert refusal(path, tmp_path).code == "unreadable"


SIGN_OF_LIFE = ANSWER + "import time\nwhile True:\n    parent.send({'alive': True})\n    time.sleep(0.02)"


@pytest.mark.parametrize("program", [SIGN_OF_LIFE, "import time; time.sleep(3600)"], ids=["long skip", "stall"])
def test_a_stop_ends_the_frames_also_while_none_come(program: str, tmp_path: Path, monkeypatch) -> None:
    """The decoder would work on for ever; a stall would be an error, and the frames would not end."""
    path = media.write_video(tmp_path / "clip.mp4", 1)
    monkeypatch.setattr(decoder, "STALL_SECONDS", 2 * PATIENCE_SECONDS)
    child_that_runs(monkeypatch, program)
    n_before = len(children())
    stopped, ended = threading.Event(), []
    reader = threading.Thread(
        target=lambda: ended.append(list(frames(path, Sampling(start=900), stopped=stopped))), daemon=True
    )
    reader.start()
    wait_until(lambda: len(children()) > n_before, "a decoder")
    assert ended == []
    stopped.set()
    reader.join(PATIENCE_SECONDS)
    assert ended == [[]]
    assert len(children()) == n_before


def test_a_stop_between_two_frames_ends_the_iterator_and_the_decoder(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 20)
    n_before, stopped = len(children()), threading.Event()
    iterator = frames(path, EVERY_FRAME_64, stopped=stopped)
    next(iterator)
    stopped.set()
    assert list(iterator) == []
    assert len(children()) == n_before


def test_ending_the_iterator_early_ends_the_decoder(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 200)
    n_before = len(children())
    iterator = frames(path)
    next(iterator)
    assert len(children()) == n_before + 1
    iterator.close()
    assert len(children()) == n_before


def test_the_decoder_starts_without_torch() -> None:
    program = (
        "import sys, precompute.media.decoder_process; sys.exit('torch' in sys.modules or 'yt_dlp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3], check=False).returncode == 0


def test_an_unsafe_ffmpeg_is_refused(monkeypatch) -> None:
    from precompute.media import open_video

    for version in ("8.1.1", "7.1", "n8.0"):
        monkeypatch.setattr(av, "ffmpeg_version_info", version)
        with pytest.raises(SourceError, match="pip install"):
            open_video.require_safe_ffmpeg()
    for version in ("8.1.2", "8.2", "n9.0-dev"):
        monkeypatch.setattr(av, "ffmpeg_version_info", version)
        open_video.require_safe_ffmpeg()


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="schedulers can be asked for on Linux alone")
def test_writing_av1_leaves_this_process_as_it_was_scheduled(tmp_path: Path) -> None:
    before = os.sched_getscheduler(0)
    media.write_video(tmp_path / "a.mp4", 2, codec="libsvtav1", options={"preset": "10"})
    assert os.sched_getscheduler(0) == before


# Pictures, and what a damaged file promises


@pytest.mark.parametrize("name", ["room.jpg", "room.png", "picture without an extension"])
def test_a_picture_is_a_clip_of_one_frame(tmp_path, name):
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[:, 32:] = 200
    path = tmp_path / name
    path.write_bytes(cv2.imencode(path.suffix or ".png", rgb)[1].tobytes())
    source = resolve(str(path), media_dir=tmp_path)
    sampling = Sampling(size=48, crop="none")
    info = decoder.probe(source, sampling)
    assert (info.width, info.height, info.n_frames_estimate) == (64, 48, 1)
    for wanted in (sampling, replace(sampling, fps=5)):
        (frame,) = decoder.frames(path, wanted)
        assert frame.pts_seconds == 0 and np.abs(frame.rgb.astype(int) - rgb).mean() < 2


@pytest.mark.parametrize("kept", [0.002, 0.02, 0.5])
def test_a_cut_file_is_advised_to_be_read_tolerantly_only_if_that_finds_a_frame(tmp_path, kept):
    whole = (sources.SAMPLES / "phone.mp4").read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: int(kept * len(whole))])
    source = resolve(str(path), media_dir=tmp_path)
    with pytest.raises(SourceError) as strict:
        decoder.probe(source)
    assert strict.value.code == "truncated"
    try:
        n_frames = len(list(decoder.frames(path, Sampling(is_tolerant=True))))
    except SourceError as tolerant:
        n_frames = 0
        assert "--tolerant" not in str(tolerant) and tolerant.code in ("truncated", "damaged")
    assert ("--tolerant" in str(strict.value)) == (n_frames > 0) == (kept == 0.5)
