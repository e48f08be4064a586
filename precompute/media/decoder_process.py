"""The child process that decodes untrusted media under limits: `python -m precompute.media.decoder_process READ WRITE`.

It imports neither torch nor anything else that starts slowly. Strict: a file that is truncated or damaged, as far as the
decoder can know, is refused. Tolerant: its frames up to the first damage are used, and the damage is reported.
"""

# H x W pixels, C channels

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av import logging
from av.video.reformatter import VideoReformatter

from cache.records import MAX_CLIP_FRAMES
from precompute.failures import KINDS, SourceError
from precompute.media import decoder_limits
from precompute.media.decoder_limits import allow_more_cpu, lacks_memory, limit_decoder
from precompute.media.geometry import display_matrix, is_turned, picture, pixel_aspect
from precompute.media.open_video import PICTURES, RESCUE, File, damaged, opened
from precompute.media.sampling import Sampling, VideoInfo, output_size
from precompute.media.timeline import FrameTimes, chosen, mean_rate
from precompute.media.truncation import refuse_cut_file
from precompute.sandbox import Parent

MAX_MISSING = 0.02
"""Share of the frames that the header states and the file may lack: decoders drop a few at open ends."""


NO_FRAME = "copy or download it again: no frame of this copy can be decoded"
"""The next step for a damaged file where --tolerant would not help."""
PICTURE_FPS = 25.0
"""A picture is a clip of one frame, which is shown as long as FFmpeg assumes."""


def main(arguments: list[str]) -> None:
    """Serve one request; report whatever happens in one message."""
    parent = Parent(arguments)
    request = next(parent.requests())
    path = Path(request["path"])

    def report_alive() -> None:
        allow_more_cpu()
        parent.send({"alive": True})

    def report_damage(what: str) -> None:
        parent.send({"damage": what})

    try:
        limit_decoder()
        logging.restore_default_callback()  # to standard error, which `File` reads
        logging.set_libav_level(logging.ERROR)
        if request["task"] == "probe":
            parent.send(asdict(probe(path, request["is_tolerant"])))
        else:
            sampling = Sampling(**request["sampling"])
            for pts_seconds, image in sampled(path, sampling, request["channels"], report_alive, report_damage):
                flat = image.reshape(-1)  # a pipe takes flat buffers only; reshape copies if it must
                parent.send({"pts_seconds": pts_seconds, "shape": image.shape}, flat.data)
        parent.send({"done": True})
    except Exception as error:
        parent.fail(
            without_empty_promise(path, named_error(path, error), request.get("sampling", request)["is_tolerant"])
        )
    os._exit(0)  # skips the tear-down of libraries which a damaged file may have left in disorder


def probe(path: Path, is_tolerant: bool) -> VideoInfo:
    """The header and the first frame."""
    with opened(path, is_tolerant) as (file, container, stream):
        for first, _ in decoded(file, container, stream):
            return describe(container, stream, first)
    raise SourceError("no_video", f"{path.name}: the video stream contains no frame", RESCUE)


