"""The summary of a track: a small row of text that is written once and checked whenever it is read.

A row is a copy: the manifest and the packs are the truth. It names the state of the manifest that it was made from, and the
version of this form, so that no other is ever shown.
"""

# N frames, K parts of a clip

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from analysis.stated.trust import Trust, trust_from
from cache.records import KINDS, BadRecord, Clip, Head

VERSION = 1
"""Raised when the row, or how its numbers are computed, changes. Rows of another version are computed again."""
MAX_PARTS = 256
"""Parts of a clip whose means are kept. A clip of that many frames or fewer is kept whole, and its intervals are those of Compare;
in a longer one the neighbours in a part count as one."""
MAX_TEXT = 400
ROW_ERRORS = (ValueError, KeyError, TypeError, AttributeError, RecursionError, BadRecord, binascii.Error)


@dataclass(frozen=True)
class Measure:
    """One series of a track: an energy in sigma, an error or a change over time."""

    title: str
    unit: str
    mean: float
    """Over the frames with a value; NaN without any."""
    floor: float
    """Half-width of the 95 % interval of the mean over frames (analysis/noise.py); NaN for fewer than three."""
    worst_frame: int
    """The frame with the highest value; -1 if there are no values."""
    worst: float
    parts: np.ndarray
    """Means over MAX_PARTS stretches of the clip in order of time, float32 (K,); NaN where no frame has a value."""


@dataclass(frozen=True)
class Expected:
    """The error to expect of a clip's frames, as far as they are like those of the calibration."""

    error: str
    """The column whose value is expected."""
    median: float
    """The median over the frames that are like the calibration; NaN if there are none. The interval is that of the median frame."""
    low: float
    high: float
    """NaN where the model has no interval."""
    factor: float
    """A frame's interval runs from error / factor to error * factor; NaN if there is none."""
    coverage: float
    n_usual: int
    """Frames like the calibration."""
    n_frames: int
    parts: np.ndarray
    """Means over the stretches of the clip, of the frames like the calibration, float32 (K,)."""

    @property
    def mean(self) -> float:
        known = self.parts[np.isfinite(self.parts)]
        return float(known.mean()) if len(known) else float("nan")


@dataclass(frozen=True)
class Summary:
    """What is said of one track."""

    key: str
    kind: str
    zoo: str
    method: str
    path: str
    clip: Clip
    n_frames: int
    bytes: int
    time: str
    """When it was begun, ISO 8601."""
    domain: str
    domain_title: str
    edges: Mapping[str, str]
    is_merged: bool = False
    merged_of: str = ""
    """The method whose paths were merged; empty for others."""
    measures: Mapping[str, Measure] = field(default_factory=dict)
    """`energy`, `stability`, and the columns of errors."""
    share_unlike: float = math.nan
    """Share of an energy's frames above `limit`, and so unlike what the zoo was calibrated on."""
    limit: float = math.nan
    """Sigma."""
    scale: str = ""
    """Digest of an energy's paths and constants. Only energies with the same digest can be compared with each other."""
    trust: Trust | None = None
    expected: Expected | None = None
    used_energy: str = ""
    """The track that said which frames are unlike the calibration; the row holds beside it alone."""
    is_complete: bool = True
    problem: str = ""
    """Why its numbers could not be read; empty if they were."""

    @property
    def configuration(self) -> str:
        return "/".join(part for part in (self.zoo, self.method, self.path) if part)


def summary_of_head(head: Head, n_frames: int, n_bytes: int, *, is_complete: bool, **found: Any) -> Summary:
    """The summary of a track with that head; `found`: what was read of its packs."""
    merge = head.constants.get("merge")
    return Summary(
        key=head.key,
        kind=head.kind,
        zoo=head.zoo,
        method=head.method,
        path=head.path,
        clip=head.clip,
        n_frames=n_frames,
        bytes=n_bytes,
        time=head.computed_on.get("time", ""),
        domain=str(head.domain.get("name") or ""),
        domain_title=str(head.domain.get("title") or "")[:MAX_TEXT],
        edges=head.edges,
        is_merged=bool(merge),
        merged_of=str(merge.get("of") or "") if isinstance(merge, Mapping) else "",
        is_complete=is_complete,
        **found,
    )


