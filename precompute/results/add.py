"""Adds predictions or ground truth computed elsewhere to a clip: reads all maps twice, once to judge them and once to store them."""

# N frames, H x W pixels, C channels

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from analysis.alignment import KIND_TITLES, fitted_frames
from analysis.summaries.briefs import keep_summaries
from cache.keys import digest, track_key
from cache.records import Clip, Head, StoreError, Track
from cache.store import Store
from cache.writer import TrackWriter
from precompute.failures import SourceError
from precompute.jobs.batches import Remarks
from precompute.jobs.output.encode import CODEC, start_encoder
from precompute.jobs.output.packs import PackBuilder, PackWriter, encode_chunks, n_encoders, pack_frames
from precompute.jobs.output.tracks import COLUMN_TITLES, ERRORS_VERSION, TrackChunk
from precompute.results.maps import Maps, find_maps
from precompute.results.matching import FrameRule, Matching, match
from precompute.results.meaning.formats import Format
from precompute.results.meaning.judging import Findings, judge, refuse_axes, refuse_kind, refuse_picture, refuse_rays
from precompute.results.meaning.values import Conversion
from precompute.results.reading import Reader
from precompute.results.storing import Storage, meaning_words, storage_for
from precompute.results.truth import (
    Against,
    Truth,
    add_errors,
    aligned_to,
    column,
    newest_truth,
    time_after,
)

ZOO = "results"
"""The zoo of what was computed elsewhere: configurations are `results/METHOD/rgb-depth`."""
TRUTH = "truth"
"""The method that stands for ground truth."""
BATCH_BYTES = 8 << 20
"""About the memory of the float codes of a batch."""
ASSUMED_FIELD_OF_VIEW_DEGREES = 60.0
HASHED_BYTES = 1 << 20


@dataclass(frozen=True)
class Wanted:
    """What to add, and how it is to be read."""

    path: Path
    method: str
    conversion: Conversion
    key: str | None = None
    rule: FrameRule = "order"
    first: int | None = None
    fps: float | None = None
    stride: int | None = None
    is_unit_stated: bool = True
    is_projection_stated: bool = False
    bits: int | None = None
    """Bits of stored depth, 8 or 16; None: 8 where they are enough."""

    @property
    def is_truth(self) -> bool:
        return self.method == TRUTH


@dataclass(frozen=True)
class Added:
    """What became of it."""

    track: Track
    is_new: bool
    matched: str
    """How the maps were matched to frames, and how many."""
    meaning: str
    notes: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()
    """Configurations stored before that gained errors, for a truth."""
    columns: tuple[str, ...] = field(default=())
    """The errors of a prediction."""


def add_results(
    store: Store,
    input_track: Track,
    wanted: Wanted,
    *,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
    reader: Reader | None = None,
) -> Added:
    """Add the maps at a path to the clip of that input track. Nothing is stored unless every frame can be.

    `progress` is called with `reading` or `storing`, frames done, and all. `reader`: one that runs already. Raises SourceError, StoreError and OSError.
    """
    clip = replace(input_track.head.clip, n_frames=input_track.n_frames)
    pts_seconds = column(store, input_track, "pts_seconds").astype(np.float64)
    conversion = wanted.conversion
    channels = 3 if conversion.format.domain == "normal" else 1
    true_track = newest_truth(store, clip.key, conversion.format.domain) if not wanted.is_truth else None
    with ExitStack() as stack:
        reader = reader or stack.enter_context(Reader())
        source = matched_source(reader, wanted, clip, pts_seconds, channels, conversion.format)
        if true_track is not None and true_track.n_frames != len(pts_seconds):
            true_track = None
        truth = Truth(store, true_track) if true_track is not None else None
        findings, compared = _judged(source, truth, progress)
        storage = storage_for(conversion, findings, wanted.bits)
        against = _against(truth, storage, compared, findings)
        head = _head(source, storage, against, findings)
        with store.writing(clip.key):
            is_new = not store.holds(head.key)
            newest = _newest(store, head)
            if newest is not None:
                time = time_after(newest.computed_on.get("time", ""))
                head = replace(head, computed_on={**head.computed_on, "time": time})
            is_hidden = newest is not None and head.key not in (newest.key, newest.constants.get("errors_of"))
            if is_new or is_hidden:
                store.remove([head.key])  # what a killed run left, or what is written again to be the newest
                write_track(store, source, storage, head, against, pts_seconds, progress)
            track = store.get(head.key)
            if track is None:
                raise StoreError(f"{head.label} was removed meanwhile", "add it again")
            gained, lacking = add_errors(store, track) if wanted.is_truth else ([], [])
    keep_summaries(store, clip.key)
    errors = tuple(name for name in head.columns if name != "pts_seconds")
    notes = (*findings.notes, *lacking)
    if is_hidden and not is_new:
        notes = (*notes, "stored before and replaced since: it is the newest again, which pages show")
    return Added(track, is_new, source.matching.words, meaning_words(conversion), notes, tuple(gained), errors)


