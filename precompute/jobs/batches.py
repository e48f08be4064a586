"""Reads the frames of a clip in batches, in a thread that decodes ahead of the networks."""

# N frames, C channels, H x W pixels

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Literal

import numpy as np

from analysis.shifts import Shift
from consistency.domains import get_domain
from precompute.failures import SourceError
from precompute.media import decoder
from precompute.media.sampling import Frame, Sampling
from precompute.media.shifts.apply import shifted
from precompute.media.sources import Source

BATCHES_AHEAD = 2
"""Decoded batches that wait for the networks."""
MAX_REMARK = 1000
"""Letters of what a track records about its source; names and numbers of streams come from the file."""
WAKE_SECONDS = 1.0
"""Longest wait for a batch without handling signals: a signal that arrives just before a wait does not end it."""


@dataclass(frozen=True)
class FrameBatch:
    """N frames of a clip as they were decoded; consecutive ones during a job."""

    rgb: np.ndarray
    """uint8, (N, H, W, 3)."""
    pts_seconds: np.ndarray
    """float64, (N,)."""
    truth: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Domain -> uint8 codes, (N, H, W, C)."""
    start: int = 0
    """Index of the first frame in the clip."""
    clean: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Key of a track of the clip without the shift -> its codes of these frames, uint8, (N, H, W, C)."""

    def __post_init__(self) -> None:
        lengths = {len(values) for values in (self.rgb, self.pts_seconds, *self.truth.values(), *self.clean.values())}
        if len(lengths) != 1:
            raise ValueError(f"images, times, truth and clean tracks of one batch differ in length: {sorted(lengths)}")

    @classmethod
    def stack(
        cls,
        frames: Sequence[Frame],
        truth: Mapping[str, Sequence[np.ndarray]] | None = None,
        clean: Mapping[str, Sequence[np.ndarray]] | None = None,
    ) -> FrameBatch:
        """One batch of decoded frames. `truth`: domain -> one image of codes per frame; `clean`: key of a track -> the same."""
        return cls(
            np.stack([frame.rgb for frame in frames]),
            np.array([frame.pts_seconds for frame in frames]),
            {name: np.stack(codes) for name, codes in (truth or {}).items()},
            frames[0].index,
            {key: np.stack(codes) for key, codes in (clean or {}).items()},
        )

    def __len__(self) -> int:
        return len(self.rgb)

    def __getitem__(self, frames: slice) -> FrameBatch:
        truth = {name: codes[frames] for name, codes in self.truth.items()}
        clean = {key: codes[frames] for key, codes in self.clean.items()}
        start = self.start + range(len(self))[frames].start
        return FrameBatch(self.rgb[frames], self.pts_seconds[frames], truth, start, clean)


@dataclass(frozen=True)
class FrameRange:
    """Which frames of a clip a job reads, and how it groups them."""

    source: Source
    sampling: Sampling
    start: int
    """Index of the first frame; those before it are decoded and dropped."""
    batch_size: int
    """Most frames of a batch."""
    pack_size: int
    """Frames per pack, counted from `start`: a batch ends where a pack ends."""
    shift: Shift | None = None
    """Done to the frames, not to the truth."""
    clean: Mapping[str, Callable[[int], np.ndarray]] = field(default_factory=dict)
    """Key of a track of the clip without the shift -> reads its codes of a frame, uint8 (H, W, C)."""
    end: int | None = None
    """Index after the last frame; None: the end of the clip."""
    may_be_empty: bool = False
    """Whether the clip may end before `start`."""


@dataclass
class Remarks:
    """What is known about the source once it was decoded."""

    damages: list[str] = field(default_factory=list)
    """Where a tolerant sampling ended."""
    notes: list[str] = field(default_factory=list)
    """What was chosen, passed over and changed."""
    n_frames: int | None = None
    """Frames of the clip, if it was decoded to its end."""

    @property
    def texts(self) -> dict[str, str]:
        """Those that there are, as `Head.computed_on` names and spells them."""
        named = (("damage", self.damages), ("notes", self.notes))
        return {name: "; ".join(texts)[:MAX_REMARK] for name, texts in named if texts}


