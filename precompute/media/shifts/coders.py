"""Shifts by coders: JPEG frame by frame, and H.264 over the whole clip. Pictures are RGB, uint8 (H, W, 3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np

from precompute.media.sampling import Frame

FPS = 25
"""Frames per second that H.264 is told; its rate control by quality depends on it a little."""


def jpeg(image: np.ndarray, quality: float) -> np.ndarray:
    """Compressed at that quality (1 to 100) and decoded again."""
    parameters = [cv2.IMWRITE_JPEG_QUALITY, int(quality)]
    _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), parameters)
    return np.ascontiguousarray(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))[..., ::-1])


def jpeg_frame(image: np.ndarray, quality: float, frame: int) -> np.ndarray:
    return jpeg(image, quality)


def jpeg_version() -> str:
    """The library that OpenCV codes JPEG with: `libjpeg-turbo 3.1.2`."""
    stated = re.search(r"^\s*JPEG:\s*(.+)$", cv2.getBuildInformation(), re.MULTILINE)
    return f"OpenCV {cv2.__version__}, {' '.join(stated[1].split()) if stated else 'unknown JPEG library'}"


def h264_version() -> str:
    """The libraries that PyAV bundles, libx264 among them."""
    version = ".".join(map(str, av.library_versions["libavcodec"]))
    return f"PyAV {av.__version__}, libavcodec {version}"


def h264(frames: Iterable[Frame], crf: float) -> Iterator[Frame]:
    """The frames coded by libx264 (4:2:0, preset medium, one thread, so that equal frames give equal bytes) and decoded again, in
    order, some behind the input: the coder looks ahead."""
    waiting: list[Frame] = []
    encoder = decoder = None
    for frame in frames:
        if encoder is None or decoder is None:
            encoder, decoder = _coders(frame.rgb, round(crf))
        waiting.append(frame)
        picture = av.VideoFrame.from_ndarray(_even(frame.rgb), format="rgb24").reformat(format="yuv420p")
        picture.pts, picture.time_base = frame.index, Fraction(1, FPS)
        for packet in encoder.encode(picture):
            yield from _decoded(decoder, packet, waiting)
    if encoder is not None and decoder is not None:
        for packet in encoder.encode(None):
            yield from _decoded(decoder, packet, waiting)
        yield from _decoded(decoder, None, waiting)


def _coders(image: np.ndarray, crf: int) -> tuple[av.VideoCodecContext, av.VideoCodecContext]:
    height, width = _even(image).shape[:2]
    encoder = av.VideoCodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS)
    encoder.thread_count = 1
    encoder.options = {"crf": str(crf), "preset": "medium", "x264-params": "threads=1:sliced-threads=0"}
    decoder = av.VideoCodecContext.create("h264", "r")
    decoder.thread_count = 1
    return encoder, decoder


def _decoded(decoder: av.VideoCodecContext, packet: av.Packet | None, waiting: list[Frame]) -> Iterator[Frame]:
    for picture in decoder.decode(packet):
        source = waiting.pop(0)
        height, width = source.rgb.shape[:2]
        rgb = picture.to_ndarray(format="rgb24")[:height, :width]
        yield replace(source, rgb=np.ascontiguousarray(rgb))


def _even(image: np.ndarray) -> np.ndarray:
    """With a last row or column repeated where a side is odd: 4:2:0 codes colour in pairs."""
    height, width = image.shape[:2]
    return image if not (height % 2 or width % 2) else np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
