"""Whether a worker is well: at work, ending, or unable to write its heartbeat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cache.requests.queue import LEASE_SECONDS


@dataclass(frozen=True)
class Health:
    """A worker at one moment."""

    status: Literal["ok", "draining", "stalled"]
    """draining: it was told to end, finishes its pack and gives its request back. stalled: others may take its request soon."""
    doing: str
    """Id of the request that it works on; empty if none."""
    heartbeat_age_seconds: float
    """Since its last heartbeat reached the store."""

    @property
    def is_ready(self) -> bool:
        """Whether it does requests."""
        return self.status == "ok"


def health_of(*, is_draining: bool, doing: str, heartbeat_age_seconds: float) -> Health:
    """A worker is stalled once its heartbeat is as old as others wait for it."""
    is_stalled = heartbeat_age_seconds >= LEASE_SECONDS
    status = "draining" if is_draining else "stalled" if is_stalled else "ok"
    return Health(status, doing, heartbeat_age_seconds)
