"""Files that play everywhere although something in them is unusual, and the frames that each of them shows.

Each maker writes one kind, from pictures that carry their number, and returns the numbers that must be shown, in order.
"""

# H x W pixels

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

from precompute.media.containers.truncation import TS_PACKET_BYTES
from tests.fixtures import media

Random = np.random.Generator
Made = tuple[Path, list[int]]

B_FRAMES = {"bf": "2", "g": "8"}
HEVC = {"x265-params": f"{media.QUIET_X265}:keyint=8:min-keyint=8:scenecut=0:open-gop=0"}
ODD_BOXES = (
    b"beam",
    b"loop",
    b"thum",
    b"_htc",
    b"frea",
    b"pdin",
    b"GPS ",
    b"sefd",
    b"emsg",
    b"prft",
    b"iods",
    b"\xa9xyz",
    b"zzzz",
)


def _pick(random: Random, choices: Any) -> Any:
    return choices[int(random.integers(len(choices)))]


def _write(folder: Path, name: str, n_frames: int, first: int = 0, **how: Any) -> Path:
    def picture(number: int, height: int, width: int) -> np.ndarray:
        return media.numbered_picture(first + number, height, width)

    return media.write_video(folder / name, n_frames, picture=picture, **how)


def _length(random: Random) -> int:
    return int(random.integers(20, 60))


# --- boxes ---


def odd_boxes(folder: Path, random: Random) -> Made:
    """Boxes that no list knows before the index of an mp4, one of them perhaps with a size of 64 bits."""
    n_frames = _length(random)
    path = _write(folder, f"boxes.{_pick(random, ['mp4', 'mov', '3gp'])}", n_frames, options=B_FRAMES)
    content = path.read_bytes()
    place = content.index(b"moov") - 4
    path.write_bytes(
        content[:place] + b"".join(_odd_box(random) for _ in range(random.integers(1, 6))) + content[place:]
    )
    return path, list(range(n_frames))


def _odd_box(random: Random) -> bytes:
    kind = _pick(random, ODD_BOXES) if random.random() < 0.5 else random.bytes(4)
    content = random.bytes(int(random.integers(0, 200)))
    if random.random() < 0.3:
        return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content
    return struct.pack(">I4s", 8 + len(content), kind) + content


