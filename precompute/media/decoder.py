"""How a source (file, bundled clip or URL) becomes frames with presentation times.

`resolve` finds the file, `probe` reads its header, `frames` decodes it once and in order. Media are untrusted: all
decoding happens in a child process (`precompute.decode`) under limits, whose every failure becomes a `SourceError`.
"""

# H x W pixels of an output frame, C channels

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field, replace
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from threading import Event
from typing import Any, Literal

import numpy as np

from cache.records import MAX_SIDE
from consistency.domains import get_domain
from precompute import acquire
from precompute.errors import SourceError, one_line, usual

__all__ = [
    "SAMPLES",
    "Frame",
    "Sampling",
    "Source",
    "SourceError",
    "VideoInfo",
    "bundled_clips",
    "estimate_frames",
    "frames",
    "output_size",
    "probe",
    "resolve",
]

SAMPLES = Path(__file__).parent / "sample"
"""The folder of the bundled clips: NAME.mp4, NAME.toml and the ground truth videos NAME.toml names."""

STALL_SECONDS = 30.0
"""Seconds without a sign of life from the decoder (one every second) before it is ended; slow disks need some."""

STOP_SECONDS = 0.1
"""Seconds between two looks at `stopped` while nothing comes from the decoder."""

KILL_SECONDS = 1.0
"""Seconds to wait for a killed decoder: one that hangs in a dead network drive goes only when that answers."""

MAX_CHARACTERS = {
    "title": 300,
    "url": acquire.MAX_URL_CHARACTERS,
    "author": 300,
    "licence": 300,
    "attribution": 2000,
}
"""Longest texts of a source; what is longer is cut. An attribution may have to name many authors."""

MAX_FPS = 1000
"""Times are compared in whole milliseconds, so that more would take no more frames."""

MAX_SECONDS = 1e9
"""Latest start and end, 30 years: arithmetic with them stays exact to the millisecond."""

PIPE_BYTES = 1 << 20
"""Asked size of the pipe between decoder and reader: five 256 x 256 frames, so that neither waits for each frame."""

Stamp = tuple[int, int, int, int]
"""Device, inode, bytes and time of change (ns) of a file: while they stay, so do its bytes."""


@dataclass(frozen=True)
class Source:
    """A video file on this disk and what is known about it. Texts are one line each, without control characters."""

    path: Path
    """The local file to decode."""
    sha256: str
    """Of the file's bytes, 64 hexadecimal digits."""
    title: str
    """For people; untrusted text where the source came from the network."""
    url: str | None = None
    """Where the video came from, without what may be a key; None for a file of unknown origin."""
    author: str | None = None
    """Who made it, None where unknown."""
    licence: str | None = None
    """Its licence, as an SPDX name where there is one, None where unknown."""
    attribution: str | None = None
    """The credit line the licence asks for, None where none is known."""
    truth: dict[str, Path] = field(default_factory=dict)
    """Domain name -> lossless video of 8-bit codes, frame-aligned with the source; {} where unknown."""
    stamp: Stamp | None = None
    """Of the file when it was hashed; None for a download, which has its digest for a name and is never written again."""

    def __post_init__(self) -> None:
        for name, limit in MAX_CHARACTERS.items():
            text = one_line(str(getattr(self, name) or ""))
            text = text if len(text) <= limit else text[: limit - 1] + "…"
            object.__setattr__(self, name, text or ("untitled" if name == "title" else None))


