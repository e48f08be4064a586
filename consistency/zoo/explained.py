"""The failures of a zoo and of its networks: what was found, and what to do next."""

from __future__ import annotations


class Explained(ValueError):
    """A failure of a zoo. `str(error)` is `found; next_step`, or `found` where no next step is known."""

    def __init__(self, found: str, next_step: str = "") -> None:
        self.found, self.next_step = found, next_step
        super().__init__(f"{found}; {next_step}" if next_step else found)


class BadNetwork(Explained):
    """A file cannot be read as a network, or the network cannot be run."""


def first_line(error: BaseException) -> str:
    """What an error of a third-party program says, short enough for a message. TorchScript puts its reason last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    reason = next((line for line in reversed(lines) if line.startswith("RuntimeError:")), lines[0])
    return reason.removeprefix("RuntimeError: ")[:300]
