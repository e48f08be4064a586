"""Decodes pictures in the decoder process, as that decodes videos."""

# H x W pixels, C channels

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import numpy as np

from precompute.failures import SourceError
from precompute.media.sampling import Sampling
from precompute.media.stills.numbered import is_picture
from precompute.media.timeline import chosen

if TYPE_CHECKING:
    from precompute.media.stills.clip import PictureClip

MAX_BEATS = 120
"""Seconds that one picture may take, whatever the machine does meanwhile."""
NO_PICTURE = np.empty(0, np.uint8)
"""In place of a frame that nobody looks at."""
UNREADABLE_PICTURE = ("damaged", "truncated", "bad_media")
"""Failures of one of several pictures behind which a tolerant sampling ends."""


def pictures_of(path: Path, sampling: Sampling, report: Callable[[str, str], None]) -> PictureClip | None:
    """The clip of a picture, or of several; None for a video."""
    if not is_picture(path):
        return None
    from precompute.media.stills.clip import picture_clip  # with Pillow, which videos need not wait for

    with beating(report):
        return picture_clip(path, sampling)


def sampled_pictures(
    clip: PictureClip,
    sampling: Sampling,
    report_alive: Callable[[], None],
    report: Callable[[str, str], None],
    first: int = 0,
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (pts_seconds, uint8 (H, W, 3)) of the sampled frames, those before index `first` without a picture (0,). A tolerant sampling ends at the first picture that cannot be
    read, unless that is the first of all."""
    n_frames, last_seconds = 0, 0.0
    try:
        taken = chosen(clip.frames, sampling, report_alive, lambda shown: shown.seconds)
        for shown, pts_seconds in islice(taken, sampling.max_frames):
            report_alive()
            image = NO_PICTURE
            if n_frames >= first:
                with beating(report):
                    image = clip.image(shown, shown.read(), sampling)
            yield pts_seconds, image
            n_frames, last_seconds = n_frames + 1, pts_seconds
    except SourceError as error:
        if not n_frames or error.code not in UNREADABLE_PICTURE:
            raise
        if not sampling.is_tolerant:
            raise SourceError(error.code, error.found) from None  # tolerance helps, unlike with a single picture
        report("damage", f"{error.code} after frame {n_frames - 1} of the source ({last_seconds:.2f} s)")
    for note in clip.all_notes():
        report("note", note)


@contextmanager
def beating(report: Callable[[str, str], None]) -> Iterator[None]:
    """Reports `alive` meanwhile: the largest pictures take many seconds each on a busy machine. The limit of processor time
    stays."""
    is_done = Event()

    def beat() -> None:
        for _ in range(MAX_BEATS):
            if is_done.wait(1):
                return
            report("alive", "")

    thread = Thread(target=beat, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        raise MemoryError from None  # for its stack
    try:
        yield
    finally:
        is_done.set()
        thread.join()  # two messages at once would mix
