"""What `doctor` checks of a store in a bucket: whether it answers, may be written, keeps conditions, and what it holds."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from cache.backends.address import Address
from cache.backends.bucket_store import BucketStore
from cache.backends.lease import is_held
from cache.backends.local_copies import limit_bytes
from cache.backends.objects import BucketError

State = Literal["ok", "warning", "problem"]
CLOCK_SECONDS = 60.0
"""S3 refuses requests once clocks are 15 minutes apart; a minute is worth a word."""


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    name: str
    state: State
    found: str
    next_step: str = ""
    """Empty if there is nothing to do."""


def checks_of_bucket(address: Address) -> list[tuple[str, Callable[[], Iterator[Finding]]]]:
    """The checks of that store, by name; it is left as it is."""
    return [("store", lambda: _examine(BucketStore(address, read_only=True)))]


def _examine(store: BucketStore) -> Iterator[Finding]:
    try:
        store.require()
        can_write = yield from _writing(store)
        if can_write:
            yield _locks(store)
        yield from _tracks(store, can_write=can_write)
        yield from _copies(store)
    except BucketError as error:
        yield Finding("store", "problem", error.found, error.next_step)


def _writing(store: BucketStore) -> Iterator[Finding]:
    """Whether objects can be put and deleted, and whether conditions hold: two jobs are kept apart by them."""
    bucket, name = store.bucket, f"clock/{secrets.token_hex(8)}"
    try:
        now = bucket.now()
        etag = bucket.put_new(name, b"first") or ""
    except BucketError as error:
        step = "the dashboard can read it; a job needs the right to put and delete objects"
        yield Finding("store", "warning", f"{store.address} is readable only: {error.found}", step)
        return False
    try:
        keeps = (
            bucket.put_new(name, b"second") is None
            and bucket.replace(name, b"third", etag) is not None
            and bucket.replace(name, b"fourth", etag) is None
        )
    finally:
        bucket.delete([name])
    yield Finding("store", "ok", f"{store.address} is writable")
    if keeps:
        yield Finding("conditions", "ok", "puts under a condition are kept")
    else:
        found = "this object store ignores conditions on puts, so two jobs could write the same clip"
        yield Finding("conditions", "problem", found, "let one job at a time write here, or use another object store")
    apart = abs((datetime.now(UTC) - now).total_seconds())
    if apart > CLOCK_SECONDS:
        found = f"this machine's clock and that of the object store are {apart:.0f} s apart"
        yield Finding(
            "clock", "warning", found, "set this machine's clock; object stores refuse requests of another time"
        )
    return True


def _locks(store: BucketStore) -> Finding:
    names = [entry.name for entry in store.bucket.list("leases")]
    held = [name.split("/")[-1][:12] for name in names if is_held(store.bucket, name)]
    return Finding("locks", "ok", f"clips being written: {', '.join(held)}" if held else "no clip is being written")


def _tracks(store: BucketStore, *, can_write: bool) -> Iterator[Finding]:
    tracks = store.tracks()
    n_finished = sum(track.is_complete for track in tracks)
    yield Finding("tracks", "ok", f"{n_finished} finished, {len(tracks) - n_finished} growing")
    if n_bad := len(store.track_keys()) - len(tracks):
        yield Finding("tracks", "problem", f"{n_bad} cannot be read", "run `python -m precompute verify --fix`")
    if can_write and (orphans := list(store.unnamed(3600, dry_run=True))):
        n_bytes = sum(orphan.bytes for orphan in orphans)
        found = f"{len(orphans)} objects of killed jobs, {n_bytes / 1e6:.1f} MB"
        yield Finding("leftovers", "warning", found, "run `python -m precompute gc`")
    if n_notes := sum(entry.name.endswith(".json") for entry in store.bucket.list("quarantine")):
        found = f"{n_notes} damaged packs or tracks in {store.address}/quarantine"
        step = "`python -m precompute gc --quarantine` removes them"
        yield Finding("quarantine", "warning", found, step)


def _copies(store: BucketStore) -> Iterator[Finding]:
    found = f"{store.copies.n_bytes() / 1e9:.1f} of {limit_bytes() / 1e9:.1f} GB in {store.root}"
    yield Finding("copies", "ok", found)