@dataclass(frozen=True)
class Sampling:
    """Which frames of a source are taken, and at what size. Times are seconds after the first frame of the file."""

    start: float = 0.0
    """First time taken, seconds."""
    end: float | None = None
    """Time at which to stop (not included), seconds; None: to the end of the file."""
    fps: float | None = None
    """Per second: for each start + k/fps the last frame with PTS <= that time, never one twice; None: every frame."""
    max_frames: int | None = None
    """Most frames taken, counted after `fps`; None: no limit."""
    size: int = 256
    """Length of the short side of the output, pixels."""
    crop: Literal["centre", "none"] = "centre"
    """`centre`: the centre square, size x size. `none`: the whole picture, long side rounded to an even number; the
    network stage pads it to its multiple and crops back."""
    is_tolerant: bool = False
    """Of a damaged or cut file, take the frames before the damage; False: refuse it."""

    def __post_init__(self) -> None:
        if not 0 <= self.start < MAX_SECONDS:
            raise ValueError(f"start is {self.start}; give seconds from 0 to {MAX_SECONDS:.0e}")
        if self.end is not None and not self.start < self.end <= MAX_SECONDS:
            raise ValueError(
                f"end is {self.end}; give seconds after start ({self.start}) up to {MAX_SECONDS:.0e}, or none"
            )
        if self.fps is not None and not 0 < self.fps <= MAX_FPS:
            raise ValueError(f"fps is {self.fps}; give frames per second > 0 and <= {MAX_FPS}, or none for every frame")
        if self.max_frames is not None and self.max_frames < 1:
            raise ValueError(f"max_frames is {self.max_frames}; give a whole number >= 1")
        if not 16 <= self.size <= 4096:
            raise ValueError(f"size is {self.size}; give 16 to 4096 pixels")
        if self.crop not in ("centre", "none"):
            raise ValueError(f"crop is {self.crop!r}; give 'centre' or 'none'")

    def rule(self) -> dict[str, Any]:
        """What a clip's key holds of it. Tolerance is named only where there is some: strict clips keep their keys."""
        fields = asdict(self)
        if not self.is_tolerant:
            del fields["is_tolerant"]
        return fields


@dataclass(frozen=True)
class VideoInfo:
    """What the header of a video states (and its first frame confirms)."""

    width: int
    """Of the picture as it is shown: after rotation, with square pixels."""
    height: int
    """Of the picture as it is shown, pixels."""
    duration_seconds: float | None
    """None where the header does not tell."""
    n_frames_estimate: int
    """Frames in the file; exact for most mp4, else duration x fps; 0 where the header does not tell."""
    fps: float
    """Mean frames per second as stated by the header; single frames of a variable-rate video may lie anywhere."""


@dataclass(frozen=True)
class Frame:
    """One sampled frame."""

    rgb: np.ndarray
    """uint8, (H, W, 3), upright, after resize and crop; for a video of codes uint8 (H, W, C)."""
    pts_seconds: float
    """Presentation time, seconds after the first frame of the file."""
    index: int
    """Number among the sampled frames, from 0."""


def resolve(
    spec: str,
    *,
    media_dir: Path,
    samples_dir: Path = SAMPLES,
    allow_loopback: bool = False,
    limits: acquire.Limits = acquire.USUAL_LIMITS,
    progress: Callable[[int, int | None], None] | None = None,
) -> Source:
    """Find the file that `spec` means: a local file, a bundled clip's name or a URL (downloaded once into `media_dir`).

    A file with a TOML sidecar of the same stem takes title, origin, licence and ground truth from it.
    `limits` hold for URLs; `progress(n_bytes, total_bytes or None)` is called while downloading. `allow_loopback`, or the environment's
    CROSSCHECK_ALLOW_LOOPBACK=1, lets a URL lead to this machine, for tests. Raises SourceError, and OSError where this
    machine is at fault.
    """
    if acquire.looks_like_url(spec):
        download = acquire.fetch(spec, media_dir, allow_loopback=allow_loopback, limits=limits, progress=progress)
        address = acquire.shown_url(download.url)
        return Source(
            download.path, download.sha256, download.title, address, download.author, download.licence, None, {}
        )
    path = _local_file(spec, samples_dir)
    sha256, stamp = fingerprint(path)
    return replace(_with_sidecar(path, sha256), stamp=stamp)


def bundled_clips(samples_dir: Path = SAMPLES) -> list[str]:
    """The names of the clips that come with the program."""
    return sorted(path.stem for path in samples_dir.glob("*.mp4") if path.with_suffix(".toml").is_file())


