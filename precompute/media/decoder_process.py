"""The child process that decodes untrusted media under limits: `python -m precompute.media.decoder_process READ WRITE`.

It imports neither torch nor anything else that starts slowly. Strict: a file that is truncated or damaged, as far as the
decoder can know, is refused. Tolerant: its frames up to the first damage are used, and the damage is reported.
"""

# H x W pixels, C channels

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from itertools import chain, islice
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
from precompute.media.containers.facts import Crop
from precompute.media.containers.truncation import refuse_cut_file
from precompute.media.damage import RESCUE, Beginning, Complaints, Evidence, damaged
from precompute.media.decoder_limits import allow_more_cpu, lacks_memory, limit_decoder
from precompute.media.open_video import Video, opened
from precompute.media.picture_frames import NO_PICTURE, pictures_of, sampled_pictures
from precompute.media.pictures.geometry import display_matrix, is_turned, picture, pixel_aspect
from precompute.media.pictures.look import Look, look_of
from precompute.media.sampling import Sampling, VideoInfo, output_size
from precompute.media.timeline import FrameTimes, chosen, frame_seconds, mean_rate
from precompute.sandbox import Parent
from precompute.text import count

MAX_MISSING = 0.02
"""Share of the frames that the header states and the file may lack: decoders drop a few at open ends."""


STATED_ENDS = ("matroska,webm", "flv", "asf")
"""Formats whose header states when the last frame ends, and not how many there are."""
NO_FRAME = "copy or download it again: no frame of this copy can be decoded"
"""The next step for a damaged file where --tolerant would not help."""


def main(arguments: list[str]) -> None:
    """Serve one request; report whatever happens in one message."""
    parent = Parent(arguments)
    request = next(parent.requests(), None)
    if request is None:  # a spare one whose parent has ended
        return
    path = Path(request["path"])

    def report_alive() -> None:
        allow_more_cpu()
        parent.send({"alive": True})

    def report(what: str, text: str) -> None:
        parent.send({what: text})

    sampling = Sampling(**request["sampling"])
    try:
        limit_decoder()
        logging.restore_default_callback()  # to standard error, which `File` reads
        logging.set_libav_level(logging.ERROR)
        if request["task"] == "probe":
            parent.send(asdict(probe(path, sampling, report)))
        else:
            for pts_seconds, image in sampled(
                path, sampling, request["channels"], report_alive, report, request["first"]
            ):
                flat = image.reshape(-1)  # a pipe takes flat buffers only; reshape copies if it must
                parent.send({"pts_seconds": pts_seconds, "shape": image.shape}, flat.data)
        parent.send({"done": True})
    except Exception as error:
        parent.fail(without_empty_promise(path, named_error(path, error), sampling))
    os._exit(0)  # skips the tear-down of libraries which a damaged file may have left in disorder


def probe(path: Path, sampling: Sampling, report: Callable[[str, str], None] = lambda what, text: None) -> VideoInfo:
    """The header and the first frame."""
    if (clip := pictures_of(path, sampling, report)) is not None:
        return clip.info
    with opened(path, sampling.is_tolerant) as video:
        for first, _ in decoded(video, Remarks()):
            return describe(video, first, look_of(path, first, video.crop))
    raise SourceError("no_video", f"{path.name}: the video stream contains no frame", RESCUE)


