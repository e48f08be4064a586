"""Opens a video file for FFmpeg under limits, and refuses what is unsafe, unsupported or too large."""

# H x W pixels

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

import av
import av.error
from av.stream import Disposition
from av.video.stream import VideoStream

from precompute.failures import REENCODE, SourceError
from precompute.media.decoder_limits import MAX_PIXELS, lacks_memory
from precompute.media.truncation import refuse_cut_file

MAX_THREADS = 4
"""Decoding threads; more would only fill the pipe sooner."""

FFMPEG_VERSION = (8, 1, 2)
"""Oldest safe FFmpeg: 8.1.1 is exposed to CVE-2026-8461."""

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,gif,ogg,flv,asf"
"""FFmpeg's names of the supported containers. Playlists (hls, concat) are excluded: they make FFmpeg open other files."""

PICTURES = {b"\xff\xd8\xff": "jpeg_pipe", b"\x89PNG": "png_pipe"}
"""First bytes of a picture, a video of one frame -> FFmpeg's name of its format, which it would not choose by itself."""

RESCUE = f"use another copy, or save the intact frames: {REENCODE}"
"""The next step for a file of which no frame can be decoded."""

STANDARD_ERROR = 2


class opened:
    """Context: the file, its container and its video stream. Raises SourceError if the header rules the file out."""

    def __init__(self, path: Path, is_tolerant: bool) -> None:
        self.path = path
        self.is_tolerant = is_tolerant

    def __enter__(self) -> tuple[File, Any, Any]:
        require_safe_ffmpeg()
        refuse_cut_file(self.path, only_without_index=self.is_tolerant)
        self.file = File(self.path)
        options = {
            "format_whitelist": ",".join([FORMATS, *PICTURES.values()]),
            "protocol_whitelist": "none",  # it reads through `File`: no file that this one names is opened
            "max_pixels": str(MAX_PIXELS),
        }
        try:
            self.container = av.open(self.file, format=picture_format(self.path), options=options)
        except (av.error.FFmpegError, UnicodeDecodeError) as error:
            self.file.require_intact_reads()
            if lacks_memory(error):
                raise MemoryError from None
            reason = error.strerror if isinstance(error, av.error.FFmpegError) else error
            raise SourceError("bad_media", f"{self.path.name}: not a video in a supported format ({reason})") from None
        try:
            return self.file, self.container, self._video_stream()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        self.container.close()
        self.file.release()

    def _video_stream(self) -> Any:
        streams = [s for s in self.container.streams.video if not s.disposition & Disposition.attached_pic]
        if not streams:
            what = "audio only" if self.container.streams.audio else "no video stream"
            raise SourceError("no_video", f"{self.path.name}: contains {what}")
        stream = streams[0]
        codec = stream.codec_context
        width, height = (codec.width, codec.height) if codec is not None else (0, 0)
        if codec is not None and not width * height:
            width, height = stated_size(self.path, stream.index)
        if width * height > MAX_PIXELS:
            raise SourceError(
                "too_large",
                f"{self.path.name}: frames of {width} x {height} pixels, the limit is {MAX_PIXELS // 10**6} megapixels",
            )
        if codec is None or not codec.width or not codec.height:
            raise SourceError("bad_media", f"{self.path.name}: the header states no codec or no valid size", RESCUE)
        codec.options = {"err_detect": "crccheck+explode", "max_pixels": str(MAX_PIXELS)}
        codec.thread_type = "AUTO"
        # Threads meet damage before the frames in front of it have arrived: how many did would be chance.
        codec.thread_count = 1 if self.is_tolerant else min(MAX_THREADS, os.cpu_count() or 1)
        return stream


class File:
    """The file as FFmpeg reads it. Records an error of the disk, which FFmpeg takes for damaged data or the end, and collects
    what FFmpeg complains about while it continues: damage that it conceals."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name  # FFmpeg guesses by its extension if the content leaves a doubt
        self.error: OSError | None = None
        self._file = path.open("rb", buffering=0)

    def read(self, n_bytes: int) -> bytes:
        try:
            return self._file.read(n_bytes) or b""
        except OSError as error:
            self.error = error
            raise

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, OverflowError) as error:
            if isinstance(error, OSError) and error.errno != errno.EINVAL:
                self.error = error
                raise
            # Before the beginning or beyond all bounds: a number in the file is wrong, not the disk.
            return -errno.EINVAL

    def tell(self) -> int:
        return self._file.tell()

    def release(self) -> None:
        self._file.close()

    def require_intact_reads(self) -> None:
        """Raise the disk's error, if there was one."""
        if self.error is not None:
            raise self.error

    def complaints_end(self) -> int:
        """Bytes of FFmpeg's complaints so far; standard error is a file that the parent opened."""
        return os.fstat(STANDARD_ERROR).st_size

    def require_no_complaint(self, since: int, n_frames: int) -> None:
        """Raise SourceError if FFmpeg has complained since `complaints_end` was `since`."""
        if self.complaints_end() <= since:
            return
        text = os.pread(STANDARD_ERROR, 200, since).decode(errors="replace")
        complaint = re.sub(r"^\[[^]]*\] *", "", text.strip().split("\n")[0])
        raise damaged(self.path, n_frames, complaint)


def damaged(path: Path, n_frames: int, reason: str | None = None) -> SourceError:
    because = f" ({reason})" if reason else ""
    return SourceError("damaged", f"{path.name}: damaged or truncated after {n_frames} frames{because}")


def stated_size(path: Path, stream_index: int) -> tuple[int, int]:
    """Width and height that the header states, even if FFmpeg, limited by `max_pixels`, has dropped them; else (0, 0)."""
    formats = ",".join([FORMATS, *PICTURES.values()])
    options = {"format_whitelist": formats, "protocol_whitelist": "none", "probesize": "32", "analyzeduration": "1"}
    file = File(path)
    try:
        with av.open(file, format=picture_format(path), options=options) as container:
            stream = container.streams[stream_index]
            return (stream.width, stream.height) if isinstance(stream, VideoStream) else (0, 0)
    except (av.error.FFmpegError, UnicodeDecodeError, IndexError):
        return 0, 0
    finally:
        file.release()


def picture_format(path: Path) -> str | None:
    """FFmpeg's format of a picture; None for a video, whose format it finds by itself."""
    with path.open("rb") as file:
        start = file.read(4)
    return next((name for magic, name in PICTURES.items() if start.startswith(magic)), None)


def require_safe_ffmpeg() -> None:
    """Raise SourceError if the installed FFmpeg has known vulnerabilities."""
    version = tuple(int(part) for part in av.ffmpeg_version_info.lstrip("n").split("-")[0].split(".") if part.isdigit())
    if version < FFMPEG_VERSION:
        oldest = ".".join(map(str, FFMPEG_VERSION))
        raise SourceError(
            "old_ffmpeg",
            f"PyAV {av.__version__} ships FFmpeg {av.ffmpeg_version_info}; the oldest safe version is {oldest}",
        )
