"""Lets one process at a time write to the folder of a zoo, on any file system that can keep processes apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from cache.locks import START_LOCKS, NoLocks, lock_of
from consistency.zoo.records import ZooError

CHOOSE = "name a folder on a local disk with $CROSSCHECK_ZOOS"


@contextmanager
def writing(home: Path) -> Iterator[None]:
    """Be the only process that writes to a zoo's folder. Raises ZooError if another one does, or if that cannot be known."""
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ZooError(f"{home} cannot be created ({error.strerror})", CHOOSE) from error
    try:
        lock = lock_of(home / ".writing")
    except NoLocks as error:
        raise ZooError(error.found, f"{START_LOCKS}, or {CHOOSE}") from None
    except OSError as error:
        raise ZooError(f"{home} cannot be written ({error.strerror})", CHOOSE) from error
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ZooError(f"another process is writing to {home}", "wait for it, then run the command again") from None
    try:
        yield
    finally:
        lock.release()
