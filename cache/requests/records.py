"""The records of a request: what was asked for, how far it is, and how it ended; checked when they are read.

Anyone who may ask writes these texts, and a store may come from elsewhere: show them as text, never as markup, and never use
one as a path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from cache.files import parse_json
from cache.keys import canonical_json, digest
from cache.records import BadRecord

MAX_TEXT_LETTERS = 4000
"""Longest text of a record; addresses of clouds have some 2000."""
MAX_NAME_LETTERS = 128
MAX_PATTERNS = 64
MAX_TIME_SECONDS = 1e9
MAX_WHEN_SECONDS = 1e11
"""The year 5138."""

SourceKind = Literal["file", "sample", "address", "upload"]
State = Literal["waiting", "running", "done", "failed", "cancelled"]
Outcome = Literal["done", "failed", "cancelled"]
Stage = Literal["", "download", "plan", "compute"]

_ZOO = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Source:
    """What a request is about."""

    kind: SourceKind
    """`file`: a path on the worker's machine. `sample`: a bundled clip. `address`: a URL. `upload`: bytes in the store."""
    name: str
    """The absolute path, the clip's name, the URL, or the SHA-256 of the uploaded bytes."""
    title: str = ""
    """What people call it, such as the name of an uploaded file; empty: as the source says."""

    def __post_init__(self) -> None:
        _require(self.kind in get_args(SourceKind), "source.kind", self.kind)
        _require(_is_text(self.name, MAX_TEXT_LETTERS) and bool(self.name), "source.name", self.name)
        _require(_is_text(self.title, MAX_TEXT_LETTERS), "source.title", self.title)
        _require(self.kind != "upload" or bool(_SHA256.fullmatch(self.name)), "source.name", self.name)


@dataclass(frozen=True)
class Options:
    """What to compute; the defaults are those of `precompute run`."""

    zoo: str = "mini"
    """The name of a bundled or installed zoo; never a folder."""
    configurations: tuple[str, ...] = ("*",)
    """Globs on zoo/method/path."""
    start: float = 0.0
    """Seconds."""
    end: float | None = None
    """Seconds; None: the end of the video."""
    fps: float | None = None
    """Frames per second; None: every frame."""
    max_frames: int | None = None
    size: int = 256
    """Short side, pixels."""
    crop: str = "centre"
    tolerant: bool = False
    max_duration: float = 3600.0
    """Longest video from an address, seconds."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "configurations", tuple(self.configurations))
        _require(isinstance(self.zoo, str) and bool(_ZOO.fullmatch(self.zoo)), "options.zoo", self.zoo)
        _require(
            1 <= len(self.configurations) <= MAX_PATTERNS
            and all(_is_text(pattern, MAX_NAME_LETTERS) for pattern in self.configurations),
            "options.configurations",
            self.configurations,
        )
        _require(_is_number(self.start, 0, MAX_TIME_SECONDS), "options.start", self.start)
        _require(self.end is None or _is_number(self.end, 0, MAX_TIME_SECONDS), "options.end", self.end)
        _require(self.fps is None or _is_number(self.fps, 0, 1000), "options.fps", self.fps)
        _require(self.max_frames is None or _is_whole(self.max_frames, 1), "options.max_frames", self.max_frames)
        _require(_is_whole(self.size, 1), "options.size", self.size)
        _require(self.crop in ("centre", "none"), "options.crop", self.crop)
        _require(isinstance(self.tolerant, bool), "options.tolerant", self.tolerant)
        _require(_is_number(self.max_duration, 0, MAX_TIME_SECONDS), "options.max_duration", self.max_duration)

    @property
    def is_still(self) -> bool:
        """Whether one frame is asked for; workers take these first."""
        return self.max_frames == 1


@dataclass(frozen=True)
class Asked:
    """A request as it was made; never changed."""

    source: Source
    options: Options
    who: str
    """The visitor: any text that is the same for one and differs between two."""
    when: float
    """Seconds since 1970, by the asker's clock."""
    bytes: int = 0
    """Size of the upload."""
    nonce: str = ""
    """Tells two requests apart that were made, deleted and made again."""
    is_visitors: bool = False
    """Whether a visitor of the page asked."""
    network: str = ""
    """Equal for visitors of one network address; empty where that is unknown."""

    def __post_init__(self) -> None:
        _require(_is_text(self.who, MAX_NAME_LETTERS) and bool(self.who), "who", self.who)
        _require(_is_number(self.when, 0, MAX_WHEN_SECONDS), "when", self.when)
        _require(_is_whole(self.bytes, 0), "bytes", self.bytes)
        _require(_is_text(self.nonce, MAX_NAME_LETTERS), "nonce", self.nonce)
        _require(isinstance(self.is_visitors, bool), "is_visitors", self.is_visitors)
        _require(_is_text(self.network, MAX_NAME_LETTERS), "network", self.network)

    @property
    def is_unlisted(self) -> bool:
        """Whether lists leave out the clip that it makes, and what it stores is deleted with it."""
        return self.is_visitors or self.source.kind == "upload"

    @property
    def key(self) -> str:
        """Equal for equal source, options and visitor: 32 hexadecimal digits."""
        return digest([self.source.kind, self.source.name, asdict(self.options), self.who])[:32]


@dataclass(frozen=True)
class Progress:
    """How far a worker is."""

    stage: Stage = ""
    """`download` counts bytes, `compute` frames."""
    n_done: int = 0
    n_total: int | None = None
    """None if unknown."""
    title: str = ""
    """The clip's title; empty until it is known."""
    clip: str = ""
    """Its key, under which finished packs can be viewed already; empty until it is known."""

    def __post_init__(self) -> None:
        _require(self.stage in get_args(Stage), "progress.stage", self.stage)
        _require(_is_whole(self.n_done, 0), "progress.n_done", self.n_done)
        _require(self.n_total is None or _is_whole(self.n_total, 0), "progress.n_total", self.n_total)
        _require(_is_text(self.title, MAX_TEXT_LETTERS), "progress.title", self.title)
        _require(_is_clip(self.clip), "progress.clip", self.clip)


