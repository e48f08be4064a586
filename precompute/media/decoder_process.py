"""The child process that decodes untrusted media under limits: `python -m precompute.media.decoder_process HANDLE JSON`.

It imports neither torch nor anything that starts slowly. Messages to the parent are JSON, and an image follows its own.
Strict: a file that is cut short or damaged, as far as the decoder can know, is refused. Tolerant: its frames up to the
first damage are kept, and the parent is told what is wrong.
"""

# H x W pixels, C channels

from __future__ import annotations

import errno
import json
import math
import os
import re
import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import numpy as np
from av import logging
from av.stream import Disposition
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from cache.records import MAX_CLIP_FRAMES
from precompute.failures import SourceError, usual
from precompute.media.containers import KEEP, refuse_cut_file
from precompute.media.geometry import display_matrix, is_turned, picture, pixel_aspect
from precompute.media.sampling import Sampling, VideoInfo, output_size
from precompute.media.timeline import Times, chosen, mean_rate

MAX_PIXELS = 50_000_000
"""Most pixels per frame: 8K video has 33 million; a 198 kB file can claim billions."""

MEMORY_BYTES = 4 << 30
"""Address space of the decoder: 8K H.264 with 16 reference frames fits; a bomb does not."""

LARGEST_FRAME_BYTES = 8 * MAX_PIXELS
"""The largest single piece of memory: four components of 16 bits. So near to the limit, one may have been refused."""

STUCK_CPU_SECONDS = 60
"""Processor seconds without one decoded frame before the kernel ends the decoder."""

MAX_WRITTEN_BYTES = 1 << 20
"""The decoder writes its complaints to a file and nothing else; a pipe has no such limit."""

MAX_THREADS = 4
"""Decoding threads; more would only fill the pipe sooner."""

MAX_MISSING = 0.02
"""Part of the frames that the header states and the file may lack: decoders drop a few at open ends."""

FFMPEG_VERSION = (8, 1, 2)
"""Oldest safe FFmpeg: 8.1.1 is exposed to CVE-2026-8461."""

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,gif,ogg,flv,asf"
"""Containers read. Playlists (hls, concat) are not among them: they make the decoder open other files."""

STANDARD_ERROR = 2

READABLE = "mp4, mov, mkv, webm, avi, ts, mpg, gif, ogv, flv or wmv"


def main(arguments: list[str]) -> None:
    """Do one request; whatever happens, tell the parent in one message."""
    sender = Connection(int(arguments[0]), readable=False)
    request = json.loads(arguments[1])
    path = Path(request["path"])

    def send(message: dict[str, Any]) -> None:
        sender.send_bytes(json.dumps(message).encode())

    def tell_alive() -> None:
        allow_more_cpu()
        send({"alive": True})

    def tell_damage(what: str) -> None:
        send({"damage": what})

    try:
        limit_resources()
        logging.restore_default_callback()  # to standard error, which `File` reads
        logging.set_libav_level(logging.ERROR)
        if request["task"] == "probe":
            send(asdict(probe(path, request["is_tolerant"])))
        else:
            sampling = Sampling(**request["sampling"])
            for pts_seconds, image in sampled(path, sampling, request["channels"], tell_alive, tell_damage):
                flat = image.reshape(-1)  # send_bytes takes flat buffers only; reshape copies where it must
                send({"pts_seconds": pts_seconds, "shape": image.shape})
                sender.send_bytes(flat.data)
        send({"done": True})
    except BrokenPipeError:
        pass  # the parent has seen enough
    except Exception as error:
        named = named_error(path, error)
        send({"code": named.code, "message": str(named)})
    os._exit(0)  # skips the tear-down of libraries which a damaged file may have left in disorder


