"""How far a clip is, and how long the rest of it takes by the speed of its first batches."""

from __future__ import annotations

import time
from collections.abc import Callable

from precompute.jobs.events import Computing, Estimated, Events

MEASURED_SECONDS = 4.0
"""Least time that the speed is measured over."""
LONG_SECONDS = 15.0
"""If the first batch takes longer than this, starting up is a small part of it."""


class Pace:
    """Measures one run. The first batch is left out if it is short: it loads what the others find loaded."""

    def __init__(self, n_total: int, n_resumed: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`n_total`: frames of the clip, 0 if unknown: then nothing is estimated. `n_resumed`: those of earlier runs."""
        self._n_total, self._n_resumed, self._clock = n_total, n_resumed, clock
        self._n_before, self._since = n_resumed, clock()
        self._is_first = self._is_wanted = True

    def report(self, n_frames: int, events: Events) -> None:
        """Report that so many frames are computed, and once, as soon as it is known, how long the others take."""
        events.emit(Computing(n_frames, self._n_resumed, self._n_total or None))
        now = self._clock()
        seconds, n_measured = now - self._since, n_frames - self._n_before
        is_known = seconds >= (LONG_SECONDS if self._is_first else MEASURED_SECONDS)
        if is_known and self._is_wanted and n_frames < self._n_total:
            self._is_wanted = False
            events.emit(Estimated((self._n_total - n_frames) * seconds / n_measured, n_measured / seconds))
        elif self._is_first:
            self._n_before, self._since = n_frames, now
        self._is_first = False
