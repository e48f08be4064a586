"""The child process that decodes untrusted media under limits: `python -m precompute.decode HANDLE JSON`.

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
import struct
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, BinaryIO

import av
import av.error
import cv2
import numpy as np
from av import logging
from av.stream import Disposition
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from cache.records import MAX_CLIP_FRAMES
from precompute.errors import SourceError, usual
from precompute.video import Sampling, VideoInfo, output_size

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
KEEP = "get another copy, or keep the frames before the damage with --tolerant"


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


def refuse_cut_file(path: Path, *, only_without_index: bool = False) -> None:
    """Refuse a file whose own sizes reach past its end, before anything is decoded; some formats state none.

    `only_without_index` passes those of which a part can be decoded.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(TS_PACKET_BYTES + 1)
        if head[4:8] in MP4_BOXES:
            stated = mp4_end(file, size)
        elif head[:4] == b"\x1a\x45\xdf\xa3":
            stated = matroska_end(file, size)
        elif head[:4] == b"RIFF":
            (stated,) = struct.unpack("<I", head[4:8])  # some writers count these 8 bytes, some do not
            stated = 0 if stated == 0xFFFFFFFF else stated
        elif head[:4] == b"OggS":
            stated = ogg_end(file, size)
        elif head[:3] == b"FLV":
            stated = flv_end(file)
        elif head[:4] == ASF_START:
            stated = asf_end(file)
        elif head[:6] in (b"GIF87a", b"GIF89a"):
            file.seek(max(0, size - 1024))
            stated = size if file.read().rstrip(b"\0").endswith(b"\x3b") else size + 1  # its last byte, but for padding
        elif head[:1] == head[TS_PACKET_BYTES:] == b"G":
            stated = math.ceil(size / TS_PACKET_BYTES) * TS_PACKET_BYTES
        else:
            return
    if stated is None:
        raise SourceError(
            "truncated", f"{path.name}: cut short: its index (moov) is missing; copy or download it again"
        )
    if stated > size and not only_without_index:
        raise SourceError("truncated", f"{path.name}: cut short: {size} bytes, its header states {stated}; {KEEP}")


TS_PACKET_BYTES = 188
"""MPEG-TS is packets of this size, each beginning with `G`; a cut between two packets cannot be seen."""

MP4_BOXES = frozenset(b"ftyp moov mdat free skip wide uuid moof mfra sidx styp meta pnot".split())


def mp4_end(file: BinaryIO, size: int) -> int | None:
    """Where the last box ends, bytes; None when there is no `moov` box (the index) up to there."""
    position = 0
    has_index = False
    while position + 8 <= size:
        file.seek(position)
        head = file.read(16)
        length, kind = struct.unpack(">I4s", head[:8])
        if length == 1 and len(head) == 16:
            (length,) = struct.unpack(">Q", head[8:])
        if kind not in MP4_BOXES or (length < 8 and length != 0):
            break  # padding or appended data, which players ignore too
        has_index |= kind == b"moov"
        position = size if length == 0 else position + length  # 0: the box reaches to the end of the file
    return position if has_index or position > size else None


def matroska_end(file: BinaryIO, size: int) -> int:
    """Where the Segment element ends, bytes; 0 when its size is unknown (a live recording) or it is not second."""
    file.seek(4)
    header_length = ebml_size(file)
    if header_length is None or header_length > size:
        return 0
    file.seek(header_length, os.SEEK_CUR)
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    length = ebml_size(file)
    return 0 if length is None else file.tell() + length


def ebml_size(file: BinaryIO) -> int | None:
    """An EBML size: the leading zero bits of the first byte tell how many bytes follow; all value bits one: unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    n_following = 8 - first[0].bit_length()
    n_bits = 7 * (n_following + 1)
    value = int.from_bytes(first + file.read(n_following), "big") & ((1 << n_bits) - 1)
    return None if value == (1 << n_bits) - 1 else value


OGG_PAGE = 27
"""Bytes of a page's header, before its table of segments."""


def ogg_end(file: BinaryIO, size: int) -> int:
    """Where the last page ends, bytes; past the end of the file where it is not marked as the last of its stream."""
    file.seek(max(0, size - (1 << 17)))  # two of the largest pages
    tail = file.read()
    start = tail.rfind(b"OggS")
    header = tail[start : start + OGG_PAGE]
    if start < 0 or len(header) < OGG_PAGE:
        return size + 1
    segments = tail[start + OGG_PAGE : start + OGG_PAGE + header[26]]
    end = size - len(tail) + start + OGG_PAGE + header[26] + sum(segments)
    return end if header[5] & 4 else max(end, size + 1)