def named_error(path: Path, error: Exception) -> SourceError:
    """What went wrong, by whose fault: the memory's and the disk's say nothing about the file."""
    if lacks_memory(error):
        return SourceError(
            "out_of_memory",
            f"{path.name}: needs over {MEMORY_BYTES >> 30} GiB to decode, or this machine has too little left; "
            "close other programs, or scale it down first",
        )
    if isinstance(error, SourceError):
        return error
    if isinstance(error, OSError) and not isinstance(error, av.error.FFmpegError):
        return usual("unreadable", f"{path.name}: cannot be read ({error.strerror or error})")
    # Fuzzed media raise many kinds; each means that this file cannot be read whole.
    return SourceError("damaged", f"{path.name}: cannot be decoded ({error!r}); {KEEP}")


def lacks_memory(error: Exception) -> bool:
    """Whether memory was missing, or threads, whose stacks are memory too."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, cv2.error):
        return error.code == cv2.Error.StsNoMem
    if isinstance(error, av.error.FFmpegError) and error.errno in (errno.ENOMEM, errno.EAGAIN):
        return True
    # Inside FFmpeg a refused allocation may end up as "invalid data".
    is_doubtful = not isinstance(error, SourceError) or error.code in ("damaged", "truncated", "bad_media")
    return is_doubtful and not isinstance(error, OSError) and peak_bytes() > MEMORY_BYTES - LARGEST_FRAME_BYTES


def peak_bytes() -> int:
    """Most address space this process has had; 0 where the system does not tell (and sets no limit to it)."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmPeak:")), 0)


TRY = "get another copy, or rescue what is whole: ffmpeg -i INPUT -c:v libx264 -an OUTPUT.mp4"


def limit_resources() -> None:
    if sys.platform == "linux":  # macOS does not enforce it
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_WRITTEN_BYTES, MAX_WRITTEN_BYTES))
    allow_more_cpu()


def allow_more_cpu() -> None:
    """Move the limit on: a long video may take hours, but not STUCK_CPU_SECONDS without a decoded frame."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = math.ceil(usage.ru_utime + usage.ru_stime) + STUCK_CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def probe(path: Path, is_tolerant: bool) -> VideoInfo:
    """Header and first frame."""
    with opened(path, is_tolerant) as (file, container, stream):
        for first, _ in decoded(file, container, stream):
            return describe(container, stream, first)
    raise SourceError("no_video", f"{path.name}: the video stream holds no frame; {TRY}")


def sampled(
    path: Path,
    sampling: Sampling,
    channels: int | None,
    alive: Callable[[], None],
    on_damage: Callable[[str], None],
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (pts_seconds, uint8 (H, W, C)) of the frames `sampling` asks for; call `alive` about once a second.

    A tolerant sampling ends at the first damage and tells `on_damage` of it; a strict one raises.
    """
    n_taken = 0
    converter = VideoReformatter()  # one for all: a frame's own lives, threads and all, until the garbage is collected
    size: tuple[int, int] | None = None
    with opened(path, sampling.is_tolerant) as (file, container, stream):
        source = decoded(file, container, stream)
        if sampling.is_tolerant:
            source = up_to_damage(path, source, on_damage)
        for frame, pts_seconds in chosen(source, stream, sampling, alive):
            if size is None:
                size = output_size(describe(container, stream, frame), sampling)
            yield pts_seconds, picture(path, frame, converter, sampling, size, channels, pixel_aspect(stream))
            n_taken += 1
            if n_taken == sampling.max_frames:
                return


# --- opening ---


class File:
    """The file as FFmpeg reads it. Remembers an error of the disk, which FFmpeg takes for damaged data or the end, and hears
    what FFmpeg complains of while it goes on: a damage that it conceals."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name  # FFmpeg guesses by its extension, where the content leaves a doubt
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
            return (
                -errno.EINVAL
            )  # before the beginning or beyond all bounds: a number in the file is wrong, not the disk

    def tell(self) -> int:
        return self._file.tell()

    def release(self) -> None:
        self._file.close()

    def require_intact_reads(self) -> None:
        """Raise the disk's error, if there was one."""
        if self.error is not None:
            raise self.error

    def complaints_end(self) -> int:
        """How far FFmpeg's complaints go, bytes."""
        return os.fstat(STANDARD_ERROR).st_size

    def require_no_complaint(self, since: int, n_frames: int) -> None:
        """Raise what FFmpeg has complained of since then; standard error is a file that the parent gave."""
        if self.complaints_end() <= since:
            return
        text = os.pread(STANDARD_ERROR, 200, since).decode(errors="replace")
        complaint = re.sub(r"^\[[^]]*\] *", "", text.strip().split("\n")[0])
        raise SourceError("damaged", f"{self.name}: damaged or cut short after {n_frames} frames ({complaint}); {KEEP}")