def _newest(store: Store, head: Head) -> Head | None:
    """The finished track of that configuration that pages show."""
    tracks = (track for track in store.tracks(clip=head.clip.key, kind=head.kind) if track.is_complete)
    return next((track.head for track in tracks if track.head.configuration == head.configuration), None)


class Measured(Protocol):
    """Numbers of each frame that are stored beside its map."""

    def columns(self, at: int, values: np.ndarray) -> dict[str, np.ndarray]:
        """Name -> (1,) of frame `at`. `values`: in the range that they are stored in; NaN: unknown, infinity: sky."""
        ...

    def described(self) -> Mapping[str, Mapping[str, str]]:
        """Name -> title and unit of the columns."""
        ...


@dataclass(frozen=True)
class MapSource:
    """The maps of a clip's frames."""

    reader: Reader
    maps: Maps
    matching: Matching
    wanted: Wanted
    clip: Clip

    def frame(self, at: int) -> tuple[np.ndarray, np.ndarray]:
        """The map of frame `at`: as stored, (h, w, C), and as depth or normals. Raises SourceError."""
        place = self.matching.places[at]
        raw, mask, texts = self.maps.raw(self.reader, place)
        return raw, self.wanted.conversion.values(self.name(at), raw, mask, texts, self.clip)

    def name(self, at: int) -> str:
        """What messages call the map of frame `at`."""
        place = self.matching.places[at]
        is_stack = self.maps.layout.n_frames is not None
        file = self.maps.files[0] if is_stack else self.maps.files[place]
        return f"{file.name}, entry {place} (frame {at})" if is_stack else f"{file.name} (frame {at})"

    def sha256(self) -> str:
        """The digest of the files that are used, in the order of frames. Raises SourceError."""
        is_stack = self.maps.layout.n_frames is not None
        places = self.matching.places
        files = self.maps.files[:1] if is_stack else [self.maps.files[place] for place in places]
        masks = [self.maps.mask_file(path) for path in files]
        try:
            digests = [_sha256(path) for path in files]
            of_masks = [_sha256(path) if path else None for path in masks]
        except OSError as error:
            raise SourceError("unreadable", f"{self.wanted.path}: cannot be read ({error.strerror})") from None
        used = {"files": digests, "array": self.maps.array.name, "places": list(places) if is_stack else []}
        return digest(used | ({"masks": of_masks} if any(of_masks) else {}))


def matched_source(
    reader: Reader, wanted: Wanted, clip: Clip, pts_seconds: np.ndarray, channels: int, how: Format
) -> MapSource:
    """The maps at the path, each matched to a frame of the clip. Raises SourceError."""
    maps = find_maps(reader, wanted.path, channels, how, wanted.key)
    matching = match(
        wanted.rule,
        maps.numbers,
        len(maps),
        pts_seconds,
        first=wanted.first,
        fps=wanted.fps,
        stride=wanted.stride,
    )
    return MapSource(reader, maps, matching, wanted, clip)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _judged(
    source: MapSource, truth: Truth | None, progress: Callable[[str, int, int], None]
) -> tuple[Findings, dict[int, np.ndarray]]:
    """Read every map once; what was found, and the values of some frames if there is a truth to compare them with.

    Raises SourceError for what must not be stored.
    """
    wanted, n_frames = source.wanted, len(source.matching.places)
    conversion, findings = wanted.conversion, Findings()
    chosen = fitted_frames(n_frames) if truth else []
    compared: dict[int, np.ndarray] = {}
    for at in range(n_frames):
        place = source.matching.places[at]
        raw, mask, texts = source.maps.raw(source.reader, place)
        refuse_picture(
            source.name(at),
            raw,
            conversion,
            is_unit_stated=wanted.is_unit_stated,
            is_lossy=source.maps.array.is_lossy,
        )
        refuse_kind(source.name(at), raw, conversion)
        values = conversion.values(source.name(at), raw, mask, texts, source.clip)
        findings.add(conversion.numbers(raw), values)
        if at in chosen:
            compared[at] = values
        progress("reading", at + 1, n_frames)
    judge(findings, conversion)
    if source.maps.array.is_lossy:
        findings.notes.append("a lossy coding changed the values")
    if truth is not None:
        name, mine = wanted.path.name, np.stack(list(compared.values()))
        true = np.stack([truth.values(at) for at in compared])
        if conversion.format.domain == "normal":
            refuse_axes(mine, true, name=name, axes=conversion.axes)
        elif conversion.meaning == "metric" and not wanted.is_projection_stated:
            degrees = conversion.field_of_view_degrees or ASSUMED_FIELD_OF_VIEW_DEGREES
            refuse_rays(mine, true, source.clip, degrees, name=name)
    return findings, compared


