"""Plans a clip: compares the tracks that were asked for with the store."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.shifts import Shift
from cache.keys import clip_key
from cache.records import Clip
from cache.store import Store
from consistency.zoo.records import Zoo
from precompute.jobs.output.resume import READING_MARK, n_stored_frames
from precompute.jobs.output.tracks import Clean, TrackSpec, plan_tracks
from precompute.media import decoder, sources
from precompute.media.sampling import Sampling, estimate_frames, output_size
from precompute.media.shifts.apply import made_by
from precompute.media.stills.numbered import is_picture

SAMPLING_RULE = 1
"""Version of the rule that selects and resizes frames; part of every clip's key."""
BYTES_PER_PIXEL = {3: 1.26, 1: 0.51}
"""Channels -> stored bytes per pixel, previews included, mean over the tracks of the bundled clips: for estimates."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What one clip still needs."""

    source: sources.Source
    sampling: Sampling
    clip: Clip
    zoo: Zoo
    specs: tuple[TrackSpec, ...]
    """Every track that was asked for."""
    pending: tuple[TrackSpec, ...]
    """Those that are not complete in the store."""
    stored_frames: tuple[int, ...]
    """Frames of each pending track that an earlier run stored."""
    stamps: Mapping[Path, sources.Stamp]
    """The source and its ground truth as they were when hashed: the keys of the tracks name that content."""
    shift: Shift | None = None
    """What is done to the frames."""

    @property
    def title(self) -> str:
        """The clip in messages, with its shift."""
        return f"{self.clip.title}, {self.shift.title}" if self.shift else self.clip.title

    @property
    def estimated_bytes(self) -> float:
        """Still to be stored."""
        pixels = self.clip.width * self.clip.height
        return sum(
            BYTES_PER_PIXEL[int(spec.head.domain["channels"])] * pixels * max(0, self.clip.n_frames - stored)
            for spec, stored in zip(self.pending, self.stored_frames, strict=True)
        )


def make_plan(
    store: Store,
    source: sources.Source,
    sampling: Sampling,
    zoo: Zoo,
    patterns: list[str],
    shift: Shift | None = None,
    *,
    keeps_pictures: bool = True,
) -> Plan:
    """What the store lacks. Reads the source's header, or nothing of a video whose input track is complete.

    A shifted clip is compared with what is stored of the clip without the shift. Unless `keeps_pictures`, the numbers of its
    predictions are enough. Raises SourceError and ZooError.
    """
    clip = _make_clip(store, source, sampling)
    clean = None
    if shift is not None:
        clean = Clean(clip, store.holds)
        clip = _shifted_clip(clip, shift)
    truth = {name: sources.fingerprint(path) for name, path in source.truth.items()}
    digests = {name: sha256 for name, (sha256, _) in truth.items()}
    specs = plan_tracks(clip, zoo, patterns, digests, clean)
    if shift is not None and not keeps_pictures:
        numbers = plan_tracks(clip, zoo, patterns, digests, clean, keeps_pictures=False)
        specs = [full if store.holds(full.head.key) else one for full, one in zip(specs, numbers, strict=True)]
    pending = tuple(spec for spec in specs if not store.holds(spec.head.key))
    stored = tuple(n_stored_frames(store, spec) for spec in pending)
    stamps = {source.truth[name]: stamp for name, (_, stamp) in truth.items()}
    stamps |= {source.path: source.stamp} if source.stamp else {}
    log.info("%s: clip %s, %d of %d tracks to compute", source.title, clip.key[:12], len(pending), len(specs))
    return Plan(source, sampling, clip, zoo, tuple(specs), pending, stored, stamps, shift)


def _make_clip(store: Store, source: sources.Source, sampling: Sampling) -> Clip:
    """The clip, as it is stored if its input track is complete.

    Most videos are shown as they are decoded. What is done to the others, such as tone mapping, is in their clip's key: a
    version that did not do it stored other frames. Pictures are always examined: versions that marked how they read videos
    ignored the colour profiles of pictures.
    """
    rule = {**sampling.rule(), "shift": "", "rule": SAMPLING_RULE}
    stored = None
    if not is_picture(source.path):
        stored = _stored_clip(store, clip_key(source.sha256, rule), only_if_marked=True)
    if stored is not None:
        return stored
    info = decoder.probe(source, sampling)
    if info.reading:
        rule["reading"] = info.reading
    key = clip_key(source.sha256, rule)
    stored = _stored_clip(store, key)
    height, width = output_size(info, sampling)
    return stored or Clip(
        key=key,
        title=source.title,
        source_sha256=source.sha256,
        sampling=rule,
        width=width,
        height=height,
        n_frames=estimate_frames(info, sampling),
        url=source.url,
        author=source.author,
        licence=source.licence,
        attribution=source.attribution,
    )


def _shifted_clip(clean: Clip, shift: Shift) -> Clip:
    """The same frames under a shift: a clip of its own, whose record names what it was made from and how."""
    rule = {**clean.sampling, "shift": shift.spelling, "shift_of": clean.key, "shift_made_by": made_by(shift)}
    return replace(clean, key=clip_key(clean.source_sha256, rule), sampling=rule)


def _stored_clip(store: Store, key: str, only_if_marked: bool = False) -> Clip | None:
    """The clip of that key if its input track is complete; `only_if_marked`: and was stored by a version that knows how a
    video is to be read."""
    for track in store.tracks(clip=key, kind="input"):
        if track.is_complete and (READING_MARK in track.head.computed_on or not only_if_marked):
            return track.head.clip
    return None
