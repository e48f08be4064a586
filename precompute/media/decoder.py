"""How a source (file, bundled clip or URL) becomes frames with presentation times.

`resolve` finds the file, `probe` reads its header, `frames` decodes it once and in order. Media are untrusted: all
decoding happens in a child process (`precompute.media.decoder_process`) under limits, whose every failure becomes a `SourceError`.
"""

# H x W pixels of an output frame, C channels

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import asdict
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from threading import Event
from typing import Any, Literal

import numpy as np

from precompute.failures import SourceError
from precompute.media.sampling import Frame, Sampling, VideoInfo, require_fitting
from precompute.media.sources import Source

STALL_SECONDS = 30.0
"""Seconds without a sign of life from the decoder (one every second) before it is ended; slow disks need some."""

STOP_SECONDS = 0.1
"""Seconds between two looks at `stopped` while nothing comes from the decoder."""

KILL_SECONDS = 1.0
"""Seconds to wait for a killed decoder: one that hangs in a dead network drive goes only when that answers."""

PIPE_BYTES = 1 << 20
"""Asked size of the pipe between decoder and reader: five 256 x 256 frames, so that neither waits for each frame."""


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


# --- the decoder's side of the pipe is decoder_process.py ---


def _decoder_command(write_handle: int, request: dict[str, Any]) -> list[str]:
    return [sys.executable, "-P", "-m", "precompute.media.decoder_process", str(write_handle), json.dumps(request)]


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
    root = str(Path(__file__).parents[2])
    python_path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    # Each malloc arena and each BLAS thread reserves address space, which the decoder's memory limit counts.
    return os.environ | {"PYTHONPATH": python_path, "MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1"}
