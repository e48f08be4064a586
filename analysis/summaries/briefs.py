"""Briefs: the summaries of a large store's clips as the overview of one target needs them, kept as one row per clip and target.

A brief is a summary without the curves of its clip: of an energy the highest values of BRIEF_PARTS stretches, of an expected error the
mean, of the rest nothing. A row is a copy that counts only beside the manifests that it was made from (cache/clips/rows.py).
"""

# N frames, K parts of a clip

from __future__ import annotations

import base64
import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np

from analysis.stated.trust import Trust, trust_from
from analysis.summaries.record import ROW_ERRORS, Expected, Measure, Summary, number_or_nan
from analysis.summaries.record import VERSION as SUMMARY_VERSION
from analysis.summaries.rows import Summaries
from cache.clips.listing import Listing
from cache.clips.rows import ClipRow
from cache.records import Clip
from cache.store import Store

BRIEF_PARTS = 32
"""As many as the overview draws of a curve."""
BRIEF_VERSION = f"{SUMMARY_VERSION}.1"
KINDS = ("prediction", "readout", "energy", "stability")
_NO_PARTS = np.zeros(0, np.float32)


class Briefs:
    """The briefs of a store, shared by all sessions. `summaries` computes what no row holds."""

    def __init__(self, store: Store, summaries: Summaries) -> None:
        self._store, self._summaries = store, summaries
        self._lock = Lock()  # sessions are threads
        self._kept: dict[str, dict[str, tuple[bytes, list[Summary]]]] = {}
        """Target -> clip key -> the stamps of its tracks, and their briefs."""
        self._without_row: dict[str, str] = {}
        """Target -> the state of the store in which its rows were last read."""

    def read(self, listing: Listing, target: str, seconds: float = float("inf")) -> tuple[list[Summary], int]:
        """The briefs of that target on all listed clips, and on how many clips they are still missing after `seconds` of computing."""
        until = time.monotonic() + seconds
        with self._lock:
            kept = self._kept.setdefault(target, {})
            wanted = [key for key, line in listing.lines.items() if any(_is_about(n.path, target) for n in line.names)]
            lacking = [key for key in wanted if not _is_current(kept.get(key), listing.stamps(key))]
            if lacking and self._without_row.get(target) != listing.state:
                self._load_rows(listing, target, set(lacking))
                self._without_row[target] = listing.state
                lacking = [key for key in lacking if not _is_current(kept.get(key), listing.stamps(key))]
            growing: dict[str, list[Summary]] = {}
            n_unread = 0
            for key in lacking:
                if time.monotonic() >= until:
                    n_unread += 1
                    continue
                found, n_missing = self._summaries.read(until - time.monotonic(), only=listing.keys(key))
                briefs = [brief_of(one) for one in found if is_told(one, target)]
                stamps = listing.stamps(key)
                if n_missing:  # what was computed stays in memory, for the next time
                    n_unread += 1
                else:
                    self._summaries.forget(one.key for one in found)
                if stamps is None or n_missing:
                    growing[key] = briefs
                else:
                    kept[key] = stamps, briefs
            for key in [key for key in kept if key not in listing.lines]:
                del kept[key]
            # What was kept of another state of the manifests tells of tracks that may be gone.
            current = {key: kept[key][1] for key in wanted if _is_current(kept.get(key), listing.stamps(key))} | growing
            told = (current.get(key, ()) for key in wanted)
            return [one for briefs in told for one in briefs], n_unread

    def _load_rows(self, listing: Listing, target: str, lacking: set[str]) -> None:
        kept = self._kept[target]
        for key, row in self._store.clip_rows(row_name(target)).items():
            if key in lacking and row.stamps == listing.stamps(key):
                briefs = briefs_from_text(row.text, listing.lines[key].clip)
                if briefs is not None:
                    kept[key] = row.stamps, briefs


def keep_summaries(store: Store, clip: str, listing: Listing | None = None) -> None:
    """Keep what lists and overviews say of one clip, so that they read neither its manifests nor its packs. Reads no other clip.

    With a `listing` of the store as it is now, does not look for the clip's tracks among all others; the caller then shares the index.
    """
    if listing is None:
        stamps, keys = store.keep_line(clip), [track.head.key for track in store.tracks(clip=clip)]
    else:
        stamps, keys = listing.stamps(clip), listing.keys(clip)
    found, _ = Summaries(store).read(only=keys)
    if listing is None:
        store.share_index()
    if stamps is None or any(one.problem or not one.is_complete for one in found):
        return
    for name, text in brief_rows(found).items():
        store.keep_clip_rows(name, {clip: ClipRow(stamps, text)})


def brief_rows(summaries: Sequence[Summary]) -> dict[str, str]:
    """Name -> text of the rows of one clip, all of whose tracks the summaries tell of."""
    targets = sorted({one.path.rsplit("-", 1)[-1] for one in summaries if one.kind in KINDS})
    return {
        row_name(target): briefs_to_text(brief_of(one) for one in summaries if is_told(one, target))
        for target in targets
    }


def row_name(target: str) -> str:
    return f"overview {BRIEF_VERSION} {target}"


def is_told(one: Summary, target: str) -> bool:
    return one.kind in KINDS and _is_about(one.path, target)


def _is_about(path: str, target: str) -> bool:
    return path.endswith(f"-{target}")


def _is_current(kept: tuple[bytes, list[Summary]] | None, stamps: bytes | None) -> bool:
    return kept is not None and stamps is not None and kept[0] == stamps