def has_same_weights(a: Summary, b: Summary) -> bool:
    """True if both name the same digest for every edge they share."""
    return all(a.edges.get(edge, digest) == digest for edge, digest in b.edges.items())


def to_text(summary: Summary, stamp: str) -> str:
    """The row. Clip and edges are texts inside it: those of a clip's tracks are equal, and are parsed once."""
    named = {name: getattr(summary, name) for name in _PLAIN}
    return json.dumps(
        {
            "version": VERSION,
            "stamp": stamp,
            **{
                name: None if isinstance(value, float) and math.isnan(value) else value for name, value in named.items()
            },
            "clip": json.dumps(asdict(summary.clip)),
            "edges": json.dumps(dict(summary.edges), sort_keys=True),
            "measures": {name: _plain(measure) for name, measure in summary.measures.items()},
            "trust": asdict(summary.trust) if summary.trust else None,
            "expected": _plain(summary.expected) if summary.expected else None,
        }
    )


def from_text(key: str, text: str) -> tuple[str, Summary] | None:
    """The stamp and the summary in a row; None for one of another version, and for what is no row."""
    try:
        row = json.loads(text)
        if row["version"] != VERSION or row["kind"] not in KINDS or row["key"] != key:
            return None
        plain = {name: _checked(row[name], kind) for name, kind in _PLAIN.items()}
        return str(row["stamp"]), Summary(
            **plain,
            clip=_clip(row["clip"]),
            edges=_edges(row["edges"]),
            measures={str(name): _measure(stored) for name, stored in row["measures"].items()},
            trust=trust_from(row["trust"]),
            expected=_expected(row["expected"]),
        )
    except ROW_ERRORS:
        return None


_PLAIN: Mapping[str, type] = {
    "key": str,
    "kind": str,
    "zoo": str,
    "method": str,
    "path": str,
    "n_frames": int,
    "bytes": int,
    "time": str,
    "domain": str,
    "domain_title": str,
    "is_merged": bool,
    "merged_of": str,
    "share_unlike": float,
    "limit": float,
    "scale": str,
    "used_energy": str,
    "problem": str,
}


def _checked(value: Any, kind: type) -> Any:
    if kind is float:
        return number_or_nan(value)
    if type(value) is not kind:
        raise ValueError(f"a row holds {type(value).__name__}, expected {kind.__name__}")
    return value


def number_or_nan(value: Any) -> float:
    """A number of a row; NaN for None. Raises ValueError."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"a row holds {value!r}, expected a number")
    return float(value)


def _plain(record: Measure | Expected) -> dict[str, Any]:
    """JSON has no NaN; the parts are their bytes, as a list of numbers takes ten times as long to parse."""
    stored: dict[str, Any] = {}
    for name in type(record).__dataclass_fields__:
        value = getattr(record, name)
        if isinstance(value, np.ndarray):
            value = base64.b64encode(value.astype("<f4").tobytes()).decode()
        stored[name] = None if isinstance(value, float) and not math.isfinite(value) else value
    return stored


def _parts(text: Any) -> np.ndarray:
    parts = np.frombuffer(base64.b64decode(text, validate=True), "<f4")
    if len(parts) > MAX_PARTS:
        raise ValueError(f"a row holds {len(parts)} parts, at most {MAX_PARTS}")
    return parts


def _measure(row: Mapping[str, Any]) -> Measure:
    return Measure(
        str(row["title"])[:MAX_TEXT],
        str(row["unit"])[:MAX_TEXT],
        number_or_nan(row["mean"]),
        number_or_nan(row["floor"]),
        _checked(row["worst_frame"], int),
        number_or_nan(row["worst"]),
        _parts(row["parts"]),
    )


def _expected(row: Any) -> Expected | None:
    if row is None:
        return None
    numbers = {name: number_or_nan(row[name]) for name in ("median", "low", "high", "factor", "coverage")}
    counts = {name: _checked(row[name], int) for name in ("n_usual", "n_frames")}
    return Expected(error=str(row["error"]), **numbers, **counts, parts=_parts(row["parts"]))


@lru_cache(maxsize=4096)
def _clip(text: str) -> Clip:
    return Clip(**json.loads(text))


@lru_cache(maxsize=4096)
def _edges(text: str) -> Mapping[str, str]:
    return {str(edge): str(digest) for edge, digest in json.loads(text).items()}
