"""What a job reports while it runs: events, in order, for one source at a time."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Any, Protocol

from cache.locks import NoLocks
from cache.records import BadRecord, StoreError
from precompute.failures import FULL, KINDS, READ_ONLY, SourceError

EXHAUSTED = (errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE)
"""Error numbers of a machine that has no more memory, processes or open files to give."""


@dataclass(frozen=True)
class RunStarted:
    """The first event of a run."""

    sources: tuple[str, ...]
    """Files, URLs and clip names, in the order they are computed."""


@dataclass(frozen=True)
class Note:
    """A remark for people that needs no answer."""

    text: str


@dataclass(frozen=True)
class Started:
    """The first event of a source."""

    source: str


@dataclass(frozen=True)
class Downloading:
    """Progress of the source's download."""

    n_bytes: int
    n_total: int | None
    """None if the server does not say."""


@dataclass(frozen=True)
class Resolved:
    """The source is a file on this disk now, and its digest is known; planning begins."""


@dataclass(frozen=True)
class Planned:
    """What is left to compute for the source. Not sent if everything is stored already."""

    title: str
    clip: str
    """Key of the clip."""
    n_frames: int
    """Frames of the clip; 0 if unknown."""
    n_tracks: int
    """Tracks that were asked for."""
    n_pending: int
    """Tracks that are not complete in the store."""
    estimated_bytes: float
    """Still to be stored."""
    device: str
    """`cpu` or `cuda`."""
    dtype: str
    """Such as `bfloat16`."""
    accuracy: str
    """How far that dtype stays from float32, for people; empty for float32."""
    first_frame: int = 0
    """Where a shard begins, which computes the frames from here to before `n_frames`."""


@dataclass(frozen=True)
class Waiting:
    """Another job is writing the clip."""


@dataclass(frozen=True)
class Computing:
    """Frames computed so far. Some may not be stored yet."""

    n_frames: int
    """Including those of earlier runs."""
    n_resumed: int
    """Computed by earlier runs."""
    n_total: int | None
    """None if unknown."""


@dataclass(frozen=True)
class NodeRate:
    """How fast a node of a cluster computes."""

    node: str
    n_workers: int
    frames_per_second: float
    """Over the last seconds, of all sources."""


@dataclass(frozen=True)
class Nodes:
    """The nodes that take part in a run on a cluster."""

    rates: tuple[NodeRate, ...]


@dataclass(frozen=True)
class Estimated:
    """How long the rest of the clip takes, by the speed of its first batches. Sent once, not for clips of seconds."""

    seconds_left: float
    frames_per_second: float


@dataclass(frozen=True)
class BatchHalved:
    """The GPU's memory is full, so batches become smaller. Sent by the device's thread."""

    batch_size: int
    """Frames per run of the networks, from now on."""


@dataclass(frozen=True)
class Stored:
    """The source is done."""

    source: str
    title: str
    clip: str
    """Key of the clip."""
    n_tracks: int
    """Tracks in the store, of those asked for, with the flow of the clip and their stability."""
    n_tracks_computed: int = 0
    """Tracks completed by this run; 0 if all were stored already."""
    n_tracks_measured: int = 0
    """How many of them are flow and stability, which no network computes."""
    n_frames_computed: int = 0
    """Frames that networks computed in this run; 0 where only the stability of stored frames was missing."""
    seconds: float = 0.0
    """Computing and storing took this long."""
    n_shifts: int = 0
    """Shifts under which the source is stored too."""
    is_partial: bool = False
    """Whether frames are left to other shards, the last of which completes the clip."""


@dataclass(frozen=True)
class Failed:
    """The source cannot be computed; the run continues with the next one."""

    source: str
    error: SourceError

    @property
    def facts(self) -> dict[str, Any]:
        """The failure as reports and `run --json` spell it."""
        return {
            "code": self.error.code,
            "message": self.error.found,
            "next_step": self.error.next_step,
            "can_retry": KINDS[self.error.code].can_retry,
        }


@dataclass(frozen=True)
class RunEnded:
    """The last event of a run, also after an interruption: a source that has started and not ended was stopped."""


Event = (
    RunStarted
    | Note
    | Started
    | Downloading
    | Resolved
    | Planned
    | Waiting
    | Computing
    | Nodes
    | Estimated
    | BatchHalved
    | Stored
    | Failed
    | RunEnded
)


class Events(Protocol):
    """Where a job reports to. A sink handles the events it cares about, returns quickly and does not raise."""

    def emit(self, event: Event) -> None: ...


class Broadcast:
    """Passes events on to several sinks, in their order; to none, it drops them."""

    def __init__(self, *sinks: Events) -> None:
        self._sinks = sinks

    def emit(self, event: Event) -> None:
        for sink in self._sinks:
            sink.emit(event)


UNHEARD = Broadcast()
"""For jobs that nobody listens to."""


def name_error(source: str, error: Exception) -> SourceError:
    """Any error that stopped a source, with a code of the table."""
    if isinstance(error, SourceError):
        return error
    from consistency.zoo.explained import Explained

    code = _code(error)
    found, next_step = str(error), None
    if code in ("out_of_memory", "out_of_gpu_memory"):
        found = (error.strerror if isinstance(error, OSError) else None) or _lower(KINDS[code].cause)
    elif isinstance(error, OSError) and error.errno == errno.EFBIG:
        found = (
            f"{error.filename or 'the store'}: a file would be larger than this process may write ({error.strerror})"
        )
        next_step = "raise the limit (ulimit -f), or use a smaller --size"
    elif isinstance(error, OSError):
        found = f"{error.filename or 'the store'}: {error.strerror or found}"
    elif isinstance(error, (StoreError, BadRecord, Explained)):
        found, next_step = error.found, error.next_step
    elif code == "internal":
        found = f"{type(error).__name__}: {found}"
    return SourceError(code, f"{source}: {found}", next_step)


def _lower(sentence: str) -> str:
    """A sentence as a part of another one."""
    return sentence[0].lower() + sentence[1:].rstrip(".")


def _code(error: Exception) -> str:
    import torch

    from consistency.zoo.explained import Explained
    from consistency.zoo.networks.foreign import lacks_memory

    if isinstance(error, torch.OutOfMemoryError):
        return "out_of_gpu_memory"
    if lacks_memory(error):
        return "out_of_memory"
    if isinstance(error, Explained):
        return "bad_weights"
    if isinstance(error, OSError):
        codes = {"out_of_memory": EXHAUSTED, "disk_full": (*FULL, errno.EFBIG), "store_readonly": READ_ONLY}
        return next((code for code, numbers in codes.items() if error.errno in numbers), "bad_store")
    if isinstance(error, (StoreError, BadRecord)):
        return "no_locks" if isinstance(error, NoLocks) else "bad_store"
    return "internal"