def _local_file(spec: str, samples_dir: Path) -> Path:
    """The readable file that a path or a bundled clip's name means; a path wins."""
    names = bundled_clips(samples_dir)
    shown = spec if spec.isprintable() and len(spec) <= 200 else repr(spec[:200])
    expected = f"give a video file, a URL or a bundled clip ({', '.join(names) or 'none found'})"
    try:
        path = Path(spec).expanduser()
        if spec in names and not path.is_file():
            path = samples_dir / f"{spec}.mp4"
        if not path.exists():
            raise SourceError("not_found", f"{shown}: no such file; {expected}")
        if not path.is_file():
            raise SourceError("unreadable", f"{shown}: not a regular file; {expected}")
        with path.open("rb") as file:
            if not file.read(1):
                raise SourceError("empty", f"{shown}: the file is empty (0 bytes); copy it here again, or {expected}")
    except (OSError, ValueError, RuntimeError) as error:  # ValueError: a NUL byte; RuntimeError: ~ of an unknown user
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SourceError(
            "unreadable", f"{shown}: cannot be read ({reason}); check the name and its permissions"
        ) from None
    return path


def _with_sidecar(path: Path, sha256: str) -> Source:
    sidecar = path.with_suffix(".toml")
    if not sidecar.is_file():
        return Source(path, sha256, title=path.stem)
    try:
        entries = tomllib.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # ValueError: TOML or UTF-8
        raise SourceError(
            "bad_sidecar", f"{sidecar}: not a readable TOML file ({error}); mend it or move it away"
        ) from None

    def text(key: str) -> str | None:
        return str(entries[key]) if key in entries else None

    return Source(
        path,
        sha256,
        title=text("title") or path.stem,
        url=text("source"),
        author=text("author"),
        licence=text("licence"),
        attribution=text("attribution"),
        truth=_truth(entries.get("truth", {}), sidecar),
    )


def _truth(table: Any, sidecar: Path) -> dict[str, Path]:
    """Our name of the domain -> file beside the sidecar; a sidecar can be anyone's, so no path leads elsewhere."""
    if not isinstance(table, dict):
        raise SourceError(
            "bad_sidecar", f"{sidecar}: 'truth' must be a table of domain = \"file\"; mend it or move it away"
        )
    truth: dict[str, Path] = {}
    for key, name in table.items():
        try:
            domain = get_domain(key).name
        except ValueError as error:  # names the known ones
            raise SourceError("bad_sidecar", f"{sidecar}: in [truth]: {error}; mend or remove the line") from None
        if domain in truth:
            raise SourceError("bad_sidecar", f"{sidecar}: two truths of {domain}; remove one of the lines")
        is_bare = isinstance(name, str) and name not in ("", ".", "..") and not set(name) & set("/\\\0")
        if not is_bare:
            raise SourceError(
                "bad_sidecar",
                f"{sidecar}: truth of {key} is {str(name)[:200]!r}; give the bare name of a file beside the sidecar",
            )
        if not sidecar.with_name(name).is_file():
            raise SourceError(
                "bad_sidecar", f"{sidecar}: truth of {key} names {name!r}, no such file; mend or remove the line"
            )
        truth[domain] = sidecar.with_name(name)
    return truth


def fingerprint(path: Path) -> tuple[str, Stamp]:
    """The SHA-256 of a file's bytes, and its stamp from before they were read. Raises SourceError."""
    try:
        stamp = _stamp(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), stamp
    except OSError as error:
        raise usual("unreadable", f"{path}: cannot be read to its end ({error.strerror})") from None


def require_unchanged(path: Path, stamp: Stamp) -> None:
    """Raise SourceError where the file of that name is not, or no longer holds, what was hashed."""
    try:
        is_same = _stamp(path) == stamp
    except FileNotFoundError:
        is_same = False
    except OSError as error:
        raise usual("unreadable", f"{path}: cannot be looked at ({error.strerror})") from None
    if not is_same:
        raise usual("changed", f"{path}: is no longer the file that it was when the job began with it")


