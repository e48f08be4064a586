"""Writes one track: appends packs as they are finished, and the manifest last."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

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
        # Once there are frames, the head stays as it was: it says how they were made.
        stamped = replace(head, computed_on={**head.computed_on, "crosscheck": VERSION})
        self.head = before.head if before and packs else stamped
        self._packs = list(packs)
        store.begin(self.head, packs)

    @property
    def n_frames(self) -> int:
        """Frames stored so far."""
        return sum(pack.n_frames for pack in self._packs)

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
        if set(columns) != set(self.head.columns):
            raise ValueError(f"columns {sorted(columns)} differ from the declared {sorted(self.head.columns)}")
        clip = self.head.clip
        data = build_pack(
            images,
            codec=self.head.codec,
            width=clip.width,
            height=clip.height,
            channels=int(self.head.domain["channels"]),
            columns=columns,
            previews=previews,
        )
        sha256 = hashlib.sha256(data).hexdigest()
        packs = [*self._packs, Pack(sha256, self.n_frames, len(images), len(data))]
        self._store.append(self.head, packs, data)
        self._packs = packs

    def finish(self) -> Track:
        """Write the manifest: from now on the track is complete and its clip's `n_frames` is exact."""
        head = replace(self.head, clip=replace(self.head.clip, n_frames=self.n_frames))
        track = Track(head, tuple(self._packs), is_complete=True)
        self._store.complete(track)
        return track


def _intact_packs(store: Store, track: Track) -> tuple[Pack, ...]:
    """The packs before the first damaged one, which goes into quarantine."""
    for number, pack in enumerate(track.packs):
        try:
            store.check_pack(track, pack)
        except CorruptPack as error:
            head = track.head
            move_to_quarantine(store, Problem(head.label, str(error), head.key, pack.sha256, clip=head.clip.key))
            return track.packs[:number]
    return track.packs