def sampled(
    path: Path,
    sampling: Sampling,
    channels: int | None,
    report_alive: Callable[[], None],
    on_damage: Callable[[str], None],
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (pts_seconds, uint8 (H, W, C)) of the sampled frames; call `report_alive` about once a second.

    A tolerant sampling ends at the first damage and reports it to `on_damage`; a strict one raises SourceError.
    """
    n_taken = 0
    converter = VideoReformatter()  # one for all: a frame's own lives, threads and all, until the garbage is collected
    size: tuple[int, int] | None = None
    with opened(path, sampling.is_tolerant) as (file, container, stream):
        source = decoded(file, container, stream)
        if sampling.is_tolerant:
            source = up_to_damage(path, source, on_damage)
        for frame, pts_seconds in chosen(source, stream, sampling, report_alive):
            if size is None:
                size = output_size(describe(container, stream, frame), sampling)
            yield pts_seconds, picture(path, frame, converter, sampling, size, channels, pixel_aspect(stream))
            n_taken += 1
            if n_taken == sampling.max_frames:
                return


def without_empty_promise(path: Path, error: SourceError, is_tolerant: bool) -> SourceError:
    """The failure, which advises --tolerant only if a tolerant reading finds a frame, and calls a cut file cut."""
    try:
        if is_tolerant and error.code in ("bad_media", "no_video"):
            refuse_cut_file(path)
        if error.next_step != KINDS[error.code].next_step or error.code not in ("truncated", "damaged"):
            return error
        if not is_tolerant:
            probe(path, is_tolerant=True)
            return error
    except SourceError as cut:
        error = cut if is_tolerant else error
    except Exception:
        pass
    return SourceError(error.code, error.found, NO_FRAME)


def up_to_damage(
    path: Path, source: Iterator[tuple[Any, float]], on_damage: Callable[[str], None]
) -> Iterator[tuple[Any, float]]:
    """The frames of `decoded` before the first damage, none of them in doubt. Raises SourceError if there is none.

    Frames after a damage are left out even if the decoder would continue: it conceals damage, for an unknown time.
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
            raise SourceError(named.code, named.found, RESCUE) from None
        on_damage(f"{named.code} after frame {n_frames - 1} of the source ({last_seconds:.2f} s)")


def decoded(file: File, container: Any, stream: Any) -> Iterator[tuple[Any, float]]:
    """Every frame in order of presentation with its seconds after the first; raises SourceError at the end of a truncated file.

    Frames come when the packet after theirs has been read, the last ones after that check: where a file is cut, the last
    packet may be incomplete, and some of the frames that the decoder still held may be missing.
    """
    path = file.path
    times = FrameTimes(container, stream)
    complaints_end = file.complaints_end()
    waiting: list[tuple[Any, float]] = []
    try:
        for packet in container.demux(stream):
            is_flush = not packet.size and packet.dts is None
            file.require_intact_reads()
            if packet.is_corrupt:
                raise damaged(path, times.n_frames)
            file.require_no_complaint(complaints_end, times.n_frames)
            if not is_flush:
                yield from waiting
                waiting = []
                times.note_packet(packet)
            frames = packet.decode()
            file.require_no_complaint(complaints_end, times.n_frames)
            waiting += [(frame, times.seconds(path, frame)) for frame in frames]
    except av.error.FFmpegError as error:
        file.require_intact_reads()
        if lacks_memory(error):
            raise MemoryError from None
        raise damaged(path, times.n_frames, error.strerror) from None
    file.require_intact_reads()
    file.require_no_complaint(complaints_end, times.n_frames)
    refuse_cut_file(path)  # known from the start, unless tolerant
    refuse_missing_frames(path, stream, times.n_frames, times.last_end - times.first)
    yield from waiting


def refuse_missing_frames(path: Path, stream: Any, n_frames: int, shown_ticks: int) -> None:
    """Raise SourceError if both the count and the duration fall short: an edit list leaves out frames that the header counts."""
    lacks_frames = n_frames < min(stream.frames - 1, stream.frames * (1 - MAX_MISSING))
    lacks_time = not stream.duration or shown_ticks < stream.duration * (1 - MAX_MISSING)
    if lacks_frames and lacks_time:
        raise SourceError("truncated", f"{path.name}: truncated: {n_frames} frames, the header states {stream.frames}")


def describe(container: Any, stream: Any, first: Any) -> VideoInfo:
    """What the header and the first frame state."""
    width, height = min(round(first.width * pixel_aspect(stream)), 10**9), first.height
    if is_turned(display_matrix(first)):
        width, height = height, width
    if container.format.name in PICTURES.values():
        return VideoInfo(width, height, 1 / PICTURE_FPS, 1, PICTURE_FPS)
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


def named_error(path: Path, error: Exception) -> SourceError:
    """The failure by its cause: exhausted memory and a failing disk say nothing about the file."""
    if lacks_memory(error):
        return SourceError(
            "out_of_memory",
            f"{path.name}: decoding needs over {decoder_limits.MEMORY_BYTES >> 30} GiB, or this machine has too little memory left",
            "close other programs, or scale it down first",
        )
    if isinstance(error, SourceError):
        return error
    if isinstance(error, OSError) and not isinstance(error, av.error.FFmpegError):
        return SourceError("unreadable", f"{path.name}: cannot be read ({error.strerror or error})")
    # Fuzzed media raise many kinds; each means that this file cannot be read whole.
    return SourceError("damaged", f"{path.name}: cannot be decoded ({error!r})")


if __name__ == "__main__":
    main(sys.argv[1:])
