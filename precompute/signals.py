"""How does a job end when it is told to? Ctrl-C and SIGTERM let it finish the chunk in hand; a second one does not."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop(Event):
    """Set once the job should end: it is asked after every chunk."""

    def __init__(self) -> None:
        super().__init__()
        self.has_chunk = False
        """Whether frames are in hand that would be lost; without any, a signal ends the job at once."""
        self.signal_number: int = signal.SIGINT
        """Of the last signal."""

    @property
    def exit_code(self) -> int:
        """As shells have it: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.signal_number

    def raise_if_set(self) -> None:
        """Raise KeyboardInterrupt between two pieces of work, of which the second is not to begin."""
        if self.is_set():
            raise KeyboardInterrupt


@contextmanager
def stop_on_signals(on_wait: Callable[[], None]) -> Iterator[Stop]:
    """Answer the signals meanwhile: raise KeyboardInterrupt, or, the first time that frames are in hand, set the event
    and call `on_wait`."""
    stop = Stop()

    def answer(number: int, frame: FrameType | None) -> None:
        stop.signal_number = number
        may_finish = stop.has_chunk and not stop.is_set()
        stop.set()
        if not may_finish:
            raise KeyboardInterrupt
        on_wait()

    before = {number: signal.signal(number, answer) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