def sampled(
    path: Path,
    sampling: Sampling,
    channels: int | None,
    report_alive: Callable[[], None],
    report: Callable[[str, str], None],
    first: int = 0,
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (pts_seconds, uint8 (H, W, C)) of the sampled frames, those before index `first` without a picture (0,); call
    `report_alive` about once a second.

    A tolerant sampling ends at the first damage and reports it as `damage`; a strict one raises SourceError. What was
    chosen, changed and passed over is reported at the end, each as a `note`.
    """
    if channels is None and (clip := pictures_of(path, sampling, report)) is not None:
        yield from sampled_pictures(clip, sampling, report_alive, report, first)
        return
    converter = VideoReformatter()  # one for all: a frame's own lives, threads and all, until the garbage is collected
    size: tuple[int, int] | None = None
    remarks, look = Remarks(), Look()
    with opened(path, sampling.is_tolerant) as video:
        source = decoded(video, remarks)
        if sampling.is_tolerant:
            source = up_to_damage(path, source, lambda what: report("damage", what))
        if (beginning := next(source, None)) is not None:
            look = look_of(path, beginning[0], video.crop)
            source = chain([beginning], source)
        taken = chosen(source, sampling, report_alive, lambda frame: frame_seconds(frame, video.stream))
        for index, (frame, pts_seconds) in enumerate(islice(taken, sampling.max_frames)):
            if size is None:
                size = output_size(describe(video, frame, look), sampling)
            if index < first:
                yield pts_seconds, NO_PICTURE
                continue
            aspect = pixel_aspect(video.stream)
            yield pts_seconds, picture(path, frame, converter, sampling, size, channels, aspect, look)
    for note in (*video.notes, *(look.notes if channels is None else ()), *remarks.texts()):
        report("note", note)


def without_empty_promise(path: Path, error: SourceError, sampling: Sampling) -> SourceError:
    """The failure, which advises --tolerant only if a tolerant reading finds a frame, and calls a cut file cut."""
    try:
        if sampling.is_tolerant and error.code in ("bad_media", "no_video"):
            refuse_cut_file(path)
        if error.next_step != KINDS[error.code].next_step or error.code not in ("truncated", "damaged"):
            return error
        if not sampling.is_tolerant:
            probe(path, replace(sampling, is_tolerant=True))
            return error
    except SourceError as cut:
        error = cut if sampling.is_tolerant else error
    except (
        Exception
    ):  # the bindings of FFmpeg raise anything on a damaged file; the failure that is known already counts
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


class Remarks:
    """What decoding passed over and changed, for people; complete once the frames are."""

    def __init__(self) -> None:
        self.times: FrameTimes | None = None
        self.beginnings: list[Beginning] = []
        self.complaints: Complaints | None = None
        self.ending = ""
        """What the header states of the end, where the frames end before it."""

    def texts(self) -> list[str]:
        n_passed = sum(beginning.n_passed for beginning in self.beginnings)
        passed = f"{count(n_passed, 'frame')} before the first whole one left out" if n_passed else ""
        times = self.times.notes() if self.times else ()
        complaints = self.complaints.notes() if self.complaints else ()
        return [text for text in (passed, *times, *complaints, self.ending) if text]


def decoded(video: Video, remarks: Remarks) -> Iterator[tuple[Any, float]]:
    """Every frame in order of presentation with its seconds after the first; raises SourceError at the end of a truncated file.

    Frames come when the packet after theirs has been read, the last ones after that check: where a file is cut, the last
    packet may be incomplete, and some of the frames that the decoder still held may be missing.
    """
    file, path = video.file, video.path
    times = remarks.times = FrameTimes(video.container, video.stream)
    codec_name = video.stream.codec_context.name
    beginnings = remarks.beginnings  # one for each of the joined recordings; those after `n_begun` are to come
    beginnings.append(Beginning(codec_name))
    n_begun = 1
    frame_ticks = 1 / mean_rate(video.stream) / video.stream.time_base
    evidence = Evidence(video.container.format.name, codec_name, frame_ticks)
    remarks.complaints = evidence.complaints
    waiting: list[tuple[Any, float]] = []

    def require(lost: str | None) -> None:
        if lost is not None:
            raise damaged(path, times.n_frames, lost)

    def require_intact() -> None:
        file.require_intact_reads()
        require(evidence.complaints.lost_data(beginnings[-1].has_begun))

    try:
        for packet in video.container.demux(video.stream):
            require_intact()
            if packet.size or packet.dts is not None:  # else it asks for the last frames
                require(evidence.in_packet(packet))
                yield from waiting
                waiting = []
                if starts_again := times.note_packet(packet):
                    beginnings.append(Beginning(codec_name, is_first=False))
                evidence.note_packet(packet, starts_again)
                beginnings[-1].note_packet(packet)
            frames = decoded_packet(packet, beginnings[-1])
            require_intact()
            for frame in frames:
                is_next = n_begun < len(beginnings) and (frame.pts is None or times.starts_again(frame))
                n_begun += is_next and frame.pts is not None
                if beginnings[n_begun - 1 + (is_next and frame.pts is None)].passes(frame):
                    continue
                require(evidence.in_frame(frame))
                waiting.append((frame, times.seconds(path, frame)))
    except av.error.FFmpegError as error:
        file.require_intact_reads()
        if lacks_memory(error):
            raise MemoryError from None
        raise damaged(path, times.n_frames, error.strerror) from None
    require_intact()
    require(evidence.at_end())
    refuse_cut_file(path)  # known from the start, unless tolerant
    n_passed = sum(beginning.n_passed for beginning in beginnings)
    if n_passed and not times.n_frames:
        raise damaged(path, 0, "no frame can be decoded whole")
    refuse_missing_frames(
        path, video.stream, times.n_frames + n_passed + evidence.n_cut_away, times.last_end - times.first
    )
    remarks.ending = early_end(video, times)
    yield from waiting


def decoded_packet(packet: Any, beginning: Beginning) -> list[Any]:
    """The frames that come out when a packet goes in; none if it belongs to those before the first key frame and fails."""
    try:
        return packet.decode()
    except av.error.InvalidDataError as error:
        if lacks_memory(error) or not beginning.passes_failure():
            raise
        return []


def refuse_missing_frames(path: Path, stream: Any, n_frames: int, shown_ticks: int) -> None:
    """Raise SourceError if both the count and the duration fall short. `n_frames` were shown, passed over or left out by an
    edit list; those behind its end are not known."""
    lacks_frames = n_frames < min(stream.frames - 1, stream.frames * (1 - MAX_MISSING))
    lacks_time = not stream.duration or shown_ticks < stream.duration * (1 - MAX_MISSING)
    if lacks_frames and lacks_time:
        raise SourceError("truncated", f"{path.name}: truncated: {n_frames} frames, the header states {stream.frames}")


def early_end(video: Video, times: FrameTimes) -> str:
    """A remark where a file of one stream ends before the end that its header states. Only a remark: some writers count what
    they have left out, and in files of several streams another one may be longer."""
    container = video.container
    if container.format.name not in STATED_ENDS or len(container.streams) > 1 or not container.duration:
        return ""
    stated, tick = container.duration / av.time_base, float(video.stream.time_base)
    end = times.last_end * tick
    if stated - end <= max(MAX_MISSING * stated, 2 * times.longest * tick):
        return ""
    return f"the header states an end at {stated:.2f} s, the last frame ends at {end:.2f} s"


def describe(video: Video, first: Any, look: Look) -> VideoInfo:
    """What the header and the first frame state."""
    container, stream, crop = video.container, video.stream, look.crop or Crop()
    width, height = first.width - crop.left - crop.right, first.height - crop.top - crop.bottom
    width = min(round(width * pixel_aspect(stream)), 10**9)
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
    reading = " ".join(
        part for part in (f"stream={video.n_streams_before}" * bool(video.n_streams_before), look.key) if part
    )
    return VideoInfo(width, height, duration, n_frames, fps, reading)


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
