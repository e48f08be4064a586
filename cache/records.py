"""The records of the store: clips, tracks and packs, checked when they are read.

Their JSON carries a schema number and a digest of all other fields, so a flipped bit is detected instead of showing a
wrong number. Older schemas are migrated when they are read (MIGRATIONS), newer ones are refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cache.keys import digest

SCHEMA = 2
MAX_CLIP_FRAMES = 10_000_000
"""Four days at 30 frames per second."""
MAX_SIDE = 16384
"""Pixels."""
MAX_PACK_BYTES = 1 << 40
MAX_DEPTH = 32
"""Arrays and objects inside each other, of which manifests need 3; Python's recursion fails at several hundred."""
KINDS = ("input", "truth", "prediction", "readout", "energy", "flow", "stability", "confidence", "scores", "aligned")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9_.-]{0,64}")
MAX_PATH_DOMAINS = 8
_PATH = re.compile(rf"[a-z0-9_]{{1,32}}(-[a-z0-9_]{{1,32}}){{0,{MAX_PATH_DOMAINS - 1}}}")


class Explained(Exception):
    """A failure of the store. `str(error)` is `found; next_step`, or `found` where no next step is known."""

    def __init__(self, found: str, next_step: str = "") -> None:
        self.found, self.next_step = found, next_step
        super().__init__(f"{found}; {next_step}" if next_step else found)


class StoreError(Explained):
    """The store cannot do what was asked."""


class BadRecord(Explained, ValueError):
    """A manifest does not hold what this version of the format promises."""


class NewerRecord(BadRecord):
    """A manifest of a schema newer than this version reads."""


@dataclass(frozen=True)
class Clip:
    """A source as sampled. Titles and addresses come from outside: show them as text, never as markup."""

    key: str
    """`keys.clip_key` of the source's digest and the sampling."""
    title: str
    source_sha256: str
    sampling: Mapping[str, Any]
    """Every setting that selects or alters frames, and the version of the sampling rule."""
    width: int
    """Pixels, for every track of the clip."""
    height: int
    """Pixels, for every track of the clip."""
    n_frames: int
    """Frames expected from the source; exact in finished tracks."""
    url: str | None = None
    author: str | None = None
    licence: str | None = None
    attribution: str | None = None

    def __post_init__(self) -> None:
        _require(_is_sha256(self.key) and _is_sha256(self.source_sha256), "clip.key", self.key)
        _require(isinstance(self.title, str), "clip.title", self.title)
        _require(isinstance(self.sampling, Mapping), "clip.sampling", self.sampling)
        _require(_is_whole(self.width, 1, MAX_SIDE), "clip.width", self.width)
        _require(_is_whole(self.height, 1, MAX_SIDE), "clip.height", self.height)
        _require(_is_whole(self.n_frames, 0, MAX_CLIP_FRAMES), "n_frames", self.n_frames)
        for text in (self.url, self.author, self.licence, self.attribution):
            _require(text is None or isinstance(text, str), "clip text", text)


@dataclass(frozen=True)
class Pack:
    """One immutable file of consecutive frames."""

    sha256: str
    """Digest of the file's bytes, and its name."""
    start: int
    """Index of its first frame in the track."""
    n_frames: int
    bytes: int

    def __post_init__(self) -> None:
        _require(_is_sha256(self.sha256), "pack.sha256", self.sha256)
        _require(_is_whole(self.start, 0, MAX_CLIP_FRAMES), "pack.start", self.start)
        _require(_is_whole(self.n_frames, 1, MAX_CLIP_FRAMES), "pack.n_frames", self.n_frames)
        _require(_is_whole(self.bytes, 1, MAX_PACK_BYTES), "pack.bytes", self.bytes)