@dataclass(frozen=True)
class Failure:
    """Why a request failed."""

    code: str
    """As docs/errors.md lists them."""
    message: str
    """What was found."""
    next_step: str
    """What to do."""
    can_retry: bool = False
    """Whether asking again can help without any change."""

    def __post_init__(self) -> None:
        for name in ("code", "message", "next_step"):
            _require(_is_text(getattr(self, name), MAX_TEXT_LETTERS), f"failure.{name}", getattr(self, name))
        _require(isinstance(self.can_retry, bool), "failure.can_retry", self.can_retry)


@dataclass(frozen=True)
class Result:
    """What a request that is done has stored."""

    clip: str
    """Key of the clip."""
    title: str = ""
    n_tracks: int = 0
    """Tracks in the store, of those asked for."""
    n_frames_computed: int = 0
    """0 if everything was stored already."""
    seconds: float = 0.0
    """Time to compute and store."""

    def __post_init__(self) -> None:
        _require(isinstance(self.clip, str) and bool(_SHA256.fullmatch(self.clip)), "result.clip", self.clip)
        _require(_is_text(self.title, MAX_TEXT_LETTERS), "result.title", self.title)
        _require(_is_whole(self.n_tracks, 0), "result.n_tracks", self.n_tracks)
        _require(_is_whole(self.n_frames_computed, 0), "result.n_frames_computed", self.n_frames_computed)
        _require(_is_number(self.seconds, 0, MAX_WHEN_SECONDS), "result.seconds", self.seconds)


@dataclass(frozen=True)
class Ended:
    """How a request ended; never changed."""

    outcome: Outcome
    when: float
    """Seconds since 1970, by the worker's clock."""
    began: float = 0.0
    """When the worker took it, by the same clock; 0 if none did."""
    failure: Failure | None = None
    result: Result | None = None
    clip: str = ""
    """Key of the clip, of which some packs may be stored even if the request failed; empty if it was not known yet."""
    n_bytes: int = 0
    """Bytes of the packs that the clip then had, if lists leave it out; otherwise 0."""

    def __post_init__(self) -> None:
        _require(self.outcome in get_args(Outcome), "outcome", self.outcome)
        _require(_is_number(self.when, 0, MAX_WHEN_SECONDS), "when", self.when)
        _require(_is_number(self.began, 0, MAX_WHEN_SECONDS), "began", self.began)
        _require((self.failure is not None) == (self.outcome == "failed"), "failure", self.failure)
        _require((self.result is not None) == (self.outcome == "done"), "result", self.result)
        _require(_is_clip(self.clip), "clip", self.clip)
        _require(_is_whole(self.n_bytes, 0), "n_bytes", self.n_bytes)


@dataclass(frozen=True)
class Request:
    """A request with its state, as listed."""

    id: str
    asked: Asked
    state: State
    progress: Progress = field(default_factory=Progress)
    """The progress of the latest attempt."""
    ended: Ended | None = None
    is_stopping: bool = False
    """Whether it is to be cancelled; the worker ends it soon."""
    is_dropped: bool = False
    """Whether it is to be deleted with its upload and results; shown to nobody."""

    @property
    def is_live(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("waiting", "running")


# JSON


def to_json(record: Any) -> bytes:
    """Equal records give equal bytes."""
    return canonical_json(asdict(record)).encode()


def asked_from_json(data: bytes) -> Asked:
    """Raises BadRecord."""
    row = parse_object(data, "request")
    source = _read(Source, row.pop("source", None), "source")
    return _read(Asked, {**row, "source": source, "options": _read(Options, row.get("options"), "options")}, "request")


def ended_from_json(data: bytes) -> Ended:
    """Raises BadRecord."""
    row = parse_object(data, "end")
    failure, result = row.get("failure"), row.get("result")
    row["failure"] = None if failure is None else _read(Failure, failure, "failure")
    row["result"] = None if result is None else _read(Result, result, "result")
    return _read(Ended, row, "end")


def progress_from_json(data: bytes) -> Progress:
    """Raises BadRecord."""
    return _read(Progress, parse_object(data, "progress").get("progress"), "progress")


def parse_object(data: bytes, name: str) -> dict[str, Any]:
    """Raises BadRecord for anything but a JSON object."""
    row = parse_json(data, name)
    _require(isinstance(row, dict), name, row)
    return row


def _read(kind: Any, row: Any, name: str) -> Any:
    """A record from its fields; those of a newer version are ignored."""
    _require(isinstance(row, Mapping), name, row)
    known = {one.name for one in fields(kind)}
    try:
        return kind(**{key: value for key, value in row.items() if key in known})
    except (TypeError, RecursionError) as error:
        raise BadRecord(f"{name} cannot be read: {error}") from error


def _require(is_so: bool, name: str, value: Any) -> None:
    if not is_so:
        raise BadRecord(f"{name} is {json.dumps(value, default=repr)[:200]}")


def _is_text(value: Any, n_letters: int) -> bool:
    return isinstance(value, str) and len(value) <= n_letters


def _is_clip(value: Any) -> bool:
    return isinstance(value, str) and (not value or bool(_SHA256.fullmatch(value)))


def _is_number(value: Any, low: float, high: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _is_whole(value: Any, low: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= 1 << 53
