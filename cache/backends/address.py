"""The address of a store: a folder, or `s3://bucket/prefix` and its like. An address never holds a credential."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cache.records import StoreError

SCHEMES = ("s3", "gs", "az")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9]")
_SEGMENT = re.compile(r"[A-Za-z0-9._-]{1,200}")
"""Letters that no object store and no client spells in another way."""
FORM = "write s3://BUCKET/PREFIX, with letters, digits, dots, hyphens and underscores"


@dataclass(frozen=True)
class Address:
    """A place in a bucket. Text of it may be shown: it names no user, no password and no key."""

    scheme: str
    """One of SCHEMES."""
    bucket: str
    prefix: str
    """Without slashes at its ends; empty for the whole bucket."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


Place = Path | Address
"""Where a store is."""


def is_address(text: str) -> bool:
    return "://" in text


def place_of(text: str) -> Place:
    """The place that a user named. Raises StoreError for an address that is not one of a bucket; its message repeats no part that
    could be a credential."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        return Path(text)
    if scheme not in SCHEMES:
        known = re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]{0,20}", scheme)
        raise StoreError(
            f"stores are not opened by {scheme if known else 'such an address'}://",
            f"use a folder, or an address that begins with {', '.join(f'{name}://' for name in SCHEMES)}",
        )
    if any(letter in rest for letter in "@?#"):
        raise StoreError(
            "the address of a store holds no user, password, key or query",
            "set credentials by the usual environment variables, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    bucket, _, prefix = rest.partition("/")
    segments = prefix.rstrip("/").split("/") if prefix.rstrip("/") else []
    if not _BUCKET.fullmatch(bucket):
        raise StoreError(f"'{bucket[:80]}' is not the name of a bucket", FORM)
    if any(not _SEGMENT.fullmatch(segment) or set(segment) == {"."} for segment in segments):
        raise StoreError(f"'{prefix[:80]}' is not a prefix of a store", FORM)
    return Address(scheme, bucket, "/".join(segments))