def junk_behind(folder: Path, random: Random) -> Made:
    """Zeros, text or noise behind the last box or element, or a last box that reaches to the end of the file."""
    n_frames = _length(random)
    suffix = str(_pick(random, ["mp4", "mov", "mkv", "webm", "avi"]))
    codec = {"webm": "libvpx", "avi": "mpeg4"}.get(suffix, "libx264")
    faststart = {"movflags": "faststart"} if suffix in ("mp4", "mov") and random.random() < 0.5 else {}
    path = _write(folder, f"junk.{suffix}", n_frames, codec=codec, container_options=faststart)
    content = path.read_bytes()
    if faststart and random.random() < 0.5:
        place = content.index(b"mdat") - 4
        content = content[:place] + bytes(4) + content[place + 4 :]
        path.write_bytes(content)
    else:
        n_bytes = int(random.integers(1, 3000))
        path.write_bytes(
            content + _pick(random, [bytes(n_bytes), b"LYRICSBEGIN " * (n_bytes // 12 + 1), b"\n" * n_bytes])
        )
    return path, list(range(n_frames))


# --- several streams ---


def cover_first(folder: Path, random: Random) -> Made:
    """A picture or a small preview that is stored before the video."""
    n_frames = _length(random)
    path = folder / f"cover.{_pick(random, ['mp4', 'mov', 'mkv'])}"
    video = _write(folder, "video.mp4", n_frames, options=B_FRAMES)
    if random.random() < 0.5:
        side = int(_pick(random, [32, 320]))
        other = _write(folder, "cover.avi", 1, 100, codec="mjpeg", pix_fmt="yuvj420p", height=side, width=side)
    else:
        other = _write(folder, "preview.mp4", n_frames, 100, height=32, width=32)
    with av.open(str(path), "w") as made, av.open(str(other)) as first, av.open(str(video)) as second:
        sources = [first, second]
        streams = [made.add_stream_from_template(source.streams.video[0]) for source in sources]
        streams[0].disposition = Disposition(0)  # type: ignore[assignment]
        streams[1].disposition = Disposition.default  # type: ignore[assignment]
        for source, stream in zip(sources, streams, strict=True):
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    made.mux(packet)
    return path, list(range(n_frames))


# --- cuts and joins without encoding again ---


def cut_at_key(folder: Path, random: Random) -> Made:
    """A part taken out at a key frame; behind an open one, the frames that refer to what is gone are not shown."""
    n_frames = _length(random) + 10
    is_open = random.random() < 0.7
    options = {"bf": "3", "g": "6", "x264-params": media.OPEN_GOP} if is_open else B_FRAMES
    whole = _write(folder, "whole.mp4", n_frames, options=options)
    suffixes = ["mkv", "mp4"] if is_open else ["mkv", "mp4", "ts"]  # ts: only IDR frames come with their parameters
    path = folder / f"cut.{_pick(random, suffixes)}"
    with av.open(str(whole)) as source:
        packets = [packet for packet in source.demux(video=0) if packet.dts is not None]
        tick = source.streams.video[0].time_base * 30
        keys = [at for at, packet in enumerate(packets) if packet.is_keyframe]
        start = keys[int(random.integers(1, len(keys) - 1))]
        number = round(packets[start].pts * tick)
        with av.open(str(path), "w") as made:
            stream = made.add_stream_from_template(source.streams.video[0])
            first_dts = packets[start].dts
            for packet in packets[start:]:
                packet.pts, packet.dts, packet.stream = packet.pts - first_dts, packet.dts - first_dts, stream
                made.mux(packet)
    return path, list(range(number, n_frames))


TRANSPORT: dict[str, dict[str, Any]] = {
    "h264": {"options": {**B_FRAMES, "sc_threshold": "0"}},
    "hevc": {"codec": "libx265", "options": HEVC},
    "mpeg2": {"codec": "mpeg2video", "options": {"bf": "2", "g": "8", "sc_threshold": "1000000000", "flags": "+cgop"}},
}


def mid_gop(folder: Path, random: Random) -> Made:
    """A transport stream as a recorder makes it that was switched on between two key frames."""
    n_frames = _length(random)
    path = _write(folder, "late.ts", n_frames, **TRANSPORT[str(_pick(random, list(TRANSPORT)))])
    data = path.read_bytes()
    number, place = _second_key(path)
    tables = 3 * TS_PACKET_BYTES  # how the streams are laid out
    start = int(random.integers(3, max(4, place // TS_PACKET_BYTES))) * TS_PACKET_BYTES
    path.write_bytes(data[:tables] + data[min(start, place) :])
    return path, list(range(number, n_frames)) if start > _first_packets(data) else list(range(n_frames))


def _second_key(path: Path) -> tuple[int, int]:
    """Number and place in the file of the second key frame."""
    with av.open(str(path)) as source:
        packets = [packet for packet in source.demux(video=0) if packet.dts is not None and packet.pts is not None]
    first = min(packet.pts for packet in packets)
    second = [packet for packet in packets if packet.is_keyframe][1]
    return round((second.pts - first) * 30 / 90_000), second.pos


def _first_packets(data: bytes) -> int:
    """Where the first packet of the first frame begins: cut before it, nothing is lost."""
    starts = (at for at in range(0, len(data), TS_PACKET_BYTES) if data[at + 1] & 0x40 and _is_video(data[at:]))
    return next(starts)


def _is_video(packet: bytes) -> bool:
    return (packet[1] & 0x1F) << 8 | packet[2] == 0x100


def joined(folder: Path, random: Random) -> Made:
    """Recordings one behind the other: the clock and the counters start again."""
    suffix = str(_pick(random, ["ts", "ts", "mpg"]))
    kinds = list(TRANSPORT) if suffix == "ts" else ["mpeg2"]
    how = TRANSPORT[str(_pick(random, kinds))]
    numbers: list[int] = []
    data = b""
    for part in range(int(random.integers(2, 4))):
        n_frames = int(random.integers(12, 40))
        data += _write(folder, f"part.{suffix}", n_frames, 60 * part, **how).read_bytes()
        numbers += range(60 * part, 60 * part + n_frames)
    path = folder / f"joined.{suffix}"
    path.write_bytes(data)
    return path, numbers


def odd_counters(folder: Path, random: Random) -> Made:
    """Continuity counters that start again somewhere, or that a writer never counts."""
    n_frames = _length(random)
    path = _write(folder, "counters.ts", n_frames, **TRANSPORT[str(_pick(random, list(TRANSPORT)))])
    data = bytearray(path.read_bytes())
    n_packets = len(data) // TS_PACKET_BYTES
    start = int(random.integers(n_packets))
    is_constant, shift = random.random() < 0.3, int(random.integers(1, 16))
    for at in range(start * (not is_constant) * TS_PACKET_BYTES, len(data), TS_PACKET_BYTES):
        counter = 0 if is_constant else (data[at + 3] + shift) & 0x0F
        data[at + 3] = data[at + 3] & 0xF0 | counter
    path.write_bytes(data)
    return path, list(range(n_frames))


# --- times ---


def equal_times(folder: Path, random: Random) -> Made:
    """Some frames have the time of the one before."""
    n_frames = _length(random)
    suffix = str(_pick(random, ["mkv", "webm", "mp4", "ts"]))
    codec = "libvpx" if suffix == "webm" else "libx264"
    times = [round(1000 * number / 30) for number in range(n_frames)]
    for number in random.integers(1, n_frames - 1, 3):
        times[number] = times[number - 1]
    times = np.maximum.accumulate(times).tolist()
    coded = _write(folder, f"plain.{'webm' if suffix == 'webm' else 'mp4'}", n_frames, codec=codec, options={"bf": "0"})
    path = folder / f"equal.{suffix}"
    with av.open(str(coded)) as source, av.open(str(path), "w") as made:
        stream = made.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.dts is not None]
        for number, packet in enumerate(packets):
            # mp4 knows no equal decoding times: there they rise, and the presentation waits
            packet.time_base = Fraction(1, 1000)
            packet.pts, packet.dts = times[number] + 100, (times[number] if suffix in ("mkv", "webm") else number)
            packet.stream = stream
            made.mux(packet)
    return path, list(range(n_frames))


# --- data beside the picture ---


def odd_messages(folder: Path, random: Random) -> Made:
    """Messages in H.264 (SEI) and segments in JPEG (APPn) whose content nobody understands."""
    n_frames = _length(random)
    is_jpeg = random.random() < 0.5
    how: dict[str, Any] = {"codec": "mjpeg", "pix_fmt": "yuvj420p"} if is_jpeg else {"options": B_FRAMES}
    coded = _write(folder, "plain.mp4", n_frames, **how)
    path = folder / "messages.mkv"
    with av.open(str(coded)) as source, av.open(str(path), "w") as made:
        stream = made.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is None:
                continue
            data = bytes(packet)
            if random.random() < 0.5:
                data = _with_segment(data, random) if is_jpeg else _with_message(data, random)
            changed = av.Packet(data)
            changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
            changed.is_keyframe, changed.stream = packet.is_keyframe, stream
            made.mux(changed)
    return path, list(range(n_frames))


def _with_segment(data: bytes, random: Random) -> bytes:
    content = random.bytes(int(random.integers(1, 100)))
    marker = 0xE2 + int(random.integers(12))
    return data[:2] + bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content + data[2:]


def _with_message(data: bytes, random: Random) -> bytes:
    """A SEI of a type that is not defined, with a length that it does not have."""
    content = bytes([6, int(random.integers(160, 250)), int(random.integers(1, 200))]) + b"\x55" * int(
        random.integers(1, 60)
    )
    return struct.pack(">I", len(content) + 1) + content + b"\x80" + data


MAKERS: dict[str, Callable[[Path, Random], Made]] = {
    make.__name__.replace("_", " "): make
    for make in (
        odd_boxes,
        junk_behind,
        cover_first,
        cut_at_key,
        mid_gop,
        joined,
        odd_counters,
        equal_times,
        odd_messages,
    )
}
"""Kind -> what writes one: (an empty folder, random numbers) -> the file and its numbers."""
