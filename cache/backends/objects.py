"""Objects of a bucket: get, put, put under a condition, list and delete. Every failure is one BucketError, in words.

The client is obstore, which has conditional puts for S3, Google Cloud Storage and Azure in one wheel. It is imported only here,
once a store with an address is opened.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from cache.backends.address import Address
from cache.records import StoreError

REQUIREMENTS = "pip install -r requirements/bucket.txt"
RANGE_BYTES = 8 << 20
"""Larger objects are fetched in ranges of this size, so that a slow connection times out on a part and not on the whole."""
PAGE = 1000
"""Most objects that one answer of an object store lists."""
READ_TRIES = 4
"""Answers that are cut off are asked for again; the client itself repeats what was refused with 500 and its like."""
FIRST_PAUSE_SECONDS = 0.2
THREADS = 16
"""Requests at a time, where many objects are wanted."""
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
_HEX = "0123456789abcdef"

T = TypeVar("T")


class BucketError(StoreError):
    """The bucket did not answer, or refused. It says nothing about what is stored."""


@dataclass(frozen=True)
class Entry:
    """One object, as it is listed."""

    name: str
    """Below the prefix of the store."""
    bytes: int
    etag: str
    """Differs for every content."""
    modified: datetime
    """By the clock of the object store."""


@dataclass(frozen=True)
class Object:
    """The content of an object."""

    data: bytes
    etag: str


class Bucket:
    """The objects below one prefix of a bucket. Threads may share it."""

    def __init__(self, address: Address) -> None:
        """Opens nothing yet. Raises StoreError where the client is not installed."""
        self.address = address
        self._client = _client(address)

    # Reading

    def get(self, name: str, *, unless: str = "") -> Object | None:
        """The object, whole; None if there is none. With the ETag `unless`, an Object without bytes where it is still that one."""
        options = {"if_none_match": unless} if unless else None

        def read() -> Object | None:
            try:
                found = self._client.get(name, options=options)
                data, meta = bytes(found.bytes()), found.meta
            except self._missing as error:
                if "NoSuchBucket" in str(error):
                    raise self._error(error) from None
                return None
            except self._unchanged:
                return Object(b"", unless)
            if len(data) != meta["size"]:
                raise _CutOff
            return Object(data, meta["e_tag"] or "")

        return self._read(read)

    def fetch(self, name: str) -> Iterator[bytes]:
        """The bytes of an object, in parts that belong to one version of it. Raises Gone where there is none, and
        ValueError where it changes meanwhile."""
        entry = self.head(name)
        if entry is None:
            raise Gone(name)
        for start in range(0, entry.bytes, RANGE_BYTES):
            n_bytes = min(RANGE_BYTES, entry.bytes - start)
            yield self._part(name, start, n_bytes, entry.etag)

    def _part(self, name: str, start: int, n_bytes: int, etag: str) -> bytes:
        options: dict[str, Any] = {"range": (start, start + n_bytes), **({"if_match": etag} if etag else {})}

        def read() -> bytes:
            try:
                data = bytes(self._client.get(name, options=options).bytes())
            except (self._missing, self._changed) as error:
                raise ValueError("another version of it, or none any more") from error
            if len(data) != n_bytes:
                raise _CutOff
            return data

        return self._read(read)

    def head(self, name: str) -> Entry | None:
        """Size, ETag and time of an object; None if there is none."""

        def read() -> Entry | None:
            try:
                return _entry(self._client.head(name))
            except self._missing:
                return None

        return self._read(read)

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """The objects of the folder `prefix`, in the order of their names; only those `after` that name."""
        done = after
        for attempt in range(READ_TRIES):
            try:
                for page in self._client.list(prefix, offset=done or None, chunk_size=PAGE):
                    for meta in page:
                        yield (entry := _entry(meta))
                        done = entry.name
                return
            except Exception as error:
                if attempt == READ_TRIES - 1 or not isinstance(error, self._failure):
                    raise self._error(error) from None
                time.sleep(FIRST_PAUSE_SECONDS * 2**attempt)

    def list_hex(self, folder: str) -> list[Entry]:
        """As `list`, for a folder whose names begin with hexadecimal digits: long ones in sixteen parts at a time."""
        first = []
        for entry in self.list(folder):
            first.append(entry)
            if len(first) > PAGE:
                break
        else:
            return first

        def part(digit: str) -> list[Entry]:
            found = []
            for entry in self.list(folder, after=f"{folder}/{digit}" if digit != "0" else ""):
                if entry.name[len(folder) + 1] != digit:
                    break
                found.append(entry)
            return found

        return [entry for found in in_threads(part, _HEX) for entry in found]

    def now(self) -> datetime:
        """The time by the clock of the object store, which ages are measured with: clocks of machines differ."""
        name = f"clock/{secrets.token_hex(8)}"
        self.put(name, b"now")
        entry = self.head(name)
        self.delete([name])
        if entry is None:
            raise BucketError(f"{self.address} does not show an object that was just stored", "try again later")
        return entry.modified

    # Writing

    def put(self, name: str, data: bytes) -> str:
        """Store or replace the object, whole. Returns its ETag."""
        return self._read(lambda: self._client.put(name, data, use_multipart=False)["e_tag"] or "")

    def put_new(self, name: str, data: bytes) -> str | None:
        """Store the object unless the name is taken: of several callers at once, one is given an ETag, others None."""
        return self._put_if(name, data, "create")

    def replace(self, name: str, data: bytes, etag: str) -> str | None:
        """Replace the object where it still is the one with that ETag. Returns the new ETag; None, and nothing changes, where it is
        another one or gone."""
        return self._put_if(name, data, {"e_tag": etag})

    def _put_if(self, name: str, data: bytes, mode: Any) -> str | None:
        for attempt in range(READ_TRIES):
            try:
                return self._client.put(name, data, mode=mode, use_multipart=False)["e_tag"] or ""
            except (self._exists, self._changed, self._missing) as error:
                if isinstance(error, self._missing) and mode == "create":
                    raise self._error(error) from None  # the bucket
                # The answer to an attempt of ours may have been lost: content tells whose object it is.
                found = self.get(name)
                return found.etag if found is not None and found.data == data else None
            except Exception as error:
                if attempt == READ_TRIES - 1 or not isinstance(error, self._failure):
                    raise self._error(error) from None
                time.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
        raise AssertionError

    def copy(self, name: str, other: str) -> None:
        """Copy an object inside the bucket."""
        self._read(lambda: self._client.copy(name, other))

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects; missing ones are no error."""
        for name in names:
            self._read(lambda name=name: self._gone(name))

    def _gone(self, name: str) -> None:
        with suppress(self._missing):
            self._client.delete(name)

    # Failures

    def _read(self, read: Callable[[], T]) -> T:
        """What `read` gives; it may be repeated. Raises BucketError."""
        for attempt in range(READ_TRIES):
            try:
                return read()
            except (ValueError, StoreError):
                raise
            except Exception as error:
                is_last = attempt == READ_TRIES - 1
                if is_last or not isinstance(error, (*self._failure, _CutOff)) or _is_final(error):
                    raise self._error(error) from None
                time.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
        raise AssertionError

    @property
    def _missing(self) -> type[Exception]:
        return FileNotFoundError

    @property
    def _unchanged(self) -> type[Exception]:
        return _exceptions().NotModifiedError

    @property
    def _changed(self) -> type[Exception]:
        return _exceptions().PreconditionError

    @property
    def _exists(self) -> type[Exception]:
        return _exceptions().AlreadyExistsError

    @property
    def _failure(self) -> tuple[type[Exception], ...]:
        return (_exceptions().GenericError,)

    def _error(self, error: Exception) -> StoreError:
        """In words of our own: the client's text holds addresses, and with them perhaps keys."""
        if isinstance(error, StoreError):
            return error
        text = str(error)
        status = next(iter(_STATUS.findall(text)), "")
        code = next(iter(_CODE.findall(text)), "")
        refused = (_exceptions().PermissionDeniedError, _exceptions().UnauthenticatedError)
        if code == "NoSuchBucket":
            found, step = "does not exist", "create it, or correct --store and the endpoint"
        elif isinstance(error, refused) or status in ("401", "403"):
            found = f"does not allow this ({code})" if code else "does not allow this"
            step = "check the credentials in the environment, such as AWS_ACCESS_KEY_ID, and what they may do"
        elif isinstance(error, _CutOff):
            found, step = "cuts its answers off", "check the connection, then run the same command again"
        elif status or code:
            found = f"answered {' '.join(filter(None, (status, code)))}"
            step = "run the same command again later"
        elif any(word in text for word in ("redential", "169.254.169.254", "metadata")):
            found, step = "needs credentials, and none are set", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        else:
            found, step = "cannot be reached", "check the connection and the endpoint, then run the same command again"
        return BucketError(f"{self.address.scheme}://{self.address.bucket} {found}", step)