def flv_end(file: BinaryIO) -> int:
    """The file's size as its metadata state it, bytes; 0 where they do not."""
    file.seek(0)
    _, name, value = file.read(1 << 16).partition(b"\0\x08filesize\0")
    if not name or len(value) < 8:
        return 0
    (stated,) = struct.unpack(">d", value[:8])
    return int(stated) if math.isfinite(stated) else 0


ASF_START = bytes.fromhex("3026b275")
ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def asf_end(file: BinaryIO) -> int:
    """The file's size as its properties state it, bytes; 0 where they do not, as in a live recording."""
    file.seek(0)
    _, start, properties = file.read(1 << 16).partition(ASF_FILE_PROPERTIES)
    if not start or len(properties) < 76:
        return 0
    (stated,), (flags,) = struct.unpack("<Q", properties[24:32]), struct.unpack("<I", properties[72:76])
    return 0 if flags & 1 else stated


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


class Times:
    """The times of the frames of a stream, told in the order in which they are shown, in its ticks."""

    def __init__(self, container: Any, stream: Any) -> None:
        # AVI has only decoding times: the n-th frame shown has the n-th packet's.
        self._packet_times: list[int] | None = [] if container.format.name == "avi" else None
        # A pack of a program stream states the time of the first frame that begins in it; where that one's start code is
        # split, FFmpeg gives the time to another, and so goes back by a few frames.
        self._may_go_back = container.format.name == "mpeg"
        self._time_base = stream.time_base
        self.n_frames = 0
        self.first = self.last = 0
        self.last_end = 0
        """Where the last frame's duration ends; where none is stated, it may be held as long as any before it."""
        self._longest = 0

    def note(self, packet: Any) -> None:
        if self._packet_times is not None and packet.size and packet.dts is not None:
            self._packet_times.append(packet.dts)

    def seconds(self, path: Path, frame: Any) -> float:
        """Of the next frame, after the first; refuses one without a time of its own."""
        pts = frame.pts
        if self._packet_times is not None and self.n_frames < len(self._packet_times):
            pts = self._packet_times[self.n_frames]
        if self._may_go_back and self.n_frames and pts is not None:
            earliest = self.last - 1 / self._time_base  # a second: what is further back is another recording
            pts = self.last_end if earliest < pts < (self.last + self.last_end) / 2 else pts
        if pts is None or frame.is_corrupt or (self.n_frames and pts <= self.last):
            what = "has no time" if pts is None else "is damaged" if frame.is_corrupt else "goes back in time"
            raise SourceError("damaged", f"{path.name}: frame {self.n_frames} {what}; {KEEP}")
        self.first = pts if self.n_frames == 0 else self.first
        self._longest = max(self._longest, pts - self.last if self.n_frames else 0)
        stated = frame.duration if self._packet_times is None else 0  # AVI's is one tick, whatever follows
        self.last_end = pts + (stated or self._longest)
        self.last = pts
        self.n_frames += 1
        return float((pts - self.first) * self._time_base)


def refuse_short(path: Path, stream: Any, n_frames: int, shown_ticks: int) -> None:
    """Both the count and the duration must fall short: an edit list leaves out frames that the header counts."""
    lacks_frames = n_frames < min(stream.frames - 1, stream.frames * (1 - MAX_MISSING))
    lacks_time = not stream.duration or shown_ticks < stream.duration * (1 - MAX_MISSING)
    if lacks_frames and lacks_time:
        raise SourceError(
            "truncated",
            f"{path.name}: cut short: {n_frames} frames, its header states {stream.frames}; {KEEP}",
        )


def milliseconds(seconds: float) -> int:
    """Times are compared in whole milliseconds, Matroska's clock: an mp4 and its copy in mkv give the same frames."""
    return math.floor(seconds * 1000 + 0.5)


def chosen(
    source: Iterator[tuple[Any, float]], stream: Any, sampling: Sampling, alive: Callable[[], None]
) -> Iterator[tuple[Any, float]]:
    """The frames of `decoded` that `sampling` takes. With fps, a frame is held back until the next tells how long it is shown."""
    start = milliseconds(sampling.start)
    end = math.inf if sampling.end is None else milliseconds(sampling.end)
    held: tuple[Any, float] | None = None
    n_ticks = 0
    last_alive = time.monotonic()

    def is_taken(shown_until: float) -> bool:
        """Whether a sampling time falls before `shown_until` (and after the frames before); moves on past it."""
        nonlocal n_ticks
        n_before = n_ticks
        n_ticks = max(n_before, ticks_before(min(shown_until, end), sampling.start, sampling.fps or 1))
        return n_ticks > n_before

    for frame, pts_seconds in source:
        if time.monotonic() - last_alive > 1:
            alive()
            last_alive = time.monotonic()
        pts = milliseconds(pts_seconds)
        if sampling.fps is None:
            if pts >= end:
                return
            if pts >= start:
                yield frame, pts_seconds
            continue
        if held is not None and is_taken(shown_until=pts):
            yield held
        if pts >= end:
            return
        held = frame, pts_seconds
    if sampling.fps is not None and held is not None:
        frame, pts_seconds = held
        seconds = float(frame.duration * stream.time_base) if frame.duration else 1 / mean_rate(stream)
        if is_taken(shown_until=milliseconds(pts_seconds + seconds)):
            yield held


