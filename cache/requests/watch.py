"""Decides when a heartbeat has stopped, without comparing the clocks of two machines.

What counts is that the heartbeat's content has not changed for some seconds of the observer's own monotonic clock. Between two
looks at most LONGEST_STEP_SECONDS count: an observer that was stopped itself, with its whole machine perhaps, has not observed
anything meanwhile, and the holder gets the same time to show that it lives.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

LONGEST_STEP_SECONDS = 5.0


class Watch:
    """Heartbeats by name, and for how long each has been the same."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`seconds` without a change mean that a heartbeat has stopped."""
        self._seconds = seconds
        self._clock = clock
        self._last_look = clock()
        self._seen: dict[str, tuple[bytes | None, float]] = {}

    def stopped(self, beats: Mapping[str, bytes | None]) -> list[str]:
        """The names whose content has not changed for long enough. `beats` holds all of them, as they are now."""
        now = self._clock()
        step = min(max(0.0, now - self._last_look), LONGEST_STEP_SECONDS)
        self._last_look = now
        seen = {}
        for name, content in beats.items():
            known = self._seen.get(name)
            seen[name] = (content, known[1] + step) if known and known[0] == content else (content, 0.0)
        self._seen = seen
        return [name for name, (_, unchanged) in seen.items() if unchanged >= self._seconds]
