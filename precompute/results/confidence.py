"""Adds the confidence that a method states of its own prediction: maps that are judged like an energy where the truth is known."""

# N frames, H x W pixels

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from analysis.summaries.briefs import keep_summaries
from cache.keys import track_key
from cache.records import Head, StoreError, Track
from cache.store import Store
from consistency.domains import Domain
from precompute.failures import SourceError
from precompute.jobs.output.encode import CODEC
from precompute.jobs.output.tracks import COLUMN_TITLES
from precompute.results.add import ZOO, Added, MapSource, Wanted, matched_source, write_track
from precompute.results.meaning.asked import Stated
from precompute.results.meaning.formats import AXES, Format
from precompute.results.meaning.judging import Findings, judge
from precompute.results.meaning.values import Conversion
from precompute.results.reading import Reader
from precompute.results.storing import Storage
from precompute.results.truth import column, time_after

CONFIDENCE = "confidence"
"""The domain, the kind of the track and the name of its column."""
VERSION = 1
High = Literal["sure", "unsure"]
"""What high values mean: a confidence, or an uncertainty such as a standard deviation."""
PLAIN = Format("plain", "numbers as they are", CONFIDENCE, ())
UNKNOWN = 1.0
"""The code of unknown pixels; values end one code below."""


@dataclass(frozen=True)
class Lack:
    """The column of a frame: how unsure the method is, in its own numbers."""

    high: High
    highest: float
    """The clip's highest confidence."""

    def columns(self, at: int, values: np.ndarray) -> dict[str, np.ndarray]:
        """`confidence`: the mean uncertainty, or by how much the mean confidence is below the clip's highest; NaN without a value."""
        known = values[np.isfinite(values)]
        mean = float(known.mean(dtype=np.float64)) if known.size else float("nan")
        return {CONFIDENCE: np.array([mean if self.high == "unsure" else self.highest - mean], np.float32)}

    def described(self) -> Mapping[str, Mapping[str, str]]:
        title = "Stated uncertainty" if self.high == "unsure" else "Stated confidence, below its highest"
        return {CONFIDENCE: {"title": title, "unit": ""}}


def confidence_conversion(stated: Stated) -> Conversion:
    """How the maps are read: as they are, with the stated values for unknown. Raises SourceError for what only depth or normals have."""
    given = (stated.format, stated.unit, stated.axes, stated.projection, stated.picture)
    if any(one is not None for one in given) or stated.sky:
        raise SourceError(
            "unknown_format",
            "a confidence has no format, unit, axes, projection or sky",
            "leave them out; --unknown, --key and --fit are the same as of depth",
        )
    return Conversion(PLAIN, "scale", None, "z", None, AXES["opencv"], stated.unknown, (), fit=stated.fit)


def add_confidence(
    store: Store,
    input_track: Track,
    wanted: Wanted,
    of: str,
    high: High,
    *,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
    reader: Reader | None = None,
) -> Added:
    """Add the confidence of the method's stored prediction of the domain `of`. Nothing is stored unless every frame can be.

    Raises SourceError, StoreError and OSError.
    """
    clip = replace(input_track.head.clip, n_frames=input_track.n_frames)
    prediction = _prediction(store, clip.key, wanted.method, of)
    pts_seconds = column(store, input_track, "pts_seconds").astype(np.float64)
    with ExitStack() as stack:
        reader = reader or stack.enter_context(Reader())
        source = matched_source(reader, wanted, clip, pts_seconds, 1, PLAIN)
        findings = _judged(source, progress)
        storage = _storage(findings)
        lack = Lack(high, findings.highest)
        head = _head(source, storage, lack, prediction, findings)
        with store.writing(clip.key):
            is_new = not store.holds(head.key)
            if is_new:
                store.remove([head.key])  # what a killed run left
                write_track(store, source, storage, head, lack, pts_seconds, progress)
            track = store.get(head.key)
            if track is None:
                raise StoreError(f"{head.label} was removed meanwhile", "add it again")
    keep_summaries(store, clip.key)
    return Added(track, is_new, source.matching.words, f"confidence ({of})", tuple(findings.notes))


def _prediction(store: Store, clip: str, method: str, of: str) -> Head:
    tracks = store.tracks(clip=clip, kind="prediction")
    name = (ZOO, method, f"rgb-{of}")
    found = next((t.head for t in tracks if t.is_complete and (t.head.zoo, t.head.method, t.head.path) == name), None)
    if found is None:
        raise SourceError(
            "missing_frames",
            f"{'/'.join(name)} is not stored on this clip, and a confidence belongs to a prediction",
            "add the prediction first, or choose --as and --of of one that is stored",
        )
    return found


def _judged(source: MapSource, progress: Callable[[str, int, int], None]) -> Findings:
    """Read every map once. Raises SourceError."""
    findings, n_frames = Findings(), len(source.matching.places)
    for at in range(n_frames):
        raw, values = source.frame(at)
        if raw.shape[-1] != 1:
            raise SourceError(
                "wrong_shape",
                f"{source.name(at)}: {raw.shape[-1]} channels, a confidence has one",
                "give numbers, not a coloured picture",
            )
        findings.add(source.wanted.conversion.numbers(raw), values)
        progress("reading", at + 1, n_frames)
    judge(findings, source.wanted.conversion)
    if not findings.highest > findings.lowest:
        raise SourceError(
            "wrong_shape", "all maps hold one value, which orders nothing", "check --key, --unknown and the files"
        )
    return findings


def _storage(findings: Findings) -> Storage:
    lowest, highest = findings.lowest, findings.highest
    domain = Domain(
        CONFIDENCE,
        "Stated confidence",
        "",
        1,
        lowest,
        lowest + (highest - lowest) * 255 / 254,
        "linear",
        "",
        "scalar",
        "viridis",
        invalid=UNKNOWN,
    )
    return Storage(domain, CONFIDENCE)


def _head(source: MapSource, storage: Storage, lack: Lack, prediction: Head, findings: Findings) -> Head:
    wanted, clip, sha256 = source.wanted, source.clip, source.sha256()
    stated: dict[str, Any] = {
        "high": lack.high,
        "unknown": list(wanted.conversion.unknown),
        "fit": wanted.conversion.fit,
        "array": source.maps.array.name,
        "frames": source.matching.words,
    }
    of = [prediction.key, *([prediction.constants["errors_of"]] if "errors_of" in prediction.constants else [])]
    title = "Stated uncertainty" if lack.high == "unsure" else "Stated confidence"
    inputs = {"of": of[-1], "stated": {**stated, "sha256": sha256}, "version": VERSION}
    return Head(
        key=track_key(clip.key, CONFIDENCE, prediction.zoo, prediction.method, prediction.path, inputs),
        kind=CONFIDENCE,
        clip=clip,
        zoo=prediction.zoo,
        method=prediction.method,
        path=prediction.path,
        domain={**storage.domain.record(), "title": title},
        codec=CODEC,
        edges=dict(prediction.edges),
        constants={
            "of": of,
            "measure": "stated",
            "versions": {"confidence": VERSION},
            "stated": {**stated, "source": wanted.path.name},
        },
        columns={"pts_seconds": COLUMN_TITLES["pts_seconds"], **lack.described()},
        computed_on={
            "device": "elsewhere",
            "time": time_after(prediction.computed_on.get("time", "")),
            "notes": "; ".join(["computed elsewhere", *findings.notes]),
        },
    )