def read_batches(wanted: FrameRange, remarks: Remarks) -> Generator[FrameBatch]:
    """The batches, decoded in a thread while the caller computes; errors of the decoder are raised here.

    Closing the generator ends the thread. `remarks` are complete when it ends. Raises SourceError.
    """
    queue: Queue[FrameBatch | BaseException | None] = Queue(BATCHES_AHEAD)
    stopped = Event()

    def put(item: FrameBatch | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                return queue.put(item, timeout=0.1)
            except Full:
                continue

    def get() -> FrameBatch | BaseException | None:
        while True:
            try:
                return queue.get(timeout=WAKE_SECONDS)
            except Empty:
                continue

    def read() -> None:
        try:
            with closing(_decode_batches(wanted, stopped, remarks)) as batches:
                for batch in batches:
                    put(batch)
                    if stopped.is_set():
                        return
            put(None)
        except BaseException as error:
            put(error)

    thread = Thread(target=read, name="decode", daemon=True)
    try:
        thread.start()  # inside: Ctrl-C may come as soon as it runs
        while (item := get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        if thread.is_alive():
            thread.join()


def _decode_batches(wanted: FrameRange, stopped: Event, remarks: Remarks) -> Generator[FrameBatch]:
    """Setting `stopped` ends it, also while frames before the first wanted one are skipped."""
    title, start = wanted.source.title, wanted.start
    with ExitStack() as stack:

        def decode(path: Path, sampling: Sampling, channels: Literal[1, 3] | None = None) -> Generator[Frame]:
            on_note = remarks.notes.append if channels is None else lambda note: None
            frames = decoder.frames(
                path,
                sampling,
                channels=channels,
                first=start if wanted.shift is None else 0,  # some shifts change a frame by those before it
                stopped=stopped,
                on_damage=remarks.damages.append,
                on_note=on_note,
            )
            return stack.enter_context(closing(frames))

        def clean_of(frames: Sequence[Frame]) -> dict[str, list[np.ndarray]]:
            return {key: [read(frame.index) for frame in frames] for key, read in wanted.clean.items()}

        n_frames = 0
        rgb: Iterable[Frame] = decode(wanted.source.path, wanted.sampling)
        if wanted.shift is not None:
            rgb = shifted(rgb, wanted.shift, start)
        strict = replace(wanted.sampling, is_tolerant=False)
        truth = {name: decode(path, strict, get_domain(name).channels) for name, path in wanted.source.truth.items()}
        held: list[Frame] = []
        held_truth: dict[str, list[np.ndarray]] = {name: [] for name in truth}
        for frame in rgb:
            if frame.index == wanted.end:  # the clip has more frames than were wanted
                return
            n_frames += 1
            for name, frames in truth.items():
                true_frame = next(frames, None)
                if true_frame is None and stopped.is_set():
                    return
                if true_frame is None:
                    raise SourceError(
                        "bad_truth",
                        f"{title}: ground truth of {name} ends before the clip, at frame {frame.index}",
                    )
                if frame.index >= start:
                    held_truth[name].append(true_frame.rgb)
            if frame.index < start:
                continue
            held.append(frame)
            if len(held) == wanted.batch_size or (frame.index + 1 - start) % wanted.pack_size == 0:
                yield FrameBatch.stack(held, held_truth, clean_of(held))
                held, held_truth = [], {name: [] for name in truth}
        if stopped.is_set():
            return
        remarks.n_frames = n_frames
        if held:
            yield FrameBatch.stack(held, held_truth, clean_of(held))
        _require_frames(wanted, n_frames)


def _require_frames(wanted: FrameRange, n_frames: int) -> None:
    """Raise SourceError if the clip of `n_frames` has none, or fewer than are stored."""
    title, start = wanted.source.title, wanted.start
    if not n_frames and not start:
        raise SourceError("no_frames", f"{title}: no frame lies in the requested range", "change --start or --end")
    if n_frames < start and not (n_frames and wanted.may_be_empty):
        raise SourceError(
            "no_frames",
            f"{title}: has {n_frames} frames in the requested range, but {start} are stored",
            "change --start or --end, or remove its tracks",
        )
