"""Videos as numbers, frame after frame: grey of 8 to 16 bits as it is coded, others as RGB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import av.error
import numpy as np

from precompute.failures import SourceError
from precompute.results.readers.arrays import ArrayInfo, damaged, require_size

LOSSLESS = ("ffv1", "png", "rawvideo", "huffyuv", "ffvhuff", "utvideo")
"""Codecs that keep values; H.264 and others may, and are taken as lossy."""
MAX_FRAMES = 1_000_000


class VideoFile:
    """The frames of a video's first stream. They must be read in order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                stream.thread_type = "SLICE"
                context = stream.codec_context
                self._codec = context.name
                self._format = context.format.name if context.format else ""
                size = (context.height, context.width)
                require_size(path, size, 8)
                # Counted from packets: headers are often wrong, and the counts of frames decide what matches.
                n_frames = sum(1 for packet in container.demux(stream) if packet.size)
        except (av.error.FFmpegError, IndexError, ValueError, OSError) as error:
            raise damaged(path, f"it cannot be opened as a video ({error})") from None
        self._is_grey = self._format.startswith("gray")
        self._dtype = "uint8" if not self._is_grey or self._format in ("gray", "gray8") else "uint16"
        shape = (min(n_frames, MAX_FRAMES), *size) if self._is_grey else (min(n_frames, MAX_FRAMES), *size, 3)
        is_lossy = self._codec not in LOSSLESS or not (self._is_grey or self._format.startswith(("rgb", "bgr", "gbr")))
        self._info = ArrayInfo("", shape, self._dtype, is_lossy=is_lossy)
        self._frames: Iterator[np.ndarray] | None = None
        self._next = 0

    def arrays(self) -> list[ArrayInfo]:
        return [self._info]

    def read(self, name: str, index: int | None) -> np.ndarray:
        if index is None:
            raise SourceError("wrong_shape", f"{self._path.name}: a video is a stack of frames", "name it by itself")
        if self._frames is None or index < self._next:
            self._frames, self._next = self._decoded(), 0
        while True:
            try:
                values = next(self._frames, None)
            except (av.error.FFmpegError, ValueError) as error:
                raise damaged(self._path, f"frame {self._next} cannot be decoded ({error})") from None
            if values is None:
                raise SourceError("truncated", f"{self._path.name}: ends before frame {index}", "copy it again")
            self._next += 1
            if self._next > index:
                return values

    def _decoded(self) -> Iterator[np.ndarray]:
        with av.open(str(self._path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "SLICE"
            wanted = {"uint8": "gray", "uint16": self._format}[self._dtype] if self._is_grey else "rgb24"
            for frame in container.decode(stream):
                values = frame.to_ndarray(format=wanted)
                if values.shape != self._info.shape[1:]:
                    raise SourceError(
                        "wrong_shape", f"{self._path.name}: the size of its frames changes", "encode it again"
                    )
                yield values