def ticks_before(end_ms: float, start: float, fps: float) -> int:
    """How many of the times start + k/fps, k = 0, 1, ..., fall before `end_ms`, in whole milliseconds.

    Computed, not counted: a file can claim hours between two frames.
    """
    n_ticks = max(0, math.ceil(((end_ms - 0.5) / 1000 - start) * fps))
    while milliseconds(start + n_ticks / fps) < end_ms:  # floating point may be off by one
        n_ticks += 1
    while n_ticks and milliseconds(start + (n_ticks - 1) / fps) >= end_ms:
        n_ticks -= 1
    return n_ticks


# --- one frame ---


def picture(
    path: Path,
    frame: Any,
    converter: VideoReformatter,
    sampling: Sampling,
    size: tuple[int, int],
    channels: int | None,
    aspect: float,
) -> np.ndarray:
    """The upright picture (or codes) at the output size (height, width): uint8 (H, W, C)."""
    if channels is None:
        rgb = converter.reformat(frame, format="rgb24", threads=1).to_ndarray()
        image = upright(rgb, display_matrix(frame))
        return fitted(image, sampling, size, aspect if not is_turned(display_matrix(frame)) else 1 / aspect, None)
    layout = {1: "gray", 3: "rgb24"}[channels]
    lossless = {1: ["gray"], 3: ["gbrp", "rgb24", "bgr24", "rgb0", "bgr0"]}[channels]
    if frame.format.name not in lossless:
        raise SourceError(
            "bad_truth",
            f"{path.name}: stored as {frame.format.name}, codes of {channels} channels need {' or '.join(lossless)}",
        )
    codes = (
        converter.reformat(frame, format=layout, threads=1).to_ndarray().reshape(frame.height, frame.width, channels)
    )
    return fitted(codes, sampling, size, 1.0, cv2.INTER_NEAREST_EXACT)


def fitted(
    image: np.ndarray, sampling: Sampling, size: tuple[int, int], aspect: float, interpolation: int | None
) -> np.ndarray:
    """Scale to `size` (height, width); with crop `centre` scale the short side and cut out the centre."""
    height, width = image.shape[0], image.shape[1] * aspect
    scaled_height, scaled_width = size
    if sampling.crop == "centre":
        scale = sampling.size / min(height, width)
        scaled_height, scaled_width = round(height * scale), round(width * scale)
    if image.shape[:2] != (scaled_height, scaled_width):
        is_shrinking = scaled_height * scaled_width < image.shape[0] * image.shape[1]
        method = interpolation if interpolation is not None else cv2.INTER_AREA if is_shrinking else cv2.INTER_LINEAR
        n_channels = image.shape[2]
        image = cv2.resize(image, (scaled_width, scaled_height), interpolation=method)
        image = image.reshape(scaled_height, scaled_width, n_channels)  # OpenCV drops a single channel
    top, left = (scaled_height - size[0]) // 2, (scaled_width - size[1]) // 2
    return image[top : top + size[0], left : left + size[1]]


Matrix = tuple[int, int, int, int]


def display_matrix(frame: Any) -> Matrix:
    """(a, b, c, d): pixel (x, y) is shown at (a x + c y, b x + d y), but for scale and shift."""
    side_data = frame.side_data.get("DISPLAYMATRIX")
    if side_data is None:
        return 1, 0, 0, 1
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(side_data)[:36])
    return a, b, c, d


def is_turned(matrix: Matrix) -> bool:
    """Whether rows are shown as columns."""
    return abs(matrix[1]) > abs(matrix[0])


def upright(image: np.ndarray, matrix: Matrix) -> np.ndarray:
    """Apply a display matrix of quarter turns and mirrors to (H, W, C)."""
    a, b, c, d = matrix
    x_sign, y_sign = (c, b) if is_turned(matrix) else (a, d)
    if is_turned(matrix):
        image = image.transpose(1, 0, 2)
    return image[:: -1 if y_sign < 0 else 1, :: -1 if x_sign < 0 else 1]


def pixel_aspect(stream: Any) -> float:
    """Width of a stored pixel by its height; 1 where not stated."""
    return float(stream.sample_aspect_ratio or 1)


def mean_rate(stream: Any) -> float:
    """Frames per second as stated; 25 where nothing is."""
    return float(stream.average_rate or stream.guessed_rate or stream.base_rate or 25)


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
