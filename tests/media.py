"""Small media files for tests, written with PyAV. Each frame carries its number as a row of black and white blocks.

`KINDS` is the corpus of what real videos come as; `write_case` writes one of them with what must be seen in it.
"""

# H x W pixels

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

N_BITS = 8
"""Blocks across the picture, the lowest bit left: numbers below 256."""


def numbered_picture(number: int, height: int = 64, width: int = 64) -> np.ndarray:
    """uint8 (H, W, 3): blocks of the number's bits in the upper half; below, a red left and a blue right quarter."""
    picture = np.full((height, width, 3), 60, np.uint8)
    edges = np.linspace(0, width, N_BITS + 1).astype(int)
    for bit in range(N_BITS):
        picture[: height // 2, edges[bit] : edges[bit + 1]] = 235 if number >> bit & 1 else 20
    picture[height // 2 :, : width // 4] = (220, 30, 30)
    picture[height // 2 :, -(width // 4) :] = (30, 30, 220)
    return picture


def read_number(picture: np.ndarray) -> int:
    """The number in a picture (H, W, 3) of `numbered_picture`, also after resize and lossy coding."""
    height, width = picture.shape[:2]
    columns = [int((bit + 0.5) * width / N_BITS) for bit in range(N_BITS)]
    return sum(int(picture[height // 4, column].mean() > 128) << bit for bit, column in enumerate(columns))


@contextmanager
def usual_priority() -> Iterator[None]:
    """SVT-AV1, run as root, makes the thread that calls it real-time, and so all that this starts later: the rest starves."""
    try:
        yield
    finally:
        if hasattr(os, "sched_setscheduler"):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def write_video(
    path: Path,
    n_frames: int = 10,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    height: int = 64,
    width: int = 64,
    fps: int = 30,
    times_ms: Sequence[int] | None = None,
    rotation_degrees: int = 0,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    picture: Callable[[int, int, int], np.ndarray] = numbered_picture,
    with_audio: bool = False,
) -> Path:
    """A video of `picture(number, height, width)`, (H, W, 3), (H, W, 4) with alpha or grey (H, W); `times_ms` gives each
    frame its own time.

    `rotation_degrees` is display metadata, counter-clockwise as FFmpeg counts; the stored picture stays as it is.
    """
    with usual_priority(), av.open(str(path), "w", options=container_options or {}) as container:
        # Equal arguments give equal bytes: x264's macroblock tree does not.
        own = {"mbtree": "0"} if codec == "libx264" else {}
        stream = container.add_stream(codec, rate=fps, options=own | (options or {}))
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.thread_count = 1
        if times_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation_degrees:
            stream.set_display_rotation(rotation_degrees)
        audio = container.add_stream("aac", rate=44100) if with_audio else None
        for number in range(n_frames):
            array = picture(number, height, width)
            layout = "gray" if array.ndim == 2 else {3: "rgb24", 4: "rgba"}[array.shape[2]]
            frame = av.VideoFrame.from_ndarray(array, format=layout)
            if times_ms is not None:
                frame.pts, frame.time_base = times_ms[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if audio is not None:
            _mux_silence(container, audio, seconds=n_frames / fps)
    return path


# --- the corpus ---


def busy_picture(number: int, height: int, width: int) -> np.ndarray:
    """`numbered_picture` over which a texture of its own runs below: most bytes of such a video tell something."""
    picture = numbered_picture(number, height, width)
    noise = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
    picture[height // 2 :] = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)[height // 2 :]
    return picture


def glassy_picture(number: int, height: int, width: int) -> np.ndarray:
    """`busy_picture` with alpha: half transparent on the left."""
    alpha = np.where(np.arange(width) < width // 2, 128, 255).astype(np.uint8)
    return np.dstack([busy_picture(number, height, width), np.broadcast_to(alpha, (height, width))])


OPEN_GOP = "open-gop=1:b-adapt=0:scenecut=0"
"""Key frames with frames before them that are stored behind: without the last two, x264 rarely makes any."""
QUIET_X265 = "log-level=none:pools=none:frame-threads=1:no-cutree=1"

KINDS: dict[str, dict[str, Any]] = {
    # containers and codecs
    "h264.mp4": {},
    "h264.3gp": {},
    "faststart.mp4": {"container_options": {"movflags": "faststart"}},
    "fragmented.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}, "options": {"g": "4"}},
    "with-audio.mp4": {"with_audio": True},
    "with-audio.mkv": {"with_audio": True, "options": {"bf": "2"}},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": QUIET_X265}},
    "av1.mp4": {"codec": "libsvtav1", "options": {"preset": "10", "crf": "20"}},
    "vp8.webm": {"codec": "libvpx"},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"bf": "2"}},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "mpeg1.mpg": {"codec": "mpeg1video", "options": {"bf": "2"}},
    "mpeg2.mpg": {"codec": "mpeg2video", "options": {"bf": "2"}},
    "mpeg2.ts": {"codec": "mpeg2video", "options": {"bf": "2"}},
    "hevc.ts": {"codec": "libx265", "options": {"x265-params": QUIET_X265}},
    "animation.gif": {"codec": "gif", "pix_fmt": "rgb8"},
    "vp8.ogv": {"codec": "libvpx"},
    "h264.flv": {"options": {"bf": "2"}},
    "sorenson.flv": {"codec": "flv"},
    "wmv2.wmv": {"codec": "wmv2"},
    "ffv1.mkv": {"codec": "ffv1"},
    # frames that are not stored in the order in which they are shown
    "b-frames.mp4": {"options": {"bf": "3", "g": "5"}},
    "b-frames.mkv": {"options": {"bf": "3"}},
    "b-frames.avi": {"options": {"bf": "3"}},
    "b-frames.ts": {"options": {"bf": "3", "g": "5"}},
    "open-gop.mp4": {"options": {"bf": "3", "g": "6", "x264-params": OPEN_GOP}},
    "open-gop.ts": {"options": {"bf": "3", "g": "6", "x264-params": OPEN_GOP}},
    "open-gop-hevc.mkv": {"codec": "libx265", "options": {"g": "5", "x265-params": f"{QUIET_X265}:open-gop=1"}},
    # times of their own
    "vfr.mp4": {"is_irregular": True, "options": {"bf": "2"}},
    "vfr.mkv": {"is_irregular": True, "options": {"bf": "2"}},
    "vfr.webm": {"is_irregular": True, "codec": "libvpx-vp9"},
    "vfr.ts": {"is_irregular": True, "options": {"bf": "2"}},
    "vfr.flv": {"is_irregular": True, "options": {"bf": "2"}},
    "vfr.avi": {"is_irregular": True, "codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "vfr-hevc.mov": {"is_irregular": True, "codec": "libx265", "options": {"x265-params": QUIET_X265}},
    "late.mkv": {"is_irregular": True, "first_ms": 5000},
    "late.mp4": {"is_irregular": True, "first_ms": 5000},
    "edit-list.mp4": {"options": {"bf": "0"}, "n_cut_away": 7},
    # shapes and sample formats
    "turned.mp4": {"rotation_degrees": 90, "width": 96, "n_quarter_turns": 1},
    "upside-down.mov": {"rotation_degrees": 180, "n_quarter_turns": 2},
    "odd.mkv": {"pix_fmt": "yuv444p", "width": 101, "height": 67},
    "odd.webm": {"codec": "libvpx-vp9", "width": 67, "height": 101},
    "ten-bit.mp4": {"codec": "libx265", "pix_fmt": "yuv420p10le", "options": {"x265-params": QUIET_X265}},
    "ten-bit.mov": {"codec": "prores_ks", "pix_fmt": "yuv422p10le"},
    "alpha.mov": {"codec": "prores_ks", "pix_fmt": "yuva444p10le", "picture": glassy_picture},
    "alpha.webm": {"codec": "libvpx-vp9", "pix_fmt": "yuva420p", "picture": glassy_picture},
    "alpha-rle.mov": {"codec": "qtrle", "pix_fmt": "argb", "picture": glassy_picture},
    "interlaced.ts": {"codec": "mpeg2video", "options": {"flags": "+ildct+ilme", "bf": "2"}},
    "interlaced.mp4": {"options": {"flags": "+ildct+ilme", "x264-params": "tff=1"}},
}
"""Name -> how it is written: the arguments of `write_video`, and those of `write_case`."""

TICK_SECONDS = {"mkv": 1e-3, "webm": 1e-3, "flv": 1e-3, "wmv": 1e-3, "gif": 1e-2}
"""The clock of a container, where it is coarser than that of MPEG-TS."""
MPEG_TICK_SECONDS = 1 / 90_000


@dataclass(frozen=True)
class Case:
    """A file of the corpus and what must be seen in it."""

    path: Path
    numbers: list[int]
    """Of the frames shown, in order."""
    times_seconds: list[float]
    """Of each, after the first."""
    tick_seconds: float
    """What its container rounds times to."""
    n_quarter_turns: int = 0
    """Counter-clockwise, of the picture shown against the picture written."""

    def number(self, shown: np.ndarray) -> int:
        """The number in a frame as it is shown."""
        return read_number(np.rot90(shown, -self.n_quarter_turns))


def write_case(folder: Path, name: str, n_frames: int = 12, fps: int = 30, seed: int = 0) -> Case:
    """One file of `KINDS`; `seed` chooses the times of an irregular one."""
    how = {"picture": busy_picture, **KINDS[name]}
    how["container_options"] = {"fflags": "+bitexact", **how.get("container_options", {})}  # no random numbers
    os.environ.setdefault("SVT_LOG", "1")  # errors only
    path = folder / name
    is_irregular, first_ms = how.pop("is_irregular", False), how.pop("first_ms", 0)
    n_cut_away, n_quarter_turns = how.pop("n_cut_away", 0), how.pop("n_quarter_turns", 0)
    times_ms = [round(1000 * number / fps, 3) for number in range(n_frames)]
    if is_irregular:
        steps_ms = np.random.default_rng(seed).choice([1, 10, 33, 40, 67, 300], n_frames)
        times_ms = np.cumsum([first_ms, *steps_ms[1:]]).tolist()
        how["times_ms"] = times_ms
    write_video(path, n_frames, fps=fps, **how)
    if n_cut_away:
        shift_edit(path, n_cut_away, n_frames, fps)
    times_seconds = [(time_ms - times_ms[n_cut_away]) / 1000 for time_ms in times_ms[n_cut_away:]]
    tick_seconds = TICK_SECONDS.get(path.suffix[1:], MPEG_TICK_SECONDS)
    return Case(path, list(range(n_cut_away, n_frames)), times_seconds, tick_seconds, n_quarter_turns)


def shift_edit(path: Path, n_cut_away: int, n_frames: int, fps: int) -> None:
    """Let the edit list of an mp4 begin later: the first frames are there and not shown."""
    content = path.read_bytes()
    with av.open(str(path)) as container:
        ticks = container.streams.video[0].time_base.denominator
    place = content.index(b"elst") + 12  # after version, flags and count; the duration counts milliseconds
    duration_ms = round(1000 * (n_frames - n_cut_away) / fps)
    edit = duration_ms.to_bytes(4, "big") + (n_cut_away * ticks // fps).to_bytes(4, "big")
    path.write_bytes(content[:place] + edit + content[place + 8 :])


def write_audio(path: Path, seconds: float = 0.5) -> Path:
    """Silence, and no picture."""
    with av.open(str(path), "w") as container:
        _mux_silence(container, container.add_stream("aac", rate=44100), seconds)
    return path


def _mux_silence(container, stream, seconds: float) -> None:
    for start in range(0, int(44100 * seconds), 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def truncate(path: Path, part: float) -> Path:
    """Cut a file after this part of its bytes."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    return path


def flip_bytes(path: Path, start: float, end: float, every: int = 50, seed: int = 0) -> Path:
    """Damage one byte in `every` between two parts of a file."""
    content = bytearray(path.read_bytes())
    places = np.arange(int(len(content) * start), int(len(content) * end), every)
    noise = np.random.default_rng(seed).integers(1, 256, len(places))
    for place, value in zip(places, noise, strict=True):
        content[place] ^= int(value)
    path.write_bytes(content)
    return path
