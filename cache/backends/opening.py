"""Opens a store by its place: a folder, or an address in a bucket."""

from __future__ import annotations

import os
from pathlib import Path

from cache.backends.address import Address, Place, place_of
from cache.backends.bucket_store import BucketStore
from cache.store import STORE_VARIABLE, Store, default_root, require_store


def default_place() -> Place:
    """`$CROSSCHECK_STORE`, else the user's data folder. Raises StoreError."""
    named = os.environ.get(STORE_VARIABLE, "")
    return place_of(named) if "://" in named else default_root()


def open_place(place: Place | str, *, read_only: bool) -> Store:
    """The store at that place. Raises StoreError."""
    place = place_of(place) if isinstance(place, str) else place
    return BucketStore(place, read_only=read_only) if isinstance(place, Address) else Store(place, read_only=read_only)


def existing(place: Place, *, read_only: bool) -> Store:
    """As `open_place`, of a store that is there already. Raises StoreError."""
    if isinstance(place, Path):
        require_store(place)
        return Store(place, read_only=read_only)
    store = BucketStore(place, read_only=True)
    store.require()
    return store if read_only else BucketStore(place)