@dataclass(frozen=True)
class Head:
    """What is known about a track before its first frame."""

    key: str
    """`keys.track_key`."""
    kind: str
    """One of KINDS."""
    clip: Clip
    zoo: str
    """Empty for input, truth and flow, and for a confidence of several networks."""
    method: str
    """Empty for input, truth and flow, and for a confidence of several networks."""
    path: str
    """Domains in order, `rgb-normal-reshading`. For an energy the direct path; for input, truth and flow the one domain."""
    domain: Mapping[str, Any]
    """The Domain record of the stored images: name, title, channels, lo, hi, scale, unit, meaning, colour_map; `bits`, 16 where
    a code has two bytes: the image then is RGB, with the high ones in R and the low ones in G; `invalid` and `sky`, the codes of
    unknown and of infinitely far, where there are any."""
    codec: str
    edges: Mapping[str, str]
    """Edge -> digest, for every edge that the values depend on."""
    constants: Mapping[str, Any] = field(default_factory=dict)
    """For an energy: `paths` (the terms in order), `mu` and `sigma` (one per path), and `weights` where it has some: for the
    weightings `weighted` and `paper` one number per path. For what is merged: `merge`. Either may state `expected`, the error to
    expect. For a flow, a stability or a confidence: what it was computed from (`of`: keys of tracks) and the `versions` of how.
    Else empty."""
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Per-frame numbers beside the images: name -> title and unit."""
    computed_on: Mapping[str, str] = field(default_factory=dict)
    """Device, dtype, time, the versions of Crosscheck (`crosscheck`) and of libraries, any `damage` to the source, and `notes` on
    what was chosen, passed over and changed in it.
    No part of the key: tracks with the same key may differ here."""

    def __post_init__(self) -> None:
        _require(_is_sha256(self.key), "track.key", self.key)
        _require(self.kind in KINDS, f"track.kind (one of {', '.join(KINDS)})", self.kind)
        for name in (self.zoo, self.method):
            _require(bool(_NAME.fullmatch(name)), "zoo or method", name)
        _require(bool(_PATH.fullmatch(self.path)), "path", self.path)
        n_domains = self.path.count("-") + 1
        _require(n_domains == {"input": 1, "truth": 1, "flow": 1}.get(self.kind, max(2, n_domains)), "path", self.path)
        _require(self.kind != "readout" or n_domains >= 3, "path of a readout", self.path)
        self._check_domain()
        for texts in (self.edges, self.computed_on):
            _require(_is_table(texts, str), "table of texts", texts)
        _require(_is_table(self.columns, dict), "columns", self.columns)
        _require(isinstance(self.constants, Mapping), "constants", self.constants)
        if self.kind == "energy":
            self._check_energy()

    def _check_domain(self) -> None:
        domain = self.domain
        _require(domain.get("channels") in (1, 3), "domain.channels", domain.get("channels"))
        bits = domain.get("bits", 8)
        _require(bits == 8 or (bits == 16 and domain["channels"] == 1), "domain.bits", bits)
        ends = (domain.get("invalid"), domain.get("sky"))
        _require(bits == 8 or (ends[0] in (None, 0) and ends[1] in (None, 1)), "domain.invalid, domain.sky", ends)
        scale, lo, hi = domain.get("scale"), domain.get("lo", math.nan), domain.get("hi", math.nan)
        _require(scale in ("linear", "log"), "domain.scale", scale)
        _require(all(isinstance(x, float | int) and math.isfinite(x) for x in (lo, hi)), "domain range", (lo, hi))
        _require(lo < hi and (scale == "linear" or lo > 0), "domain range", (lo, hi))

    def _check_energy(self) -> None:
        paths, mu, sigma = (list(self.constants.get(name, ())) for name in ("paths", "mu", "sigma"))
        _require(len(paths) == len(mu) == len(sigma) >= 1, "energy constants", self.constants)
        _require("terms" in self.columns, "columns of an energy", self.columns)
        _require(all(isinstance(path, str) for path in paths), "energy paths", paths)
        _require(all(isinstance(x, float | int) and math.isfinite(x) for x in (*mu, *sigma)), "mu, sigma", (mu, sigma))
        _require(min(sigma) > 0, "sigma", sigma)
        weights = self.constants.get("weights", {})
        _require(isinstance(weights, Mapping) and set(weights) in ({*()}, {"weighted", "paper"}), "weights", weights)
        for listed in weights.values():
            is_listed = isinstance(listed, list | tuple) and len(listed) == len(paths)
            _require(is_listed and all(type(x) in (int, float) and math.isfinite(x) for x in listed), "weights", listed)

    @property
    def configuration(self) -> str:
        """`zoo/method/path`; the path alone for input and truth."""
        return "/".join(part for part in (self.zoo, self.method, self.path) if part)

    @property
    def label(self) -> str:
        """Configuration, kind and clip, for messages."""
        return f"{self.configuration} ({self.kind}) of '{self.clip.title}'"

    @property
    def caveat(self) -> str:
        """Why the clip may not be the whole of its source, or not as it is stored there; empty for most."""
        is_tolerant = self.clip.sampling.get("is_tolerant")
        parts = (self.computed_on.get("damage"), "tolerant") if is_tolerant else ()
        return "; ".join(part for part in (*parts, self.computed_on.get("notes")) if part)


@dataclass(frozen=True)
class Track:
    """One configuration on one clip, finished or still growing."""

    head: Head
    packs: tuple[Pack, ...]
    is_complete: bool
    """False while a job writes the track: `packs` then lists what is ready."""

    def __post_init__(self) -> None:
        expected = 0
        for pack in self.packs:
            _require(pack.start == expected, f"pack.start (expected {expected})", pack.start)
            expected += pack.n_frames

    @property
    def n_frames(self) -> int:
        return sum(pack.n_frames for pack in self.packs)

    @property
    def bytes(self) -> int:
        return sum(pack.bytes for pack in self.packs)


def head_to_json(head: Head) -> dict[str, Any]:
    return sealed({"schema": SCHEMA, **asdict(head)})


def head_from_json(data: Any) -> Head:
    """Raises BadRecord unless `data` is a head with a matching digest, of a schema that this version reads."""
    return _head(_current(data))


def track_to_json(track: Track) -> dict[str, Any]:
    return sealed({"schema": SCHEMA, **asdict(track.head), "packs": [asdict(pack) for pack in track.packs]})


def manifest_bytes(track: Track) -> bytes:
    """The manifest of a finished track as it is stored."""
    return json.dumps(track_to_json(track)).encode()


def track_from_json(data: Any) -> Track:
    """Raises BadRecord like `head_from_json`."""
    fields = _current(data)
    head = _head(fields)
    try:
        packs = tuple(Pack(**_table(pack, "pack")) for pack in fields.get("packs", ()))
    except TypeError as error:
        raise BadRecord(f"manifest cannot be read: {error}") from error
    return Track(head, packs, is_complete=True)


def sealed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with their digest. Raises BadRecord for values that JSON cannot hold."""
    unsealed = {name: value for name, value in fields.items() if name != "digest"}
    try:
        return {**unsealed, "digest": digest(unsealed)}
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"manifest cannot be read: {error}") from error


MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
    1: lambda fields: sealed({**fields, "schema": 2}),  # 1 had no digest
}
"""Schema -> the step that turns its JSON into that of the next schema."""


def _current(data: Any) -> dict[str, Any]:
    """The JSON of a head or manifest in this version's schema, its digest checked."""
    fields = _table(data, "manifest")
    _check_values(fields)
    while (schema := fields.get("schema")) != SCHEMA:
        if type(schema) is not int or schema < 1:
            raise BadRecord(f"schema {schema!r} is invalid; this version reads 1 to {SCHEMA}")
        if schema > SCHEMA:
            raise NewerRecord(
                f"schema {schema} is from a newer version, this one reads 1 to {SCHEMA}", "upgrade Crosscheck"
            )
        fields = MIGRATIONS[schema](fields)
    found = fields.get("digest")
    _require(found == sealed(fields)["digest"], "manifest.digest", found)
    return fields


def _head(fields: dict[str, Any]) -> Head:
    names = set(Head.__dataclass_fields__)
    try:
        clip = Clip(**_table(fields.get("clip"), "clip"))
        return Head(**{name: value for name, value in fields.items() if name in names and name != "clip"}, clip=clip)
    except (TypeError, AttributeError) as error:
        raise BadRecord(f"manifest cannot be read: {error}") from error


def _table(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRecord(f"{name} must be a JSON object, got {type(value).__name__}")
    return value


def _is_whole(value: Any, lowest: int, highest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def _check_values(value: Any, depth: int = 0) -> None:
    """Raises BadRecord for NaN and infinity, which JSON cannot spell yet Python reads, and for more than MAX_DEPTH."""
    _require(depth <= MAX_DEPTH, f"depth (at most {MAX_DEPTH})", depth)
    _require(not isinstance(value, float) or math.isfinite(value), "a number", value)
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_values(part, depth + 1)


def _is_table(value: Any, of: type) -> bool:
    return isinstance(value, Mapping) and all(isinstance(k, str) and isinstance(v, of) for k, v in value.items())


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and bool(_SHA256.fullmatch(value))


def _require(is_valid: bool, name: str, value: Any) -> None:
    if not is_valid:
        raise BadRecord(f"{name} is invalid: {value!r}")