def _stamp(path: Path) -> Stamp:
    stat = path.stat()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def probe(source: Source, sampling: Sampling = Sampling()) -> VideoInfo:
    """Read the header, and decode the first frame only. Raises SourceError for what is no video this program reads:
    another format, audio only, more pixels than `decode.MAX_PIXELS`, or than fit at that size, and (unless tolerant) a
    file cut short as far as its sizes tell."""
    request = {"task": "probe", "path": str(source.path.absolute()), "is_tolerant": sampling.is_tolerant}
    with closing(_ask_decoder(request)) as messages:
        for message, _ in messages:
            info = VideoInfo(**message)
            require_fitting(source.path.name, info, sampling)
            return info
    raise AssertionError("the decoder answers a probe or fails")


def require_fitting(name: str, info: VideoInfo, sampling: Sampling) -> None:
    """Refuse a picture so narrow (or of pixels so oblong) that it is longer than `MAX_SIDE` at the sampling's size."""
    short_side, long_side = sorted((info.width, info.height))
    if not short_side or long_side * sampling.size > MAX_SIDE * short_side:
        raise SourceError(
            "too_large",
            f"{name}: a picture of {info.width} x {info.height} square pixels is over {MAX_SIDE} long where its short "
            f"side is {sampling.size}; give a smaller --size, or cut the video to a wider shape",
        )


def estimate_frames(info: VideoInfo, sampling: Sampling) -> int:
    """About how many frames `frames` will give; 0 where the header does not tell and nothing limits them."""
    takes_all = sampling.fps is None and sampling.start == 0 and sampling.end is None
    if takes_all and info.n_frames_estimate:  # what the header counts; with a variable rate, the duration tells less
        return min(info.n_frames_estimate, sampling.max_frames or info.n_frames_estimate)
    duration = info.duration_seconds if info.duration_seconds is not None else info.n_frames_estimate / info.fps
    end = min(duration, sampling.end) if sampling.end is not None else duration
    rate = min(info.fps, sampling.fps) if sampling.fps is not None else info.fps
    n_frames = math.ceil(max(0.0, end - sampling.start) * rate - 1e-6)
    if sampling.fps is None:
        n_frames = min(n_frames, info.n_frames_estimate)
    return n_frames if sampling.max_frames is None else min(n_frames, sampling.max_frames)


def output_size(info: VideoInfo, sampling: Sampling) -> tuple[int, int]:
    """Height and width of the frames, pixels."""
    if sampling.crop == "centre":
        return sampling.size, sampling.size
    short_side = min(info.width, info.height)
    height, width = (
        sampling.size if side == short_side else 2 * round(side * sampling.size / short_side / 2)
        for side in (info.height, info.width)
    )
    return height, width


def frames(
    path: Path,
    sampling: Sampling = Sampling(),
    *,
    channels: Literal[1, 3] | None = None,
    stopped: Event | None = None,
    on_damage: Callable[[str], None] = lambda what: None,
) -> Generator[Frame]:
    """Decode a video once, in order, and give its sampled frames; times are compared in whole milliseconds.

    With `channels` (1 grey, 3 RGB) the video holds 8-bit codes instead of a picture: they are never converted, a resize
    takes the nearest, and equal sizes pass bit-exact. Raises SourceError where decoding fails, also after some frames:
    the caller must not call a clip complete before the iterator has ended. Ending it early ends the decoder. A tolerant
    sampling ends at the first damage instead, after telling `on_damage`, such as `truncated after frame 812 of the
    source (27.07 s)`.

    Another thread sets `stopped` to end the iterator at once and without an error, also while a late start is being
    sought or nothing comes at all: whoever sets it must not take that end for the end of the video.
    """
    request = {"task": "frames", "path": str(path.absolute()), "sampling": asdict(sampling), "channels": channels}
    index = 0
    with closing(_ask_decoder(request, stopped)) as messages:
        for message, image in messages:
            if "damage" in message:
                on_damage(message["damage"])
            else:
                yield Frame(image, message["pts_seconds"], index)
                index += 1