class Gone(Exception):
    """There is no such object."""


class _CutOff(Exception):
    """An answer shorter than it said."""


def in_threads(work: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
    """The results of `work`, in order, with THREADS at a time."""
    with ThreadPoolExecutor(THREADS, "bucket") as threads:
        return list(threads.map(work, items))


def etag_number(etag: str) -> int:
    """A number that stands for an ETag."""
    return int(hashlib.sha256(etag.encode()).hexdigest()[:15], 16)


def _is_final(error: Exception) -> bool:
    """Whether the same request would be refused again."""
    status = next(iter(_STATUS.findall(str(error))), "")
    return status.startswith("4") and status not in ("408", "429")


def _entry(meta: Mapping[str, Any]) -> Entry:
    return Entry(meta["path"], meta["size"], meta["e_tag"] or "", meta["last_modified"])


def _exceptions() -> Any:
    import obstore.exceptions  # pyright: ignore[reportMissingImports]

    return obstore.exceptions


def _client(address: Address) -> Any:
    """The client, with what the environment sets: obstore reads the variables of AWS, Google Cloud and Azure itself."""
    try:
        from obstore.store import from_url  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise StoreError(f"{address} needs the package obstore", REQUIREMENTS) from None
    config = _s3_settings(os.environ) if address.scheme == "s3" else {}
    endpoint = config.get("endpoint", "")
    try:
        return from_url(
            str(address),
            config=config or None,
            client_options={
                "timeout": timedelta(seconds=60),
                "connect_timeout": timedelta(seconds=5),
                **({"allow_http": True} if endpoint.startswith("http://") else {}),
            },
            retry_config={
                "max_retries": 4,
                "retry_timeout": timedelta(seconds=60),
                "backoff": {
                    "init_backoff": timedelta(seconds=FIRST_PAUSE_SECONDS),
                    "max_backoff": timedelta(seconds=5),
                    "base": 2,
                },
            },
        )
    except Exception as error:  # whatever the client refuses, it names settings with their values
        raise StoreError(
            f"the settings for {address} in the environment cannot be used ({type(error).__name__})",
            "check the variables that begin with AWS_, GOOGLE_ or AZURE_",
        ) from None


def _s3_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """What obstore does not read itself: the endpoint under its newer name, and the static keys of a profile of the AWS tools."""
    found: dict[str, str] = {}
    profile = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE") or "default"
    files = configparser.ConfigParser(interpolation=None)
    folder = Path("~/.aws").expanduser()
    named = [
        (environment.get("AWS_CONFIG_FILE") or folder / "config", f"profile {profile}"),
        (environment.get("AWS_SHARED_CREDENTIALS_FILE") or folder / "credentials", profile),
    ]
    for path, section in named:
        files.clear()
        try:
            files.read(path)
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue
        for values in [files[name] for name in (section, profile) if files.has_section(name)][:1]:
            has_keys = "aws_access_key_id" in values and "AWS_ACCESS_KEY_ID" not in environment
            for name in ("access_key_id", "secret_access_key", "session_token") if has_keys else ():
                found |= {name: values[f"aws_{name}"]} if f"aws_{name}" in values else {}
            if "region" in values and not {"AWS_REGION", "AWS_DEFAULT_REGION"} & set(environment):
                found["region"] = values["region"]
            if "endpoint_url" in values:
                found["endpoint"] = values["endpoint_url"]
    named_endpoints = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    if endpoint := next(filter(None, (environment.get(name) for name in named_endpoints)), ""):
        found["endpoint"] = endpoint
    return found