class opened:
    """Context: the file, its container and video stream, refused where the header says that it will not do."""

    def __init__(self, path: Path, is_tolerant: bool) -> None:
        self.path = path
        self.is_tolerant = is_tolerant

    def __enter__(self) -> tuple[File, Any, Any]:
        require_safe_ffmpeg()
        refuse_cut_file(self.path, only_without_index=self.is_tolerant)
        self.file = File(self.path)
        options = {
            "format_whitelist": FORMATS,
            "protocol_whitelist": "none",  # it reads through `File`: no file that this one names is opened
            "max_pixels": str(MAX_PIXELS),
        }
        try:
            self.container = av.open(self.file, options=options)
        except (av.error.FFmpegError, UnicodeDecodeError) as error:
            self.file.require_intact_reads()
            if lacks_memory(error):
                raise MemoryError from None
            reason = error.strerror if isinstance(error, av.error.FFmpegError) else error
            raise SourceError(
                "bad_media", f"{self.path.name}: not a video this program reads ({reason}); give {READABLE}"
            ) from None
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
            what = "audio only" if self.container.streams.audio else "no stream of pictures"
            raise SourceError("no_video", f"{self.path.name}: holds {what}; give a file with a video stream")
        stream = streams[0]
        codec = stream.codec_context
        width, height = (codec.width, codec.height) if codec is not None else (0, 0)
        if codec is not None and not width * height:
            width, height = stated_size(self.path, stream.index)
        if width * height > MAX_PIXELS:
            raise SourceError(
                "too_large",
                f"{self.path.name}: frames of {width} x {height} pixels, the limit is "
                f"{MAX_PIXELS // 10**6} megapixels; scale it down first",
            )
        if codec is None or not codec.width or not codec.height:
            raise SourceError(
                "bad_media", f"{self.path.name}: its header states no codec, or no size that can be; {TRY}"
            )
        codec.options = {"err_detect": "crccheck+explode", "max_pixels": str(MAX_PIXELS)}
        codec.thread_type = "AUTO"
        # Threads meet a damage before the frames in front of it have come: how many did would be chance.
        codec.thread_count = 1 if self.is_tolerant else min(MAX_THREADS, os.cpu_count() or 1)
        return stream


def stated_size(path: Path, stream_index: int) -> tuple[int, int]:
    """Width and height that the header states, also where FFmpeg, held to `max_pixels`, has dropped them."""
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "none", "probesize": "32", "analyzeduration": "1"}
    file = File(path)
    try:
        with av.open(file, options=options) as container:
            stream = container.streams[stream_index]
            return (stream.width, stream.height) if isinstance(stream, VideoStream) else (0, 0)
    except (av.error.FFmpegError, UnicodeDecodeError, IndexError):
        return 0, 0
    finally:
        file.release()


def require_safe_ffmpeg() -> None:
    version = tuple(int(part) for part in av.ffmpeg_version_info.lstrip("n").split("-")[0].split(".") if part.isdigit())
    if version < FFMPEG_VERSION:
        wanted = ".".join(map(str, FFMPEG_VERSION))
        raise SourceError(
            "old_ffmpeg",
            f"PyAV {av.__version__} brings FFmpeg {av.ffmpeg_version_info}, {wanted} is the oldest safe one; "
            "run: pip install -U 'av>=18.1'",
        )


