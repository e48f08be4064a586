"""Ends a job on Ctrl-C, SIGTERM or when its terminal closes: the first signal lets it finish the current pack, the second ends it at once."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
"""Loaded here: between fork and exec, a lock that another thread holds would never be released."""


class Stop(Event):
    """Set when the job should end; the job checks it after every pack and before every source."""

    def __init__(self) -> None:
        super().__init__()
        self.has_unsaved_frames = False
        """Whether stopping at once would lose computed frames; if not, a signal ends the job at once."""
        self.signal_number: int = signal.SIGINT
        """The last signal received."""

    @property
    def exit_code(self) -> int:
        """As shells define it: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.signal_number

    def raise_if_set(self) -> None:
        """Raise KeyboardInterrupt if the job should end before its next piece of work."""
        if self.is_set():
            raise KeyboardInterrupt


@contextmanager
def stop_on_signals(on_wait: Callable[[], None]) -> Iterator[Stop]:
    """Handle the signals inside the block. The first one, if computed frames are unsaved, sets the event and calls
    `on_wait`; any other raises KeyboardInterrupt."""
    stop = Stop()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.signal_number = number
        may_finish = stop.has_unsaved_frames and not stop.is_set()
        stop.set()
        if not may_finish:
            raise KeyboardInterrupt
        on_wait()

    # What the caller ignores stays ignored: under nohup a job outlives its terminal.
    handled = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in handled}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with_parent() -> None:
    """Let Linux end this process if the one that started it is killed: for `preexec_fn`, in the main thread, whose end Linux
    takes for that of the process."""
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
