"""Opens a video file for FFmpeg under limits, and refuses what is unsafe, unsupported or too large."""

# H x W pixels

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
from av.codec.context import Flags
from av.video.stream import VideoStream

from precompute.failures import SourceError
from precompute.media.containers.facts import Crop, TrackFacts
from precompute.media.containers.streams import choose_stream, shown_streams
from precompute.media.containers.tracks import stated_facts
from precompute.media.containers.truncation import refuse_cut_file
from precompute.media.damage import RESCUE
from precompute.media.decoder_limits import MAX_PIXELS, lacks_memory
from precompute.media.stills.kinds import refuse_other

MAX_THREADS = 4
"""Decoding threads; more would only fill the pipe sooner."""

FFMPEG_VERSION = (8, 1, 2)
"""Oldest safe FFmpeg: 8.1.1 is exposed to CVE-2026-8461."""

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,gif,ogg,flv,asf"
"""FFmpeg's names of the supported containers. Playlists (hls, concat) are excluded: they make FFmpeg open other files."""

PICTURES = {b"\xff\xd8\xff": "jpeg_pipe", b"\x89PNG": "png_pipe"}
"""First bytes of a picture of codes, such as ground truth -> FFmpeg's name of its format, which it would not choose by itself.
Other pictures are read by `stills`."""


@dataclass(frozen=True)
class Video:
    """A file that was opened, and the stream of it that is shown."""

    file: File
    container: Any
    stream: Any
    crop: Crop | None
    """What the container takes off the stream's pictures."""
    n_streams_before: int
    """Video streams before it that are no attached pictures."""
    notes: tuple[str, ...]
    """What was chosen and passed over, for people."""

    @property
    def path(self) -> Path:
        return self.file.path


class opened:
    """Context: the video. Raises SourceError if the header rules the file out."""

    def __init__(self, path: Path, is_tolerant: bool) -> None:
        self.path = path
        self.is_tolerant = is_tolerant

    def __enter__(self) -> Video:
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
            refuse_other(self.path)
            reason = error.strerror if isinstance(error, av.error.FFmpegError) else error
            raise SourceError("bad_media", f"{self.path.name}: not a video in a supported format ({reason})") from None
        try:
            return self._video()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        self.container.close()
        self.file.release()

    def _video(self) -> Video:
        streams = shown_streams(self.container)
        if not streams:
            what = "audio only" if self.container.streams.audio else "no video stream"
            raise SourceError("no_video", f"{self.path.name}: contains {what}")
        facts = stated_facts(self.path, streams)
        stream, note = choose_stream(self.path.name, streams, facts)
        self._prepare(stream)
        stated = facts.get(stream.index, TrackFacts())
        notes = [note] if note else []
        if stated.dolby_vision is not None:
            notes.append(dolby_vision_note(self.path, *stated.dolby_vision))
        return Video(self.file, self.container, stream, stated.crop, streams.index(stream), tuple(notes))

    def _prepare(self, stream: Any) -> None:
        """Check the size of its pictures and set up its decoder."""
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
        # Not `explode`: it turns any complaint into a failure, also one about metadata. Decoders mark what is not whole, and
        # only with `output_corrupt` do most of them output it: else frames would be missing without a word. That of HEVC
        # then loses whole frames behind those that are not; it complains about missing references instead.
        codec.options = {"err_detect": "crccheck", "max_pixels": str(MAX_PIXELS)}
        if codec.name != "hevc":
            codec.flags |= Flags.output_corrupt
        codec.thread_type = "AUTO"
        # Threads meet damage before the frames in front of it have arrived: how many did would be chance.
        codec.thread_count = 1 if self.is_tolerant else min(MAX_THREADS, os.cpu_count() or 1)


def dolby_vision_note(path: Path, profile: int, compatible: int) -> str:
    """What is shown of a Dolby Vision video. Raises SourceError for one whose base layer is no picture by itself."""
    if compatible == 0 and profile not in (
        4,
        7,
    ):  # these have a base layer of their own, though the record need not say so
        raise SourceError(
            "bad_media",
            f"{path.name}: Dolby Vision profile {profile}, which has no base layer that can be shown by itself",
            "export it as SDR or HDR10 in the program that made it, and pass that file",
        )
    return f"Dolby Vision profile {profile}: its base layer is shown"


class File:
    """The file as FFmpeg reads it. Records an error of the disk, which FFmpeg takes for damaged data or the end."""

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