# --- decoding ---


def up_to_damage(
    path: Path, source: Iterator[tuple[Any, float]], on_damage: Callable[[str], None]
) -> Iterator[tuple[Any, float]]:
    """The frames of `decoded` before the first damage, none of them in doubt; raises where there is none at all.

    What follows a damage is left out, also where the decoder would go on: it conceals, and nothing tells for how long.
    """
    n_frames, last_seconds = 0, 0.0
    try:
        for frame, pts_seconds in source:
            yield frame, pts_seconds
            n_frames, last_seconds = n_frames + 1, pts_seconds
    except Exception as error:
        named = named_error(path, error)
        if named.code not in ("damaged", "truncated"):
            raise
        if not n_frames:
            raise SourceError(named.code, f"{named.found}; {TRY}") from None
        on_damage(f"{named.code} after frame {n_frames - 1} of the source ({last_seconds:.2f} s)")


def decoded(file: File, container: Any, stream: Any) -> Iterator[tuple[Any, float]]:
    """Every frame in order of presentation with its seconds after the first; at the end, refuse a file cut short.

    Frames come when the packet after theirs has been read, the last ones after that refusal: where a file is cut, the last
    packet may be a part of one, and of the frames that the decoder still held some between may be missing.
    """
    path = file.path
    times = Times(container, stream)
    complaints_end = file.complaints_end()
    waiting: list[tuple[Any, float]] = []
    try:
        for packet in container.demux(stream):
            is_flush = not packet.size and packet.dts is None
            file.require_intact_reads()
            if packet.is_corrupt:
                raise SourceError("damaged", f"{path.name}: damaged or cut short after {times.n_frames} frames; {KEEP}")
            file.require_no_complaint(complaints_end, times.n_frames)
            if not is_flush:
                yield from waiting
                waiting = []
                times.note(packet)
            frames = packet.decode()
            file.require_no_complaint(complaints_end, times.n_frames)
            waiting += [(frame, times.seconds(path, frame)) for frame in frames]
    except av.error.FFmpegError as error:
        file.require_intact_reads()
        if lacks_memory(error):
            raise MemoryError from None
        raise SourceError(
            "damaged", f"{path.name}: damaged or cut short after {times.n_frames} frames ({error.strerror}); {KEEP}"
        ) from None
    file.require_intact_reads()
    file.require_no_complaint(complaints_end, times.n_frames)
    refuse_cut_file(path)  # known from the start, unless tolerant
    refuse_short(path, stream, times.n_frames, times.last_end - times.first)
    yield from waiting


def refuse_short(path: Path, stream: Any, n_frames: int, shown_ticks: int) -> None:
    """Both the count and the duration must fall short: an edit list leaves out frames that the header counts."""
    lacks_frames = n_frames < min(stream.frames - 1, stream.frames * (1 - MAX_MISSING))
    lacks_time = not stream.duration or shown_ticks < stream.duration * (1 - MAX_MISSING)
    if lacks_frames and lacks_time:
        raise SourceError(
            "truncated",
            f"{path.name}: cut short: {n_frames} frames, its header states {stream.frames}; {KEEP}",
        )


def describe(container: Any, stream: Any, first: Any) -> VideoInfo:
    """What the header and the first frame tell."""
    width, height = min(round(first.width * pixel_aspect(stream)), 10**9), first.height
    if is_turned(display_matrix(first)):
        width, height = height, width
    duration = None
    if stream.duration:
        duration = float(stream.duration * stream.time_base)
    elif container.duration:
        duration = container.duration / av.time_base
    fps = mean_rate(stream)
    n_frames = stream.frames or round((duration or 0) * fps)
    if not 0 <= max(n_frames, (duration or 0) * fps) <= MAX_CLIP_FRAMES:
        n_frames, duration = 0, None  # no header can be believed that far
    return VideoInfo(width, height, duration, n_frames, fps)


if __name__ == "__main__":
    main(sys.argv[1:])