def brief_of(summary: Summary) -> Summary:
    """The summary without what the overview of many clips does not show."""
    expected = summary.expected
    return replace(
        summary,
        measures={
            name: replace(measure, parts=highest(measure.parts) if name == "energy" else _NO_PARTS)
            for name, measure in summary.measures.items()
        },
        expected=replace(expected, parts=np.array([expected.mean], np.float32)) if expected else None,
    )


def highest(parts: np.ndarray) -> np.ndarray:
    """The highest of (K,) parts in each of at most BRIEF_PARTS stretches, so that no peak is lost; NaN where all of a stretch are."""
    n = min(BRIEF_PARTS, len(parts))
    return np.fmax.reduceat(parts, np.arange(n) * len(parts) // n).astype(np.float32) if n else _NO_PARTS


def briefs_to_text(briefs: Iterable[Summary]) -> str:
    return json.dumps([_plain(one) for one in briefs])


def briefs_from_text(text: str, clip: Clip) -> list[Summary] | None:
    """The briefs of that clip in a row; None for what is no row."""
    try:
        return [_brief(parts, clip) for parts in json.loads(text)]
    except ROW_ERRORS:
        return None


@dataclass(frozen=True)
class _Shape:
    """What the tracks of one name have in common on most clips: a text inside the row, parsed once."""

    kind: str
    zoo: str
    method: str
    path: str
    domain: str
    domain_title: str
    edges: Mapping[str, str]
    is_merged: bool
    merged_of: str
    limit: float
    scale: str
    trust: Trust | None
    measures: tuple[tuple[str, str, str], ...]
    """Name, title and unit."""
    expected: tuple[str, float, float] | None
    """Error, factor and coverage."""


_TEXTS = ("kind", "zoo", "method", "path", "domain", "domain_title", "merged_of", "scale")


def _plain(one: Summary) -> list[Any]:
    shape = {
        **{name: getattr(one, name) for name in _TEXTS},
        "edges": dict(one.edges),
        "is_merged": one.is_merged,
        "limit": _sent(one.limit),
        "trust": asdict(one.trust) if one.trust else None,
        "measures": [[name, measure.title, measure.unit] for name, measure in one.measures.items()],
        "expected": [one.expected.error, _sent(one.expected.factor), _sent(one.expected.coverage)]
        if one.expected
        else None,
    }
    measures = [
        [
            _sent(m.mean),
            _sent(m.floor),
            m.worst_frame,
            _sent(m.worst),
            base64.b64encode(m.parts.astype("<f4").tobytes()).decode(),
        ]
        for m in one.measures.values()
    ]
    e = one.expected
    expected = [_sent(e.median), _sent(e.low), _sent(e.high), e.n_usual, e.n_frames, _sent(e.mean)] if e else None
    numbers = [one.key, one.n_frames, one.bytes, one.time, _sent(one.share_unlike), one.used_energy]
    return [json.dumps(shape), *numbers, measures, expected]


def _sent(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _brief(row: Sequence[Any], clip: Clip) -> Summary:
    text, key, n_frames, n_bytes, began, share, used_energy, measures, expected = row
    shape = _shape(text)
    if not (type(key) is type(began) is type(used_energy) is str and type(n_frames) is type(n_bytes) is int):
        raise ValueError("a brief of other types")
    told = None
    if expected is not None and shape.expected is not None:
        error, factor, coverage = shape.expected
        median, low, high, n_usual, n_all, mean = expected
        told = Expected(
            error,
            number_or_nan(median),
            number_or_nan(low),
            number_or_nan(high),
            factor,
            coverage,
            int(n_usual),
            int(n_all),
            np.array([number_or_nan(mean)], np.float32),
        )
    return Summary(
        key=key,
        kind=shape.kind,
        zoo=shape.zoo,
        method=shape.method,
        path=shape.path,
        clip=clip,
        n_frames=n_frames,
        bytes=n_bytes,
        time=began,
        domain=shape.domain,
        domain_title=shape.domain_title,
        edges=shape.edges,
        is_merged=shape.is_merged,
        merged_of=shape.merged_of,
        measures={
            name: _measure(title, unit, one) for (name, title, unit), one in zip(shape.measures, measures, strict=True)
        },
        share_unlike=number_or_nan(share),
        limit=shape.limit,
        scale=shape.scale,
        trust=shape.trust,
        expected=told,
        used_energy=used_energy,
    )


def _measure(title: str, unit: str, row: Sequence[Any]) -> Measure:
    mean, floor, worst_frame, worst, text = row
    parts = np.frombuffer(base64.b64decode(text, validate=True), "<f4") if text else _NO_PARTS
    if len(parts) > BRIEF_PARTS or type(worst_frame) is not int:
        raise ValueError("a brief of other types")
    return Measure(title, unit, number_or_nan(mean), number_or_nan(floor), worst_frame, number_or_nan(worst), parts)


@lru_cache(maxsize=4096)
def _shape(text: str) -> _Shape:
    row = json.loads(text)
    texts = {name: row[name] for name in _TEXTS}
    if not all(type(one) is str for one in texts.values()) or type(row["is_merged"]) is not bool:
        raise ValueError("a brief of other types")
    expected = row["expected"]
    return _Shape(
        **texts,
        edges={str(edge): str(digest) for edge, digest in row["edges"].items()},
        is_merged=row["is_merged"],
        limit=number_or_nan(row["limit"]),
        trust=trust_from(row["trust"]),
        measures=tuple((str(name), str(title), str(unit)) for name, title, unit in row["measures"]),
        expected=(str(expected[0]), number_or_nan(expected[1]), number_or_nan(expected[2])) if expected else None,
    )
