"""Small media files for tests, written with PyAV. Each frame carries its number as a row of black and white blocks."""

# H x W pixels

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
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
    """A video of `picture(number, height, width)`, (H, W, 3) or grey (H, W); `times_ms` gives each frame its own time.

    `rotation_degrees` is display metadata, counter-clockwise as FFmpeg counts; the stored picture stays as it is.
    """
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=fps, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        if times_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation_degrees:
            stream.set_display_rotation(rotation_degrees)
        audio = container.add_stream("aac", rate=44100) if with_audio else None
        for number in range(n_frames):
            array = picture(number, height, width)
            frame = av.VideoFrame.from_ndarray(array, format="gray" if array.ndim == 2 else "rgb24")
            if times_ms is not None:
                frame.pts, frame.time_base = times_ms[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if audio is not None:
            _mux_silence(container, audio, seconds=n_frames / fps)
    return path


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