# --- the decoder's side of the pipe is precompute/decode.py ---


def _decoder_command(write_handle: int, request: dict[str, Any]) -> list[str]:
    return [sys.executable, "-P", "-m", "precompute.decode", str(write_handle), json.dumps(request)]


def _start_decoder(write_handle: int, request: dict[str, Any], stderr: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        _decoder_command(write_handle, request),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        env=child_environment(),
        pass_fds=[write_handle],
        start_new_session=True,  # Ctrl-C is the parent's to answer: it may finish its pack first
    )


def _ask_decoder(request: dict[str, Any], stopped: Event | None = None) -> Generator[tuple[dict[str, Any], np.ndarray]]:
    """Start a decoder, yield its (message, image) pairs until it is done or `stopped`, and end it in any case."""
    name = Path(request["path"]).name
    receiver, sender = Pipe(duplex=False)
    _enlarge(receiver)
    with receiver, tempfile.TemporaryFile() as stderr:
        with sender:
            process = _start_decoder(sender.fileno(), request, stderr)
        try:
            while (message := _receive(receiver, name, stopped)) is not None:
                if "code" in message:
                    raise SourceError(message["code"], message["message"])
                if message.get("done"):
                    return
                if message.get("alive"):
                    continue
                image = np.empty(message.pop("shape", [0]), np.uint8)
                if image.size and receiver.recv_bytes_into(image.reshape(-1)) != image.size:  # takes flat buffers only
                    raise EOFError
                yield message, image
            process.wait(timeout=STALL_SECONDS)
            raise _crash(name, process.returncode, stderr)
        except (OSError, EOFError, ValueError, subprocess.TimeoutExpired):
            raise SourceError(
                "decoder_crashed", f"{name}: the decoder stopped in the middle of a message; {_REENCODE}"
            ) from None
        finally:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=KILL_SECONDS)


_REENCODE = "try another copy, or re-encode it: ffmpeg -i INPUT -c:v libx264 -an OUTPUT.mp4"


def _receive(receiver: Connection, name: str, stopped: Event | None) -> dict[str, Any] | None:
    """The next message, or `done` once stopped; None when the decoder has gone."""
    deadline = time.monotonic() + STALL_SECONDS
    is_ready = False
    while not is_ready:
        if stopped is not None and stopped.is_set():
            return {"done": True}
        if time.monotonic() > deadline:
            raise SourceError(
                "stalled", f"{name}: no sign of life from the decoder for {STALL_SECONDS:.0f} s; {_REENCODE}"
            )
        is_ready = receiver.poll(STOP_SECONDS)
    try:
        return json.loads(receiver.recv_bytes())
    except EOFError:
        return None


def _crash(name: str, returncode: int, stderr: Any) -> SourceError:
    if returncode == -signal.SIGXCPU:
        return SourceError("stalled", f"{name}: the decoder has computed too long without one frame; {_REENCODE}")
    stderr.seek(0)
    last_line = (stderr.read().decode(errors="replace").strip().splitlines() or ["no message"])[-1]
    ended = f"by signal {-returncode}" if returncode < 0 else f"with status {returncode}"
    return SourceError("decoder_crashed", f"{name}: the decoder ended {ended} ({last_line}); {_REENCODE}")


def _enlarge(receiver: Connection) -> None:
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # over the user's limit for pipes: slower, not wrong
            fcntl.fcntl(receiver.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def child_environment() -> dict[str, str]:
    """What a process that decodes is started with."""
    root = str(Path(__file__).parent.parent)
    python_path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    # Each malloc arena and each BLAS thread reserves address space, which the decoder's memory limit counts.
    return os.environ | {"PYTHONPATH": python_path, "MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1"}
