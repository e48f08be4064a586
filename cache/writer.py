"""Writes one track: packs are appended as they are finished, the manifest comes last."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cache.files import (
    make_folder,
    write_whole,
)
from cache.pack import build_pack
from cache.records import (
    BadRecord,
    Head,
    NewerRecord,
    Pack,
    Problem,
    StoreError,
    Track,
    head_to_json,
    track_to_json,
)

if TYPE_CHECKING:
    from cache.store import Store


class TrackWriter:
    """Appends packs to one track, then finishes it. Nothing is lost or doubled when it is stopped between two calls."""

    def __init__(self, store: Store, head: Head) -> None:
        self._store = store
        self._folder = store._track_dir(head.key)
        try:
            before = store.get(head.key)
        except NewerRecord:
            raise
        except BadRecord as error:  # what cannot be read is made again
            before = None
            name = f"{head.configuration} ({head.kind}) of '{head.clip.title}'"
            store.quarantine(self._folder, Problem(name, str(error), head.key))
        packs = store._sound(before) if before else ()
        if before and before.is_complete and len(packs) == len(before.packs):
            raise StoreError(f"{head.configuration} of '{head.clip.title}' is complete; remove it to make it again")
        # The head tells how its frames were made: it stays as it was once there are some.
        self.head = before.head if before and packs else head
        self._packs = list(packs)
        make_folder(self._folder)
        # Written whole: a torn last line of a killed writer must not swallow the next one.
        write_whole(self._folder / "progress.jsonl", _progress_lines(packs))
        write_whole(self._folder / "head.json", [json.dumps(head_to_json(self.head)).encode()])
        (self._folder / "manifest.json").unlink(missing_ok=True)

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
        """Store frames `start` and on, coded with the head's codec, and their rows of every declared column.

        `start` must be `n_frames`: a gap or an overlap would show wrong frames for ever after.
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
        write_whole(self._store._pack_file(self.head.key, sha256), [data])
        self._packs.append(Pack(sha256, self.n_frames, len(images), len(data)))
        with (self._folder / "progress.jsonl").open("ab") as file:
            file.writelines(_progress_lines(self._packs[-1:]))
            file.flush()
            os.fsync(file.fileno())

    def finish(self) -> Track:
        """Write the manifest: from now on the track is complete, and its clip's `n_frames` exact."""
        head = replace(self.head, clip=replace(self.head.clip, n_frames=self.n_frames))
        track = Track(head, tuple(self._packs), is_complete=True)
        write_manifest(self._folder, track)
        return track


def manifest_bytes(track: Track) -> bytes:
    """The manifest of a finished track as it is stored."""
    return json.dumps(track_to_json(track)).encode()


def write_manifest(folder: Path, track: Track) -> None:
    """Make the track in that folder complete: all its packs are there."""
    write_whole(folder / "manifest.json", [manifest_bytes(track)])
    wanted = {"manifest.json", *(f"{pack.sha256}.pack" for pack in track.packs)}
    for path in folder.iterdir():  # head, progress, and what killed writers left
        if path.name not in wanted:
            path.unlink(missing_ok=True)


def _progress_lines(packs: Sequence[Pack]) -> list[bytes]:
    return [json.dumps(pack.__dict__).encode() + b"\n" for pack in packs]
