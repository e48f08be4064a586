"""Decodes a video file into frames with presentation times, in a guarded child process.

`probe` reads the header, `frames` decodes the file once and in order. Media are untrusted: the child
(`precompute.media.decoder_process`) runs under limits, and its every failure becomes a `SourceError`.
"""

# H x W pixels of a frame, C channels

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from threading import Event, Lock
from typing import IO, Any, Literal

import numpy as np

from precompute.failures import SourceError
from precompute.fork_server import IS_POSSIBLE, ForkServer
from precompute.media.sampling import Frame, Sampling, VideoInfo, require_fitting
from precompute.media.sources import Source
from precompute.sandbox import Child, Ended, Silent

DECODER = "precompute.media.decoder_process"

STALL_SECONDS = 30.0
"""Seconds without a message from the decoder (one every second) before it is ended; slow disks need some."""


def probe(source: Source, sampling: Sampling = Sampling()) -> VideoInfo:
    """Read the header and decode only the first frame.

    Raises SourceError if the file is not a supported video, contains audio only, has more pixels than
    `decoder_limits.MAX_PIXELS` or than fit at the sampling's size, or (unless tolerant) is visibly truncated.
    """
    request = {"task": "probe", "path": str(source.path.absolute()), "sampling": asdict(sampling)}
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
    first: int = 0,
    stopped: Event | None = None,
    on_damage: Callable[[str], None] = lambda what: None,
    on_note: Callable[[str], None] = lambda what: None,
) -> Generator[Frame]:
    """Decode a video once, in order, and yield its sampled frames; times are compared in whole milliseconds.

    With `channels` (1 grey, 3 RGB) the video holds 8-bit codes instead of a picture: they are never converted, resizing
    takes the nearest code, and equal sizes pass bit-exact. Raises SourceError if decoding fails, possibly after some frames:
    a clip is complete only when the iterator has ended. Closing the iterator early ends the decoder. A tolerant sampling
    ends at the first damage instead, after reporting it to `on_damage`, such as `truncated after frame 812 of the source
    (27.07 s)`. `on_note` receives, after the last frame, what was chosen, passed over and changed, such as `HLG tone-mapped to
    SDR`.

    Frames before index `first` are decoded, but come without a picture.

    Another thread can set `stopped` to end the iterator at once and without an error, even while a late start is being
    sought or no frame arrives; that end is not the end of the video.
    """
    asked = {"sampling": asdict(sampling), "channels": channels, "first": first}
    request = {"task": "frames", "path": str(path.absolute()), **asked}
    index = 0
    with closing(_ask_decoder(request, stopped)) as messages:
        for message, image in messages:
            if "damage" in message:
                on_damage(message["damage"])
            elif "note" in message:
                on_note(message["note"])
            else:
                yield Frame(image, message["pts_seconds"], index)
                index += 1


class Forks:
    """Lets this process fork its decoders from a server, whose imports they share: each still reads one source, and is then ended.
    They start in milliseconds, where a new interpreter takes a third of a second of processor time. Where that is not possible, or
    fails, decoders start as without it."""

    def __init__(self) -> None:
        self._server: ForkServer | None = None

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Within the block; its server imports meanwhile."""
        if not IS_POSSIBLE or self._server is not None:
            yield
            return
        server = ForkServer(DECODER)
        try:
            with suppress(OSError):
                server.start()
                self._server = server
            yield
        finally:
            self._server = None
            server.end()

    def child(self, stderr: IO[bytes]) -> Child:
        """A decoder. Raises OSError if none can start."""
        if self._server is not None:
            with suppress(OSError):
                return Child(DECODER, silence_seconds=STALL_SECONDS, stderr=stderr, launch=self._server.launch)
        return Child(DECODER, silence_seconds=STALL_SECONDS, stderr=stderr)


FORKS = Forks()
"""Those of this process."""


class _Decoder:
    """A decoder that waits for its one request."""

    def __init__(self) -> None:
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self.child = FORKS.child(self.stderr)
        except BaseException:
            self.stderr.close()
            raise

    def end(self) -> None:
        self.child.end()
        self.stderr.close()


class Spares:
    """Decoders that are started before they are needed, for a worker that is to answer soon: starting one takes as long as
    computing a still. Each still reads one source, and is then ended."""

    def __init__(self) -> None:
        self._waiting: list[_Decoder] = []
        self._lock = Lock()

    def fill(self, n: int) -> None:
        """Start as many as are missing to `n`. Raises OSError if one cannot start."""
        with self._lock:
            while len(self._waiting) < n:
                self._waiting.append(_Decoder())

    def take(self) -> _Decoder:
        """One that waits, or a new one. Raises OSError if that cannot start."""
        with self._lock:
            while self._waiting:
                decoder = self._waiting.pop(0)
                if not decoder.child.has_ended():
                    return decoder
                decoder.end()
        return _Decoder()

    def end(self) -> None:
        """End those that wait."""
        with self._lock:
            while self._waiting:
                self._waiting.pop().end()


SPARES = Spares()
"""Those of this process; without `fill`, there are none."""


def _ask_decoder(request: dict[str, Any], stopped: Event | None = None) -> Generator[tuple[dict[str, Any], np.ndarray]]:
    """Ask a decoder, yield its (message, uint8 array) pairs until it is done or `stopped`, and end it in any case."""
    name = Path(request["path"]).name
    decoder = SPARES.take()
    child, stderr = decoder.child, decoder.stderr
    try:
        child.ask(request)
        try:
            while (message := child.receive(stopped)) is not None and "done" not in message:
                if "alive" in message:
                    continue
                array = np.empty(message.pop("shape", [0]), np.uint8)
                child.receive_into(array.reshape(-1).data)
                yield message, array
        except Silent:
            raise SourceError("stalled", f"{name}: the decoder sent nothing for {STALL_SECONDS:.0f} s") from None
        except (Ended, ValueError, TypeError):  # the last two: no shape of an array
            raise _crash(name, child.exit_status(), stderr) from None
    finally:
        decoder.end()


def _crash(name: str, status: int | None, stderr: IO[bytes]) -> SourceError:
    if status == -signal.SIGXCPU:
        return SourceError("stalled", f"{name}: the decoder used too much processor time without decoding a frame")
    if not status:
        return SourceError("decoder_crashed", f"{name}: the decoder stopped in the middle of a message")
    stderr.seek(0)
    last_line = (stderr.read().decode(errors="replace").strip().splitlines() or ["no message"])[-1]
    ended = f"by signal {-status}" if status < 0 else f"with status {status}"
    return SourceError("decoder_crashed", f"{name}: the decoder ended {ended} ({last_line})")