def _against(
    truth: Truth | None, storage: Storage, compared: Mapping[int, np.ndarray], findings: Findings
) -> Against | None:
    """How the results are compared with the truth; None if they are not."""
    if truth is None:
        return None
    if not storage.record():
        return Against(truth, storage.domain)
    try:
        frames = ((at, storage.physical(values)) for at, values in compared.items())
        found = aligned_to(truth, storage.kind, frames)
    except ValueError as error:
        findings.notes.append(str(error))
        return None
    assert found.alignment is not None
    findings.notes.append(f"compared with the truth with {KIND_TITLES[found.alignment.kind]} per clip")
    return found


def _head(source: MapSource, storage: Storage, against: Against | None, findings: Findings) -> Head:
    wanted, clip, domain = source.wanted, source.clip, storage.domain
    name = wanted.conversion.format.domain
    sha256 = source.sha256()
    stated: dict[str, Any] = {
        **wanted.conversion.record(),
        **storage.record(),
        "range": [domain.lo, domain.hi],
        "bits": domain.bits,
        "array": source.maps.array.name,
        "frames": source.matching.words,
    }
    inputs: dict[str, Any] = {"results": {**stated, "sha256": sha256}}
    if against is not None:
        inputs |= {"truth": against.truth.track.head.key, "errors": ERRORS_VERSION}
    columns: dict[str, Mapping[str, str]] = {"pts_seconds": COLUMN_TITLES["pts_seconds"]}
    if against is not None:
        columns |= against.described()
    if wanted.is_truth:
        kind, zoo, method, path = "truth", "", "", name
    else:
        kind, zoo, method, path = "prediction", ZOO, wanted.method, f"rgb-{name}"
    notes = "; ".join(["computed elsewhere", *findings.notes])
    constants: dict[str, Any] = {"results": {**stated, "source": wanted.path.name, "notes": list(findings.notes)}}
    if not wanted.is_truth:
        constants["training"] = {"networks": "", "method": f"computed elsewhere{against.words() if against else ''}"}
    if against is not None:
        constants["truth"] = against.truth.track.head.key
        constants["results"] |= against.record()
    return Head(
        key=track_key(clip.key, kind, zoo, method, path, inputs),
        kind=kind,
        clip=clip,
        zoo=zoo,
        method=method,
        path=path,
        domain=domain.record(),
        codec=CODEC,
        edges={} if wanted.is_truth else {f"{ZOO}/{wanted.method}/{path}": sha256},
        constants=constants,
        columns=columns,
        computed_on={"device": "elsewhere", "time": datetime.now(UTC).isoformat(timespec="seconds"), "notes": notes},
    )


def write_track(
    store: Store,
    source: MapSource,
    storage: Storage,
    head: Head,
    measured: Measured | None,
    pts_seconds: np.ndarray,
    progress: Callable[[str, int, int], None],
) -> None:
    """Store the track, all or nothing."""
    clip, n_frames = source.clip, len(source.matching.places)
    size = pack_frames(clip)
    per_batch = max(1, min(size, BATCH_BYTES // (4 * clip.width * clip.height * storage.domain.channels)))
    try:
        writer = TrackWriter(store, head)
        with ExitStack() as stack:
            encoders = stack.enter_context(ThreadPoolExecutor(n_encoders(), "encode", start_encoder))
            disk = stack.enter_context(closing(PackWriter([writer])))
            pack = PackBuilder(0)
            at = 0
            while at < n_frames:
                end = min(at + per_batch, pack.start + size, n_frames)
                chunk = _chunk(source, storage, measured, pts_seconds, range(at, end))
                pack.add(encode_chunks({head.key: chunk}, encoders))
                at = end
                progress("storing", at, n_frames)
                if at == n_frames or at - pack.start >= size:
                    disk.put(pack)
                    pack = PackBuilder(at)
            disk.finish(Remarks())
    except BaseException:
        store.remove([head.key])
        raise


def _chunk(
    source: MapSource, storage: Storage, measured: Measured | None, pts_seconds: np.ndarray, frames: range
) -> TrackChunk:
    """What the track gains from some frames: the errors are those of the values themselves, not of the codes that are stored."""
    images, parts = [], []
    for at in frames:
        _, values = source.frame(at)
        images.append(storage.levels(values))
        if measured is not None:
            parts.append(measured.columns(at, storage.physical(values)))
    columns: dict[str, Any] = {"pts_seconds": pts_seconds[frames.start : frames.stop]}
    if measured is not None:
        columns |= {name: np.concatenate([part[name] for part in parts]) for name in measured.described()}
    return TrackChunk(np.stack(images), columns)
