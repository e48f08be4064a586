"""Writes tracks: one job appends packs in order and writes the manifest last; several machines write parts in any order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import takewhile

import numpy as np

from cache.growing import End, begin, put_end, put_part, read_end, read_parts
from cache.maintenance import Problem, move_to_quarantine
from cache.pack import build_pack
from cache.records import BadRecord, Head, NewerRecord, Pack, StoreError, Track
from cache.store import CorruptPack, Store
from cache.version import VERSION


class TrackWriter:
    """Appends packs to one track, then finishes it. Stopping between two calls loses and duplicates nothing."""

    def __init__(self, store: Store, head: Head) -> None:
        """Resumes where an earlier writer stopped. The caller holds `store.writing` of the clip.

        Raises StoreError where the track is complete, and NewerRecord where a newer version wrote it.
        """
        self._store = store
        try:
            before = store.get(head.key)
        except NewerRecord:
            raise
        except BadRecord as error:  # an unreadable track is made again
            before = None
            move_to_quarantine(store, Problem(head.label, str(error), head.key))
        packs = _intact_packs(store, before) if before else ()
        if before and before.is_complete and len(packs) == len(before.packs):
            raise StoreError(f"{head.configuration} of '{head.clip.title}' is complete", "remove it to make it again")
        self._parts = {
            start: part
            for start, part in store.parts(head.key).items()
            if before is not None and _is_intact(store, before.head, part)
        }
        # Once there are frames, the head stays as it was: it says how they were made.
        self.head = before.head if before and (packs or self._parts) else stamped(head)
        self._packs = list(packs)
        self._take_parts()  # some may have arrived since `before` was read
        store.begin(self.head, self._packs)
        self.end = store.end(head.key)
        """Where the clip ends, if another machine has found that."""

    @property
    def n_frames(self) -> int:
        """Frames stored so far."""
        return sum(pack.n_frames for pack in self._packs)

    def holds(self, start: int) -> bool:
        """Whether the pack that begins at that frame is stored, by this writer or as a part of another machine."""
        return start < self.n_frames or start in self._parts

    @property
    def lacks_nothing(self) -> bool:
        """Whether all frames up to the known end are stored."""
        return self.end is not None and self.n_frames == self.end.n_frames

    def append(
        self,
        start: int,
        images: Sequence[bytes],
        columns: Mapping[str, np.ndarray],
        previews: Sequence[bytes] = (),
    ) -> None:
        """Store the frames from `start` on, coded with the head's codec, and their rows of every declared column.

        `start` must be `n_frames`: a gap or an overlap would show wrong frames for good. Raises ValueError.
        """
        if start != self.n_frames:
            raise ValueError(
                f"{self.head.configuration} holds {self.n_frames} frames; cannot append from frame {start}"
            )
        self._packs.append(write_pack(self._store, self.head, start, images, columns, previews))
        n_listed = len(self._packs) - 1
        self._take_parts()
        self._store.list_packs(self.head, self._packs, len(self._packs) - n_listed)

    def _take_parts(self) -> None:
        """Take over the parts that follow, up to the first that is missing."""
        while (part := self._parts.get(self.n_frames)) is not None:
            self._packs.append(part)

    def finish(self, n_frames: int | None = None) -> Track:
        """Write the manifest: from now on the track is complete and its clip's `n_frames` is exact.

        Raises StoreError where the clip has another number of frames: as stated, else as another machine has found.
        """
        if n_frames is None:
            n_frames = self.end.n_frames if self.end else self.n_frames
        if self.n_frames != n_frames:
            raise StoreError(
                f"{self.head.configuration} of '{self.head.clip.title}' has {self.n_frames} frames of {n_frames}",
                "run the same command again",
            )
        head = replace(self.head, clip=replace(self.head.clip, n_frames=self.n_frames))
        track = Track(head, tuple(self._packs), is_complete=True)
        self._store.complete(track)
        return track


class PartWriter:
    """Writes packs of one track in any order, beside other machines that do the same. A pack is a file of its own with a note
    where it begins, both put whole: what two machines compute twice is stored once."""

    def __init__(self, store: Store, head: Head) -> None:
        """Begins the track if nobody has. The caller holds `store.writing` of the clip, but need not while packs are written.

        Raises BadRecord where what is stored of the track cannot be read.
        """
        if not store.is_folder:
            raise StoreError("shards need a store in a folder, and this one is in a bucket", "run without --shard")
        self._store, self._folder = store, store.track_folder(head.key)
        before = store.get(head.key)
        if before is None:
            head = stamped(head)
            begin(self._folder, head)
        self.head = before.head if before else head
        self._is_complete = before is not None and before.is_complete
        self._held = {pack.start for pack in before.packs} if before else set()
        self._held |= read_parts(self._folder).keys()
        self.end = read_end(self._folder)
        """Where the clip ends, if that is known."""

    def holds(self, start: int) -> bool:
        """Whether the pack that begins at that frame is stored, or lies behind the end."""
        return start in self._held or self.is_behind(start)

    def is_behind(self, start: int) -> bool:
        """Whether there is no frame to compute from that one on. Of a finished track, whose packs only the job that completes a clip
        repairs, there is none at all."""
        return self._is_complete or (self.end is not None and start >= self.end.n_frames)

    def append(
        self,
        start: int,
        images: Sequence[bytes],
        columns: Mapping[str, np.ndarray],
        previews: Sequence[bytes] = (),
    ) -> None:
        """Store a pack, as `TrackWriter.append`, wherever it lies. Raises StoreError where the track was removed meanwhile."""
        try:
            put_part(self._folder, write_pack(self._store, self.head, start, images, columns, previews))
        except FileNotFoundError:
            if not self._store.holds(self.head.key):  # else another job has just finished the track, and tidied up
                raise StoreError(
                    f"{self.head.configuration} of '{self.head.clip.title}' was removed meanwhile",
                    "run the same command again",
                ) from None
        self._held.add(start)

    def finish(self, n_frames: int, remarks: Mapping[str, str]) -> None:
        """State that the clip ends after `n_frames`, and what is known about its source."""
        self.end = End(n_frames, dict(remarks))
        if not self._is_complete:
            with suppress(FileNotFoundError):  # as above
                put_end(self._folder, self.end)


def stamped(head: Head) -> Head:
    """The head with this version of Crosscheck."""
    return replace(head, computed_on={**head.computed_on, "crosscheck": VERSION})


def write_pack(
    store: Store,
    head: Head,
    start: int,
    images: Sequence[bytes],
    columns: Mapping[str, np.ndarray],
    previews: Sequence[bytes],
) -> Pack:
    """Write the file of a pack, coded with the head's codec. Raises ValueError for other columns than the head declares."""
    if set(columns) != set(head.columns):
        raise ValueError(f"columns {sorted(columns)} differ from the declared {sorted(head.columns)}")
    data = build_pack(
        images,
        codec=head.codec,
        width=head.clip.width,
        height=head.clip.height,
        channels=int(head.domain["channels"]),
        columns=columns,
        previews=previews,
    )
    sha256 = hashlib.sha256(data).hexdigest()
    store.put_pack(head, sha256, data)
    return Pack(sha256, start, len(images), len(data))


def _intact_packs(store: Store, track: Track) -> tuple[Pack, ...]:
    """The packs before the first damaged one, which goes into quarantine."""
    return tuple(takewhile(lambda pack: _is_intact(store, track.head, pack), track.packs))


def _is_intact(store: Store, head: Head, pack: Pack) -> bool:
    """Whether the pack can be used; a damaged one goes into quarantine."""
    try:
        store.check_pack(Track(head, (), is_complete=False), pack)
    except CorruptPack as error:
        problem = Problem(head.label, str(error), head.key, pack.sha256, clip=head.clip.key)
        move_to_quarantine(store, problem)
        return False
    return True
